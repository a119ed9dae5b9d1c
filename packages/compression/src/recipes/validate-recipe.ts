import { InvalidArgumentError } from '@qedge/core';
import { rangeMethods } from '../quantization/create-range-observer.ts';
import { checkSchedule, type LearningRateSchedule } from '../training/learning-rate.ts';
import type { CompressionRecipe } from './recipe.ts';

type Fields = Readonly<Record<string, Check>>;
/** Says what was expected when a value is not it, else null. */
type Check = (value: unknown) => string | null;

const oneOf =
  (...names: readonly (string | number | null)[]): Check =>
  (value) =>
    names.includes(value as string) ? null : names.join(', ');
const integer =
  (low: number, high = Number.MAX_SAFE_INTEGER): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high
      ? null
      : `an integer ${high === Number.MAX_SAFE_INTEGER ? `>= ${low}` : `in ${low}..${high}`}`;
const number =
  (low: number, high: number, open = false): Check =>
  (value) => {
    const inside = typeof value === 'number' && value >= low && value <= high;
    return inside && !(open && (value === low || value === high)) ? null : `a number in ${low}..${high}`;
  };
const truth: Check = (value) => (typeof value === 'boolean' ? null : 'true or false');
const record =
  (fields: Fields, optional: Fields = {}): Check =>
  (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'an object';
    const given = value as Record<string, unknown>;
    const unknown = Object.keys(given).find((key) => !(key in fields) && !(key in optional));
    if (unknown !== undefined) {
      return `no field "${unknown}", only ${Object.keys({ ...fields, ...optional }).join(', ')}`;
    }
    for (const [key, check] of Object.entries({ ...fields, ...optional })) {
      if (given[key] === undefined && key in optional) continue;
      const expected = check(given[key]);
      if (expected !== null) return `${key}: ${expected}`;
    }
    return null;
  };

const schedule: Check = (value) => {
  if (typeof value !== 'object' || value === null) return 'a learning rate schedule';
  try {
    checkSchedule(value as LearningRateSchedule);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
};

const training = record(
  {
    epochs: integer(0),
    batchSize: integer(1),
    learningRate: schedule,
    weightDecay: number(0, Number.MAX_VALUE),
    maxShiftPixels: integer(0, 1000),
  },
  {
    distillation: record({ temperature: number(0, Number.MAX_VALUE, true), weight: number(0, 1) }),
  },
);

const coding = record({
  weightBits: oneOf(1, 2, 3, 4, 6, 8),
  weightScales: (value) =>
    value === 'tensor' || value === 'channel' || record({ groupSize: integer(1) })(value) === null
      ? null
      : 'tensor, channel or {"groupSize": n}',
  weightRange: oneOf(...rangeMethods),
  activationBits: oneOf(8, null),
});

const STAGES: Fields = {
  train: record({ kind: oneOf('train'), training }),
  'prune-weights': record({
    kind: oneOf('prune-weights'),
    sparsity: number(0, 1),
    score: oneOf('magnitude', 'activation'),
    scope: oneOf('global', 'layer'),
    rampFraction: number(0, 1),
    intervalSteps: integer(1),
    training,
  }),
  'prune-channels': record({
    kind: oneOf('prune-channels'),
    macs: number(0, 1, true),
    rounds: integer(1, 100),
    roundTo: integer(1),
    training,
  }),
  'quantize-after-training': record({
    kind: oneOf('quantize-after-training'),
    coding,
    equalize: truth,
    rounding: oneOf('nearest', 'bias-corrected', 'adaptive'),
    calibrationSamples: integer(1),
  }),
  'quantize-aware': record({
    kind: oneOf('quantize-aware'),
    coding,
    learnedSteps: truth,
    keepSurvivors: truth,
    training,
  }),
};

const stage: Check = (value) => {
  const kind = (value as { kind?: unknown } | null)?.kind;
  if (typeof kind !== 'string' || !Object.hasOwn(STAGES, kind)) {
    return `a kind of ${Object.keys(STAGES).join(', ')}`;
  }
  return STAGES[kind]!(value);
};

const stages: Check = (value) => {
  if (!Array.isArray(value) || value.length === 0) return 'a list with at least one stage';
  for (const [at, each] of value.entries()) {
    const expected = stage(each);
    if (expected !== null) return `stage ${at + 1}: ${expected}`;
  }
  const quantizing = value.findIndex(({ kind }: { kind: string }) => kind.startsWith('quantize'));
  return quantizing >= 0 && quantizing < value.length - 1 ? 'no stage after the one that quantises' : null;
};

const recipe = record({
  name: (value) => (typeof value === 'string' && value !== '' ? null : 'a name'),
  stages,
  file: record({
    scales: oneOf('float32', 'float16'),
    biases: oneOf('float32', 'float16', 'int8'),
    arrangeUnits: truth,
  }),
});

/**
 * Checks a recipe of any origin, such as a JSON file.
 * @returns the same value.
 * @throws InvalidArgumentError naming the first field that is missing, unknown or out of range.
 */
export function validateRecipe(value: unknown): CompressionRecipe {
  const expected = recipe(value);
  if (expected === null) return value as CompressionRecipe;
  throw new InvalidArgumentError('This is no recipe for compression', {
    expected,
    remedy: 'Start from one of the standard recipes and change its numbers.',
  });
}
