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
import { ParameterReader } from './parameter-reader.ts';
import type { EncodingName, PayloadDescription } from './payload-encoding.ts';
import {
  COMPACT_VERSION,
  FORMAT_VERSION,
  type FormatVersion,
  LINE_BYTES,
  PAGE_BYTES,
  type Prefix,
  payloadAreaOffset,
} from './prefix.ts';

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
  /** Of the payload: eight hexadecimal digits in version 2, a number in the others, null where it is not needed in version 3. */
  readonly crc32: string | number | null;
  readonly quantization?: Pick<QuantizationParameters, 'bits' | 'symmetric' | 'axis' | 'groupSize'> & {
    /** In a compact header: the type in which the scales are written, when it is not float32. */
    readonly scales?: 'float16';
  };
}

/** How a section is written in the JSON header. */
export interface SectionEntry {
  readonly key: string;
  /** From the start of the payload area. */
  readonly offset: number;
  readonly byteLength: number;
  /** Eight hexadecimal digits in version 2, a number in version 3. */
  readonly crc32: string | number;
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
  /** Null where the bytes share the checksum of the header, which was verified with it. */
  readonly crc32: number | null;
}

/** A tensor's entry with everything needed to decode its payload. */
export interface LocatedTensor extends PayloadDescription, LocatedBytes {
  readonly name: string;
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
  return checkHeader(name, () => {
    const { version, fileByteLength } = prefix;
    const header = parseJson(json, name);
    checkMetadata(header.metadata, name);
    const areaStart = findArea(prefix, header.payloadAlignment, name);
    const reader = new HeaderReader({ version, fileByteLength, areaStart }, name);
    return reader.read(header, new ParameterReader(parameters, 'plain', name));
  });
}

/**
 * Runs the checks of a header.
 *
 * @throws FileFormatError for whatever they throw that is no typed error.
 */
export function checkHeader<Header>(name: string, check: () => Header): Header {
  try {
    return check();
  } catch (cause) {
    if (cause instanceof QedgeError) throw cause;
    // Values that nest deeper than the stack, or whose spelling throws.
    throw new FileFormatError(`${name} has a header that cannot be read`, { cause });
  }
}

/** @throws FileFormatError for what is not a JSON object. */
export function parseJson(json: Uint8Array, name: string): Partial<FileHeader> {
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
    if (typeof header === 'object' && header !== null) return header;
  } catch (cause) {
    throw new FileFormatError(`${name} has a header that is not JSON`, { cause });
  }
  throw new FileFormatError(`${name} has a header that is not a JSON object`);
}

function checkMetadata(metadata: unknown, file: string): ModelMetadata {
  if (typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)) {
    return metadata as ModelMetadata;
  }
  throw new FileFormatError(`${file} has metadata that is not an object`);
}

/** Where the payload area of a plain file begins. */
function findArea(prefix: Prefix, alignment: unknown, file: string): number {
  if (prefix.version === 1) return payloadAreaOffset(prefix, LINE_BYTES);
  if (alignment !== LINE_BYTES && alignment !== PAGE_BYTES) {
    throw new FileFormatError(`${file} has an impossible alignment of payloads`, {
      expected: `${LINE_BYTES} or ${PAGE_BYTES}`,
      actual: alignment,
    });
  }
  const start = payloadAreaOffset(prefix, alignment);
  // A file without payloads ends before the area would begin only when it is not whole.
  if (start <= prefix.fileByteLength) return start;
  throw new FileFormatError(`${file} ends before its payloads`, {
    expected: `at least ${start} bytes`,
    actual: `${prefix.fileByteLength} bytes`,
  });
}

/** What the checks of a header must know of the file around it. */
export interface HeaderSurroundings {
  readonly version: FormatVersion | typeof COMPACT_VERSION;
  readonly fileByteLength: number;
  /** What offsets count from. */
  readonly areaStart: number;
}

/** Checks the parts of one header against one another. */
export class HeaderReader {
  readonly #surroundings: HeaderSurroundings;
  readonly #file: string;

  constructor(surroundings: HeaderSurroundings, file: string) {
    this.#surroundings = surroundings;
    this.#file = file;
  }

  /** @throws FileFormatError, UnsupportedError */
  read(header: Partial<FileHeader>, parameters: ParameterReader): CheckedHeader {
    const metadata = checkMetadata(header.metadata, this.#file);
    const tensors = this.#readTensors(header.tensors, parameters);
    const sections = this.#surroundings.version === 1 ? new Map() : this.#readSections(header.sections);
    const named = [
      ...Array.from(tensors.values(), (tensor) => ({ ...tensor, title: `tensor "${tensor.name}"` })),
      ...Array.from(sections, ([key, section]) => ({ ...section, title: `section "${key}"` })),
    ];
    checkOverlaps(named, this.#file);
    return { graph: this.#checkGraph(header.graph, tensors), metadata, tensors, sections };
  }

  #readTensors(entries: unknown, parameters: ParameterReader): Map<string, LocatedTensor> {
    if (!Array.isArray(entries)) throw new FileFormatError(`${this.#file} has no list of tensors`);
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
    const description = { dtype, shape, elementCount: count, quantization };
    if (!ENCODINGS[encoding].accepts(bytes.byteLength, description)) {
      throw bad(`a payload that cannot be ${encoding} of its shape`, 'a fitting length', bytes.byteLength);
    }
    return { ...description, name, encoding, ...bytes };
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
    const { fileByteLength, areaStart, version } = this.#surroundings;
    const areaBytes = fileByteLength - areaStart;
    if (!isCount(offset) || !isCount(byteLength) || offset + byteLength > areaBytes) {
      throw bad(`a ${what} outside of the file`, `within ${areaBytes} bytes`, [offset, byteLength]);
    }
    const checksum = this.#readChecksum(crc32);
    if (checksum === null && version !== COMPACT_VERSION)
      throw bad('no checksum', 'a 32-bit integer', String(crc32));
    return { fileOffset: areaStart + offset, byteLength, crc32: checksum };
  }

  #readChecksum(value: unknown): number | null {
    if (this.#surroundings.version !== FORMAT_VERSION)
      return isCount(value) && value <= 0xffffffff ? value : null;
    return typeof value === 'string' && /^[0-9a-f]{8}$/.test(value) ? Number.parseInt(value, 16) : null;
  }

  #checkGraph(value: unknown, tensors: ReadonlyMap<string, LocatedTensor>): ModelFileGraph {
    const graph = graphFromJson(value, this.#file);
    if (this.#surroundings.version === 1 && graph.format !== 'qedge-model-graph') {
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

/** Makes the error for one tensor or section. */
export type Refusal = (what: string, expected: string, actual: unknown) => FileFormatError;

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
