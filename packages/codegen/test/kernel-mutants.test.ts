import { VerificationError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { VerifiedKernels } from '../src/host/verified-kernels.ts';
import {
  createInterpreterHost,
  emitKernel,
  InterpreterTarget,
  kernelKey,
  type Target,
  type Vector,
} from '../src/index.ts';
import { SAMPLE_KERNELS } from './sample-kernels.ts';

// Does the check before the first use refuse a wrong kernel? Each mutant is one plausible mistake of a kernel or an encoder, made in
// every place where the operation occurs, with the kernels that must be refused for it. Without a mutant none is.

const HOST = createInterpreterHost({ lanes: 8 });

type KernelName = keyof typeof SAMPLE_KERNELS;
type Change = (original: Target<unknown>) => Partial<Target<unknown>>;

/** Whether the check refuses a kernel that is emitted with some operations replaced. */
function isRefused(name: KernelName, change: Change): boolean {
  const target = new InterpreterTarget(HOST.traits);
  const original = Object.create(target) as InterpreterTarget;
  for (const operation of operationsOf(target)) {
    const method = target[operation];
    if (typeof method === 'function') Object.assign(original, { [operation]: method.bind(target) });
  }
  Object.assign(target, change(original as Target<unknown>));
  const kernel = emitKernel(target, SAMPLE_KERNELS[name]);
  try {
    new VerifiedKernels(HOST).verify(SAMPLE_KERNELS[name], kernel);
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(VerificationError);
    expect((error as VerificationError).facts.key).toBe(kernelKey(SAMPLE_KERNELS[name]));
    return true;
  }
}

/** The names of a target's methods, those of the classes below it included. */
function operationsOf(target: InterpreterTarget): (keyof InterpreterTarget)[] {
  const names: string[] = [];
  for (let at = Object.getPrototypeOf(target); at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    names.push(...Object.getOwnPropertyNames(at).filter((name) => name !== 'constructor'));
  }
  return names as (keyof InterpreterTarget)[];
}

const MUTANTS: readonly (readonly [string, Change, readonly KernelName[]])[] = [
  [
    'fma and fnma are swapped',
    (t) => ({ fma: t.fnma, fnma: t.fma }),
    ['product', 'convolution', 'depthwise convolution', 'softmax'],
  ],
  ['dot forgets the accumulator', (t) => ({ dot: t.multiplyWords }), ['integer product']],
  [
    'accumulators are not cleared',
    () => ({ zero: () => {} }),
    ['product', 'integer product', 'quantisation', 'convolution', 'depthwise convolution', 'softmax'],
  ],
  [
    'a tail stores whole vectors',
    (t) => ({ store: (v, m) => t.store(v, m) }),
    [
      'product',
      'integer product',
      'quantisation',
      'pooling',
      'convolution',
      'depthwise convolution',
      'softmax',
      'float16 to float32',
    ],
  ],
  [
    'a tail drops its last lane',
    (t) => ({
      store: (v, m, lanes) => {
        if (lanes === undefined || lanes === 8) t.store(v, m);
        else if (lanes > 1) t.store(v, m, lanes - 1);
      },
    }),
    [
      'product',
      'integer product',
      'quantisation',
      'pooling',
      'convolution',
      'depthwise convolution',
      'softmax',
      'float16 to float32',
    ],
  ],
  [
    'a tail of narrow numbers drops its last lane',
    (t) => ({
      storeNarrow: (f, v, m, lanes) => {
        if (lanes === undefined || lanes === 8) t.storeNarrow(f, v, m);
        else if (lanes > 1) t.storeNarrow(f, v, m, lanes - 1);
      },
    }),
    ['quantisation', 'float32 to float16'],
  ],
  [
    'a loop runs once too often',
    (t) => ({ loop: (times, body) => t.loop(times === 0 ? 0 : times + 1, body) }),
    [
      'product',
      'integer product',
      'quantisation',
      'pooling',
      'convolution',
      'depthwise convolution',
      'softmax',
      'float16 to float32',
      'float32 to float16',
    ],
  ],
  [
    'a loop runs once too seldom',
    (t) => ({ loop: (times, body) => t.loop(Math.max(0, times - 1), body) }),
    [
      'product',
      'integer product',
      'quantisation',
      'pooling',
      'convolution',
      'depthwise convolution',
      'softmax',
      'float16 to float32',
      'float32 to float16',
    ],
  ],
  [
    'pointers do not move',
    () => ({ advance: () => {} }),
    [
      'product',
      'integer product',
      'quantisation',
      'pooling',
      'convolution',
      'depthwise convolution',
      'softmax',
      'float16 to float32',
      'float32 to float16',
    ],
  ],
  [
    'max becomes min',
    (t) => ({ float: (o, d, a, b) => t.float(o === 'max' ? 'min' : o, d, a, b) }),
    ['product', 'quantisation', 'pooling', 'convolution', 'depthwise convolution', 'softmax'],
  ],
  [
    'a maximum lets NaN through',
    (t) => ({ float: (o, d, a, b) => (o === 'max' ? t.float(o, d, b, a) : t.float(o, d, a, b)) }),
    ['pooling'],
  ],
  ['a tail loads whole vectors', (t) => ({ load: (v, m) => t.load(v, m) }), ['row sum', 'softmax']],
  [
    'a sum becomes a difference',
    (t) => ({ float: (o, d, a, b) => t.float(o === 'add' ? 'subtract' : o, d, a, b) }),
    ['product', 'convolution', 'depthwise convolution', 'softmax'],
  ],
  [
    'a quotient is turned over',
    (t) => ({ float: (o, d, a, b) => (o === 'divide' ? t.float(o, d, b, a) : t.float(o, d, a, b)) }),
    ['quantisation', 'softmax'],
  ],
  [
    'two fields of the argument block are confused',
    (t) => ({ argument: (p, i) => t.argument(p, i === 0 ? 1 : i === 1 ? 0 : i) }),
    [
      'product',
      'integer product',
      'quantisation',
      'pooling',
      'convolution',
      'depthwise convolution',
      'softmax',
      'float16 to float32',
      'float32 to float16',
    ],
  ],
  [
    'lanes are exchanged with the wrong distance',
    (t) => ({ exchange: (d: Vector, s, mask) => t.exchange(d, s, mask === 1 ? 2 : mask) }),
    ['quantisation', 'softmax'],
  ],
];

describe('the check before the first use', () => {
  const names = Object.keys(SAMPLE_KERNELS) as KernelName[];

  it('passes every kernel without a mutant', () => {
    expect(names.filter((name) => isRefused(name, () => ({})))).toEqual([]);
  });

  it.each(MUTANTS)('refuses kernels where %s', (_name, change, refused) => {
    expect(refused.filter((name) => isRefused(name, change))).toEqual(refused);
  });
});
