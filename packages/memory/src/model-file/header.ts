import {
  type DType,
  elementCount,
  FileFormatError,
  isDType,
  type ModelGraph,
  QedgeError,
  type QuantizationParameters,
  type Shape,
  UnsupportedError,
  validateModelGraph,
} from '@qedge/core';
import { ENCODINGS } from './encodings.ts';
import { findUnmetWeight } from './graph-weights.ts';
import type { EncodingName, PayloadDescription } from './payload-encoding.ts';
import { findQuantizationProblem } from './tensor-validation.ts';

/** Facts about a model that belong in its file: any JSON object. */
export type ModelMetadata = Readonly<Record<string, unknown>>;

/** How a tensor is written in the JSON header; scales and zero points follow the header in binary. */
export interface TensorEntry {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly encoding: EncodingName;
  /** From the start of the payload area. */
  readonly offset: number;
  readonly byteLength: number;
  /** Of the payload. */
  readonly crc32: number;
  readonly quantization?: Pick<QuantizationParameters, 'bits' | 'symmetric' | 'axis'>;
}

/** The JSON header of a file. */
export interface FileHeader {
  readonly graph: ModelGraph;
  readonly metadata: ModelMetadata;
  readonly tensors: readonly TensorEntry[];
}

/** A tensor's entry with everything needed to decode its payload. */
export interface LocatedTensor extends PayloadDescription {
  readonly name: string;
  readonly shape: Shape;
  readonly encoding: EncodingName;
  /** From the start of the file. */
  readonly fileOffset: number;
  readonly byteLength: number;
  readonly crc32: number;
}

/** A header that has passed every check. */
export interface CheckedHeader {
  readonly graph: ModelGraph;
  readonly metadata: ModelMetadata;
  readonly tensors: ReadonlyMap<string, LocatedTensor>;
}

/**
 * Parses and checks a header whose checksum is right: a damaged file does not come this far, but a hostile or mistaken writer may.
 *
 * @param area where the payload area lies in the file.
 * @throws FileFormatError naming the tensor; UnsupportedError for a graph that this version does not know.
 */
export function parseHeader(
  json: Uint8Array,
  parameters: Uint8Array,
  area: { readonly start: number; readonly end: number },
  name: string,
): CheckedHeader {
  const { graph, metadata, tensors } = parseJson(json, name);
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new FileFormatError(`${name} has metadata that is not an object`);
  }
  if (!Array.isArray(tensors)) throw new FileFormatError(`${name} has no list of tensors`);
  const reader = new ParameterReader(parameters, name);
  const located = new Map<string, LocatedTensor>();
  for (const entry of tensors) {
    const tensor = locateTensor(entry, reader, area, name);
    if (located.has(tensor.name)) {
      throw new FileFormatError(`${name} has two tensors named "${tensor.name}"`);
    }
    located.set(tensor.name, tensor);
  }
  reader.finish();
  checkOverlaps([...located.values()], name);
  return { graph: checkGraph(graph, located, name), metadata, tensors: located };
}

function parseJson(json: Uint8Array, name: string): Partial<FileHeader> {
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
    if (typeof header === 'object' && header !== null) return header;
  } catch (cause) {
    throw new FileFormatError(`${name} has a header that is not JSON`, { cause });
  }
  throw new FileFormatError(`${name} has a header that is not a JSON object`);
}

function locateTensor(
  entry: TensorEntry,
  parameters: ParameterReader,
  area: { readonly start: number; readonly end: number },
  file: string,
): LocatedTensor {
  const bad = (what: string, expected: string, actual: unknown) =>
    new FileFormatError(`${file}: tensor ${JSON.stringify(entry?.name)} has ${what}`, { expected, actual });
  if (typeof entry !== 'object' || entry === null || typeof entry.name !== 'string' || entry.name === '')
    throw new FileFormatError(`${file} lists a tensor without a name`);
  const { name, shape, dtype, encoding, offset, byteLength, crc32 } = entry;
  if (!isDType(dtype)) throw bad('an unknown dtype', 'one of the known dtypes', String(dtype));
  if (!Object.hasOwn(ENCODINGS, encoding))
    throw bad('an unknown encoding', Object.keys(ENCODINGS).join(', '), String(encoding));
  const count = countElements(shape);
  if (count === null) throw bad('an impossible shape', 'sizes >= 0', JSON.stringify(shape));
  if (!isCount(offset) || !isCount(byteLength) || area.start + offset + byteLength > area.end) {
    throw bad('a payload outside of the file', `within ${area.end - area.start} bytes`, [offset, byteLength]);
  }
  if (!isCount(crc32) || crc32 > 0xffffffff) throw bad('no checksum', 'a 32-bit integer', String(crc32));
  const quantization = entry.quantization === undefined ? null : parameters.read(entry, bad);
  const description = { dtype, elementCount: count, quantization };
  if (!ENCODINGS[encoding].accepts(byteLength, description)) {
    throw bad(`a payload that cannot be ${encoding} of its shape`, 'a fitting length', byteLength);
  }
  return { ...description, name, shape, encoding, fileOffset: area.start + offset, byteLength, crc32 };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function countElements(shape: unknown): number | null {
  if (!Array.isArray(shape)) return null;
  try {
    return elementCount(shape as Shape);
  } catch {
    return null;
  }
}

/** Hands out scales and zero points in the order of the tensors. */
class ParameterReader {
  readonly #bytes: Uint8Array;
  readonly #file: string;
  #position = 0;

  constructor(bytes: Uint8Array, file: string) {
    this.#bytes = bytes;
    this.#file = file;
  }

  read(
    { quantization, shape, dtype }: TensorEntry,
    bad: (what: string, expected: string, actual: unknown) => FileFormatError,
  ): QuantizationParameters {
    if (typeof quantization !== 'object' || quantization === null) {
      throw bad('impossible quantisation parameters', 'an object', String(quantization));
    }
    const { bits, symmetric, axis } = quantization;
    if (dtype !== 'int8' && dtype !== 'uint8') throw bad('codes of the wrong dtype', 'int8 or uint8', dtype);
    const channels = axis === null ? 1 : shape[axis];
    if (channels === undefined) throw bad('an impossible quantisation axis', 'an axis', String(axis));
    const scales = new Float32Array(this.#take(channels));
    const zeroPoints = symmetric ? new Int32Array(channels) : new Int32Array(this.#take(channels));
    const parameters = { bits, symmetric, scales, zeroPoints, axis };
    const problem = findQuantizationProblem(parameters, shape, dtype === 'int8');
    if (problem) throw bad('impossible quantisation parameters', problem.expected, problem.actual);
    return parameters;
  }

  finish(): void {
    if (this.#position === this.#bytes.length) return;
    throw new FileFormatError(`${this.#file} has quantisation parameters that no tensor uses`, {
      expected: `${this.#position} bytes`,
      actual: `${this.#bytes.length} bytes`,
    });
  }

  /** A copy of the next `count` 4-byte numbers, because the file need not be aligned. */
  #take(count: number): ArrayBuffer {
    const end = this.#position + 4 * count;
    if (end > this.#bytes.length) {
      throw new FileFormatError(`${this.#file} has too few quantisation parameters`, {
        expected: `at least ${end} bytes`,
        actual: `${this.#bytes.length} bytes`,
      });
    }
    const copy = new Uint8Array(this.#bytes.subarray(this.#position, end));
    this.#position = end;
    return copy.buffer;
  }
}

function checkOverlaps(tensors: LocatedTensor[], file: string): void {
  const filled = tensors.filter((tensor) => tensor.byteLength > 0);
  filled.sort((a, b) => a.fileOffset - b.fileOffset);
  for (let at = 1; at < filled.length; at++) {
    const before = filled[at - 1]!;
    const tensor = filled[at]!;
    if (before.fileOffset + before.byteLength > tensor.fileOffset) {
      throw new FileFormatError(`${file}: tensors "${before.name}" and "${tensor.name}" overlap`);
    }
  }
}

function checkGraph(value: unknown, tensors: ReadonlyMap<string, LocatedTensor>, file: string): ModelGraph {
  let graph: ModelGraph;
  try {
    graph = validateModelGraph(value);
  } catch (cause) {
    if (cause instanceof UnsupportedError) throw cause;
    const why = cause instanceof QedgeError ? cause.message : 'not a graph';
    throw new FileFormatError(`${file} has an impossible model graph (${why})`, { cause });
  }
  const unmet = findUnmetWeight(graph, (name) => tensors.get(name)?.shape);
  if (unmet) {
    throw new FileFormatError(`${file} does not hold what its graph needs as "${unmet.name}"`, {
      expected: unmet.expected,
      actual: unmet.actual,
    });
  }
  return graph;
}
