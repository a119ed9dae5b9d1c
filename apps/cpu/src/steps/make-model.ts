import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainingHistory } from '@qedge/compression';
import {
  type ClassifierEvaluation,
  type CompressedModel,
  createDenseClassifier,
  type ExportedModel,
  evaluateClassifier,
  exportFloatModel,
  getDenseWeights,
  setDenseWeights,
} from '@qedge/compression/tfjs';
import type { Fallback, TaskReference, TaskValue } from '@qedge/core';
import { workerThreadsExecutor } from '@qedge/core/node';
import { accelerate, loadTensorflow } from '@qedge/kernels/node';
import type { Tensorflow } from '@qedge/kernels/tfjs';
import { encodeModel } from '@qedge/memory';
import { compressClassifier, trainClassifier } from '../compression-stages.ts';
import type { DigitSplit } from '../digits.ts';
import type { Job } from '../job.ts';
import { extraEpochs, type MainJobRecipe } from '../main-job-recipe.ts';
import type { AccuracyFigure, Report } from '../report/schema.ts';

const LABELS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/** One variant of the model: what it is, where it lies, how good it is. */
export interface ModelVariant {
  readonly name: string;
  readonly precision: 'float32' | 'int8' | 'int4';
  readonly path: string;
  readonly accuracy: AccuracyFigure;
  readonly exported: ExportedModel;
  /** As codes; null for float32. */
  readonly compressed: CompressedModel | null;
}

/** What the later steps need of the model. */
export interface MadeModel {
  readonly tf: Tensorflow;
  readonly backend: string;
  readonly fallbacks: readonly Fallback[];
  /** The trained network as it went into compression. */
  readonly trained: ModelVariant;
  /** The same with as many more epochs as compression took: the best float32 there is. */
  readonly control: ModelVariant;
  readonly int8: ModelVariant;
  readonly int4: ModelVariant;
  readonly report: Report['model'];
}

const CONTROL_TASK: TaskReference<TaskValue, TaskValue> = {
  // The command line bundles this module into the file beside its own.
  module: new URL('./training-task.js', import.meta.url).href,
  name: 'trainDenseControlTask',
};

/** Trains the network, compresses it and trains its dense control at the same time, and writes the model files. */
export async function makeModel(job: Job, digits: DigitSplit, recipe: MainJobRecipe): Promise<MadeModel> {
  const { tf, backend, fallbacks } = await job.tracer.span('load tfjs', () => loadTensorflow<Tensorflow>());
  using acceleration = backend === 'wasm' ? await accelerate(tf) : null;
  const model = createDenseClassifier(tf, {
    inputSize: 784,
    hiddenUnits: recipe.hiddenUnits,
    classes: 10,
    seed: job.seed,
  });
  const control = createDenseClassifier(tf, {
    inputSize: 784,
    hiddenUnits: recipe.hiddenUnits,
    classes: 10,
    seed: job.seed,
  });
  const run = {
    seed: job.seed,
    signal: job.signal,
    onProgress: (p: Parameters<Job['progress']>[0]) => job.progress(p),
  };
  try {
    const training = await job.tracer.span('train', () =>
      trainClassifier(tf, model, digits.train, digits.validation, recipe, run),
    );
    const [compressed, controlHistory] = await finishBoth(
      (signal) =>
        job.tracer.span('compress', () =>
          compressClassifier(tf, model, digits.train, digits.validation, recipe, {
            ...run,
            signal,
            name: 'digits',
            labels: LABELS,
          }),
        ),
      (signal) =>
        job.tracer.span('dense control (worker thread)', () =>
          trainControl(job, signal, model, control, digits, recipe, tf),
        ),
      job.signal,
    );
    const evaluate = (classifier: Parameters<typeof evaluateClassifier>[1]) =>
      accuracyFigure(evaluateClassifier(tf, classifier, digits.test));
    const naming = { name: 'digits', labels: LABELS };
    const pruned = accuracyOfExport(tf, compressed.pruned, digits, recipe);
    const variants = await job.tracer.span('write model files', () =>
      writeVariants(job, [
        {
          name: 'float32',
          precision: 'float32',
          file: 'digits-float32.qez',
          accuracy: evaluate(model),
          exported: exportFloatModel(model, naming),
          compressed: null,
        },
        {
          name: 'dense control',
          precision: 'float32',
          file: 'digits-control.qez',
          accuracy: evaluate(control),
          exported: exportFloatModel(control, naming),
          compressed: null,
        },
        {
          name: 'int8',
          precision: 'int8',
          file: 'digits-int8.qez',
          accuracy: evaluate(compressed.int8.compressed),
          exported: compressed.int8,
          compressed: compressed.int8.compressed,
        },
        {
          name: 'int4',
          precision: 'int4',
          file: 'digits.qez',
          accuracy: evaluate(compressed.int4.compressed),
          exported: compressed.int4,
          compressed: compressed.int4.compressed,
        },
      ]),
    );
    const [trained, dense, int8, int4] = variants as [
      WrittenVariant,
      WrittenVariant,
      WrittenVariant,
      WrittenVariant,
    ];
    const report: Report['model'] = {
      name: 'digits',
      layers: [784, ...recipe.hiddenUnits, 10],
      ...countWork([784, ...recipe.hiddenUnits, 10]),
      accuracyFloat32: trained.accuracy.accuracy,
      accuracyDenseControl: dense.accuracy.accuracy,
      accuracyPruned: pruned.accuracy,
      accuracyInt8: int8.accuracy.accuracy,
      accuracyCompressed: int4.accuracy.accuracy,
      intervals: {
        float32: trained.accuracy,
        'dense control': dense.accuracy,
        'pruned float32': pruned,
        int8: int8.accuracy,
        int4: int4.accuracy,
      },
      epochs: { base: recipe.training.epochs, extra: extraEpochs(recipe) },
      bytesFloat32: trained.bytes,
      bytesCompressed: int4.bytes,
      compressionRatio: trained.bytes / int4.bytes,
      compressedFile: int4.file,
      files: variants.map(({ name, precision, file, bytes, accuracy, exported }) => ({
        name,
        precision,
        path: file,
        bytes,
        sparsity: sparsityOf(exported),
        accuracy,
      })),
      ledger: compressed.ledgers.int4.rows
        .filter((row) => row.bits < 32)
        .map((row) => ({
          layer: row.name,
          shape: [...row.shape],
          parameters: row.parameters,
          nonzero: row.nonzero,
          sparsity: row.sparsity,
          bits: row.bits,
          packedBytes: row.packedBytes,
          signalToNoiseDecibel: row.sqnrDb,
        })),
      training: [training, ...compressed.history, { ...controlHistory, phase: 'dense control' }].flatMap(
        historyRows,
      ),
    };
    return {
      tf,
      backend,
      fallbacks: [...fallbacks, ...(acceleration?.fallbacks ?? [])],
      trained,
      control: dense,
      int8,
      int4,
      report,
    };
  } finally {
    model.dispose();
    control.dispose();
  }
}

/** Runs two pieces of work at the same time; when one fails the other is cancelled before the error is passed on. */
async function finishBoth<A, B>(
  first: (signal: AbortSignal) => Promise<A>,
  second: (signal: AbortSignal) => Promise<B>,
  outer: AbortSignal,
): Promise<[A, B]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const guard = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  };
  const [a, b] = await Promise.allSettled([guard(first(signal)), guard(second(signal))]);
  if (a.status === 'rejected' && (b.status === 'fulfilled' || stop.signal.reason === a.reason))
    throw a.reason;
  if (b.status === 'rejected') throw b.reason;
  if (a.status === 'rejected') throw a.reason;
  return [a.value, b.value];
}

async function trainControl(
  job: Job,
  signal: AbortSignal,
  model: ReturnType<typeof createDenseClassifier>,
  control: ReturnType<typeof createDenseClassifier>,
  digits: DigitSplit,
  recipe: MainJobRecipe,
  tf: Tensorflow,
): Promise<TrainingHistory> {
  await using executor = workerThreadsExecutor({ threads: 1 });
  const input = {
    weights: getDenseWeights(model),
    train: digits.train,
    validation: digits.validation,
    recipe,
    seed: job.seed,
  };
  const output = (await executor.run(CONTROL_TASK, input as unknown as TaskValue, { signal })) as unknown as {
    weights: Float32Array[];
    history: TrainingHistory;
  };
  setDenseWeights(tf, control, output.weights);
  return output.history;
}

interface VariantContent extends Omit<ModelVariant, 'path'> {
  readonly file: string;
}

interface WrittenVariant extends ModelVariant {
  /** Relative to the report. */
  readonly file: string;
  readonly bytes: number;
}

async function writeVariants(job: Job, contents: readonly VariantContent[]): Promise<WrittenVariant[]> {
  const folder = join(job.stagingDirectory, 'models');
  await mkdir(folder, { recursive: true });
  const written: WrittenVariant[] = [];
  for (const content of contents) {
    const path = join(folder, content.file);
    const { graph, tensors } = content.exported;
    const metadata = {
      variant: content.name,
      precision: content.precision,
      testAccuracy: content.accuracy.accuracy,
      seed: job.seed,
    };
    await writeFile(path, encodeModel({ graph, tensors, metadata }));
    written.push({ ...content, path, file: `models/${content.file}`, bytes: (await stat(path)).size });
  }
  return written;
}

function accuracyOfExport(
  tf: Tensorflow,
  exported: ExportedModel,
  digits: DigitSplit,
  recipe: MainJobRecipe,
): AccuracyFigure {
  const model = createDenseClassifier(tf, {
    inputSize: 784,
    hiddenUnits: recipe.hiddenUnits,
    classes: 10,
    seed: 0,
  });
  try {
    setDenseWeights(
      tf,
      model,
      exported.tensors.map((tensor) => tensor.data as Float32Array),
    );
    return accuracyFigure(evaluateClassifier(tf, model, digits.test));
  } finally {
    model.dispose();
  }
}

function accuracyFigure({ accuracy, interval, correct, count }: ClassifierEvaluation): AccuracyFigure {
  return { accuracy, low: interval.low, high: interval.high, correct, count };
}

function countWork(layers: readonly number[]): { parameters: number; multiplyAccumulates: number } {
  let [parameters, multiplyAccumulates] = [0, 0];
  for (let i = 1; i < layers.length; i++) {
    multiplyAccumulates += layers[i - 1]! * layers[i]!;
    parameters += (layers[i - 1]! + 1) * layers[i]!;
  }
  return { parameters, multiplyAccumulates };
}

function sparsityOf({ tensors }: ExportedModel): number {
  let [zeros, all] = [0, 0];
  for (const { data, shape } of tensors) {
    if (shape.length < 2) continue;
    all += data.length;
    for (const value of data) if (value === 0) zeros++;
  }
  return all === 0 ? 0 : zeros / all;
}

function historyRows(history: TrainingHistory): Report['model']['training'] {
  return history.epochs.map((row) => ({
    stage: history.phase,
    epoch: row.epoch,
    loss: row.loss,
    validationAccuracy: row.validationAccuracy,
    durationMs: row.durationMs,
  }));
}
