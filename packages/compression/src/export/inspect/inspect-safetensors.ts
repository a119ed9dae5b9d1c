import { elementCount, UnsupportedError } from '@qedge/core';
import { SafetensorsFile } from '@qedge/memory';
import type { CodedWeight } from '../../model/compressed-model.ts';
import { readCodedTensors } from '../read-coded-tensors.ts';
import type { CodingRecord } from '../safetensors-names.ts';
import {
  countZeroCodes,
  countZeros,
  type InspectedModel,
  type InspectedTensor,
  layerOfWeight,
  summarizeTensors,
} from './inspected-model.ts';

const HALF_MAGNITUDE = 0x7fff;

/** What a safetensors file holds, ours or anyone's. @throws what `SafetensorsFile` throws for a file that is none or damaged. */
export function inspectSafetensors(bytes: Uint8Array): InspectedModel {
  using file = SafetensorsFile.fromBytes(bytes);
  const { codes, records } = readCodedTensors(file);
  const tensors = file.names().map((name): InspectedTensor => {
    const { storedDType, shape, byteLength } = file.entry(name);
    const common = { name, layer: layerOfWeight(name), byteLength };
    const coded = codes.get(name);
    if (coded) return { ...common, ...describeCodes(coded, records.get(name)!) };
    const elements = elementCount(shape);
    const bits = elements === 0 ? null : Math.round((8 * byteLength) / elements);
    return { ...common, shape, elements, coding: storedDType, bits, zeros: zerosOf(file, name) };
  });
  return summarizeTensors('safetensors', bytes.length, tensors);
}

function describeCodes({ codes, quantization }: CodedWeight, { shape, packed }: CodingRecord) {
  const { zeroPoints, axis, bits, groupSize } = quantization;
  const outputs = axis === null ? 1 : shape.at(-1)!;
  const channelOf = (index: number) => {
    const group = groupSize === undefined ? 0 : Math.floor(index / (groupSize * outputs));
    return axis === null ? 0 : group * outputs + (index % outputs);
  };
  const zeros = countZeroCodes(codes, zeroPoints, channelOf);
  return { shape, elements: codes.length, coding: packed ? 'packed codes' : 'int8 codes', bits, zeros };
}

/** Null for numbers of a kind that cannot be loaded. */
function zerosOf(file: SafetensorsFile, name: string): number | null {
  try {
    const { data, dtype } = file.load(name);
    return countZeros(data, dtype === 'float16' || dtype === 'bfloat16' ? HALF_MAGNITUDE : null);
  } catch (error) {
    if (error instanceof UnsupportedError) return null;
    throw error;
  }
}
