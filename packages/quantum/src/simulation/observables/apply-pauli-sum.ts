import { parity } from '../../operator/bit-counts.ts';
import { flipMask, type StateFrame, type StoredState } from '../amplitudes/stored-state.ts';
import { flipSign, type PauliGroup, type SignTerm } from './pauli-groups.ts';

const TILE_QUBITS = 13;
const signs = new Float64Array(2 ** TILE_QUBITS);

/** Up to so many terms of a group are added one by one by the machine; a table for more of them is made once. */
const FEW_TERMS = 24;

/** Adds `group |state>` to another state of the same layout and frame. */
export function addPauliGroup(
  group: PauliGroup,
  state: StoredState,
  frame: StateFrame,
  out: StoredState,
): void {
  const { arithmetic } = state;
  const flips = flipMask(frame.flips);
  if (arithmetic !== null && group.real.length + group.imaginary.length <= FEW_TERMS) {
    for (const part of ['real', 'imaginary'] as const) {
      for (const { z, coefficient } of group[part]) {
        const signed = coefficient * flipSign(z, flips);
        const term = { x: group.x, z, coefficient: signed, isImaginary: part === 'imaginary' };
        arithmetic.addPauli(out.memory, state.memory, term);
      }
    }
    return;
  }
  addTerms(group, 'real', state, flips, out);
  addTerms(group, 'imaginary', state, flips, out);
}

function addTerms(
  group: PauliGroup,
  part: 'real' | 'imaginary',
  state: StoredState,
  flips: number,
  out: StoredState,
): void {
  if (group[part].length === 0) return;
  const tileQubits = Math.min(TILE_QUBITS, state.qubitCount);
  const count = 2 ** tileQubits;
  const [xLow, xHigh] = [group.x & (count - 1), group.x >>> tileQubits];
  const terms = group[part].map(({ z, coefficient }) => ({
    z,
    coefficient: coefficient * flipSign(z, flips),
  }));
  const perRegion = state.regionQubits - tileQubits;
  const [from, to] = [state.regions, out.regions];
  for (let tile = 0; tile < 2 ** (state.qubitCount - tileQubits); tile++) {
    fillSigns(terms, tile, tileQubits);
    const target = tile ^ xHigh;
    const source = from[tile >>> perRegion]!;
    const destination = to[target >>> perRegion]!;
    const start = (tile & (2 ** perRegion - 1)) << tileQubits;
    const targetStart = (target & (2 ** perRegion - 1)) << tileQubits;
    const laneMask = -state.lanes;
    const { lanes } = state;
    for (let i = 0; i < count; i++) {
      const p = start + i;
      const m = p + (p & laneMask);
      const q = targetStart + (i ^ xLow);
      const n = q + (q & laneMask);
      const sign = signs[i]!;
      if (part === 'real') {
        destination[n] = destination[n]! + sign * source[m]!;
        destination[n + lanes] = destination[n + lanes]! + sign * source[m + lanes]!;
      } else {
        destination[n] = destination[n]! - sign * source[m + lanes]!;
        destination[n + lanes] = destination[n + lanes]! + sign * source[m]!;
      }
    }
  }
}

/** `signs[i] = sum of coefficient * (-1)^(|s & z|)` for the amplitudes `s` of a tile. */
function fillSigns(terms: readonly SignTerm[], tile: number, tileQubits: number): void {
  const count = 2 ** tileQubits;
  const own = ({ z, coefficient }: SignTerm) =>
    parity(tile & (z >>> tileQubits)) === 1 ? -coefficient : coefficient;
  const [first, second] = terms;
  if (second === undefined) {
    signs[0] = own(first!);
    for (let half = 1; half < count; half *= 2) {
      if ((first!.z & half) === 0) signs.copyWithin(half, 0, half);
      else for (let i = 0; i < half; i++) signs[half + i] = -signs[i]!;
    }
    return;
  }
  signs.fill(0, 0, count);
  for (const term of terms) {
    const at = term.z & (count - 1);
    signs[at] = signs[at]! + own(term);
  }
  // The Walsh-Hadamard transform of the coefficients, each at its mask.
  for (let half = 1; half < count; half *= 2) {
    for (let start = 0; start < count; start += 2 * half) {
      for (let i = start; i < start + half; i++) {
        const [a, b] = [signs[i]!, signs[i + half]!];
        signs[i] = a + b;
        signs[i + half] = a - b;
      }
    }
  }
}
