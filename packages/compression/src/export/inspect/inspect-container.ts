import { DTYPE_BITS, elementCount, type StoredTensor } from '@qedge/core';
import { LazyModel } from '@qedge/memory';
import {
  countZeroCodes,
  countZeros,
  type InspectedModel,
  type InspectedTensor,
  layerOfWeight,
  summarizeTensors,
} from './inspected-model.ts';

const HALF_MAGNITUDE = 0x7fff;

/** What a `.qez` file holds. @throws what `LazyModel` throws for a file that is none or damaged. */
export function inspectContainer(bytes: Uint8Array): InspectedModel {
  using file = LazyModel.fromBytes(bytes);
  const fileBytes = new Map(file.residency().map((tensor) => [tensor.name, tensor]));
  const tensors = file.names().map((name): InspectedTensor => {
    const tensor = file.load(name);
    const { encoding, fileBytes: byteLength } = fileBytes.get(name)!;
    const { dtype, shape, quantization } = tensor;
    return {
      ...{ name, layer: layerOfWeight(name), shape, elements: elementCount(shape), byteLength },
      coding: quantization ? encoding : dtype,
      bits: quantization?.bits ?? DTYPE_BITS[dtype],
      zeros: zerosOf(tensor, file),
    };
  });
  return summarizeTensors('qez', bytes.length, tensors);
}

function zerosOf({ name, data, dtype, shape, quantization }: StoredTensor, file: LazyModel): number | null {
  if (dtype === 'int4' || dtype === 'uint4') return null;
  if (!quantization) {
    const isHalf = dtype === 'float16' || dtype === 'bfloat16';
    return countZeros(data, isHalf ? HALF_MAGNITUDE : null);
  }
  // Codes of an operator graph stand for themselves: their zero points are another constant of it.
  const companion = name.replace(/ codes$/, ' zero point');
  if (companion !== name && file.has(companion)) return countZeroCodes(data, file.load(companion).data);
  const { axis, groupSize, zeroPoints } = quantization;
  if (axis === null) return countZeroCodes(data, zeroPoints);
  const inner = elementCount(shape.slice(axis + 1));
  const channels = shape[axis]!;
  return countZeroCodes(data, zeroPoints, (index) => {
    const group = groupSize === undefined ? 0 : Math.floor(index / (groupSize * channels));
    return group * channels + (Math.floor(index / inner) % channels);
  });
}
