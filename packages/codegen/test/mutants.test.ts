import { describe, expect, it } from 'vitest';
import {
  compileModule,
  encodeModule,
  type GemmDescription,
  type GemmElements,
  instantiateKernels,
  type Target,
  type Vector,
  type WasmFunction,
} from '../src/index.ts';
import { unsignedLeb128 } from '../src/wasm/module.ts';
import { SIMD } from '../src/wasm/opcodes.ts';
import { type Backend, runGemm, runQuantize, wasmBackend } from './kernel-fixture.ts';

// Does the suite notice a broken encoder or kernel? Each mutant is one plausible mistake; the checks that the other tests
// make, in small, must fail for each and pass without one.

const strict = wasmBackend('strict');

function wrongGemms(backend: Backend<unknown>, elements: GemmElements): number {
  let wrong = 0;
  for (const columns of [1, 2, 3, 4, 7, 8, 13, 40]) {
    for (const rows of [1, 2, 3]) {
      const epilogue = { bias: true, relu: true };
      const description: GemmDescription = { kind: 'gemm', elements, rows, depth: 7, columns, epilogue };
      try {
        const { actual, expected, guardsIntact } = runGemm(backend, description, 2, columns);
        const equal = actual.every((value, i) => Object.is(value, expected[i]));
        if (!equal || !guardsIntact) wrong++;
      } catch {
        wrong++;
      }
    }
  }
  return wrong;
}

function wrongQuantizations(backend: Backend<unknown>): number {
  const x = Float32Array.from([0.125, 0.375, -0.375, 9, -9, Number.NaN, 0.3, -0.3, 0.6, 1.2, 70, -70, 0.1]);
  let wrong = 0;
  for (const zeroPoint of [0, 100, 255]) {
    const { actual, expected, guardsIntact } = runQuantize(backend, x, x.length, 0.25, zeroPoint);
    if (!guardsIntact || actual.some((code, i) => code !== expected[i])) wrong++;
  }
  return wrong;
}

/** The strict encoder with some of its operations replaced. */
function withOperations(change: (target: Target<unknown>) => Partial<Target<unknown>>): Backend<unknown> {
  return {
    ...strict,
    target(parameterCount) {
      const target = strict.target(parameterCount);
      // Originals are bound first, so that a mutant may call the operation that it replaces.
      const changed = change({
        ...target,
        ...bindOperations(target),
      });
      return Object.assign(target, changed);
    },
  };
}

function bindOperations(target: Target<unknown>): Target<unknown> {
  const prototype = Object.getPrototypeOf(target) as Record<string, (...args: unknown[]) => unknown>;
  const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
  return Object.fromEntries(
    names.map((name) => [name, prototype[name]!.bind(target)]),
  ) as unknown as Target<unknown>;
}

/** The strict encoder with one opcode replaced by another in the finished bytes. */
function withOpcode(from: number, to: number): Backend<unknown> {
  const encode = (opcode: number) => [0xfd, ...unsignedLeb128(opcode)];
  return {
    ...strict,
    load(code, memory) {
      const body = code as WasmFunction;
      const [search, replacement] = [encode(from), encode(to)];
      const bytes: number[] = [];
      for (let i = 0; i < body.code.length; ) {
        const found = search.every((byte, offset) => body.code[i + offset] === byte);
        bytes.push(...(found ? replacement : [body.code[i]!]));
        i += found ? search.length : 1;
      }
      const module = encodeModule([{ name: 'kernel', function: { ...body, code: bytes } }]);
      return instantiateKernels(compileModule(module), memory as never).get('kernel')!;
    },
  };
}

type Check = (backend: Backend<unknown>) => number;
const float32: Check = (backend) => wrongGemms(backend, 'float32');
const int8: Check = (backend) => wrongGemms(backend, 'int8');
const int4: Check = (backend) => wrongGemms(backend, 'int4');

const MUTANTS: readonly (readonly [string, Backend<unknown>, readonly Check[]])[] = [
  ['the product is subtracted (fma becomes fnma)', withOpcode(SIMD.f32x4Add, 0xe5), [float32]],
  [
    'a tail stores whole vectors',
    withOperations((t) => ({ store: (v, m) => t.store(v, m) })),
    [float32, int8, int4],
  ],
  [
    'a tail of three lanes drops the third',
    withOperations((t) => ({ store: (v, m, lanes) => t.store(v, m, lanes === 3 ? 2 : lanes) })),
    [float32, int8, int4],
  ],
  [
    'a tail loads whole vectors',
    withOperations((t) => ({ load: (v, m) => t.load(v, m) })),
    [wrongQuantizations],
  ],
  ['accumulators are not cleared', withOperations(() => ({ zero: () => {} })), [float32, int8, int4]],
  [
    'a loop runs once too often',
    withOperations((t) => ({ loop: (times, body) => t.loop(times + 1, body) })),
    [float32, int8, int4],
  ],
  [
    'pointers forget to go back',
    withOperations((t) => ({ advance: (p, bytes) => t.advance(p, Math.max(0, bytes)) })),
    [float32, int8, int4],
  ],
  ['max becomes min', withOpcode(SIMD.f32x4PseudoMax, SIMD.f32x4PseudoMin), [float32, wrongQuantizations]],
  [
    'the narrowing saturates as unsigned',
    withOpcode(SIMD.i16x8NarrowI32x4Signed, 0x86),
    [wrongQuantizations],
  ],
  ['rounding becomes truncation', withOpcode(SIMD.f32x4Nearest, 0x69), [wrongQuantizations]],
  ['codes are widened without their sign', withOpcode(SIMD.v128Load8x8Signed, 0x02), [int8]],
  ['nibbles are widened without their sign', withOpcode(SIMD.i16x8ShiftRightSigned, 0x8d), [int4]],
  ['conversion takes the sign away', withOpcode(SIMD.f32x4ConvertI32x4Signed, 0xfb), [int8, int4]],
  [
    'the operands of a division change places',
    withOperations((t) => ({
      binary: (operation, d: Vector, a, b) =>
        operation === 'divide' ? t.binary(operation, d, b, a) : t.binary(operation, d, a, b),
    })),
    [wrongQuantizations],
  ],
];

describe('the checks', () => {
  it('pass without a mutant', () => {
    for (const check of [float32, int8, int4, wrongQuantizations]) expect(check(strict)).toBe(0);
  });

  it.each(MUTANTS)('notice that %s', (_name, mutant, checks) => {
    for (const check of checks) expect(check(mutant)).toBeGreaterThan(0);
  });
});
