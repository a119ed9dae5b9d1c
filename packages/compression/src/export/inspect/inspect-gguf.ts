import { elementCount } from '@qedge/core';
import { decodeBlocks, F16, F32, Q4_0, Q8_0 } from '../gguf/block-types.ts';
import { type GgufEntry, readGguf } from '../gguf/read-gguf.ts';
import {
  countZeros,
  type InspectedModel,
  type InspectedTensor,
  layerOfWeight,
  summarizeTensors,
} from './inspected-model.ts';

/** The width of a number or code, which names of types tell: `Q4_K`, `F32`, `BF16`, `I8`. */
function bitsOf(type: string): number {
  return Number(/\d+/.exec(type)![0]);
}

/** What a GGUF file holds. @throws FileFormatError for a file that is none or damaged. */
export function inspectGguf(bytes: Uint8Array): InspectedModel {
  const tensors = readGguf(bytes).tensors.map((entry): InspectedTensor => {
    const { name, dimensions, type, typeCode } = entry;
    return {
      ...{
        name,
        layer: layerOfWeight(name),
        shape: [...dimensions].reverse(),
        byteLength: entry.bytes.length,
      },
      elements: elementCount(dimensions),
      coding: type?.name ?? `type ${typeCode}`,
      bits: type === null ? null : bitsOf(type.name),
      zeros: zerosOf(entry),
    };
  });
  return summarizeTensors('gguf', bytes.length, tensors);
}

/** A block with the scale 0 is one of zeros, whatever its codes; one with a NaN has none. */
function zerosOf({ type, bytes }: GgufEntry): number | null {
  // A copy even where the bytes are a Buffer of Node, whose slice shares the memory of the whole file.
  const own = new Uint8Array(bytes).buffer;
  if (type === F32) return countZeros(new Float32Array(own));
  if (type === F16) return countZeros(new Uint16Array(own), 0x7fff);
  if (type !== Q4_0 && type !== Q8_0) return null;
  const { codes, scales } = decodeBlocks(type, bytes);
  return countZeros(codes.map((code, i) => (scales[Math.floor(i / 32)] === 0 ? 0 : code)));
}
