import { FileFormatError, type Shape } from '@qedge/core';
import { describeJson, parseStrictJson } from '../strict-json.ts';

/** dtypes of weights in TensorFlow.js. `string` and `complex64` can be stored but not loaded. */
export type TfjsDType = 'float32' | 'int32' | 'bool' | 'complex64' | 'string';

/** How numbers were made smaller: `number = code * scale + min`, or half floats. */
export type TfjsQuantization =
  | { readonly dtype: 'uint8' | 'uint16'; readonly scale: number; readonly min: number }
  | { readonly dtype: 'float16' };

/** A weight as the manifest describes it. */
export interface TfjsWeightEntry {
  readonly name: string;
  readonly dtype: TfjsDType;
  readonly shape: Shape;
  readonly quantization: TfjsQuantization | null;
  /** Bytes of its numbers or codes; null for strings, whose lengths stand among their bytes. */
  readonly byteLength: number | null;
}

/** Weights whose bytes lie one after the other, cut into shards anywhere. */
export interface WeightGroup {
  /** Of the shards, relative to the manifest. */
  readonly paths: readonly string[];
  readonly weights: readonly TfjsWeightEntry[];
}

/** What a manifest or `model.json` says. */
export interface TfjsManifest {
  /** The whole `model.json`, or null for a manifest by itself. */
  readonly modelJson: Readonly<Record<string, unknown>> | null;
  readonly groups: readonly WeightGroup[];
}

const ELEMENT_BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1, complex64: 8 };
const CODE_BYTES: Readonly<Record<TfjsQuantization['dtype'], number>> = { uint8: 1, uint16: 2, float16: 2 };
/** What a dequantised number must lie within. */
const LARGEST: Readonly<Record<string, number>> = { float32: (2 - 2 ** -23) * 2 ** 127, int32: 2 ** 31 - 1 };

/** Topologies nest layers in layers; real ones have about ten levels. */
const DEEPEST_JSON = 100;

/**
 * Parses and checks a weights manifest, or the `model.json` that holds one, of TensorFlow.js
 * (`tfjs-core/src/io/types.ts`, `WeightsManifestConfig`).
 *
 * @param file for messages.
 * @throws FileFormatError naming the group and the weight.
 */
export function parseTfjsManifest(json: Uint8Array, file: string): TfjsManifest {
  const value = parseStrictJson(json, `${file} holds a weights manifest`, {
    depth: DEEPEST_JSON,
    integersOnly: false,
  });
  const modelJson = isRecord(value) ? value : null;
  const groups = modelJson ? modelJson.weightsManifest : value;
  if (!Array.isArray(groups)) {
    throw new FileFormatError(`${file} holds no weights manifest`, {
      expected: 'a list of groups, or an object with a weightsManifest',
      remedy: 'Is it the model.json of TensorFlow.js?',
    });
  }
  const seen = { names: new Set<string>(), paths: new Set<string>() };
  return { modelJson, groups: groups.map((group, index) => checkGroup(file, index, group, seen)) };
}

interface Seen {
  readonly names: Set<string>;
  readonly paths: Set<string>;
}

function checkGroup(file: string, index: number, group: unknown, seen: Seen): WeightGroup {
  if (!isRecord(group) || !Array.isArray(group.paths) || !Array.isArray(group.weights)) {
    throw new FileFormatError(`${file}: group ${index} of weights is impossible`, {
      expected: 'an object with lists of paths and weights',
      actual: describeJson(group),
    });
  }
  for (const path of group.paths) {
    if (!isRelativePath(path)) {
      throw new FileFormatError(`${file}: group ${index} has a shard that is not beside the manifest`, {
        expected: 'a relative path without ".."',
        actual: describeJson(path),
      });
    }
    if (seen.paths.has(path))
      throw new FileFormatError(`${file} has the shard ${JSON.stringify(path)} twice`);
    seen.paths.add(path);
  }
  const weights = group.weights.map((weight) => checkWeight(file, weight));
  for (const { name } of weights) {
    if (seen.names.has(name))
      throw new FileFormatError(`${file} has two weights named ${JSON.stringify(name)}`);
    seen.names.add(name);
  }
  return { paths: group.paths, weights };
}

function checkWeight(file: string, weight: unknown): TfjsWeightEntry {
  if (!isRecord(weight) || typeof weight.name !== 'string' || weight.name === '') {
    throw new FileFormatError(`${file} lists a weight without a name`, { actual: describeJson(weight) });
  }
  const { name, dtype, shape } = weight;
  const bad = (what: string, expected: string, actual: unknown) =>
    new FileFormatError(`${file}: weight ${JSON.stringify(name)} has ${what}`, {
      expected,
      actual: describeJson(actual),
      facts: { weight: name },
    });
  if (!isTfjsDType(dtype)) {
    throw bad('an unknown dtype', 'float32, int32, bool, complex64 or string', dtype);
  }
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw bad('an impossible shape', 'a list of integers >= 0', shape);
  }
  const quantization = weight.quantization === undefined ? null : checkQuantization(weight, dtype, bad);
  const bytes = quantization ? CODE_BYTES[quantization.dtype] : (ELEMENT_BYTES[dtype] ?? null);
  const byteLength = countBytes(shape, bytes ?? 1);
  if (byteLength === null) throw bad('an impossible shape', 'at most 2^53 - 1 bytes', shape);
  return { name, dtype, shape, quantization, byteLength: bytes === null ? null : byteLength };
}

function checkQuantization(
  { quantization }: Readonly<Record<string, unknown>>,
  dtype: TfjsDType,
  bad: (what: string, expected: string, actual: unknown) => FileFormatError,
): TfjsQuantization {
  const largest = LARGEST[dtype];
  if (!isRecord(quantization) || largest === undefined) {
    throw bad('an impossible quantisation', 'an object, for float32 or int32', quantization);
  }
  const { dtype: code, scale, min } = quantization;
  if (code === 'float16' && dtype === 'float32') return { dtype: code };
  if (code !== 'uint8' && code !== 'uint16') {
    throw bad('an unknown quantisation', 'uint8, uint16, or float16 for float32', code);
  }
  if (typeof scale !== 'number' || typeof min !== 'number') {
    throw bad('an incomplete quantisation', 'numbers scale and min', [scale, min]);
  }
  const ends = [min, (2 ** (8 * CODE_BYTES[code]) - 1) * scale + min];
  if (!ends.every((end) => Math.abs(end) <= largest)) {
    throw bad('a quantisation that leaves its dtype', `numbers of ${dtype}`, [scale, min]);
  }
  return { dtype: code, scale, min };
}

/** Null when a product on the way is no exact integer. */
function countBytes(shape: Shape, bytesPerElement: number): number | null {
  let product = bytesPerElement;
  for (const size of shape) {
    product *= size;
    if (!Number.isSafeInteger(product)) return null;
  }
  return product;
}

/** Shards of a foreign manifest must not lead to other folders, drives or hosts. */
function isRelativePath(path: unknown): path is string {
  if (typeof path !== 'string' || path === '' || /[\\:\0]/.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

function isTfjsDType(value: unknown): value is TfjsDType {
  return value === 'string' || (typeof value === 'string' && Object.hasOwn(ELEMENT_BYTES, value));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
