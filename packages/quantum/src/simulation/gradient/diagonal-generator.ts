import { parity } from '../../operator/bit-counts.ts';
import { flipMask, type StateFrame, type StoredState } from '../amplitudes/stored-state.ts';
import {
  type AmplitudeSums,
  type ProductPart,
  prepareAmplitudeSums,
  sumAmplitudeProducts,
  sumProductsWhere,
} from '../observables/amplitude-sums.ts';
import { flipSign } from '../observables/pauli-groups.ts';
import type { Generator } from './generator.ts';

/** The generators of a cut as sums over stored amplitudes, for one arrangement of the qubits. */
export interface DiagonalGenerators {
  readonly sums: AmplitudeSums;
  /** For each product of each generator: whose it is, its mask and factor. */
  readonly products: readonly { readonly owner: number; readonly z: number; readonly coefficient: number }[];
  readonly projectors: readonly {
    readonly owner: number;
    readonly mask: number;
    readonly coefficient: number;
  }[];
  readonly count: number;
}

/** @param qubits physical qubit of each qubit at the cut. */
export function prepareGenerators(
  generators: readonly Generator[],
  qubits: Int32Array,
  physicalCount: number,
): DiagonalGenerators {
  const maskOf = (list: readonly number[]) => list.reduce((mask, qubit) => mask + 2 ** qubits[qubit]!, 0);
  const products = generators.flatMap((generator, owner) =>
    generator.products.map((product) => ({
      owner,
      z: maskOf(product.qubits),
      coefficient: product.coefficient,
    })),
  );
  const projectors = generators.flatMap(({ projector, qubits: own }, owner) =>
    projector === 0 ? [] : [{ owner, mask: maskOf(own), coefficient: projector }],
  );
  const masks = products.map(({ z }) => z);
  return {
    sums: prepareAmplitudeSums(masks, physicalCount),
    products,
    projectors,
    count: generators.length,
  };
}

/** `part(<left| K |right>)` for the generators `K` of a cut, both states in its basis and of one frame. */
export function generatorProducts(
  { sums, products, projectors, count }: DiagonalGenerators,
  part: ProductPart,
  left: StoredState,
  right: StoredState,
  frame: StateFrame,
): Float64Array {
  const values = new Float64Array(count);
  const flips = flipMask(frame.flips);
  if (products.length > 0) {
    const signed = new Float64Array(products.length);
    sumAmplitudeProducts(sums, part, left, right, 0, signed);
    products.forEach(({ owner, z, coefficient }, index) => {
      values[owner] = values[owner]! + coefficient * flipSign(z, flips) * signed[index]!;
    });
  }
  for (const { owner, mask, coefficient } of projectors) {
    const sum = sumProductsWhere(part, left, right, mask, onesValue(mask, flips));
    values[owner] = values[owner]! + coefficient * sum;
  }
  return values;
}

/** Multiplies the state by `sum of weights[k] K_k`. */
export function applyGenerators(
  { products, projectors }: DiagonalGenerators,
  weights: ArrayLike<number>,
  state: StoredState,
  frame: StateFrame,
): void {
  const flips = flipMask(frame.flips);
  const terms = products.map(({ owner, z, coefficient }) => ({
    z,
    factor: weights[owner]! * coefficient * flipSign(z, flips),
  }));
  const masked = projectors.map(({ owner, mask, coefficient }) => ({
    mask,
    value: onesValue(mask, flips),
    factor: weights[owner]! * coefficient,
  }));
  multiplyByDiagonal(
    state,
    terms.filter(({ factor }) => factor !== 0),
    masked.filter(({ factor }) => factor !== 0),
  );
}

/** What the bits of a mask are in memory where all of them stand for 1. */
function onesValue(mask: number, flips: number): number {
  return (mask & ~flips) >>> 0;
}

function multiplyByDiagonal(
  state: StoredState,
  terms: readonly { readonly z: number; readonly factor: number }[],
  masked: readonly { readonly mask: number; readonly value: number; readonly factor: number }[],
): void {
  const { lanes, regionQubits } = state;
  for (const [number, region] of state.regions.entries()) {
    for (let inside = 0; inside < 2 ** regionQubits; inside++) {
      const index = (number * 2 ** regionQubits + inside) >>> 0;
      let factor = 0;
      for (const { z, factor: own } of terms) factor += parity(index & z) === 1 ? -own : own;
      for (const { mask, value, factor: own } of masked) if ((index & mask) === (value | 0)) factor += own;
      const position = inside + (inside & -lanes);
      region[position] = factor * region[position]!;
      region[position + lanes] = factor * region[position + lanes]!;
    }
  }
}
