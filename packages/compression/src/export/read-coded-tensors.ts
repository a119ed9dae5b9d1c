import { type ActivationQuantization, elementCount, FileFormatError } from '@qedge/core';
import type { SafetensorsFile } from '@qedge/memory';
import type { CodedWeight } from '../model/compressed-model.ts';
import { unpackNibbles } from './packed-nibbles.ts';
import {
  CODING_KEY,
  type CodingRecord,
  INPUTS_KEY,
  SCALES_SUFFIX,
  ZERO_POINTS_SUFFIX,
} from './safetensors-names.ts';

/** What a safetensors file holds in codes. */
export interface CodedTensors {
  readonly codes: ReadonlyMap<string, CodedWeight>;
  readonly inputs: ReadonlyMap<string, ActivationQuantization>;
  /** By weight, of those with codes. */
  readonly records: ReadonlyMap<string, CodingRecord>;
}

/**
 * The codes of a file that `exportSafetensors` wrote; empty for files of others.
 *
 * @throws FileFormatError when the metadata, the tensors and each other do not agree.
 */
export function readCodedTensors(file: SafetensorsFile): CodedTensors {
  const records = new Map<string, CodingRecord>();
  const codes = new Map<string, CodedWeight>();
  for (const [name, value] of parseRecords(file, CODING_KEY)) {
    if (!isCodingRecord(value)) throw damaged(`how "${name}" is coded`, value);
    records.set(name, value);
    codes.set(name, readCodes(file, name, value));
  }
  const inputs = new Map<string, ActivationQuantization>();
  for (const [layer, value] of parseRecords(file, INPUTS_KEY)) {
    const { scale, zeroPoint } = (value ?? {}) as Partial<ActivationQuantization>;
    if (typeof scale !== 'number' || typeof zeroPoint !== 'number') {
      throw damaged(`how the input of "${layer}" is coded`, value);
    }
    inputs.set(layer, { scale, zeroPoint });
  }
  return { codes, inputs, records };
}

function readCodes(file: SafetensorsFile, name: string, record: CodingRecord): CodedWeight {
  const { bits, symmetric, perOutput, packed, shape, groupSize } = record;
  const count = elementCount(shape);
  const stored = load(file, name, packed ? 'uint8' : 'int8', packed ? Math.ceil(count / 2) : count);
  const codes = packed ? unpackNibbles(stored as Uint8Array, count) : (stored as Int8Array);
  const outputs = shape.at(-1) ?? 1;
  const scales = load(file, name + SCALES_SUFFIX, 'float32', null) as Float32Array;
  const groups = groupSize === undefined ? 1 : Math.ceil(count / outputs / groupSize);
  if (
    perOutput ? scales.length % groups !== 0 || count % (scales.length / groups) !== 0 : scales.length !== 1
  ) {
    throw damaged(`the scales of "${name}"`, `${scales.length} scales`);
  }
  const zeroPoints = file.has(name + ZERO_POINTS_SUFFIX)
    ? (load(file, name + ZERO_POINTS_SUFFIX, 'int32', scales.length) as Int32Array)
    : new Int32Array(scales.length);
  const quantization = {
    ...{ bits, symmetric, scales, zeroPoints, axis: perOutput ? 1 : null },
    ...(groupSize === undefined ? {} : { groupSize }),
  };
  return { codes, quantization };
}

function load(file: SafetensorsFile, name: string, dtype: string, length: number | null) {
  if (!file.has(name)) throw damaged(`the tensor "${name}", which the metadata mention`, 'none');
  const tensor = file.load(name);
  if (tensor.dtype === dtype && (length === null || tensor.data.length === length)) return tensor.data;
  throw damaged(`the tensor "${name}"`, `${tensor.dtype} of ${tensor.data.length}`);
}

function parseRecords(file: SafetensorsFile, key: string): [string, unknown][] {
  const text = Object.hasOwn(file.metadata, key) ? file.metadata[key]! : '{}';
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value);
  } catch (cause) {
    throw new FileFormatError(`The metadata "${key}" of the safetensors file are no JSON`, { cause });
  }
  throw damaged(`the metadata "${key}"`, text);
}

function isCodingRecord(value: unknown): value is CodingRecord {
  const { bits, symmetric, perOutput, packed, shape, groupSize } = (value ?? {}) as Partial<CodingRecord>;
  const isWidth = (bits ?? 0) >= 1 && (bits ?? 9) <= (packed ? 4 : 8);
  const isSize = (size: unknown) => Number.isSafeInteger(size) && (size as number) >= 0;
  const hasGroups = groupSize === undefined || (isSize(groupSize) && groupSize > 0);
  const flags = [symmetric, perOutput, packed].every((flag) => typeof flag === 'boolean');
  return isWidth && flags && hasGroups && Array.isArray(shape) && shape.length > 0 && shape.every(isSize);
}

function damaged(what: string, actual: unknown): FileFormatError {
  return new FileFormatError(`The safetensors file contradicts itself in ${what}`, {
    expected: 'what exportSafetensors writes',
    actual,
  });
}
