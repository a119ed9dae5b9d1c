import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, extname, resolve, sep } from 'node:path';
import { FileFormatError, InvalidArgumentError, UnsupportedError } from '@qedge/core';
import { fileAccessError } from '@qedge/core/node';
import { mapFile, openModelFile } from '@qedge/memory/node';
import { createKernelEngine, type NodeKernelEngineOptions } from '../engine/node-engine.ts';
import { graphOfLayers } from '../graph/layers/graph-of-layers.ts';
import type { OnnxModel, ReadExternalData } from '../graph/onnx/onnx-model.ts';
import {
  type OpenPreparedModelOptions,
  openPreparedModel,
  type PreparedModel,
} from '../graph/prepared-model.ts';
import { graphSource, type ModelSource } from './model-source.ts';
import type { OnnxSourceOptions } from './onnx-source.ts';
import {
  type InferenceOptions,
  OptimizedInferenceEngine,
  requireInferenceOptions,
} from './optimized-inference-engine.ts';

/** More threads than this for each processor are a mistake; so many are allowed on any machine, so that programs run anywhere. */
const THREADS_PER_PROCESSOR = 4;
const LEAST_THREAD_LIMIT = 16;

/** Options of `loadModel` of `@qedge/kernels/node`. */
export interface LoadModelOptions
  extends InferenceOptions,
    NodeKernelEngineOptions,
    OpenPreparedModelOptions,
    Pick<OnnxSourceOptions, 'constants'> {}

/**
 * Loads a model and makes it ready to answer: an ONNX file, a `.qez` file, or any other {@link ModelSource}. Machine code runs it where
 * that is allowed, else WebAssembly; `report().fallbacks` says what was passed over.
 *
 * A `.qez` file is mapped, and the code that it was prepared with is used: WebAssembly always, machine code where the file is `trusted`. An
 * ONNX file is read as a whole: save it as `.qez` once to have it mapped.
 *
 * @param model a path, or a source, which is owned from here on.
 * @throws FileNotFoundError, FileFormatError, UnsupportedError naming what the model has and this library does not, InvalidArgumentError for
 *   sizes that the model leaves open and `inputShapes` does not choose and for many more threads than processors. All of that is checked
 *   before a thread is started.
 * @example
 * using engine = await loadModel('model.onnx', { inputShapes: { x: [1, 3, 48, 192] }, threads: 2 });
 * const { y } = engine.run({ x: pixels });
 */
export async function loadModel(
  model: string | ModelSource,
  options: LoadModelOptions = {},
): Promise<OptimizedInferenceEngine> {
  requireThreads(options.threads);
  const source = isSource(model) ? model : await openModelSource(model, options);
  try {
    requireInferenceOptions(source, options);
    const kernels = await createKernelEngine(options);
    try {
      return new OptimizedInferenceEngine(source, kernels, options);
    } catch (error) {
      kernels.dispose();
      throw error;
    }
  } catch (error) {
    source.dispose();
    throw error;
  }
}

/** Threads take turns beyond the processors: each costs memory and time to start, and all wait for each other. */
function requireThreads(threads = 1): void {
  const most = Math.max(LEAST_THREAD_LIMIT, THREADS_PER_PROCESSOR * availableParallelism());
  if (Number.isSafeInteger(threads) && threads >= 1 && threads <= most) return;
  throw new InvalidArgumentError('The number of threads is out of range', {
    expected: `an integer from 1 to ${most}`,
    actual: threads,
    remedy: `This process may use ${availableParallelism()} processors; more threads than that gain nothing.`,
  });
}

function isSource(model: unknown): model is ModelSource {
  return typeof model === 'object' && model !== null && 'specialize' in model;
}

/**
 * Opens a model file as a source of graphs: `.onnx` or `.qez`. The caller disposes it, unless it is handed to {@link loadModel}. At int8 and int4, the
 * codes of a `.qez` file of layers are multiplied as they are where it says how the inputs of the layers are coded.
 *
 * @throws FileNotFoundError, FileFormatError, UnsupportedError, InvalidArgumentError for a path that is none.
 */
export async function openModelSource(
  path: string,
  {
    constants,
    customs,
    precision,
    trusted = false,
  }: Pick<LoadModelOptions, 'constants' | 'customs' | 'precision' | 'trusted'> = {},
): Promise<ModelSource> {
  if (typeof path !== 'string') {
    throw new InvalidArgumentError('The model is neither a path nor a source', {
      expected: 'a path as a string, or a source such as onnxSource, layersSource or graphSource make',
      actual: Object.prototype.toString.call(path).slice(8, -1),
    });
  }
  switch (extname(path)) {
    case '.onnx': {
      const model = await readOnnxFile(path);
      const { onnxSource } = await import('./onnx-source.ts');
      return onnxSource(model, {
        name: basename(path),
        ...(constants ? { constants } : {}),
        ...(customs ? { customs } : {}),
      });
    }
    case '.qez':
      return modelFileSource(path, trusted, precision === 'int8' || precision === 'int4' ? 'keep' : 'decode');
    default:
      throw new UnsupportedError(`${path} is a file of another kind`, {
        expected: '.onnx or .qez',
        actual: extname(path) || 'no extension',
        remedy: remedyFor(extname(path)),
      });
  }
}

/** What to do with a file that is neither. */
function remedyFor(extension: string): string {
  return extension === '.safetensors'
    ? 'Weights alone are no model: give them to bertEncoder or GraphBuilder of @qedge/kernels/graph, and the result to graphSource.'
    : 'Import TensorFlow.js models with layersSource of @qedge/kernels/tfjs.';
}

/** @throws FileFormatError that names the file. */
async function readOnnxFile(path: string): Promise<OnnxModel> {
  const bytes = await readWhole(path);
  // Programs that open prepared files need no importer.
  const { readOnnx } = await import('../graph/onnx/read-onnx.ts');
  try {
    return readOnnx(bytes, { externalData: besides(path) });
  } catch (error) {
    if (!(error instanceof FileFormatError)) throw error;
    throw new FileFormatError(`${path} cannot be read as an ONNX model: ${error.message}`, { cause: error });
  }
}

/** A source over a `.qez` file: a linear model for any batch, or a prepared graph of fixed shapes. */
function modelFileSource(path: string, trusted: boolean, codes: 'keep' | 'decode'): ModelSource {
  const file = openModelFile(path);
  if (file.format === 'qedge-operator-graph') {
    file.dispose();
    return preparedSource(openPreparedModel(path, { trusted }));
  }
  const { graph } = file;
  const dispose = () => file.dispose();
  return {
    name: graph.name,
    inputs: [{ name: 'input', dtype: 'float32', shape: [null, ...graph.inputShape] }],
    file: { loading: file.loading, byteLength: file.fileByteLength, fallbacks: file.fallbacks },
    specialize: ({ input }) => graphOfLayers(graph, file, { batch: input?.[0] ?? 1, codes }),
    dispose,
    [Symbol.dispose]: dispose,
  };
}

function preparedSource(prepared: PreparedModel): ModelSource {
  const { graph, weights } = prepared;
  const dispose = () => prepared.dispose();
  return {
    ...graphSource({ graph, weights }),
    file: {
      loading: prepared.loading,
      byteLength: prepared.fileByteLength,
      fallbacks: prepared.fallbacks,
    },
    precisions: prepared.precisions,
    compile: (engine, options) => prepared.compile(engine, options),
    dispose,
    [Symbol.dispose]: dispose,
  };
}

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fileAccessError(error, path, 'read');
  }
}

/** Reads weights that lie in files beside a model, and nowhere else. */
function besides(path: string): ReadExternalData {
  const folder = dirname(resolve(path));
  return (location, offset, byteLength) => {
    const file = resolve(folder, location);
    if (!file.startsWith(folder + sep)) {
      throw new FileFormatError(`${path} names weights outside of its folder`, { actual: location });
    }
    // Mapped, so that a location that names no such bytes costs no memory.
    using weights = mapFile(file);
    if (offset + byteLength > weights.byteLength) {
      throw new FileFormatError(`${file} is too short for the weights of ${path}`, {
        expected: `at least ${offset + byteLength} bytes`,
        actual: `${weights.byteLength} bytes`,
      });
    }
    return weights.read(offset, byteLength);
  };
}
