import { InvalidArgumentError } from '@qedge/core';
import { densePlaces, withGaps, withoutGaps } from '../amplitudes/stored-state.ts';
import type { StateVector } from '../state-vector.ts';
import type { SegmentRunner } from './segment-runner.ts';

/**
 * Applies gates to a state in place.
 *
 * @param runnerOf gives the runner for the dense numbers of the circuit's qubits (-1 without memory) and their count.
 * @throws InvalidArgumentError when gates act on a qubit without memory.
 */
export function evolveState(
  state: StateVector,
  values: Float64Array,
  runnerOf: (places: readonly number[], count: number) => SegmentRunner,
): void {
  const { frame } = state;
  const places = densePlaces(frame) ?? Array.from(frame.qubits.keys());
  const count = places.filter((place) => place >= 0).length;
  const runner = runnerOf(places, count);
  const missing = runner.request.instructions.find((instruction) => instruction.qubits.includes(-1));
  if (missing !== undefined) {
    throw new InvalidArgumentError('A gate acts on a qubit that has no memory in this state', {
      expected: `qubits among ${places.flatMap((place, qubit) => (place < 0 ? [] : [qubit])).join(', ')}`,
      remedy: "Start from the state with initial: { kind: 'state', state }",
    });
  }
  const moved = runner.run(runner.evaluateAngles(values), state.stored, withoutGaps(frame), 'nothing');
  state.moveFrame(withGaps(moved, places));
}
