import { InvalidArgumentError, Random } from '@qedge/core';
import {
  ADAM_UPDATE_ARGUMENT_COUNT,
  ADAM_UPDATE_ARGUMENTS,
  type AdamUpdateDescription,
} from '../../description/adam-update.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireSpan } from '../../description/row-layout.ts';
import { ARGUMENT_BYTES, setArgument } from '../../host/argument-block.ts';
import type { KernelMemory } from '../../host/kernel-host.ts';
import type { Target, Vector } from '../../target/target.ts';
import { arrayTrial, drawFloats, readFloat32 } from '../elements/array-trial.ts';
import { emitElementLoop, emitLoad, emitStore, WORD_BYTES } from '../elements/element-loop.ts';
import type { KernelFamily, KernelTrial } from '../kernel-family.ts';

/** Vectors that are updated together: each takes three registers, beside six constants. */
const MOST_PORTIONS = 2;

function emitAdamUpdate(target: Target<unknown>, description: AdamUpdateDescription): void {
  const { length, beta1, beta2, epsilon } = description;
  const names = ['value', 'gradient', 'first', 'second', 'newValue', 'newFirst', 'newSecond'] as const;
  const pointers = Object.fromEntries(
    names.map((name) => {
      const pointer = target.pointer(name);
      target.argument(pointer, ADAM_UPDATE_ARGUMENTS[name]);
      return [name, pointer];
    }),
  ) as Record<(typeof names)[number], ReturnType<typeof target.pointer>>;
  const constants = target.vectors('constants', 6) as [Vector, Vector, Vector, Vector, Vector, Vector];
  const [decay1, rate1, decay2, rate2, firstScale, secondScale] = constants;
  for (const [vector, value] of [
    [decay1, beta1],
    [rate1, 1 - beta1],
    [decay2, beta2],
    [rate2, 1 - beta2],
  ] as const) {
    target.constant(vector, value);
  }
  const scalar = (index: number) => ({ base: target.block, offset: index * ARGUMENT_BYTES });
  target.splat(firstScale, scalar(ADAM_UPDATE_ARGUMENTS.firstScale));
  target.splat(secondScale, scalar(ADAM_UPDATE_ARGUMENTS.secondScale));
  const registers = Array.from({ length: MOST_PORTIONS }, (_, i) => target.vectors(`element ${i}`, 3));
  const streams = names.map((name) => ({ pointer: pointers[name], elementBytes: WORD_BYTES }));
  emitElementLoop(target, length, streams, MOST_PORTIONS, (portions) => {
    for (const [i, portion] of portions.entries()) {
      const [gradient, first, second] = registers[i] as [Vector, Vector, Vector];
      emitLoad(target, gradient, pointers.gradient, portion);
      emitLoad(target, first, pointers.first, portion);
      emitLoad(target, second, pointers.second, portion);
      target.float('multiply', first, first, decay1);
      target.fma(first, gradient, rate1);
      target.float('multiply', gradient, gradient, gradient);
      target.float('multiply', second, second, decay2);
      target.fma(second, gradient, rate2);
      emitStore(target, first, pointers.newFirst, portion);
      emitStore(target, second, pointers.newSecond, portion);
      target.float('multiply', second, second, secondScale);
      target.squareRoot(second, second);
      target.constant(gradient, epsilon);
      target.float('add', second, second, gradient);
      target.float('multiply', first, first, firstScale);
      target.float('divide', first, first, second);
      emitLoad(target, second, pointers.value, portion);
      target.float('subtract', second, second, first);
      emitStore(target, second, pointers.newValue, portion);
    }
  });
}

const TRIAL_SCALES = { first: 0.0125, second: 3.5 };
/** Roundings of each result, of either way to round a multiply-add, with room to spare. */
const ROUNDINGS = 16 * 2 ** -24;

/** The results follow each other in one array: values, first moments, second moments. */
function adamUpdateTrial(
  { length, beta1, beta2, epsilon }: AdamUpdateDescription,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  const random = new Random(seed);
  const [value, gradient, first] = [0, 1, 2].map(() => drawFloats(random, length, false)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const second = drawFloats(random, length, false).map(Math.abs);
  const expect = (i: number) => {
    const newFirst = beta1 * first[i]! + (1 - beta1) * gradient[i]!;
    const newSecond = beta2 * second[i]! + (1 - beta2) * gradient[i]! ** 2;
    const root = Math.sqrt(newSecond * Math.fround(TRIAL_SCALES.second)) + epsilon;
    const scale = Math.fround(TRIAL_SCALES.first);
    const firstSize = beta1 * Math.abs(first[i]!) + (1 - beta1) * Math.abs(gradient[i]!);
    return [
      {
        value: value[i]! - (scale * newFirst) / root,
        tolerance: ROUNDINGS * (Math.abs(value[i]!) + (scale * firstSize) / root),
      },
      { value: newFirst, tolerance: ROUNDINGS * firstSize },
      { value: newSecond, tolerance: ROUNDINGS * newSecond },
    ] as const;
  };
  const { newValue, newFirst, newSecond } = ADAM_UPDATE_ARGUMENTS;
  const trial = arrayTrial(
    {
      argumentCount: ADAM_UPDATE_ARGUMENT_COUNT,
      operands: [
        { argument: ADAM_UPDATE_ARGUMENTS.value, content: value },
        { argument: ADAM_UPDATE_ARGUMENTS.gradient, content: gradient },
        { argument: ADAM_UPDATE_ARGUMENTS.first, content: first },
        { argument: ADAM_UPDATE_ARGUMENTS.second, content: second },
      ],
      scalars: [
        { argument: ADAM_UPDATE_ARGUMENTS.firstScale, type: 'float32', value: TRIAL_SCALES.first },
        { argument: ADAM_UPDATE_ARGUMENTS.secondScale, type: 'float32', value: TRIAL_SCALES.second },
      ],
      result: {
        argument: newValue,
        rows: 3,
        width: length,
        stride: length,
        elementBytes: WORD_BYTES,
        read: readFloat32,
        expectRow: (row) => (column) => expect(column)[row]!,
      },
    },
    effort,
    seed,
  );
  return {
    ...trial,
    prepare(memory: KernelMemory) {
      const block = trial.prepare(memory);
      const view = new DataView(memory.buffer);
      const at = block - memory.address + memory.byteOffset;
      const results = Number(view.getBigUint64(at + newValue * ARGUMENT_BYTES, true));
      setArgument(view, at, newFirst, results + length * WORD_BYTES);
      setArgument(view, at, newSecond, results + 2 * length * WORD_BYTES);
      return block;
    },
  };
}

/** {@link AdamUpdateDescription}. */
export const ADAM_UPDATE: KernelFamily<AdamUpdateDescription> = {
  kind: 'adam-update',
  validate({ length, beta1, beta2, epsilon }) {
    requireInteger('number of parameters', length, 1);
    requireSpan('parameters', 3, length, length);
    for (const [name, value, below] of [
      ['beta1', beta1, 1],
      ['beta2', beta2, 1],
      ['epsilon', epsilon, Number.POSITIVE_INFINITY],
    ] as const) {
      if (value >= 0 && value < below) continue;
      throw new InvalidArgumentError(`Adam has an impossible ${name}`, {
        expected: `0 or more, below ${below}`,
        actual: value,
      });
    }
  },
  key: ({ length, beta1, beta2, epsilon }) => `adam-update-${length}-${beta1}-${beta2}-${epsilon}`,
  emit: emitAdamUpdate,
  trial: (description, _traits, effort, seed) => adamUpdateTrial(description, effort, seed),
};
