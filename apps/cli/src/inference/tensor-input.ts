import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { elementCount, FileFormatError, InvalidArgumentError, Random, type Shape } from '@qedge/core';
import { fileAccessError } from '@qedge/core/node';
import type { InputValues, SourceInput } from '@qedge/kernels';
import { SafetensorsFile } from '@qedge/memory';
import { readJsonFile } from '../data-input.ts';

/** Numbers for the inputs of a model, and their shapes. */
export interface TensorInput {
  readonly shapes: Readonly<Record<string, Shape>>;
  /** Random ones are drawn now: after the model has refused shapes that nothing can hold. */
  values(): InputValues;
}

const ARRAYS = { float32: Float32Array, int32: Int32Array, int8: Int8Array, uint8: Uint8Array } as const;

/**
 * Reads the inputs of a model: the word `random` (normal numbers, or integers 0 and 1, of the shapes that are chosen), a `.safetensors` file
 * with a tensor per input, or a JSON file `{"inputs": {"x": {"shape": [1, 3], "data": [...]}}}`.
 *
 * @param chosen shapes by input, for sizes that the model leaves open; only `random` needs them.
 * @throws FileNotFoundError, FileFormatError or InvalidArgumentError naming the input.
 */
export async function readTensorInput(
  source: string,
  inputs: readonly SourceInput[],
  chosen: Readonly<Record<string, Shape>>,
  seed: number,
): Promise<TensorInput> {
  if (source === 'random') return randomInput(inputs, chosen, seed);
  const found = extname(source) === '.safetensors' ? await readSafetensors(source) : await readJson(source);
  const shapes: Record<string, Shape> = {};
  const values: Record<string, InputValues[string]> = {};
  for (const { name, dtype } of inputs) {
    const tensor = found[name];
    if (!tensor) {
      throw new FileFormatError(`${source} has no tensor for the input "${name}"`, {
        expected: inputs.map((input) => input.name),
        actual: Object.keys(found),
      });
    }
    const { shape, data } = tensor;
    if (data.length !== elementCount(shape)) {
      throw new FileFormatError(`The tensor "${name}" of ${source} does not fit its shape`, {
        expected: `${elementCount(shape)} numbers`,
        actual: data.length,
      });
    }
    shapes[name] = shape;
    values[name] = data instanceof ARRAYS[dtype] ? data : ARRAYS[dtype].from(data);
  }
  return { shapes, values: () => values };
}

type FoundTensors = Readonly<
  Record<string, { readonly shape: Shape; readonly data: ArrayLike<number> & Iterable<number> }>
>;

async function readSafetensors(path: string): Promise<FoundTensors> {
  try {
    using file = SafetensorsFile.fromBytes(await readFile(path));
    return Object.fromEntries(file.names().map((name) => [name, file.load(name)]));
  } catch (error) {
    throw fileAccessError(error, path, 'read');
  }
}

async function readJson(path: string): Promise<FoundTensors> {
  const content = await readJsonFile<{ inputs?: Record<string, { shape?: unknown; data?: unknown }> } | null>(
    path,
  );
  const entries = Object.entries(content?.inputs ?? {}).map(([name, tensor]) => {
    const { shape, data } = tensor ?? {};
    const isShape = Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size > 0);
    const isData = Array.isArray(data) && data.every((value) => Number.isFinite(value));
    if (isShape && isData) return [name, { shape: shape as Shape, data: data as number[] }] as const;
    throw new FileFormatError(`${path}: the input "${name}" is no tensor`, {
      expected: '{"shape": [sizes], "data": [finite numbers]}',
      actual: Object.keys(tensor ?? {}).join(', ') || 'nothing',
    });
  });
  if (entries.length > 0) return Object.fromEntries(entries);
  throw new FileFormatError(`${path} holds no inputs`, {
    expected: '{"inputs": {"name": {"shape": [...], "data": [...]}}}',
  });
}

function randomInput(
  inputs: readonly SourceInput[],
  chosen: Readonly<Record<string, Shape>>,
  seed: number,
): TensorInput {
  const shapes: Record<string, Shape> = {};
  for (const { name, shape } of inputs) {
    const concrete = shape.map((size, axis): number | null => {
      return chosen[name]?.[axis] ?? size ?? (axis === 0 ? 1 : null);
    });
    if (concrete.includes(null)) {
      throw new InvalidArgumentError(`The model leaves the shape of its input "${name}" open`, {
        expected: `--shape ${name}=${shape.map((size) => size ?? 'N').join('x')}`,
        actual: 'no --shape',
      });
    }
    shapes[name] = concrete as Shape;
  }
  return { shapes, values: () => drawValues(inputs, shapes, new Random(seed)) };
}

function drawValues(
  inputs: readonly SourceInput[],
  shapes: Readonly<Record<string, Shape>>,
  random: Random,
): InputValues {
  const drawn = inputs.map(({ name, dtype }) => {
    const draw = dtype === 'float32' ? () => random.normal() : () => random.integer(2);
    return [name, new ARRAYS[dtype](elementCount(shapes[name]!)).map(draw)] as const;
  });
  return Object.fromEntries(drawn);
}
