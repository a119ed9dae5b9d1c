import type { Pass } from '../pass.ts';
import { analysisPass } from './rewrite-circuit.ts';

/** Writes the property `width`: qubits plus classical bits. (Width.) */
export function width(): Pass {
  return analysisPass('width', 'width', (circuit) => circuit.width);
}
