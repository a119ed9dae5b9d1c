import type { ModelTopology } from '../model/model-topology.ts';
import type { ClassificationData } from '../training/classification-data.ts';
import type { CompressionRecipe } from './compression-recipe.ts';

/**
 * Names for the checkpoints of a run's stages that other recipes, models, seeds and training data do not use: the stage and a digest of the rest
 * (FNV-1a, 64 bits in two halves), so that what an interrupted run left is found again and nothing else is mistaken for it.
 */
export function checkpointNames(
  recipe: CompressionRecipe,
  original: ModelTopology,
  seed: number,
  { features, labels }: Pick<ClassificationData, 'features' | 'labels'>,
): (stage: string) => string {
  const digest = new Digest();
  digest.addText(JSON.stringify({ recipe, seed }));
  for (const { name, className, config, calls, weights } of original.layers) {
    digest.addText(JSON.stringify({ name, className, config, calls }));
    for (const { data } of weights) digest.addBytes(bytesOf(data));
  }
  digest.addBytes(bytesOf(features));
  digest.addBytes(bytesOf(labels));
  const suffix = digest.toString();
  return (stage) => `${stage.replaceAll(/[^a-z0-9]+/gi, '-')}-${suffix}`;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** FNV-1a with two offsets, which makes chance collisions of 32 bits unlikely. */
class Digest {
  #low = 0x811c9dc5;
  #high = 0x1b873593;

  addText(text: string): void {
    this.addBytes(new TextEncoder().encode(text));
  }

  addBytes(bytes: Uint8Array): void {
    let [low, high] = [this.#low, this.#high];
    for (const byte of bytes) {
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(high ^ byte ^ (low >>> 24), 0x01000193);
    }
    [this.#low, this.#high] = [low, high];
  }

  toString(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
