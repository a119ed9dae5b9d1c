import fc from 'fast-check';
import { expectSameAsPeer, type OperatorCase } from './onnx-peer.ts';
import type { WrittenTensor, WrittenType } from './onnx-writer.ts';

/** Numbers from -1 to 1, the same for a seed. */
export function floats(shape: readonly number[], seed = 1, low = -1, high = 1): WrittenTensor {
  let state = (seed * 2654435761 + shape.length) >>> 0;
  const numbers = Array.from({ length: count(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(low + (state / 2 ** 32) * (high - low));
  });
  return { type: 'float32', shape, numbers };
}

export function codes(type: WrittenType, shape: readonly number[], seed = 1): WrittenTensor {
  const [low, high] = type === 'uint8' ? [0, 256] : type === 'bool' ? [0, 2] : [-128, 128];
  return {
    ...floats(shape, seed, low, high),
    type,
    numbers: floats(shape, seed, low, high).numbers.map(Math.floor),
  };
}

export function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function integers(...numbers: number[]): { readonly fixed: WrittenTensor } {
  return { fixed: { type: 'int64', shape: [numbers.length], numbers } };
}

export function scalar(number: number, type: WrittenType = 'float32'): { readonly fixed: WrittenTensor } {
  return { fixed: { type, shape: [], numbers: [number] } };
}

export const fixed = (tensor: WrittenTensor) => ({ fixed: tensor });

export async function all(cases: readonly OperatorCase[]): Promise<void> {
  for (const each of cases) {
    await expectSameAsPeer(each).catch((error) => {
      throw new Error(
        `${each.operator} ${JSON.stringify(each.attributes ?? {})} version ${each.operatorSet}: ${error.message}`,
        { cause: error },
      );
    });
  }
}

/** Runs a random case per seed. */
export async function property<Value>(
  arbitrary: fc.Arbitrary<Value>,
  test: (value: Value) => OperatorCase,
  numRuns = 20,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(arbitrary, (value) => expectSameAsPeer(test(value))),
    { seed: 20240607, numRuns: numRuns * (process.env.QEDGE_FULL === '1' ? 20 : 1) },
  );
}
