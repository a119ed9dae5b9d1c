import { describe, expect, it } from 'vitest';
import {
  createInterpreterHost,
  defaultIntegerBlocking,
  defaultNibbleBlocking,
  emitKernel,
  type InterpretedKernel,
  InterpreterTarget,
  type KernelDescription,
  kernelTrial,
  NO_EPILOGUE,
  type QuantizationMode,
  type Target,
  type TargetTraits,
} from '../src/index.ts';

// Do the trials of integer kernels notice a target or a kernel that is wrong in one operation? Each mutant names a kernel that must fail;
// without a mutant the same kernel must pass.

const BYTES = createInterpreterHost({ lanes: 8, dot: 'bytes' }).traits;
const WORDS = createInterpreterHost({ lanes: 4, dot: 'words' }).traits;
const PAIRS: TargetTraits = {
  ...createInterpreterHost({ lanes: 8, dot: 'words' }).traits,
  multiplyBytes: 8,
};

function integers(
  traits: TargetTraits,
  weights: 'int8' | 'int4',
  output: 'int32' | 'float32',
): KernelDescription {
  const floats = output === 'float32';
  const epilogue = floats ? ({ bias: true, activation: 'relu6', softmax: false } as const) : NO_EPILOGUE;
  const shape = { rows: 5, columns: 21, depth: 22, weights, epilogue };
  const strides = { aRowStride: 32, cRowStride: 24 };
  const blocking = defaultIntegerBlocking(shape, traits);
  return {
    kind: 'integer-gemm',
    ...shape,
    ...strides,
    output,
    rowScales: floats,
    rowZeroPoints: floats,
    blocking,
  };
}

function nibbles(traits: TargetTraits, zeroPoints: 'eight' | 'given'): KernelDescription {
  const shape = { rows: 3, columns: 21, scales: 'float16' } as const;
  const blocking = defaultNibbleBlocking(shape, traits);
  const strides = { aRowStride: 96, cRowStride: 24 };
  return {
    kind: 'nibble-gemm',
    ...shape,
    depth: 70,
    ...strides,
    zeroPoints,
    epilogue: NO_EPILOGUE,
    blocking,
  };
}

function quantization(mode: QuantizationMode): KernelDescription {
  return { kind: 'quantize-rows', mode, weights: 'int4', depth: 37, sourceRowStride: 40, codeRowStride: 68 };
}

type Emitter = Target<InterpretedKernel>;
type Change = (original: Emitter) => Partial<Emitter>;

/** Runs the trial of a kernel whose target has some operations replaced. */
function findError(traits: TargetTraits, description: KernelDescription, change: Change): string | null {
  const target = new InterpreterTarget(traits);
  const prototype = Object.getPrototypeOf(target) as Record<string, unknown>;
  const operations = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
  const original = Object.fromEntries(
    operations.map((name) => [name, (prototype[name] as () => unknown).bind?.(target)]),
  );
  Object.assign(target, change({ ...original, block: target.block, traits } as unknown as Emitter));
  const trial = kernelTrial(description, traits, 'all', 3);
  const memory = createInterpreterHost().createMemory(trial.byteLength);
  const block = trial.prepare(memory);
  try {
    emitKernel(target, description)(memory)(block);
  } catch (error) {
    return String(error);
  }
  return trial.findError(memory);
}

const MUTANTS: readonly [
  name: string,
  traits: TargetTraits,
  description: KernelDescription,
  change: Change,
][] = [
  [
    'bytes: the operands of dot are swapped',
    BYTES,
    integers(BYTES, 'int8', 'int32'),
    (t) => ({ dot: (s, a, b) => t.dot(s, b, a) }),
  ],
  [
    'words: weights are widened as unsigned',
    WORDS,
    integers(WORDS, 'int8', 'int32'),
    (t) => ({ loadPairs: (_f, d, m) => t.loadPairs('uint8', d, m) }),
  ],
  [
    'stores ignore the tail',
    BYTES,
    integers(BYTES, 'int8', 'int32'),
    (t) => ({ store: (s, m) => t.store(s, m) }),
  ],
  [
    'stores drop the last lane of a tail',
    BYTES,
    integers(BYTES, 'int8', 'int32'),
    (t) => ({ store: (s, m, n = 8) => t.store(s, m, n < 8 ? n - 1 : n) }),
  ],
  [
    'int4: nibbles are not sign-extended',
    WORDS,
    integers(WORDS, 'int4', 'int32'),
    (t) => ({ shift: (o, w, d, s, b) => t.shift(o === 'right-signed' ? 'right-unsigned' : o, w, d, s, b) }),
  ],
  [
    'int4: 16 times the sum is shifted by 3',
    BYTES,
    integers(BYTES, 'int4', 'int32'),
    (t) => ({ shift: (o, w, d, s, b) => t.shift(o, w, d, s, w === 32 && o === 'right-signed' ? b - 1 : b) }),
  ],
  [
    'int4: the mask of nibbles is forgotten',
    BYTES,
    integers(BYTES, 'int4', 'int32'),
    (t) => ({ integer: (o, d, a, b) => (o === 'and' ? t.copy(d, a) : t.integer(o, d, a, b)) }),
  ],
  [
    'int4 by bytes: nibbles are not separated',
    PAIRS,
    integers(PAIRS, 'int4', 'int32'),
    (t) => ({ integer: (o, d, a, b) => (o === 'and' ? t.copy(d, a) : t.integer(o, d, a, b)) }),
  ],
  [
    'int4 by bytes: the operands of a product are swapped',
    PAIRS,
    integers(PAIRS, 'int4', 'int32'),
    (t) => ({ multiplyBytes: (d, a, b) => t.multiplyBytes(d, b, a) }),
  ],
  [
    'int4 by bytes: a pair of int16 sums counts half',
    PAIRS,
    integers(PAIRS, 'int4', 'float32'),
    (t) => ({ multiplyWords: (d, a) => t.shift('right-signed', 32, d, a, 16) }),
  ],
  [
    'int4 by bytes: sums start at the codes of the row',
    PAIRS,
    integers(PAIRS, 'int4', 'int32'),
    (t) => ({ splat: (d, { base, offset }) => t.splat(d, { base, offset: offset % 24 }) }),
  ],
  [
    'zero points of rows are added',
    BYTES,
    integers(BYTES, 'int8', 'float32'),
    (t) => ({ integer: (o, d, a, b) => t.integer(o === 'subtract' ? 'add' : o, d, a, b) }),
  ],
  [
    'start values are left out',
    BYTES,
    integers(BYTES, 'int8', 'float32'),
    (t) => ({ integer: (o, d, a, b) => (o === 'add' ? t.copy(d, a) : t.integer(o, d, a, b)) }),
  ],
  [
    'the bias is left out',
    WORDS,
    integers(WORDS, 'int8', 'float32'),
    (t) => ({ float: (o, d, a, b) => (o === 'add' ? t.copy(d, a) : t.float(o, d, a, b)) }),
  ],
  [
    'the clamp has no upper end',
    WORDS,
    integers(WORDS, 'int8', 'float32'),
    (t) => ({ float: (o, d, a, b) => (o === 'min' ? t.copy(d, a) : t.float(o, d, a, b)) }),
  ],
  [
    'the depth loop runs once too often',
    WORDS,
    integers(WORDS, 'int8', 'int32'),
    (t) => ({ loop: (n, body) => t.loop(n > 3 ? n + 1 : n, body) }),
  ],
  [
    'nibbles: high ones are shifted by 3',
    BYTES,
    nibbles(BYTES, 'eight'),
    (t) => ({ shift: (o, w, d, s, b) => t.shift(o, w, d, s, o === 'right-signed' ? b - 1 : b) }),
  ],
  [
    'nibbles: products of bytes are not added',
    PAIRS,
    nibbles(PAIRS, 'eight'),
    (t) => ({ addWords: (d, _a, b) => t.copy(d, b) }),
  ],
  [
    'nibbles: 16-bit sums are not combined',
    PAIRS,
    nibbles(PAIRS, 'given'),
    (t) => ({ multiplyWords: (d, a) => t.copy(d, a) }),
  ],
  [
    'nibbles: zero points are read as signed words',
    WORDS,
    nibbles(WORDS, 'given'),
    (t) => ({ loadNarrow: (f, d, m, n) => t.loadNarrow(f === 'uint8' ? 'int16' : f, d, m, n) }),
  ],
  [
    'nibbles: scales are read as bfloat16',
    BYTES,
    nibbles(BYTES, 'eight'),
    (t) => ({ loadNarrow: (f, d, m, n) => t.loadNarrow(f === 'float16' ? 'bfloat16' : f, d, m, n) }),
  ],
  [
    'nibbles: groups are subtracted',
    WORDS,
    nibbles(WORDS, 'eight'),
    (t) => ({ fma: (s, a, b) => t.fnma(s, a, b) }),
  ],
  ['quantisation: NaN is kept', BYTES, quantization('static'), (t) => ({ zeroNaN: (d, s) => t.copy(d, s) })],
  [
    'quantisation: the lower end is forgotten',
    BYTES,
    quantization('static'),
    (t) => ({ float: (o, d, a, b) => (o === 'max' ? t.copy(d, a) : t.float(o, d, a, b)) }),
  ],
  [
    'quantisation: a NaN spreads through the maximum',
    WORDS,
    quantization('row-symmetric'),
    (t) => ({
      float: (o, d, a, b) => t.float(o, d, ...(o === 'max' ? ([b, a] as const) : ([a, b] as const))),
    }),
  ],
  [
    'quantisation: lanes are not combined',
    BYTES,
    quantization('row-asymmetric'),
    (t) => ({ exchange: (d, s) => t.copy(d, s) }),
  ],
  [
    'quantisation: divides by multiplying',
    BYTES,
    quantization('group-symmetric'),
    (t) => ({ float: (o, d, a, b) => t.float(o === 'divide' ? 'multiply' : o, d, a, b) }),
  ],
  [
    'encoding: the sign bits stay',
    BYTES,
    quantization('int8'),
    (t) => ({ integer: (o, d, a, b) => (o === 'xor' ? t.copy(d, a) : t.integer(o, d, a, b)) }),
  ],
  [
    'encoding: the start value has the wrong sign',
    PAIRS,
    quantization('static'),
    (t) => ({ integer: (o, d, a, b) => t.integer(o === 'subtract' ? 'add' : o, d, a, b) }),
  ],
  [
    'encoding: the start value lacks the last codes',
    PAIRS,
    quantization('int8'),
    (t) => ({ load: (d, m, n = 8) => t.load(d, m, n < 8 ? n - 1 || 1 : n) }),
  ],
  [
    'encoding: tails are stored whole',
    WORDS,
    quantization('uint8'),
    (t) => ({ storeNarrow: (f, s, m) => t.storeNarrow(f, s, m) }),
  ],
];

describe('the trials of integer kernels notice a broken operation', () => {
  it.each(MUTANTS)('%s', (_name, traits, description, change) => {
    expect(findError(traits, description, () => ({}))).toBeNull();
    expect(findError(traits, description, change)).not.toBeNull();
  });
});
