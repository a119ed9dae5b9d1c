import type { PauliSum } from '../../operator/pauli-sum.ts';
import { squaredNorm } from '../amplitudes/measure-bit.ts';
import type { StateFrame, StoredState } from '../amplitudes/stored-state.ts';
import { addPauliGroup } from './apply-pauli-sum.ts';
import { pauliExpectation } from './pauli-expectation.ts';
import { groupPauliTerms, type PauliGroup } from './pauli-groups.ts';

/**
 * `<O^2> - <O>^2` as `|(O - <O>) |state>|^2`, which keeps its digits where the difference would cancel.
 *
 * @param scratch a state of the same layout; overwritten.
 */
export function pauliVariance(
  observable: PauliSum,
  state: StoredState,
  frame: StateFrame,
  scratch: StoredState,
): number {
  const mean = pauliExpectation(observable, state, frame, () => null);
  const identity: PauliGroup = {
    x: 0,
    idle: '',
    real: [{ z: 0, coefficient: -mean }],
    imaginary: [],
  };
  // Groups that flip different qubits without memory lead to states that are orthogonal to each other.
  const byIdle = new Map<string, PauliGroup[]>([['', [identity]]]);
  for (const group of groupPauliTerms(observable, frame.qubits)) {
    const list = byIdle.get(group.idle);
    if (list) list.push(group);
    else byIdle.set(group.idle, [group]);
  }
  let variance = 0;
  for (const groups of byIdle.values()) {
    for (const region of scratch.regions) region.fill(0);
    for (const group of groups) addPauliGroup(group, state, frame, scratch);
    variance += squaredNorm(scratch);
  }
  return variance;
}
