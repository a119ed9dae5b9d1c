import './relaxed-simd.ts';
import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import {
  compileModule,
  createMemory,
  detectWasmFeatures,
  encodeModule,
  InterpreterTarget,
  instantiateKernels,
  type Target,
  type TargetTraits,
  type Vector,
  WASM_TRAITS,
  type WasmDialect,
  WasmTarget,
} from '../src/index.ts';

const PARAMETERS = 3;
const AREA_BYTES = 256;
const SOURCE = 1024;
const DESTINATION = 2048;

type Program = <Code>(target: Target<Code>) => Code;

/** Values whose bits mean something as float32, int32 and int16 pairs: extremes, ties, specials, random words. */
function sourceWords(seed: number): Uint32Array {
  const random = new Random(seed);
  const floats = [
    0,
    -0,
    1,
    -1,
    0.5,
    1.5,
    2.5,
    -2.5,
    3e9,
    -3e9,
    1e-40,
    3.4e38,
    1 / 3,
    -7.25,
    Infinity,
    -Infinity,
  ];
  const words = new Uint32Array(AREA_BYTES / 4).map(() => random.uint32());
  words.set(new Uint32Array(Float32Array.from([...floats, Number.NaN]).buffer), 16);
  // The first quarter holds tame numbers, so that sums and products of it stay finite.
  words.set(new Uint32Array(Float32Array.from({ length: 16 }, () => random.normal()).buffer));
  return words;
}

function memoryWith(words: Uint32Array) {
  const memory = createMemory(1);
  new Uint8Array(memory.buffer).fill(0xa5);
  new Uint32Array(memory.buffer, SOURCE, words.length).set(words);
  return memory;
}

function runInterpreted(
  program: Program,
  traits: TargetTraits,
  words: Uint32Array,
  count: number,
): Uint8Array {
  const memory = memoryWith(words);
  program(new InterpreterTarget(traits, PARAMETERS))(memory.buffer)(SOURCE, DESTINATION, count);
  return new Uint8Array(memory.buffer);
}

function runWasm(program: Program, dialect: WasmDialect, words: Uint32Array, count: number): Uint8Array {
  const memory = memoryWith(words);
  const bytes = encodeModule([{ name: 'f', function: program(new WasmTarget(dialect, PARAMETERS)) }]);
  instantiateKernels(compileModule(bytes), memory).get('f')!(SOURCE, DESTINATION, count);
  return new Uint8Array(memory.buffer);
}

/** `operation` applied to vectors at every place of the source, results side by side. */
function lanewise(
  inputs: number,
  operation: <Code>(target: Target<Code>, operands: Vector[]) => void,
): Program {
  return (target) => {
    const operands = target.vectors('operands', inputs);
    const source = target.pointerArgument(0);
    const destination = target.pointerArgument(1);
    target.loop(AREA_BYTES / 16 - 3, () => {
      for (const [i, operand] of operands.entries()) target.load(operand, { base: source, offset: 16 * i });
      operation(target, operands);
      target.store(operands[0]!, { base: destination, offset: 0 });
      target.advance(source, 16);
      target.advance(destination, 16);
    });
    return target.finish();
  };
}

const PROGRAMS: Readonly<Record<string, Program>> = {
  ...Object.fromEntries(
    (['add', 'multiply', 'divide', 'min', 'max'] as const).map((operation) => [
      operation,
      lanewise(2, (target, [a, b]) => target.binary(operation, a!, a!, b!)),
    ]),
  ),
  'int32 to float32': lanewise(1, (target, [a]) => target.convert('int32-to-float32', a!, a!)),
  'float32 to int32': lanewise(1, (target, [a]) => target.convert('float32-to-int32', a!, a!)),
  ...Object.fromEntries(
    [0, 1, 4, 12, 15].flatMap((bits) =>
      (['left', 'right-signed'] as const).map((shift) => [
        `shift ${shift} by ${bits}`,
        lanewise(2, (target, [a, b]) => target.shift(shift, a!, b!, bits)),
      ]),
    ),
  ),
  dot: lanewise(3, (target, [a, b, c]) => target.dot(a!, b!, c!)),
  zero: lanewise(1, (target, [a]) => target.zero(a!)),
  ...Object.fromEntries(
    [1, 2, 3, 4].flatMap((lanes) => [
      [
        `load of ${lanes} lanes`,
        lanewise(1, (target, [a]) => target.load(a!, { base: target.pointerArgument(0), offset: 20 }, lanes)),
      ],
      [
        `store of ${lanes} lanes`,
        ((target) => {
          const [vector] = target.vectors('value', 1) as [Vector];
          target.load(vector, { base: target.pointerArgument(0), offset: 4 });
          target.store(vector, { base: target.pointerArgument(1), offset: 300 }, lanes);
          return target.finish();
        }) as Program,
      ],
    ]),
  ),
  'widening load': lanewise(1, (target, [a]) => {
    target.loadWidened(a!, { base: target.pointerArgument(0), offset: 7 });
  }),
  splat: lanewise(1, (target, [a]) => target.splat(a!, { base: target.pointerArgument(0), offset: 12 })),
  'narrowing store': (target) => {
    const [vector] = target.vectors('value', 1) as [Vector];
    const source = target.pointerArgument(0);
    const destination = target.pointerArgument(1);
    target.loop(AREA_BYTES / 16, () => {
      target.load(vector, { base: source, offset: 0 });
      target.storeNarrowed(vector, { base: destination, offset: 0 });
      target.advance(source, 16);
      target.advance(destination, 8);
    });
    return target.finish();
  },
  'copied pointer and negative advance': (target) => {
    const [vector] = target.vectors('value', 1) as [Vector];
    const pointer = target.pointer();
    target.copyPointer(pointer, target.pointerArgument(0));
    target.advance(pointer, 200_000);
    target.advance(pointer, -199_936);
    target.load(vector, { base: pointer, offset: 0 });
    target.store(vector, { base: target.pointerArgument(1), offset: 16_000 });
    return target.finish();
  },
  'nested loops with a count from an argument': (target) => {
    const [vector] = target.vectors('value', 1) as [Vector];
    target.load(vector, { base: target.pointerArgument(0), offset: 0 });
    target.loop(3, () => {
      target.loopCount(target.countArgument(2), () => {
        target.loop(1, () => target.advance(target.pointerArgument(1), 16));
        target.loop(0, () => target.advance(target.pointerArgument(1), 4));
        target.store(vector, { base: target.pointerArgument(1), offset: 0 });
      });
    });
    return target.finish();
  },
};

const features = detectWasmFeatures();
const dialects = (['strict', 'relaxed'] as const).filter((dialect) =>
  dialect === 'strict' ? features.simd : features.relaxedSimd,
);

describe('the features', () => {
  it('include both dialects on the platforms that the tests run on', () => {
    expect(features).toEqual({ simd: true, relaxedSimd: true });
  });
});

describe.each(dialects)('WebAssembly, %s', (dialect) => {
  // NaN payloads are the host's choice, so a NaN equals any NaN.
  const sameFloats = (a: Uint8Array, b: Uint8Array) => {
    const [left, right] = [new Float32Array(a.buffer), new Float32Array(b.buffer)];
    const differing = left.findIndex((value, i) => !Object.is(value, right[i]));
    expect([differing, left[differing]]).toEqual([-1, undefined]);
  };

  it.each(Object.entries(PROGRAMS))('does what the interpreter does: %s', (_name, program) => {
    const traits: TargetTraits = { ...WASM_TRAITS[dialect], fmaRounding: 'twice' };
    for (const seed of [1, 2, 3]) {
      for (const count of [0, 1, 2, 5]) {
        const words = sourceWords(seed);
        sameFloats(runWasm(program, dialect, words, count), runInterpreted(program, traits, words, count));
      }
    }
  });

  it('does what the interpreter does, bit for bit, where no NaN arises', () => {
    for (const name of [
      'dot',
      'shift left by 4',
      'shift right-signed by 12',
      'narrowing store',
      'float32 to int32',
    ]) {
      const traits: TargetTraits = { ...WASM_TRAITS[dialect], fmaRounding: 'twice' };
      const words = sourceWords(4);
      const program = PROGRAMS[name]!;
      expect(runWasm(program, dialect, words, 1), name).toEqual(runInterpreted(program, traits, words, 1));
    }
  });

  it('multiplies and adds with one of the two roundings in every lane', () => {
    const program = lanewise(3, (target, [a, b, c]) => target.fma(a!, b!, c!));
    const words = sourceWords(5);
    const read = (bytes: Uint8Array) => new Float32Array(bytes.buffer, DESTINATION, 4);
    const actual = read(runWasm(program, dialect, words, 1));
    const roundings = dialect === 'strict' ? (['twice'] as const) : (['once', 'twice'] as const);
    const allowed = roundings.map((fmaRounding) =>
      read(runInterpreted(program, { ...WASM_TRAITS[dialect], fmaRounding }, words, 1)),
    );
    actual.forEach((value, lane) => {
      expect(allowed.map((values) => values[lane])).toContain(value);
    });
  });
});
