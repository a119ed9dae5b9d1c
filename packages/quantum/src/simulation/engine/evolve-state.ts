import { InvalidArgumentError } from '@qedge/core';
import type { StateFrame } from '../amplitudes/stored-state.ts';
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
  const { qubits, flips, phase } = state.frame;
  let count = 0;
  const places = Array.from(qubits, (physical) => (physical < 0 ? -1 : count++));
  const runner = runnerOf(places, count);
  const missing = runner.request.instructions.find((instruction) => instruction.qubits.includes(-1));
  if (missing !== undefined) {
    throw new InvalidArgumentError('A gate acts on a qubit that has no memory in this state', {
      expected: `qubits among ${places.flatMap((place, qubit) => (place < 0 ? [] : [qubit])).join(', ')}`,
      remedy: "Start from the state with initial: { kind: 'state', state }",
    });
  }
  const dense: StateFrame = { qubits: qubits.filter((physical) => physical >= 0), flips, phase };
  const moved = runner.run(runner.evaluateAngles(values), state.stored, dense, 'nothing');
  state.moveFrame({
    qubits: Int32Array.from(places, (place) => (place < 0 ? -1 : moved.qubits[place]!)),
    flips: moved.flips,
    phase: moved.phase,
  });
}
