import { InvalidArgumentError, type StoredTensor } from '@qedge/core';
import {
  type CompactPlaces,
  impliedByteLength,
  isSmall,
  placeCompactParts,
  smallPayloadByteLength,
} from './compact-layout.ts';
import { encodeCompactParameters, scalesAreHalfFloats } from './compact-parameters.ts';
import { compactPrefixByteLength, encodeCompactPrefix } from './compact-prefix.ts';
import { crc32 } from './crc32.ts';
import { ENCODINGS, smallestFastEncoding } from './encodings.ts';
import { entropyCode } from './entropy-coded-payload.ts';
import { assertLength, type FilePiece, type PlannedFile } from './file-pieces.ts';
import { graphToJson } from './graph-json.ts';
import type { TensorEntry } from './header.ts';
import { encodeHeaderText } from './header-text.ts';
import {
  assertWeightsMet,
  listTensors,
  type ModelContent,
  type ModelSection,
  type TensorList,
  validateExtras,
} from './model-content.ts';
import type { EncodingName } from './payload-encoding.ts';
import { validateStoredTensor } from './tensor-validation.ts';

/** A tensor that was measured, and its bytes where they would be dear to make again or are few. */
interface MeasuredTensor {
  readonly entry: Omit<TensorEntry, 'offset' | 'byteLength' | 'crc32'> & { readonly byteLength?: number };
  readonly encoding: EncodingName;
  readonly byteLength: number;
  readonly checksum: number;
  readonly parameters: Uint8Array;
  readonly payload: Uint8Array | null;
}

/**
 * Checks a model and lays it out as version 3 of the format: for few bytes. Entropy-coded payloads are kept in memory until they are written;
 * other large ones are made twice.
 *
 * @throws what `encodeModel` throws.
 */
export function planCompactFile({ graph, tensors, sections = [], metadata = {} }: ModelContent): PlannedFile {
  const graphJson = graphToJson(graph);
  validateExtras(metadata, sections);
  const list = listTensors(tensors);
  const measured = measureTensors(list, graph.format === 'qedge-model-graph' ? 'finite' : 'any');
  assertWeightsMet(graph, new Map(measured.map(({ entry }) => [entry.name, entry.shape])));
  const sums = new Uint32Array([
    ...measured.filter((tensor) => !isSmall(tensor)).map(({ checksum }) => checksum),
    ...sections.map(checksumOfSection),
  ]);
  const parameters = join([new Uint8Array(sums.buffer), ...measured.map((tensor) => tensor.parameters)]);
  const header = {
    graph: graphJson,
    metadata,
    tensors: measured.map(({ entry }) => entry),
    ...(sections.length > 0
      ? { sections: sections.map(({ key, byteLength }) => ({ key, byteLength })) }
      : {}),
  };
  const text = encodeHeaderText(new TextEncoder().encode(JSON.stringify(header)));
  const lengths = {
    headerByteLength: text.bytes.length,
    textByteLength: text.textByteLength,
    parameterByteLength: parameters.length,
    smallPayloadByteLength: smallPayloadByteLength(measured),
  };
  const { places, fileByteLength } = placeParts(measured, sections, lengths);
  function* pieces(): Generator<FilePiece, void> {
    yield* largePieces(list, measured, places);
    yield* sectionPieces(sections, sums.subarray(sums.length - sections.length), places);
    const small = measured.filter(isSmall).map(({ payload }) => payload!);
    const front = join([text.bytes, parameters, ...small]);
    yield {
      position: 0,
      bytes: join([encodeCompactPrefix({ ...lengths, fileByteLength }, front), front]),
    };
  }
  return { byteLength: fileByteLength, pieces };
}

/** The file's length is part of the prefix, whose own length depends on it. */
function placeParts(
  measured: readonly MeasuredTensor[],
  sections: readonly ModelSection[],
  lengths: Omit<Parameters<typeof compactPrefixByteLength>[0], 'fileByteLength'>,
): { readonly places: CompactPlaces; readonly fileByteLength: number } {
  const sectionByteLengths = sections.map(({ byteLength }) => byteLength);
  let fileByteLength = 0;
  for (;;) {
    const prefix = compactPrefixByteLength({ ...lengths, fileByteLength });
    const start = prefix + lengths.headerByteLength + lengths.parameterByteLength;
    const places = placeCompactParts(measured, sectionByteLengths, start);
    if (places.end === fileByteLength) return { places, fileByteLength };
    fileByteLength = places.end;
  }
}

function measureTensors(list: TensorList, numbers: 'finite' | 'any'): MeasuredTensor[] {
  const names = new Set<string>();
  return list.map(({ load }) => {
    const tensor = load();
    validateStoredTensor(tensor, numbers);
    if (names.has(tensor.name)) {
      throw new InvalidArgumentError('Two tensors share a name', { actual: tensor.name });
    }
    names.add(tensor.name);
    return measureTensor(tensor);
  });
}

function measureTensor(tensor: StoredTensor): MeasuredTensor {
  const { name, shape, dtype, quantization } = tensor;
  const fast = smallestFastEncoding(tensor);
  const coded = entropyCode(tensor);
  const pays = coded !== null && coded.bytes.length < fast.measure(tensor)!;
  const payload = pays ? coded.bytes : fast.encode(tensor);
  const encoding = pays ? coded.encoding : fast.name;
  const byteLength = payload.length;
  const implied = impliedByteLength(encoding, dtype, shape, quantization?.bits) !== null;
  return {
    entry: {
      ...{ name, shape, dtype, encoding },
      ...(implied ? {} : { byteLength }),
      ...(quantization ? { quantization: headerPart(quantization) } : {}),
    },
    ...{ encoding, byteLength, checksum: crc32(payload) },
    parameters: quantization ? encodeCompactParameters(quantization) : new Uint8Array(),
    // Views of a tensor that a source made are not to be kept.
    payload: pays ? payload : isSmall({ byteLength }) ? new Uint8Array(payload) : null,
  };
}

function headerPart(quantization: NonNullable<StoredTensor['quantization']>): TensorEntry['quantization'] {
  const { bits, symmetric, axis, groupSize } = quantization;
  return {
    ...{ bits, symmetric, axis },
    ...(groupSize === undefined ? {} : { groupSize }),
    ...(scalesAreHalfFloats(quantization) ? { scales: 'float16' as const } : {}),
  };
}

function* largePieces(
  list: TensorList,
  measured: readonly MeasuredTensor[],
  places: CompactPlaces,
): Generator<FilePiece, void> {
  for (const [index, tensor] of measured.entries()) {
    if (isSmall(tensor)) continue;
    const { entry, encoding, byteLength, checksum } = tensor;
    const payload = tensor.payload ?? ENCODINGS[encoding].encode(list[index]!.load());
    assertLength(`Tensor "${entry.name}"`, byteLength, payload.length);
    if (tensor.payload === null) assertUnchanged(`Tensor "${entry.name}"`, checksum, crc32(payload));
    yield { position: places.payloads[index]!, bytes: payload };
  }
}

function* sectionPieces(
  sections: readonly ModelSection[],
  sums: Uint32Array,
  places: CompactPlaces,
): Generator<FilePiece, void> {
  for (const [index, section] of sections.entries()) {
    let position = places.sections[index]!;
    let checksum = 0;
    for (const bytes of section.read()) {
      checksum = crc32(bytes, checksum);
      yield { position, bytes };
      position += bytes.length;
    }
    assertUnchanged(`Section "${section.key}"`, sums[index]!, checksum);
  }
}

function checksumOfSection(section: ModelSection): number {
  let checksum = 0;
  let done = 0;
  for (const bytes of section.read()) {
    checksum = crc32(bytes, checksum);
    done += bytes.length;
  }
  assertLength(`Section "${section.key}"`, section.byteLength, done);
  return checksum;
}

function assertUnchanged(what: string, expected: number, actual: number): void {
  if (actual === expected) return;
  throw new InvalidArgumentError(`${what} changed while it was written`, { expected, actual });
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
