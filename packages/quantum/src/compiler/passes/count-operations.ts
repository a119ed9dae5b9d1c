import type { Pass } from '../pass.ts';
import { analysisPass } from './rewrite-circuit.ts';

/** Writes the property `operationCounts`: how often each instruction occurs, by name; bodies are not counted. (CountOps.) */
export function countOperations(): Pass {
  return analysisPass('count operations', 'operationCounts', (circuit) => circuit.gateCounts());
}
