import type { Pass } from '../pass.ts';
import { analysisPass } from './rewrite-circuit.ts';

/** Writes the property `depth`: {@link Circuit.depth} of the circuit. (Depth.) */
export function depth(): Pass {
  return analysisPass('depth', 'depth', (circuit) => circuit.depth());
}
