import type { Pass } from '../pass.ts';
import { analysisPass } from './rewrite-circuit.ts';

/** Writes the property `size`: instructions other than barriers; control flow counts as one. (Size.) */
export function size(): Pass {
  return analysisPass('size', 'size', (circuit) => {
    let count = 0;
    circuit.forEach(({ kind }) => {
      if (kind !== 'barrier') count++;
    });
    return count;
  });
}
