import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  FileFormatError,
  FileNotFoundError,
  type ModelGraph,
  systemClock,
  type WeightSource,
} from '@qedge/core';
import type { Tensorflow } from '@qedge/kernels/tfjs';
import type { LazyModel } from '@qedge/memory';
import { openModelFile } from '@qedge/memory/node';
import { readJsonFile } from './data-input.ts';

/** A model that the user named, from whichever format. */
export interface ModelInput extends Disposable {
  readonly graph: ModelGraph;
  readonly weights: WeightSource;
  readonly path: string;
  /** What opening took, in milliseconds. */
  readonly loadMs: number;
  /** The opened file when it is a `.qez`. */
  readonly file: LazyModel | null;
}

/** Opens a `.qez` file. @throws FileNotFoundError, FileFormatError. */
export async function openModel(path: string): Promise<ModelInput> {
  const startMs = systemClock.nowMs();
  const file = openModelFile(path);
  const loadMs = systemClock.nowMs() - startMs;
  return { graph: file.graph, weights: file, path, loadMs, file, [Symbol.dispose]: () => file.dispose() };
}

interface LayersManifest {
  readonly modelTopology?: object;
  readonly weightsManifest?: readonly {
    readonly paths: readonly string[];
    readonly weights: readonly object[];
  }[];
}

/**
 * Loads a tfjs LayersModel (`model.json` with its weight files beside it).
 *
 * @returns the model; the caller disposes it.
 * @throws FileNotFoundError for a missing part, FileFormatError when it is not such a model.
 */
export async function loadLayersModel(
  tf: Tensorflow,
  path: string,
): Promise<InstanceType<Tensorflow['LayersModel']>> {
  const manifest = await readJsonFile<LayersManifest>(path);
  if (!manifest.modelTopology || !Array.isArray(manifest.weightsManifest)) {
    throw new FileFormatError(`${path} is not a tfjs LayersModel`, {
      expected: 'modelTopology and weightsManifest',
      actual: Object.keys(manifest).join(', ') || 'an empty object',
    });
  }
  const parts = manifest.weightsManifest.flatMap((group) => group.paths);
  const buffers = await Promise.all(parts.map((part) => readWeightFile(join(dirname(resolve(path)), part))));
  const weightSpecs = manifest.weightsManifest.flatMap((group) => group.weights);
  const weightData = Buffer.concat(buffers);
  const handler = tf.io.fromMemory({
    modelTopology: manifest.modelTopology,
    weightSpecs: weightSpecs as never,
    weightData: weightData.buffer.slice(
      weightData.byteOffset,
      weightData.byteOffset + weightData.byteLength,
    ) as ArrayBuffer,
  });
  try {
    return await tf.loadLayersModel(handler);
  } catch (cause) {
    throw new FileFormatError(`${path} cannot be loaded by tfjs`, {
      actual: (cause as Error).message,
      cause,
    });
  }
}

async function readWeightFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new FileNotFoundError(`The weight file ${path} is missing`, {
      remedy: 'It belongs beside model.json',
      cause,
    });
  }
}
