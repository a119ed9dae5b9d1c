import { InvalidArgumentError, type QuantizationParameters, type StoredTensor } from '@qedge/core';
import { crc32 } from './crc32.ts';
import { planCompactFile } from './encode-compact-file.ts';
import { ENCODINGS, smallestFastEncoding } from './encodings.ts';
import type { FilePiece, PlannedFile } from './file-pieces.ts';
import { assertLength } from './file-pieces.ts';
import { graphToJson } from './graph-json.ts';
import { checksumText, type FileHeader, type SectionEntry, type TensorEntry } from './header.ts';
import { assertLittleEndianHost } from './little-endian.ts';
import {
  assertWeightsMet,
  listTensors,
  type ModelContent,
  type ModelFileOptions,
  type ModelSection,
  type TensorList,
  validateExtras,
  validateFileOptions,
} from './model-content.ts';
import {
  alignUp,
  encodePrefix,
  FORMAT_VERSION,
  LINE_BYTES,
  PAGE_BYTES,
  PREFIX_BYTES,
  payloadAreaOffset,
} from './prefix.ts';
import { validateStoredTensor } from './tensor-validation.ts';

/** Raw payloads from this size on are worth the padding of a cache line; below it, padding would be felt in small files. */
const LARGE_RAW_BYTES = 4096;
/** Every other payload: the largest element size (float64), so that raw data can be viewed in place. */
const SMALL_ALIGNMENT = 8;
/** Stands for a checksum that is not known yet; as long as one that is. */
const NO_CHECKSUM = checksumText(0);

/**
 * Writes a model as the bytes of a `.qez` file. Equal content gives equal bytes. Each tensor takes the encoding that needs the
 * fewest bytes: numbers as they are, integer codes with their real width, an occupancy bitmap with the codes that are not zero, or, when
 * `coding` is `smallest`, the bytes of an arithmetic coder.
 *
 * @returns the whole file, owned by the caller.
 * @throws InvalidArgumentError or UnsupportedError for an impossible graph, tensor, code, section or metadata; ShapeMismatchError
 *   when a tensor does not fit its shape or the graph; NonFiniteValueError for NaN or infinite weights, naming tensor and index.
 */
export function encodeModel(content: ModelContent, options?: ModelFileOptions): Uint8Array {
  const planned = planFile(content, options);
  const file = new Uint8Array(planned.byteLength);
  for (const { position, bytes } of planned.pieces()) file.set(bytes, position);
  return file;
}

/** Checks a model and lays its file out. @throws what {@link encodeModel} throws. */
export function planFile(content: ModelContent, options: ModelFileOptions = {}): PlannedFile {
  assertLittleEndianHost();
  return validateFileOptions(options) === 'smallest' ? planCompactFile(content) : planPlainFile(content);
}

function planPlainFile({ graph, tensors, sections = [], metadata = {} }: ModelContent): PlannedFile {
  const graphJson = graphToJson(graph);
  validateExtras(metadata, sections);
  const list = listTensors(tensors);
  // Constants of operator graphs are any numbers: masks of minus infinity, for example.
  const layout = layOutTensors(list, graph.format === 'qedge-model-graph' ? 'finite' : 'any');
  assertWeightsMet(graph, new Map(layout.entries.map(({ name, shape }) => [name, shape])));
  const placed = layOutSections(sections, layout.end);
  const payloadAlignment = sections.some(isLarge) ? PAGE_BYTES : LINE_BYTES;
  const header = (entries: readonly TensorEntry[], placedSections: readonly SectionEntry[]): Uint8Array => {
    const value: Omit<FileHeader, 'graph'> & { graph: unknown } = {
      graph: graphJson,
      metadata,
      payloadAlignment,
      tensors: entries,
      sections: placedSections,
    };
    return new TextEncoder().encode(JSON.stringify(value));
  };
  const { parameters } = layout;
  // Checksums have a fixed length, so that the header can be measured before they are known.
  const headerByteLength = header(layout.entries, placed.entries).length;
  const lengths = { version: FORMAT_VERSION, headerByteLength, parameterByteLength: parameters.length };
  const start = payloadAreaOffset(lengths, payloadAlignment);
  const byteLength = start + placed.end;
  function* pieces(): Generator<FilePiece, void> {
    const entries = yield* tensorPieces(list, layout.entries, start);
    const written = yield* sectionPieces(sections, placed.entries, start);
    const front = new Uint8Array(PREFIX_BYTES + headerByteLength + parameters.length);
    front.set(header(entries, written), PREFIX_BYTES);
    front.set(parameters, PREFIX_BYTES + headerByteLength);
    front.set(encodePrefix({ ...lengths, fileByteLength: byteLength }, front.subarray(PREFIX_BYTES)));
    yield { position: 0, bytes: front };
  }
  return { byteLength, pieces };
}

/** Where every tensor goes, from the start of the payload area. Each is loaded, checked, measured and let go. */
function layOutTensors(
  list: TensorList,
  numbers: 'finite' | 'any',
): { entries: TensorEntry[]; parameters: Uint8Array; end: number } {
  const entries: TensorEntry[] = [];
  const parameters: Uint8Array[] = [];
  const names = new Set<string>();
  let end = 0;
  for (const { load } of list) {
    const tensor = load();
    validateStoredTensor(tensor, numbers);
    const { name, shape, dtype, quantization } = tensor;
    if (names.has(name)) throw new InvalidArgumentError('Two tensors share a name', { actual: name });
    names.add(name);
    const encoding = smallestFastEncoding(tensor);
    const byteLength = encoding.measure(tensor)!;
    const large = encoding.name === 'raw' && byteLength >= LARGE_RAW_BYTES;
    const offset = alignUp(end, large ? LINE_BYTES : SMALL_ALIGNMENT);
    entries.push({
      ...{ name, shape, dtype, encoding: encoding.name, offset, byteLength, crc32: NO_CHECKSUM },
      ...(quantization ? { quantization: headerPart(quantization) } : {}),
    });
    if (quantization) parameters.push(...parameterBytes(quantization));
    end = offset + byteLength;
  }
  return { entries, parameters: join(parameters), end };
}

function isLarge({ byteLength }: Pick<ModelSection, 'byteLength'>): boolean {
  return byteLength >= PAGE_BYTES;
}

function layOutSections(
  sections: readonly ModelSection[],
  start: number,
): { entries: SectionEntry[]; end: number } {
  let end = start;
  const entries = sections.map(({ key, byteLength }): SectionEntry => {
    const offset = alignUp(end, isLarge({ byteLength }) ? PAGE_BYTES : LINE_BYTES);
    end = offset + byteLength;
    return { key, offset, byteLength, crc32: NO_CHECKSUM };
  });
  return { entries, end };
}

function* tensorPieces(
  list: TensorList,
  entries: readonly TensorEntry[],
  start: number,
): Generator<FilePiece, TensorEntry[]> {
  const written: TensorEntry[] = [];
  for (const [index, entry] of entries.entries()) {
    const payload = ENCODINGS[entry.encoding].encode(list[index]!.load());
    assertLength(`Tensor "${entry.name}"`, entry.byteLength, payload.length);
    written.push({ ...entry, crc32: checksumText(crc32(payload)) });
    yield { position: start + entry.offset, bytes: payload };
  }
  return written;
}

function* sectionPieces(
  sections: readonly ModelSection[],
  entries: readonly SectionEntry[],
  start: number,
): Generator<FilePiece, SectionEntry[]> {
  const written: SectionEntry[] = [];
  for (const [index, entry] of entries.entries()) {
    let checksum = 0;
    let done = 0;
    for (const bytes of sections[index]!.read()) {
      if (done + bytes.length <= entry.byteLength) {
        checksum = crc32(bytes, checksum);
        yield { position: start + entry.offset + done, bytes };
      }
      done += bytes.length;
    }
    assertLength(`Section "${entry.key}"`, entry.byteLength, done);
    written.push({ ...entry, crc32: checksumText(checksum) });
  }
  return written;
}

function headerPart({
  bits,
  symmetric,
  axis,
  groupSize,
}: QuantizationParameters): TensorEntry['quantization'] {
  return { bits, symmetric, axis, ...(groupSize === undefined ? {} : { groupSize }) };
}

/** Scales and, unless symmetric, zero points. */
function parameterBytes({
  symmetric,
  scales,
  zeroPoints,
}: NonNullable<StoredTensor['quantization']>): Uint8Array[] {
  const parts = symmetric ? [scales] : [scales, zeroPoints];
  return parts.map((part) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength).slice());
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}
