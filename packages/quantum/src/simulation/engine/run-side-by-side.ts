import type { StoredState } from '../amplitudes/stored-state.ts';
import type { SegmentRunner } from './segment-runner.ts';
import type { EngineBatch } from './state-engine.ts';

/**
 * Runs a circuit for vectors of parameters, as many at a time as the batch takes.
 *
 * @param parameters `[vectors, width]`.
 * @param visit gets the state of each vector in turn, until it returns; all of the batch's frame.
 */
export function runSideBySide(
  batch: EngineBatch,
  runner: SegmentRunner,
  parameters: Float64Array,
  width: number,
  visit: (state: StoredState, index: number) => void,
): void {
  const { states } = batch;
  const count = parameters.length / width;
  for (let first = 0; first < count; first += states.length) {
    const sets = Math.min(states.length, count - first);
    for (let set = 0; set < sets; set++) {
      const at = (first + set) * width;
      batch.bind(set, runner.evaluateAngles(parameters.subarray(at, at + width)));
    }
    batch.run();
    for (let set = 0; set < sets; set++) visit(states[set]!, first + set);
  }
}
