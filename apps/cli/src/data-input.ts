import { readFile } from 'node:fs/promises';
import type { ClassificationData } from '@qedge/compression';
import { elementCount, FileFormatError, type Shape, ShapeMismatchError } from '@qedge/core';
import { fileAccessError } from '@qedge/core/node';
import { DIGIT_SPLIT, loadDigits } from '@qedge-apps/cpu';

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
    return { name: 'digits', labelled: true, ...(await loadDigits(DIGIT_SPLIT, signal)) };
  const content = await readJsonFile<{ features?: unknown; labels?: unknown } | null>(source);
  const { features, labels } = content ?? {};
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
  const labelled = labels !== undefined;
  return {
    name: source,
    labelled,
    train: part(all, 0, first),
    validation: part(all, first, second),
    test: labelled ? part(all, second, all.count) : all,
  };
}

/** Labels are kept in bytes. */
const MAX_LABEL = 255;

function toSamples(rows: number[][], labels: unknown, source: string): ClassificationData {
  const count = rows.length;
  for (const [row, values] of rows.entries()) {
    const column = values.findIndex((value) => !Number.isFinite(value));
    if (column >= 0) {
      throw new FileFormatError(`${source} holds something that is not a number`, {
        expected: 'finite numbers',
        actual: `${JSON.stringify(values[column])} in sample ${row}, value ${column}`,
      });
    }
  }
  return { features: Float32Array.from(rows.flat()), labels: toLabels(labels, count, source), count };
}

/** Class numbers; all 0 when the file holds none. */
function toLabels(labels: unknown, count: number, source: string): Uint8Array {
  if (labels === undefined) return new Uint8Array(count);
  if (!Array.isArray(labels) || labels.length !== count) {
    throw new ShapeMismatchError(`The labels of ${source} do not fit its samples`, {
      expected: `${count} labels`,
      actual: Array.isArray(labels) ? labels.length : typeof labels,
    });
  }
  const wrong = labels.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label <= MAX_LABEL));
  if (wrong >= 0) {
    throw new FileFormatError(`${source} holds a label that is no class`, {
      expected: `integers in 0..${MAX_LABEL}`,
      actual: `${JSON.stringify(labels[wrong])} for sample ${wrong}`,
    });
  }
  return Uint8Array.from(labels as number[]);
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
    throw fileAccessError(cause, path, 'read');
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
