import './relaxed-simd.ts';
import { describe, expect, it } from 'vitest';
import type { Target } from '../src/target/target.ts';
import { unsignedLeb128, type WasmKernel } from '../src/wasm/module.ts';
import { SIMD } from '../src/wasm/opcodes.ts';
import type { WasmDialect } from '../src/wasm/traits.ts';
import { operationCases } from './operation-cases.ts';
import { CASE_BYTES, findDifference, type OperationBackend } from './operation-runner.ts';
import { wasmBackend } from './wasm-backend.ts';

// Do the operation tests notice a broken encoder? Each mutant is one plausible mistake with the names of the cases that must fail for
// it; without a mutant the same cases must pass.

type Backend = OperationBackend<WasmKernel>;
type Emitter = Target<WasmKernel>;

/** An encoder with some of its operations replaced; `original` still does what the target does. */
function withOperations(
  change: (original: Emitter) => Partial<Emitter>,
  dialect: WasmDialect = 'strict',
): Backend {
  const backend = wasmBackend(dialect);
  return {
    ...backend,
    createTarget() {
      const target = backend.createTarget();
      const original = backend.createTarget();
      const names = Object.getOwnPropertyNames(Object.getPrototypeOf(target)) as (keyof Emitter)[];
      const bound = Object.fromEntries(
        names.map((name) => [name, (target[name] as () => unknown).bind?.(target)]),
      );
      return Object.assign(target, change({ ...original, ...bound } as unknown as Emitter));
    },
  };
}

/** An encoder with one sequence of bytes replaced by another in the finished code. */
function withBytes(
  search: readonly number[],
  replacement: readonly number[],
  dialect: WasmDialect = 'strict',
): Backend {
  const backend = wasmBackend(dialect);
  const replace = (code: ArrayLike<number>): number[] => {
    const bytes: number[] = [];
    for (let i = 0; i < code.length; ) {
      const found = search.every((byte, offset) => code[i + offset] === byte);
      bytes.push(...(found ? replacement : [code[i]!]));
      i += found ? search.length : 1;
    }
    return bytes;
  };
  return {
    ...backend,
    run(kernel, memory, block) {
      const functions = kernel.functions.map((entry) => ({ ...entry, code: replace(entry.code) }));
      backend.run({ ...kernel, functions }, memory, block);
    },
  };
}

function withOpcode(from: number, to: number, dialect: WasmDialect = 'strict'): Backend {
  return withBytes([0xfd, ...unsignedLeb128(from)], [0xfd, ...unsignedLeb128(to)], dialect);
}

const MUTANTS: readonly (readonly [string, Backend, readonly string[]])[] = [
  [
    'fma and fnma are swapped',
    withOperations((t) => ({ fma: t.fnma, fnma: t.fma })),
    ['fma of a and b', 'fnma of a and b'],
  ],
  [
    'the product is subtracted: one wrong bit of an opcode',
    withOpcode(SIMD.f32x4Add, SIMD.f32x4Subtract),
    ['fma of a and b'],
  ],
  [
    'relaxed fma and fnma are swapped',
    withOpcode(SIMD.f32x4RelaxedMultiplyAdd, SIMD.f32x4RelaxedNegativeMultiplyAdd, 'relaxed'),
    ['fma of b and b'],
  ],
  [
    'a multiply-add adds to its first operand',
    withOperations((t) => ({ multiplyAdd: (a, b, c) => t.fma(a, b, c) })),
    ['multiply-add of a and b'],
  ],
  [
    'bits are gathered one place too low',
    withOperations((t) => ({
      gatherBits: (d, s, bits, shift) => t.gatherBits(d, s, bits, Math.max(0, shift - 1)),
    })),
    ['selections of bits and their parity'],
  ],
  [
    'parity is that of the lowest bit',
    withOperations((t) => ({ parityOfBits: (d, s, bits, shift) => t.parityOfBits(d, s, [bits[0]!], shift) })),
    ['selections of bits and their parity'],
  ],
  [
    'the last subset is left out',
    withOperations((t) => ({ loopSubsets: (p, mask, body) => t.loopSubsets(p, mask & (mask - 1), body) })),
    ['subsets of the bits of 10'],
  ],
  [
    'a fragment is what its key first meant',
    withOperations((t) => ({ fragment: (_key, emit) => t.fragment('the same', emit) })),
    ['fragments of code'],
  ],
  [
    'many vectors are stored in another order',
    withOperations((t) => ({ storeAll: (v, base, offsets) => t.storeAll(v.toReversed(), base, offsets) })),
    ['moves of many vectors'],
  ],
  [
    'fma forgets the accumulator',
    withOperations((t) => ({ fma: (c, a, b) => t.float('multiply', c, a, b) })),
    ['fma of a and b'],
  ],
  ['dot forgets the accumulator', withOperations((t) => ({ dot: t.multiplyWords })), ['dot of a and b']],
  [
    'a tail stores whole vectors',
    withOperations((t) => ({ store: (v, m) => t.store(v, m) })),
    ['store of 1 lanes', 'store of 3 lanes'],
  ],
  [
    'a tail of three lanes drops the third',
    withOperations((t) => ({ store: (v, m, lanes) => t.store(v, m, lanes === 3 ? 2 : lanes) })),
    ['store of 3 lanes'],
  ],
  [
    'a tail loads whole vectors',
    withOperations((t) => ({ load: (v, m) => t.load(v, m) })),
    ['load of 1 lanes', 'load of 3 lanes'],
  ],
  [
    'a tail does not zero the other lanes',
    withOpcode(SIMD.v128Load32Zero, SIMD.v128Load32Splat),
    ['load of 1 lanes'],
  ],
  [
    'a tail of a pair forgets the upper half',
    withOperations(
      (t) => ({ load: (v, m, lanes) => t.load(v, m, Math.min(lanes ?? 8, 4)) }),
      'relaxed-pairs',
    ),
    ['load of 5 lanes', 'load of 8 lanes'],
  ],
  ['a vector is not zeroed', withOperations(() => ({ zero: () => {} })), ['zero in place']],
  [
    'a loop runs once too often',
    withOperations((t) => ({ loop: (times, body) => t.loop(times + 1, body) })),
    ['loop of 0 turns', 'loop of 2 turns'],
  ],
  // `drop; block` instead of `if`: the body runs before the first look at the counter.
  [
    'a loop of no turns is entered',
    withBytes([0x04, 0x40], [0x1a, 0x02, 0x40]),
    ['loop of zero turns from the argument block'],
  ],
  [
    'pointers do not go back',
    withOperations((t) => ({ advance: (p, bytes) => t.advance(p, Math.max(0, bytes)) })),
    ['advances by every distance'],
  ],
  [
    'the scale of an advance is ignored',
    withOperations((t) => ({ advanceByArgument: (p, i) => t.advanceByArgument(p, i, 1) })),
    ['advances by an argument times a scale'],
  ],
  [
    'an offset is cut to seven bits',
    withOperations((t) => ({
      load: (v, m, lanes) => t.load(v, { base: m.base, offset: m.offset & 127 }, lanes),
    })),
    ['access through every pointer with offsets of every length'],
  ],
  [
    'a routine is not given its last pointer',
    withOperations((t) => ({ routine: (pointers, body) => t.routine(pointers.slice(0, -1), body) })),
    ['a routine that is called from several places'],
  ],
  [
    'a routine is called once too often',
    withOperations((t) => ({
      call(routine) {
        t.call(routine);
        t.call(routine);
      },
    })),
    ['a routine that counts its calls'],
  ],
  [
    'a call does nothing',
    withOperations(() => ({ call: () => {} })),
    ['a routine without pointers that reads the block'],
  ],
  [
    'a prefetch reads',
    withOperations((t) => ({ prefetch: (m) => t.moveWord(m, m) })),
    ['prefetches of any address'],
  ],
  [
    'a word goes the other way',
    withOperations((t) => ({ moveWord: (d, s) => t.moveWord(s, d) })),
    ['moves of words'],
  ],
  [
    'max becomes min',
    withOpcode(SIMD.f32x4PseudoMax, SIMD.f32x4PseudoMin),
    ['float max into another register'],
  ],
  [
    'min takes its operands in the other order, which only NaN and zeros show',
    withOperations((t) => ({
      float: (o, d, a, b) => (o === 'min' ? t.float(o, d, b, a) : t.float(o, d, a, b)),
    })),
    ['float min into another register'],
  ],
  [
    'the operands of a division change places',
    withOperations((t) => ({
      float: (o, d, a, b) => (o === 'divide' ? t.float(o, d, b, a) : t.float(o, d, a, b)),
    })),
    ['float divide into another register'],
  ],
  [
    'andNot negates the other operand',
    withOperations((t) => ({
      integer: (o, d, a, b) => (o === 'andNot' ? t.integer(o, d, b, a) : t.integer(o, d, a, b)),
    })),
    ['integer andNot into another register'],
  ],
  [
    'words carry into their neighbours',
    withOpcode(SIMD.i16x8Add, SIMD.i32x4Add),
    ['addition of words into another register'],
  ],
  ['NaN is kept and the rest is zeroed', withOpcode(SIMD.f32x4Equal, 0x42), ['NaN to zero in place']],
  ['rounding becomes truncation', withOpcode(SIMD.f32x4Nearest, 0x69), ['float32 to int32 in place']],
  [
    'a conversion takes the sign away',
    withOpcode(SIMD.f32x4ConvertI32x4Signed, 0xfb),
    ['int32 to float32 in place'],
  ],
  [
    'a narrowing saturates as unsigned',
    withOpcode(SIMD.i16x8NarrowI32x4Signed, SIMD.i16x8NarrowI32x4Unsigned),
    ['store of 4 lanes as int16', 'store of 2 lanes as int8'],
  ],
  [
    'pairs are widened without their sign',
    withOpcode(SIMD.v128Load8x8Signed, SIMD.v128Load8x8Unsigned),
    ['load of pairs from int8'],
  ],
  [
    'words are widened without their sign',
    withOpcode(SIMD.v128Load16x4Signed, SIMD.v128Load16x4Unsigned),
    ['load of 4 lanes from int16'],
  ],
  [
    'a signed shift forgets the sign',
    withOpcode(SIMD.i16x8ShiftRightSigned, SIMD.i16x8ShiftRightUnsigned),
    ['shift right-signed of 16 bits by 1 into another register'],
  ],
  [
    'a shift of 32 bits shifts words',
    withOpcode(SIMD.i32x4ShiftLeft, SIMD.i16x8ShiftLeft),
    ['shift left of 32 bits by 1 into another register'],
  ],
  [
    'an exchange stays in its half',
    withOperations(
      (t) => ({ exchange: (d, s, mask) => (mask % 4 === 0 ? t.copy(d, s) : t.exchange(d, s, mask % 4)) }),
      'relaxed-pairs',
    ),
    ['exchange with mask 4 in place', 'exchange with mask 5 into another register'],
  ],
  // The constant that rounds half up instead of to even: 0x1000 instead of 0x0fff in each lane.
  [
    'float16 rounds ties up',
    withBytes([0xff, 0x0f, 0x00, 0xc8], [0x00, 0x10, 0x00, 0xc8]),
    ['narrowing to float16 around every number'],
  ],
  [
    'bfloat16 rounds ties up',
    withBytes([0xff, 0x7f, 0x00, 0x00], [0x00, 0x80, 0x00, 0x00]),
    ['narrowing to bfloat16 around every number'],
  ],
  [
    'float16 subnormals are lost',
    withOpcode(SIMD.v128Bitselect, SIMD.v128And),
    ['narrowing to float16 around every number'],
  ],
];

function failingCases(backend: Backend, names: readonly string[]): string[] {
  const memory = backend.createMemory(CASE_BYTES);
  const cases = operationCases(backend.traits).filter((entry) => names.includes(entry.name));
  expect(cases.map((entry) => entry.name).sort()).toEqual([...names].sort());
  return cases
    .map((entry) => entry.name)
    .filter((name) => {
      try {
        return findDifference(backend, memory, cases.find((entry) => entry.name === name)!, 1) !== null;
      } catch {
        // A trap, or a module that the engine refuses.
        return true;
      }
    });
}

describe('the operation tests', () => {
  it('pass without a mutant', () => {
    for (const dialect of ['strict', 'relaxed', 'relaxed-pairs'] as const) {
      const named = new Set(
        MUTANTS.filter(([, { name }]) => name === wasmBackend(dialect).name).flatMap(([, , names]) => names),
      );
      expect(failingCases(wasmBackend(dialect), [...named])).toEqual([]);
    }
  });

  it.each(MUTANTS)('notice that %s', (_name, mutant, names) => {
    expect(names.length).toBeGreaterThan(0);
    expect(failingCases(mutant, names).sort()).toEqual([...names].sort());
  });
});
