import { halfFloatToNumber, numberToHalfFloat } from '@qedge/core';
import type { CodedWeight, CompressedModel } from '../model/compressed-model.ts';
import { type KernelWeight, listKernels } from '../model/kernel-weight.ts';
import type { TopologyWeight } from '../model/model-topology.ts';
import { roundToHalf, toHalfBits } from '../quantization/half-precision.ts';
import { compareCodes, compareNumbers, measureChange } from './compare-weights.ts';
import type { ChangedWeight, ModelExport } from './export-report.ts';
import { BLOCK_LENGTH, decodeBlocks, encodeBlocks, F16, F32, Q4_0, Q8_0 } from './gguf/block-types.ts';
import { type GgufEntry, readGguf } from './gguf/read-gguf.ts';
import { type GgufTensor, writeGguf } from './gguf/write-gguf.ts';
import { checkCodes } from './operator-model.ts';

/** Options of {@link exportGguf}. */
export interface GgufExportOptions {
  /** How kernels are stored that fit no blocks of codes; default `float32`. Vectors are always float32. */
  readonly floats?: 'float32' | 'float16';
}

/**
 * Writes the weights as GGUF, version 3. Kernels are matrices whose rows are the weights of one output. Codes of at most 4 bits become `Q4_0`, wider
 * ones `Q8_0`, code by code; the format scales 32 codes by one half float, so that scales are rounded to that. Where a row is no multiple of
 * 32 weights, or codes do not fit around their zero point, the kernel is stored as floats. The report names every kernel whose numbers are
 * others, and how far off they are. The architecture is not in the file.
 *
 * @throws ShapeMismatchError or InvalidArgumentError for codes that do not fit, VerificationError when the file does not give back what it should.
 * @example
 * const { bytes, report } = exportGguf(compressed);
 */
export function exportGguf(
  compressed: CompressedModel,
  { floats = 'float32' }: GgufExportOptions = {},
): ModelExport {
  checkCodes(compressed);
  const kernels = new Map(listKernels(compressed.topology).map((kernel) => [kernel.weight.name, kernel]));
  const weights = compressed.topology.layers.flatMap((layer) => layer.weights);
  const written = weights.map((weight): WrittenWeight => {
    const kernel = kernels.get(weight.name);
    const coded = compressed.codes.get(weight.name);
    if (!kernel)
      return {
        weight,
        tensor: floatTensor(weight.name, [...weight.shape].reverse(), weight.data, 'float32'),
      };
    const rowMajor = transpose(weight.data, kernel);
    const blocks = coded ? blockTensor(kernel, coded) : null;
    const dimensions = [kernel.rows, kernel.outputs];
    return blocks
      ? { weight, kernel, codes: blocks.codes, tensor: blocks.tensor }
      : {
          weight,
          kernel,
          tensor: floatTensor(weight.name, dimensions, rowMajor, floats),
          isFallback: coded !== undefined,
        };
  });
  const metadata = {
    ...{ 'general.architecture': 'qedge', 'general.name': compressed.topology.name },
    ...{ 'general.alignment': 32, 'general.quantization_version': 2 },
  };
  const bytes = writeGguf(
    metadata,
    written.map(({ tensor }) => tensor),
  );
  const compared = compareFile(written, readGguf(bytes).tensors);
  return { bytes, companions: new Map(), report: { format: 'gguf', byteLength: bytes.length, compared } };
}

interface WrittenWeight {
  readonly weight: TopologyWeight;
  readonly tensor: GgufTensor;
  readonly kernel?: KernelWeight;
  /** In the order of the file, around 0. */
  readonly codes?: Int8Array;
  /** A kernel with codes that is stored as floats. */
  readonly isFallback?: boolean;
}

/** `[rows, outputs]` as `[outputs, rows]`. */
function transpose<Data extends Float32Array | Int8Array>(data: Data, { rows, outputs }: KernelWeight): Data {
  const moved = data.slice() as Data;
  for (let row = 0; row < rows; row++) {
    for (let output = 0; output < outputs; output++)
      moved[output * rows + row] = data[row * outputs + output]!;
  }
  return moved;
}

function floatTensor(
  name: string,
  dimensions: readonly number[],
  data: Float32Array,
  floats: 'float32' | 'float16',
): GgufTensor {
  if (floats === 'float16') {
    return { name, dimensions, type: F16, bytes: new Uint8Array(toHalfBits(data).buffer) };
  }
  return { name, dimensions, type: F32, bytes: new Uint8Array(data.slice().buffer) };
}

/** A kernel as blocks of codes, or null where it fits none. */
function blockTensor(kernel: KernelWeight, { codes, quantization }: CodedWeight) {
  const { rows, outputs, weight } = kernel;
  const { bits, scales, zeroPoints, axis, groupSize = rows } = quantization;
  if (rows === 0 || rows % BLOCK_LENGTH !== 0 || (groupSize !== rows && groupSize % BLOCK_LENGTH !== 0))
    return null;
  const type = bits <= 4 ? Q4_0 : Q8_0;
  const [lowest, highest] = bits <= 4 ? [-8, 7] : [-128, 127];
  const centred = new Int8Array(codes.length);
  const halves = new Uint16Array(codes.length / BLOCK_LENGTH);
  for (let output = 0; output < outputs; output++) {
    for (let row = 0; row < rows; row++) {
      const channel = axis === null ? 0 : Math.floor(row / groupSize) * outputs + output;
      const code = codes[row * outputs + output]! - zeroPoints[channel]!;
      if (code < lowest || code > highest) return null;
      const at = output * rows + row;
      centred[at] = code;
      halves[Math.floor(at / BLOCK_LENGTH)] = numberToHalfFloat(scales[channel]!);
    }
  }
  // A scale that half precision makes 0 or infinite would lose the weights.
  if (halves.some((half) => !(halfFloatToNumber(half) > 0 && Number.isFinite(halfFloatToNumber(half)))))
    return null;
  const bytes = encodeBlocks(type, centred, halves);
  return { codes: centred, tensor: { name: weight.name, dimensions: [rows, outputs], type, bytes } };
}

function compareFile(written: readonly WrittenWeight[], read: readonly GgufEntry[]) {
  const entries = new Map(read.map((entry) => [entry.name, entry]));
  const compared = { codes: 0, numbers: 0, outputs: null };
  const changed: ChangedWeight[] = [];
  for (const { weight, kernel, codes, tensor, isFallback } of written) {
    const { name, data } = weight;
    const expected = kernel ? transpose(data, kernel) : data;
    const entry = entries.get(name)!;
    const numbers = numbersOf(entry);
    if (codes) compared.codes += compareCodes(name, codes, decodeBlocks(tensor.type, entry.bytes).codes);
    const asWritten = tensor.type === F16 ? expected.map(roundToHalf) : expected;
    const isSame = expected.every((value, i) => value === numbers[i]);
    if (!codes) compareNumbers(name, asWritten, numbers);
    if (!codes && isSame) compared.numbers += numbers.length;
    if (!isSame || isFallback) changed.push(measureChange(name, reasonOf(tensor), expected, numbers));
  }
  return { ...compared, changed };
}

function reasonOf({ type }: GgufTensor): string {
  return type.blockLength > 1
    ? `${type.name} with its scales in half precision`
    : `${type.name}, because its rows do not fill blocks of ${BLOCK_LENGTH} codes around 0`;
}

/** The numbers of a tensor of the types that are written here. */
function numbersOf({ type, bytes }: GgufEntry): Float32Array {
  const own = bytes.slice().buffer;
  if (type === F32) return new Float32Array(own);
  if (type === F16) return Float32Array.from(new Uint16Array(own), halfFloatToNumber);
  const { codes, scales } = decodeBlocks(type!, bytes);
  return Float32Array.from(codes, (code, i) => code * scales[Math.floor(i / BLOCK_LENGTH)]!);
}
