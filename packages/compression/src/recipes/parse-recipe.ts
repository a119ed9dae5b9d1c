import { InvalidArgumentError } from '@qedge/core';
import { type SparsitySchedule, validateSparsitySchedule } from '../pruning/sparsity-schedule.ts';
import { rangeMethods } from '../quantization/create-range-observer.ts';
import { checkSchedule, type LearningRateSchedule } from '../training/learning-rate.ts';
import { makeOptimizer, type OptimizerSettings } from '../training/make-optimizer.ts';
import type { CompressionRecipe } from './compression-recipe.ts';

/** Refuses a value with an error that names `path`. */
type Check = (value: unknown, path: string) => void;

/**
 * Checks a recipe that comes from outside, as from a JSON file. Every field must be there and none that is unknown.
 *
 * @returns the value itself.
 * @throws InvalidArgumentError that names the field.
 */
export function parseRecipe(value: unknown): CompressionRecipe {
  checkRecipe(value, 'recipe');
  const recipe = value as CompressionRecipe;
  const { pruning, quantization } = recipe;
  if (pruning && quantization?.weightBits === 1) {
    refuse('recipe.quantization.weightBits', '2..8 with pruning, because 1 bit has no code for 0', 1);
  }
  if (quantization?.rounding === 'adaptive' && quantization.correctBiases) {
    refuse('recipe.quantization.correctBiases', 'false with adaptive rounding', true);
  }
  if (quantization?.training && quantization.rounding === 'adaptive') {
    refuse('recipe.quantization.rounding', 'nearest with quantisation-aware training', 'adaptive');
  }
  if (recipe.file.entropyCoding && quantization === null) {
    refuse('recipe.file.entropyCoding', 'false without quantization: there are no codes', true);
  }
  return recipe;
}

const training: Record<string, Check> = {
  epochs: integer(0),
  batchSize: integer(1),
  optimizer: optimizerSettings,
  learningRate: learningRate,
  weightDecay: number(0),
  maxShiftPixels: integer(0),
  distillation: nullable(record({ temperature: positive, weight: number(0, 1) })),
};

const checkRecipe = record({
  name: text,
  training: nullable(record(training)),
  structuredPruning: nullable(
    record({
      target: channelTarget,
      scope: oneOf('global', 'layer'),
      roundTo: integer(1),
      importance: oneOf('l1', 'l2', 'batch-norm', 'activation'),
      training: record(training),
    }),
  ),
  pruning: nullable(
    record({
      schedule: sparsitySchedule,
      scores: oneOf('magnitude', 'activation'),
      scope: oneOf('global', 'layer'),
      training: record(training),
    }),
  ),
  quantization: nullable(
    record({
      weightBits: integer(1, 8),
      weightScale: oneOf('tensor', 'channel'),
      weightRange: oneOf(...rangeMethods),
      activations: nullable(record({ bits: oneOf(8), range: oneOf(...rangeMethods) })),
      equalizeLayers: oneOf(true, false),
      rounding: oneOf('nearest', 'adaptive'),
      correctBiases: oneOf(true, false),
      calibrationSamples: integer(1),
      training: nullable(
        record({
          ...training,
          scale: oneOf('learned', 'observed'),
          keptWeightsMayBeZero: oneOf(true, false),
        }),
      ),
    }),
  ),
  file: record({ floats: oneOf('float32', 'float16', 'float16-int8'), entropyCoding: oneOf(true, false) }),
  denseControl: record({ weightDecay: number(0) }),
});

function record(fields: Readonly<Record<string, Check>>): Check {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      refuse(path, 'an object', value);
    }
    const given = value as Record<string, unknown>;
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(fields, name))
        refuse(`${path}.${name}`, `one of ${Object.keys(fields).join(', ')}`, name);
    }
    for (const [name, check] of Object.entries(fields)) check(given[name], `${path}.${name}`);
  };
}

function nullable(check: Check): Check {
  return (value, path) => {
    if (value !== null) check(value, path);
  };
}

function oneOf(...choices: readonly (string | boolean | number)[]): Check {
  return (value, path) => {
    if (!choices.includes(value as string | boolean | number)) refuse(path, choices.join(', '), value);
  };
}

function integer(least: number, most = Number.MAX_SAFE_INTEGER): Check {
  return (value, path) => {
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
      const range = most === Number.MAX_SAFE_INTEGER ? `>= ${least}` : `in ${least}..${most}`;
      refuse(path, `an integer ${range}`, value);
    }
  };
}

function number(least: number, most = Number.MAX_VALUE): Check {
  return (value, path) => {
    if (typeof value !== 'number' || !(value >= least && value <= most)) {
      refuse(
        path,
        most === Number.MAX_VALUE ? `a number >= ${least}` : `a number in ${least}..${most}`,
        value,
      );
    }
  };
}

function positive(value: unknown, path: string): void {
  if (typeof value !== 'number' || !(value > 0 && Number.isFinite(value)))
    refuse(path, 'a number above 0', value);
}

function text(value: unknown, path: string): void {
  if (typeof value !== 'string' || value === '') refuse(path, 'a name', value);
}

/** Settings of which the training has a check of its own: numbers apart from `kind` and what else is named. */
function settings(value: unknown, path: string, others: readonly string[]): void {
  if (typeof value !== 'object' || value === null) refuse(path, 'an object', value);
  for (const [name, field] of Object.entries(value as object)) {
    if (!others.includes(name)) number(-Number.MAX_VALUE)(field, `${path}.${name}`);
  }
}

function learningRate(value: unknown, path: string): void {
  settings(value, path, ['kind', 'drops']);
  const drops: unknown = (value as { drops?: unknown }).drops ?? [];
  if (!Array.isArray(drops)) refuse(`${path}.drops`, 'a list of numbers', drops);
  for (const [at, drop] of (drops as unknown[]).entries()) number(0, 1)(drop, `${path}.drops[${at}]`);
  checkSchedule(value as LearningRateSchedule);
}

function sparsitySchedule(value: unknown, path: string): void {
  settings(value, path, ['kind']);
  validateSparsitySchedule(value as SparsitySchedule);
}

function optimizerSettings(value: unknown, path: string): void {
  settings(value, path, ['kind', 'nesterov']);
  makeOptimizer(value as OptimizerSettings, []);
}

function channelTarget(value: unknown, path: string): void {
  const fields = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  if (fields.length !== 1 || !['sparsity', 'macs'].includes(fields[0]!)) {
    refuse(path, 'an object with sparsity or macs', value);
  }
  number(0, 1)(Object.values(value as object)[0], `${path}.${fields[0]}`);
}

function refuse(path: string, expected: string, actual: unknown): never {
  throw new InvalidArgumentError(`The field ${path} cannot be used`, {
    expected,
    actual: actual === undefined ? 'nothing' : typeof actual === 'object' ? JSON.stringify(actual) : actual,
    remedy: 'Correct the recipe.',
  });
}
