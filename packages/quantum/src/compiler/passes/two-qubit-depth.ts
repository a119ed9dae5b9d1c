import type { Pass } from '../pass.ts';
import { analysisPass } from './rewrite-circuit.ts';

/** Writes the property `twoQubitDepth`: {@link Circuit.twoQubitDepth} of the circuit. (TwoQubitDepth.) */
export function twoQubitDepth(): Pass {
  return analysisPass('two-qubit depth', 'twoQubitDepth', (circuit) => circuit.twoQubitDepth());
}
