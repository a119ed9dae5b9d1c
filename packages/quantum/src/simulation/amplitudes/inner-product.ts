import type { StoredState } from './stored-state.ts';

/** `<a|b>` of two states of the same layout, as `[re, im]`, in double precision. */
export function innerProduct(a: StoredState, b: StoredState): [number, number] {
  let [re, im] = [0, 0];
  const { lanes } = a;
  const others = b.regions;
  for (const [number, left] of a.regions.entries()) {
    const right = others[number]!;
    for (let block = 0; block < left.length; block += 2 * lanes) {
      for (let i = block; i < block + lanes; i++) {
        const ar = left[i]!;
        const ai = left[i + lanes]!;
        const br = right[i]!;
        const bi = right[i + lanes]!;
        re += ar * br + ai * bi;
        im += ar * bi - ai * br;
      }
    }
  }
  return [re, im];
}

/** Every amplitude with its own sign. */
const ALL = [0];

/** The real part of `<a|b>` of two states of the same machine and layout. */
export function realInnerProduct(a: StoredState, b: StoredState): number {
  const { arithmetic } = a;
  if (arithmetic === null) return innerProduct(a, b)[0];
  const sum = new Float64Array(1);
  arithmetic.sumProducts('real', ALL, a.memory, b.memory, sum);
  return sum[0]!;
}
