import { elementCount } from '@qedge/core';
import { type OpenShard, TfjsWeights } from '@qedge/memory';
import {
  countZeros,
  type InspectedModel,
  type InspectedTensor,
  layerOfWeight,
  summarizeTensors,
} from './inspected-model.ts';

const CODE_BITS: Readonly<Record<string, number>> = { uint8: 8, uint16: 16, float16: 16 };
const NUMBER_BITS: Readonly<Record<string, number>> = { float32: 32, int32: 32, bool: 8, complex64: 64 };

/**
 * What a `model.json` or weights manifest holds with its shards.
 *
 * @throws FileFormatError for a manifest that is none, and shards that are missing, too short or damaged.
 */
export function inspectTfjs(json: Uint8Array, openShard: OpenShard): InspectedModel {
  using weights = TfjsWeights.fromManifest(json, openShard);
  const quantizations = quantizationsOf(json);
  const tensors = weights.names().map((name): InspectedTensor => {
    const { dtype, quantization } = quantizations.get(name)!;
    const bits = CODE_BITS[quantization ?? ''] ?? NUMBER_BITS[dtype] ?? null;
    const isReadable = dtype !== 'string' && dtype !== 'complex64';
    const tensor = isReadable ? weights.load(name) : null;
    const shape = tensor?.shape ?? [];
    const elements = elementCount(shape);
    return {
      ...{ name, layer: layerOfWeight(name), shape, elements, bits },
      coding: quantization === null ? dtype : `${quantization}${quantization === 'float16' ? '' : ' codes'}`,
      zeros: tensor === null ? null : countZeros(tensor.data),
      byteLength: (elements * (bits ?? 0)) / 8,
    };
  });
  const shards = tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return summarizeTensors('tfjs', json.length + shards, tensors);
}

/** How each weight is kept; the manifest was checked before. */
function quantizationsOf(json: Uint8Array) {
  const value = JSON.parse(new TextDecoder().decode(json));
  const groups: readonly { readonly weights: readonly ManifestWeight[] }[] = value.weightsManifest ?? value;
  const weights = groups.flatMap((group) => group.weights);
  return new Map(
    weights.map(({ name, dtype, quantization }) => [
      name,
      { dtype, quantization: quantization?.dtype ?? null },
    ]),
  );
}

interface ManifestWeight {
  readonly name: string;
  readonly dtype: string;
  readonly quantization?: { readonly dtype: string };
}
