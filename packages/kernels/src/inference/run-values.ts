import { InvalidArgumentError, ShapeMismatchError, UnsupportedError } from '@qedge/core';
import type { CompiledGraph } from '../graph/compiled-graph.ts';
import type { ValueData } from '../graph/operators/operator-definition.ts';

/** Numbers of each input by name, row-major. */
export type InputValues = Readonly<Record<string, ValueData['data']>>;

/** Each output by name. */
export type OutputValues = Readonly<Record<string, ValueData>>;

/** Every input that the model has must be there as an array, and no other. Allocates nothing. */
export function requireInputs(names: ReadonlySet<string>, inputs: InputValues): void {
  if (inputs === null || typeof inputs !== 'object' || ArrayBuffer.isView(inputs)) {
    throw new InvalidArgumentError('The inputs are no object', {
      expected: `an object with an array of numbers under ${quoted(names)}`,
      actual: kindOf(inputs),
    });
  }
  let found = 0;
  for (const name in inputs) {
    if (!names.has(name)) throw unknownInput(name, names);
    if (!ArrayBuffer.isView(inputs[name])) throw notAnArray(name, inputs[name]);
    found++;
  }
  if (found < names.size) throw missingInput(names, inputs);
}

function unknownInput(name: string, names: ReadonlySet<string>): InvalidArgumentError {
  return new InvalidArgumentError(`The model has no input "${name}"`, {
    expected: quoted(names),
    actual: name,
    remedy: 'Leave it out. What was given as a constant is no input.',
  });
}

function notAnArray(name: string, value: unknown): InvalidArgumentError {
  return new InvalidArgumentError(`The input "${name}" is no typed array`, {
    expected: 'its numbers alone, such as a Float32Array',
    actual: kindOf(value),
  });
}

function missingInput(names: ReadonlySet<string>, inputs: InputValues): InvalidArgumentError {
  const missing = [...names].filter((name) => !(name in inputs));
  return new InvalidArgumentError(`The input ${quoted(missing)} is missing`, {
    expected: quoted(names),
    actual: quoted(Object.keys(inputs)),
  });
}

/** As {@link requireInputs}, for each sample. */
export function requireSamples(names: ReadonlySet<string>, samples: readonly InputValues[]): void {
  if (!Array.isArray(samples)) {
    throw new InvalidArgumentError('The samples are no list', {
      expected: 'an array with the inputs of one sample each',
      actual: kindOf(samples),
    });
  }
  for (const sample of samples) requireInputs(names, sample);
}

/** A few names, however many there are. */
function quoted(names: Iterable<string>): string {
  const all = [...names].map((name) => `"${name}"`);
  return all.length === 0 ? 'nothing' : `${all.slice(0, 8).join(', ')}${all.length > 8 ? ', ...' : ''}`;
}

function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** Copies whole inputs. `for in` allocates nothing. */
export function fillInputs(compiled: CompiledGraph, inputs: InputValues): void {
  const { inputs: targets } = compiled;
  for (const name in targets) {
    const target = targets[name]!.data;
    const values = inputs[name]!;
    requireSameKind(name, target, values, target.length);
    target.set(values);
  }
}

/** Copies one sample to its place in a batch. */
export function fillSample(compiled: CompiledGraph, sample: InputValues, at: number, batch: number): void {
  for (const [name, { data: target }] of Object.entries(compiled.inputs)) {
    const values = sample[name]!;
    const size = target.length / batch;
    requireSameKind(name, target, values, size);
    target.set(values, at * size);
  }
}

function requireSameKind(name: string, target: ValueData['data'], values: ValueData['data'], length: number) {
  if (values.constructor !== target.constructor) {
    throw new InvalidArgumentError(`The input "${name}" has the wrong type`, {
      expected: target.constructor.name,
      actual: kindOf(values),
    });
  }
  if (values.length === length) return;
  throw new ShapeMismatchError(`The input "${name}" does not fit the batch`, {
    expected: `${length} numbers`,
    actual: `${values.length} numbers`,
  });
}

/** @throws UnsupportedError for an output, or with several samples an input, whose first axis is not the batch. */
export function requireBatchAxis({ inputs, outputs }: CompiledGraph, batch: number): void {
  const values = [
    ...(batch === 1 ? [] : Object.entries(inputs)).map((entry) => ['input', ...entry] as const),
    ...Object.entries(outputs).map((entry) => ['output', ...entry] as const),
  ];
  for (const [role, name, { shape }] of values) {
    if (shape[0] === batch) continue;
    throw new UnsupportedError(`The ${role} "${name}" cannot be divided into samples`, {
      expected: `a first size of ${batch}`,
      actual: shape,
      remedy: 'Use run().',
    });
  }
}

/** A copy of the outputs of one sample of a batch. */
export function sampleOf(compiled: CompiledGraph, at: number, batch: number): OutputValues {
  const entries = Object.entries(compiled.outputs).map(([name, { dtype, shape, data }]) => {
    const size = data.length / batch;
    const values = data.slice(at * size, (at + 1) * size);
    return [name, { dtype, shape: [1, ...shape.slice(1)], data: values }] as const;
  });
  return Object.fromEntries(entries);
}
