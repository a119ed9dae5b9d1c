import type { StateFrame, StoredState } from '../amplitudes/stored-state.ts';
import type { SegmentRunner } from './segment-runner.ts';
import type { EngineBatch } from './state-engine.ts';

/**
 * Runs a circuit for vectors of parameters, as many at a time as the batch takes.
 *
 * @param parameters `[vectors, width]`.
 * @param state gets the amplitudes of each vector in turn; all 0 but for the first.
 * @param visit is told how to read them, until it returns.
 */
export function runSideBySide(
  batch: EngineBatch,
  runner: SegmentRunner,
  parameters: Float64Array,
  width: number,
  state: StoredState,
  visit: (frame: StateFrame, index: number) => void,
): void {
  const count = parameters.length / width;
  for (let first = 0; first < count; first += batch.width) {
    const sets = Math.min(batch.width, count - first);
    for (let set = 0; set < sets; set++) {
      const at = (first + set) * width;
      batch.bind(set, runner.evaluateAngles(parameters.subarray(at, at + width)));
    }
    batch.run();
    for (let set = 0; set < sets; set++) visit(batch.read(set, state), first + set);
  }
}
