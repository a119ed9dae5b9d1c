import type { PauliSum } from '../../operator/pauli-sum.ts';
import { realInnerProduct } from '../amplitudes/inner-product.ts';
import { flipMask, type StateFrame, type StoredState } from '../amplitudes/stored-state.ts';
import {
  type AmplitudeSums,
  type ProductPart,
  prepareAmplitudeSums,
  sumAmplitudeProducts,
} from './amplitude-sums.ts';
import { addPauliGroup } from './apply-pauli-sum.ts';
import { flipSign, groupPauliTerms, type PauliGroup, type SignTerm } from './pauli-groups.ts';

const prepared = new WeakMap<readonly SignTerm[], AmplitudeSums>();

/**
 * `<state| observable |state>` without matrices: one pass over the state for every set of flipped qubits, whatever the number of
 * terms that share it; where the machine has arithmetic of its own, one fast pass for each term that flips any.
 *
 * @param borrow gives memory for one more state, or null when there is none.
 */
export function pauliExpectation(
  observable: PauliSum,
  state: StoredState,
  frame: StateFrame,
  borrow: () => StoredState | null,
): number {
  let total = 0;
  const flipping: PauliGroup[] = [];
  for (const group of groupPauliTerms(observable, frame.qubits)) {
    if (group.idle !== '') continue;
    if (group.x === 0 || state.arithmetic === null) total += groupExpectation(group, state, frame);
    else flipping.push(group);
  }
  if (flipping.length === 0) return total;
  const image = borrow();
  if (image === null) {
    for (const group of flipping) total += groupExpectation(group, state, frame);
    return total;
  }
  try {
    for (const region of image.regions) region.fill(0);
    for (const group of flipping) addPauliGroup(group, state, frame, image);
    return total + realInnerProduct(state, image);
  } finally {
    image.dispose();
  }
}

function groupExpectation(group: PauliGroup, state: StoredState, frame: StateFrame): number {
  // i conj(a) b + its conjugate is -2 Im(conj(a) b), and each pair is met twice.
  return termsExpectation(group, 'real', state, frame) - termsExpectation(group, 'imaginary', state, frame);
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
  if (sums?.qubitCount !== state.qubitCount) {
    const masks = terms.map(({ z }) => z);
    sums = prepareAmplitudeSums(masks, state.qubitCount);
    prepared.set(terms, sums);
  }
  const values = new Float64Array(terms.length);
  sumAmplitudeProducts(sums, part, state, state, group.x, values);
  let total = 0;
  const flips = flipMask(frame.flips);
  terms.forEach(({ z, coefficient }, index) => {
    total += coefficient * flipSign(z, flips) * values[index]!;
  });
  return total;
}
