import { elementCount } from '@qedge/core';
import { type OnnxTensor, readOnnx } from '@qedge/kernels/onnx';
import { readOnnxCodes } from '../read-onnx-codes.ts';
import {
  countZeros,
  type InspectedModel,
  type InspectedTensor,
  layerOfWeight,
  summarizeTensors,
} from './inspected-model.ts';

/** Names and widths by the number of `TensorProto.DataType`. */
const TYPES: ReadonlyMap<number, readonly [name: string, bits: number]> = new Map([
  ...([
    [1, ['float32', 32]],
    [2, ['uint8', 8]],
    [3, ['int8', 8]],
    [4, ['uint16', 16]],
  ] as const),
  ...([
    [5, ['int16', 16]],
    [6, ['int32', 32]],
    [7, ['int64', 64]],
    [9, ['bool', 8]],
  ] as const),
  ...([
    [10, ['float16', 16]],
    [11, ['float64', 64]],
    [12, ['uint32', 32]],
    [13, ['uint64', 64]],
  ] as const),
  ...([
    [16, ['bfloat16', 16]],
    [21, ['uint4', 4]],
    [22, ['int4', 4]],
  ] as const),
]);

/** What an ONNX file holds in its constants. @throws FileFormatError for a file that is none or damaged. */
export function inspectOnnx(bytes: Uint8Array): InspectedModel {
  const file = readOnnx(bytes);
  const codes = readOnnxCodes(file);
  const tensors = file.graph.initializers.map((tensor): InspectedTensor => {
    const { name, shape, raw } = tensor;
    const [coding, bits] = TYPES.get(tensor.typeCode) ?? [`type ${tensor.typeCode}`, null];
    const elements = elementCount(shape);
    const common = { name, layer: layerOfWeight(name), shape };
    const coded = codes.get(name);
    const byteLength = raw?.length ?? (tensor.external ? 0 : Math.ceil((elements * (bits ?? 0)) / 8));
    if (coded) {
      const how = coded.operator === 'MatMulNBits' ? '4-bit blocks' : `${coding} codes`;
      return {
        ...common,
        elements: coded.count,
        coding: how,
        bits: coded.bits,
        zeros: coded.zeros,
        byteLength,
      };
    }
    return { ...common, elements, coding, bits, zeros: zerosOf(tensor), byteLength };
  });
  return summarizeTensors('onnx', bytes.length, tensors);
}

const [FLOAT32, FLOAT16, INT8, UINT8] = [1, 10, 3, 2];

function zerosOf({ raw, typeCode }: OnnxTensor): number | null {
  if (raw === null) return null;
  if (typeCode === INT8 || typeCode === UINT8) return countZeros(raw);
  // The file's bytes are not aligned.
  const own = raw.slice().buffer;
  if (typeCode === FLOAT32) return countZeros(new Float32Array(own, 0, raw.length >> 2));
  return typeCode === FLOAT16 ? countZeros(new Uint16Array(own, 0, raw.length >> 1), 0x7fff) : null;
}
