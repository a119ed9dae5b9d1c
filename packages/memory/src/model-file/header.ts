import {
  type DType,
  elementCount,
  FileFormatError,
  isDType,
  QedgeError,
  type QuantizationParameters,
  type Shape,
} from '@qedge/core';
import { ENCODINGS } from './encodings.ts';
import { graphFromJson, type ModelFileGraph } from './graph-json.ts';
import { findUnmetWeight } from './graph-weights.ts';
import type { EncodingName, PayloadDescription } from './payload-encoding.ts';
import { LINE_BYTES, PAGE_BYTES, type Prefix, payloadAreaOffset } from './prefix.ts';
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
  /** Of the payload: eight hexadecimal digits; a number in version 1. */
  readonly crc32: string | number;
  readonly quantization?: Pick<QuantizationParameters, 'bits' | 'symmetric' | 'axis'>;
}

/** How a section is written in the JSON header. */
export interface SectionEntry {
  readonly key: string;
  /** From the start of the payload area. */
  readonly offset: number;
  readonly byteLength: number;
  /** Eight hexadecimal digits. */
  readonly crc32: string;
}

/** The JSON header of a file. Version 1 has neither an alignment (it is 64) nor sections. */
export interface FileHeader {
  readonly graph: ModelFileGraph;
  readonly metadata: ModelMetadata;
  readonly payloadAlignment: number;
  readonly tensors: readonly TensorEntry[];
  readonly sections: readonly SectionEntry[];
}

/** Bytes of the file with a name and a checksum. */
export interface LocatedBytes {
  /** From the start of the file. */
  readonly fileOffset: number;
  readonly byteLength: number;
  readonly crc32: number;
}

/** A tensor's entry with everything needed to decode its payload. */
export interface LocatedTensor extends PayloadDescription, LocatedBytes {
  readonly name: string;
  readonly shape: Shape;
  readonly encoding: EncodingName;
}

/** A header that has passed every check. */
export interface CheckedHeader {
  readonly graph: ModelFileGraph;
  readonly metadata: ModelMetadata;
  readonly tensors: ReadonlyMap<string, LocatedTensor>;
  /** By key. */
  readonly sections: ReadonlyMap<string, LocatedBytes>;
}

/** A checksum as version 2 writes it. */
export function checksumText(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}

/**
 * Parses and checks a header whose checksum is right: a damaged file does not come this far, but a hostile or mistaken writer may.
 *
 * @throws FileFormatError naming the tensor or section; UnsupportedError for a graph that this version does not know.
 */
export function parseHeader(
  json: Uint8Array,
  parameters: Uint8Array,
  prefix: Prefix,
  name: string,
): CheckedHeader {
  try {
    return new HeaderReader(prefix, name).read(parseJson(json, name), parameters);
  } catch (cause) {
    if (cause instanceof QedgeError) throw cause;
    // Values that nest deeper than the stack, or whose spelling throws.
    throw new FileFormatError(`${name} has a header that cannot be read`, { cause });
  }
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

/** Checks the parts of one header against one another. */
class HeaderReader {
  readonly #prefix: Prefix;
  readonly #file: string;
  #areaStart = 0;

  constructor(prefix: Prefix, file: string) {
    this.#prefix = prefix;
    this.#file = file;
  }

  read(header: Partial<FileHeader>, parameterBytes: Uint8Array): CheckedHeader {
    const { metadata } = header;
    if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
      throw new FileFormatError(`${this.#file} has metadata that is not an object`);
    }
    this.#areaStart = this.#findArea(header.payloadAlignment);
    const tensors = this.#readTensors(header.tensors, parameterBytes);
    const sections = this.#prefix.version === 1 ? new Map() : this.#readSections(header.sections);
    const named = [
      ...Array.from(tensors.values(), (tensor) => ({ ...tensor, title: `tensor "${tensor.name}"` })),
      ...Array.from(sections, ([key, section]) => ({ ...section, title: `section "${key}"` })),
    ];
    checkOverlaps(named, this.#file);
    return { graph: this.#checkGraph(header.graph, tensors), metadata, tensors, sections };
  }

  #findArea(alignment: unknown): number {
    if (this.#prefix.version === 1) return payloadAreaOffset(this.#prefix, LINE_BYTES);
    if (alignment !== LINE_BYTES && alignment !== PAGE_BYTES) {
      throw new FileFormatError(`${this.#file} has an impossible alignment of payloads`, {
        expected: `${LINE_BYTES} or ${PAGE_BYTES}`,
        actual: alignment,
      });
    }
    const start = payloadAreaOffset(this.#prefix, alignment);
    // A file without payloads ends before the area would begin only when it is not whole.
    if (start <= this.#prefix.fileByteLength) return start;
    throw new FileFormatError(`${this.#file} ends before its payloads`, {
      expected: `at least ${start} bytes`,
      actual: `${this.#prefix.fileByteLength} bytes`,
    });
  }

  #readTensors(entries: unknown, parameterBytes: Uint8Array): Map<string, LocatedTensor> {
    if (!Array.isArray(entries)) throw new FileFormatError(`${this.#file} has no list of tensors`);
    const parameters = new ParameterReader(parameterBytes, this.#file);
    const located = new Map<string, LocatedTensor>();
    for (const entry of entries) {
      const tensor = this.#locateTensor(entry as TensorEntry, parameters);
      if (located.has(tensor.name)) {
        throw new FileFormatError(`${this.#file} has two tensors named "${tensor.name}"`);
      }
      located.set(tensor.name, tensor);
    }
    parameters.finish();
    return located;
  }

  #locateTensor(entry: TensorEntry, parameters: ParameterReader): LocatedTensor {
    if (typeof entry !== 'object' || entry === null || typeof entry.name !== 'string' || entry.name === '')
      throw new FileFormatError(`${this.#file} lists a tensor without a name`);
    const { name, shape, dtype, encoding } = entry;
    const bad: Refusal = (what, expected, actual) =>
      new FileFormatError(`${this.#file}: tensor ${JSON.stringify(name)} has ${what}`, { expected, actual });
    if (!isDType(dtype)) throw bad('an unknown dtype', 'one of the known dtypes', String(dtype));
    if (!Object.hasOwn(ENCODINGS, encoding))
      throw bad('an unknown encoding', Object.keys(ENCODINGS).join(', '), String(encoding));
    const count = countElements(shape);
    if (count === null) throw bad('an impossible shape', 'sizes >= 0', JSON.stringify(shape));
    const bytes = this.#locateBytes(entry, 'payload', bad);
    const quantization = entry.quantization === undefined ? null : parameters.read(entry, bad);
    const description = { dtype, elementCount: count, quantization };
    if (!ENCODINGS[encoding].accepts(bytes.byteLength, description)) {
      throw bad(`a payload that cannot be ${encoding} of its shape`, 'a fitting length', bytes.byteLength);
    }
    return { ...description, name, shape, encoding, ...bytes };
  }

  #readSections(entries: unknown): Map<string, LocatedBytes> {
    if (!Array.isArray(entries)) throw new FileFormatError(`${this.#file} has no list of sections`);
    const located = new Map<string, LocatedBytes>();
    for (const entry of entries as SectionEntry[]) {
      if (typeof entry !== 'object' || entry === null || typeof entry.key !== 'string' || entry.key === '')
        throw new FileFormatError(`${this.#file} lists a section without a key`);
      const { key } = entry;
      const bad: Refusal = (what, expected, actual) =>
        new FileFormatError(`${this.#file}: section ${JSON.stringify(key)} has ${what}`, {
          expected,
          actual,
        });
      const section = this.#locateBytes(entry, 'range', bad);
      const alignment = section.byteLength >= PAGE_BYTES ? PAGE_BYTES : LINE_BYTES;
      if (section.fileOffset % alignment !== 0) {
        throw bad('a range that is not aligned', `a multiple of ${alignment}`, section.fileOffset);
      }
      if (located.has(key)) throw new FileFormatError(`${this.#file} has two sections with the key "${key}"`);
      located.set(key, section);
    }
    return located;
  }

  #locateBytes(
    { offset, byteLength, crc32 }: Pick<TensorEntry, 'offset' | 'byteLength' | 'crc32'>,
    what: string,
    bad: Refusal,
  ): LocatedBytes {
    const areaBytes = this.#prefix.fileByteLength - this.#areaStart;
    if (!isCount(offset) || !isCount(byteLength) || offset + byteLength > areaBytes) {
      throw bad(`a ${what} outside of the file`, `within ${areaBytes} bytes`, [offset, byteLength]);
    }
    const checksum = this.#readChecksum(crc32);
    if (checksum === null) throw bad('no checksum', 'a 32-bit integer', String(crc32));
    return { fileOffset: this.#areaStart + offset, byteLength, crc32: checksum };
  }

  #readChecksum(value: unknown): number | null {
    if (this.#prefix.version === 1) return isCount(value) && value <= 0xffffffff ? value : null;
    return typeof value === 'string' && /^[0-9a-f]{8}$/.test(value) ? Number.parseInt(value, 16) : null;
  }

  #checkGraph(value: unknown, tensors: ReadonlyMap<string, LocatedTensor>): ModelFileGraph {
    const graph = graphFromJson(value, this.#file);
    if (this.#prefix.version === 1 && graph.format !== 'qedge-model-graph') {
      throw new FileFormatError(`${this.#file} has a graph that version 1 does not know`);
    }
    const unmet = findUnmetWeight(graph, (name) => tensors.get(name)?.shape);
    if (!unmet) return graph;
    throw new FileFormatError(`${this.#file} does not hold what its graph needs as "${unmet.name}"`, {
      expected: unmet.expected,
      actual: unmet.actual,
    });
  }
}

type Refusal = (what: string, expected: string, actual: unknown) => FileFormatError;

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

  read({ quantization, shape, dtype }: TensorEntry, bad: Refusal): QuantizationParameters {
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

function checkOverlaps(items: (LocatedBytes & { readonly title: string })[], file: string): void {
  const filled = items.filter((item) => item.byteLength > 0);
  filled.sort((a, b) => a.fileOffset - b.fileOffset);
  for (let at = 1; at < filled.length; at++) {
    const before = filled[at - 1]!;
    const item = filled[at]!;
    if (before.fileOffset + before.byteLength > item.fileOffset) {
      throw new FileFormatError(`${file}: ${before.title} and ${item.title} overlap`);
    }
  }
}
