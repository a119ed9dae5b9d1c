import { elementCount, FileFormatError } from '@qedge/core';
import type { OnnxModel, OnnxNode, OnnxTensor } from '@qedge/kernels/onnx';
import { ungroupCodes } from './grouped-codes.ts';

/** Constant codes of an ONNX file. */
export interface OnnxCodes {
  readonly name: string;
  /** Of what reads them. */
  readonly operator: 'DequantizeLinear' | 'MatMulNBits';
  readonly bits: number;
  readonly shape: readonly number[];
  readonly count: number;
  readonly zeros: number;
  /** The codes around 0 as the row-major matrix `[rows, outputs]` of a kernel; null when the file has another number of them. */
  toMatrix(rows: number, outputs: number): Int8Array | null;
}

/** `TensorProto.DataType`. */
const [UINT8, INT8] = [2, 3];
const SIGN_OFFSET = 128;

/**
 * Constants of 8-bit codes that DequantizeLinear decodes, and the 4-bit weights of MatMulNBits, by name.
 *
 * @throws FileFormatError for a MatMulNBits whose codes do not fit its sizes.
 */
export function readOnnxCodes({ graph }: OnnxModel): ReadonlyMap<string, OnnxCodes> {
  const tensors = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const found = new Map<string, OnnxCodes>();
  for (const node of graph.nodes) {
    const isNarrow = node.operator === 'MatMulNBits' && node.domain === 'com.microsoft';
    const tensor = tensors.get(node.inputs[isNarrow ? 1 : 0] ?? '');
    if (!tensor?.raw) continue;
    if (isNarrow && integer(node, 'bits') === 4)
      found.set(tensor.name, nibbleCodes(tensor, tensor.raw, node, tensors));
    const isCoded = node.operator === 'DequantizeLinear' && [UINT8, INT8].includes(tensor.typeCode);
    if (isCoded) found.set(tensor.name, byteCodes(tensor, tensor.raw, tensors.get(node.inputs[2] ?? '')));
  }
  return found;
}

function integer({ attributes }: OnnxNode, name: string): number {
  return attributes.get(name)?.integer ?? 0;
}

function byteCodes({ name, shape, typeCode }: OnnxTensor, raw: Uint8Array, zero?: OnnxTensor): OnnxCodes {
  const isSigned = typeCode === INT8;
  const codes = Int8Array.from(raw, (byte) => (isSigned ? byte : byte - SIGN_OFFSET));
  const zeroBytes = zero?.raw ?? new Uint8Array(1);
  const isPerChannel = zeroBytes.length > 1;
  // Kernels of convolutions have their outputs first, those of products last.
  const isConvolution = shape.length > 2;
  const outputs = shape[isConvolution ? 0 : shape.length - 1] ?? 1;
  const inner = codes.length / outputs;
  let zeros = 0;
  for (let i = 0; i < raw.length; i++) {
    const channel = isPerChannel ? (isConvolution ? Math.floor(i / inner) : i % outputs) : 0;
    if (raw[i] === zeroBytes[channel]) zeros++;
  }
  return {
    ...{ name, operator: 'DequantizeLinear', bits: 8, shape, count: codes.length, zeros },
    toMatrix(rows, columns) {
      if (codes.length !== rows * columns) return null;
      return isConvolution ? outputsLast(codes, shape) : codes;
    },
  };
}

/** `[outputs, channels, height, width]` as `[height * width * channels, outputs]`. */
function outputsLast(codes: Int8Array, [outputs, channels, ...taps]: readonly number[]): Int8Array {
  const count = elementCount(taps);
  const moved = new Int8Array(codes.length);
  for (let tap = 0; tap < count; tap++) {
    for (let channel = 0; channel < channels!; channel++) {
      for (let output = 0; output < outputs!; output++) {
        const to = (tap * channels! + channel) * outputs! + output;
        moved[to] = codes[(output * channels! + channel) * count + tap]!;
      }
    }
  }
  return moved;
}

function nibbleCodes(
  { name, shape }: OnnxTensor,
  raw: Uint8Array,
  node: OnnxNode,
  tensors: ReadonlyMap<string, OnnxTensor>,
): OnnxCodes {
  const [k, n, groupSize] = [integer(node, 'K'), integer(node, 'N'), integer(node, 'block_size')];
  const groups = groupSize >= 1 ? Math.ceil(k / groupSize) : 0;
  const zeroBytes = tensors.get(node.inputs[3] ?? '')?.raw ?? null;
  const rowBytes = Math.ceil(groups / 2);
  if (
    !(k >= 1) ||
    !(n >= 1) ||
    raw.length !== (n * groups * groupSize) / 2 ||
    (zeroBytes && zeroBytes.length !== n * rowBytes)
  ) {
    throw new FileFormatError(`The codes "${name}" do not fit their MatMulNBits`, {
      expected: `${n} columns of ${k} codes in groups of ${groupSize}`,
      actual: `${raw.length} bytes`,
    });
  }
  const half = (bytes: Uint8Array, at: number) => (bytes[at >> 1]! >> (4 * (at & 1))) & 15;
  let zeros = 0;
  for (let column = 0; column < n; column++) {
    for (let i = 0; i < k; i++) {
      const zero = zeroBytes ? half(zeroBytes, 2 * column * rowBytes + Math.floor(i / groupSize)) : 8;
      if (half(raw, column * groups * groupSize + i) === zero) zeros++;
    }
  }
  return {
    ...{ name, operator: 'MatMulNBits', bits: 4, shape, count: n * k, zeros },
    toMatrix(rows, outputs) {
      return rows === k && outputs === n ? ungroupCodes({ codes: raw }, { rows, outputs, groupSize }) : null;
    },
  };
}
