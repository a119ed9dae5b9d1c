import type { PauliSum } from '../../operator/pauli-sum.ts';
import type { StateFrame, StoredState } from '../amplitudes/stored-state.ts';
import {
  type AmplitudeSums,
  type ProductPart,
  prepareAmplitudeSums,
  sumAmplitudeProducts,
} from './amplitude-sums.ts';
import { flipSign, groupPauliTerms, type PauliGroup, type SignTerm } from './pauli-groups.ts';

const prepared = new WeakMap<readonly SignTerm[], AmplitudeSums>();

/**
 * `<state| observable |state>` without matrices: one pass over the state for every set of flipped qubits, whatever the number of
 * terms that share it.
 */
export function pauliExpectation(observable: PauliSum, state: StoredState, frame: StateFrame): number {
  let total = 0;
  for (const group of groupPauliTerms(observable, frame.qubits)) {
    if (group.idle !== '') continue;
    total += termsExpectation(group, 'real', state, frame);
    // i conj(a) b + its conjugate is -2 Im(conj(a) b), and each pair is met twice.
    total -= termsExpectation(group, 'imaginary', state, frame);
  }
  return total;
}

function termsExpectation(
  group: PauliGroup,
  part: ProductPart,
  state: StoredState,
  frame: StateFrame,
): number {
  const terms = group[part];
  if (terms.length === 0) return 0;
  let sums = prepared.get(terms);
  if (sums === undefined || sums.tileQubits > state.qubitCount) {
    const masks = terms.map(({ z }) => z);
    sums = prepareAmplitudeSums(masks, state.qubitCount);
    prepared.set(terms, sums);
  }
  const values = new Float64Array(terms.length);
  sumAmplitudeProducts(sums, part, state, state, group.x, values);
  let total = 0;
  terms.forEach(({ z, coefficient }, index) => {
    total += coefficient * flipSign(z, frame) * values[index]!;
  });
  return total;
}
