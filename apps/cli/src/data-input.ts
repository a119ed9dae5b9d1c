import { readFile } from 'node:fs/promises';
import { type ClassificationData, defaultRecipe } from '@qedge/compression';
import {
  elementCount,
  FileFormatError,
  FileNotFoundError,
  type Shape,
  ShapeMismatchError,
} from '@qedge/core';
import { loadDigits } from '@qedge-apps/cpu';

/** Samples for a command, split where training needs it. */
export interface DataInput {
  readonly name: string;
  readonly train: ClassificationData;
  readonly validation: ClassificationData;
  readonly test: ClassificationData;
  /** False when the file held no labels: predictions can be made, accuracy cannot. */
  readonly labelled: boolean;
}

/**
 * Reads samples: the word `digits` for the built-in handwritten digits, or a JSON file
 * `{"features": [[...], ...], "labels": [...]}`. A file is split 70/10/20 in its own order.
 *
 * @throws FileNotFoundError, FileFormatError, ShapeMismatchError naming what is wrong.
 */
export async function readData(source: string, inputShape: Shape, signal: AbortSignal): Promise<DataInput> {
  if (source === 'digits')
    return { name: 'digits', labelled: true, ...(await loadDigits(defaultRecipe.split, signal)) };
  const { features, labels } = await readJsonFile<{ features?: unknown; labels?: unknown }>(source);
  if (!Array.isArray(features) || features.length === 0 || !features.every(Array.isArray)) {
    throw new FileFormatError(`${source} holds no samples`, {
      expected: '{"features": [[numbers], ...], "labels": [...]}',
    });
  }
  const inputSize = elementCount(inputShape);
  const wrong = (features as number[][]).findIndex((row) => row.length !== inputSize);
  if (wrong >= 0) {
    throw new ShapeMismatchError(`Sample ${wrong} of ${source} does not fit the model`, {
      expected: `${inputSize} numbers`,
      actual: (features as number[][])[wrong]!.length,
    });
  }
  const all = toSamples(features as number[][], labels, source);
  const [first, second] = [Math.floor(all.count * 0.7), Math.floor(all.count * 0.8)];
  const labelled = Array.isArray(labels);
  return {
    name: source,
    labelled,
    train: part(all, 0, first),
    validation: part(all, first, second),
    test: labelled ? part(all, second, all.count) : all,
  };
}

function toSamples(rows: number[][], labels: unknown, source: string): ClassificationData {
  const count = rows.length;
  const known = Array.isArray(labels) ? labels : new Array(count).fill(0);
  if (known.length !== count) {
    throw new ShapeMismatchError(`${source} has more or fewer labels than samples`, {
      expected: count,
      actual: known.length,
    });
  }
  const features = Float32Array.from(rows.flat());
  const broken = features.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0)
    throw new FileFormatError(`${source} holds something that is not a number`, {
      actual: `value ${broken}`,
    });
  return { features, labels: Uint8Array.from(known as number[]), count };
}

function part(all: ClassificationData, start: number, end: number): ClassificationData {
  const inputSize = all.features.length / all.count;
  return {
    count: end - start,
    features: all.features.slice(start * inputSize, end * inputSize),
    labels: all.labels.slice(start, end),
  };
}

/** Reads a text file that the user named. @throws FileNotFoundError when it is not there. */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'ENOENT') throw cause;
    throw new FileNotFoundError(`There is no file ${path}`, { remedy: 'Check the path', cause });
  }
}

/** Reads a JSON file that the user named. @throws FileNotFoundError, FileFormatError. */
export async function readJsonFile<T>(path: string): Promise<T> {
  const text = await readTextFile(path);
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new FileFormatError(`${path} is not JSON`, { actual: (cause as Error).message, cause });
  }
}
