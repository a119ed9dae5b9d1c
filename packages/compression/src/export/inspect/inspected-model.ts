import type { ExportFormat } from '../export-report.ts';

/** A tensor of a file. */
export interface InspectedTensor {
  readonly name: string;
  /** The name without its last part: the layer that the weight belongs to, as far as names tell. */
  readonly layer: string;
  readonly shape: readonly number[];
  readonly elements: number;
  /** How numbers are kept, in the words of the format: `float32`, `packed-codes`, `Q4_0`, `uint8 codes`. */
  readonly coding: string;
  /** The width of a code or number, without scales; null for types that are not known. */
  readonly bits: number | null;
  /** How many elements stand for 0; null where the numbers cannot be read. */
  readonly zeros: number | null;
  /** Bytes in the file, of codes or numbers alone in the formats that keep scales elsewhere. */
  readonly byteLength: number;
}

/** What a file holds, as plain data. */
export interface InspectedModel {
  readonly format: ExportFormat;
  /** Of the file, with those beside it. */
  readonly byteLength: number;
  /** Bytes that belong to no tensor: headers, graphs, scales of packed containers, padding. */
  readonly otherBytes: number;
  readonly elements: number;
  /** The share of zeros among the elements that can be read; null without any. */
  readonly sparsity: number | null;
  readonly tensors: readonly InspectedTensor[];
}

/** Adds up what the tensors of a file are. */
export function summarizeTensors(
  format: ExportFormat,
  byteLength: number,
  tensors: readonly InspectedTensor[],
): InspectedModel {
  const sum = (of: (tensor: InspectedTensor) => number) =>
    tensors.reduce((total, tensor) => total + of(tensor), 0);
  const readable = sum(({ elements, zeros }) => (zeros === null ? 0 : elements));
  return {
    ...{ format, byteLength, tensors },
    otherBytes: byteLength - sum((tensor) => tensor.byteLength),
    elements: sum(({ elements }) => elements),
    sparsity: readable === 0 ? null : sum(({ zeros }) => zeros ?? 0) / readable,
  };
}

/** `block/dense` of `block/dense/kernel`. */
export function layerOfWeight(name: string): string {
  const at = name.lastIndexOf('/');
  return at < 0 ? name : name.slice(0, at);
}

/** How many numbers are 0, of either sign. @param mask the bits that count, for half floats. */
export function countZeros(values: ArrayLike<number>, mask: number | null = null): number {
  let zeros = 0;
  for (let i = 0; i < values.length; i++) if ((mask === null ? values[i]! : values[i]! & mask) === 0) zeros++;
  return zeros;
}

/** How many codes are the zero point of their channel, which runs along the last axis; one zero point is everyone's. */
export function countZeroCodes(
  codes: ArrayLike<number>,
  zeroPoints: ArrayLike<number>,
  channelOf: (index: number) => number = (index) => index % zeroPoints.length,
): number {
  let zeros = 0;
  for (let i = 0; i < codes.length; i++) if (codes[i] === zeroPoints[channelOf(i)]) zeros++;
  return zeros;
}
