import { stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import {
  type CompressionLedger,
  type CompressionRecipe,
  computeQuantizationParameters,
  createCompressionLedger,
  defaultRecipe,
  magnitudeScores,
  maskBySparsity,
  quantizeTensor,
  quickRecipe,
} from '@qedge/compression';
import {
  compressClassifier,
  createDenseClassifier,
  type ExportedModel,
  evaluateClassifier,
  exportFloatModel,
  setDenseWeights,
} from '@qedge/compression/tfjs';
import {
  InvalidArgumentError,
  type ModelGraph,
  NonFiniteValueError,
  type StoredTensor,
  UnsupportedError,
} from '@qedge/core';
import { assertWritableFile, writeFileAtomic } from '@qedge/core/node';
import { accelerate, loadTensorflow } from '@qedge/kernels/node';
import type { Tensorflow } from '@qedge/kernels/tfjs';
import { encodeModel } from '@qedge/memory';
import { kilobytes, percent } from '@qedge-apps/cpu';
import { type Command, Option } from 'commander';
import {
  attachHandler,
  type CommandContext,
  type CommandResult,
  defineCommand,
  numberOption,
} from '../command.ts';
import { type DataInput, readData } from '../data-input.ts';
import { loadLayersModel, openModel } from '../model-input.ts';

interface CompressOptions {
  readonly output?: string;
  readonly bits: string;
  readonly sparsity: number;
  readonly data?: string;
  readonly quick?: boolean;
}

type Layers = InstanceType<Tensorflow['LayersModel']>;

export function compressCommand(): Command {
  const command = defineCommand(
    'compress',
    'prune and quantise a model, with fine-tuning when data is given',
    'Reads a tfjs LayersModel (model.json) or a float32 .qez file of dense layers and writes a small .qez file. With --data the model is trained on while it is pruned and quantised, and accuracy is measured on data that training never saw. Without, weights are pruned and rounded as they are; the file then runs at float32 (no activation ranges are known).',
  )
    .argument('<model>', 'model.json or .qez')
    .option('-o, --output <file>', 'where to write (default: the model name with -int4.qez or -int8.qez)')
    .addOption(new Option('--bits <n>', 'bits per weight').choices(['8', '4']).default('4'))
    .option('--sparsity <fraction>', 'share of weights removed', numberOption(0, 0.99), 0.9)
    .option('--data <source>', 'the word digits, or a JSON file {"features": [[...]], "labels": [...]}')
    .option('--quick', 'fewer epochs')
    .addHelpText(
      'after',
      '\nExample:\n  qedge compress model.json --data digits --bits 4 --sparsity 0.9 -o small.qez\n',
    );
  return attachHandler<[string, CompressOptions]>(command, async (context, input, options) => {
    const output = options.output ?? `${basename(input, extname(input))}-int${options.bits}.qez`;
    await assertWritableFile(output);
    const { tf, library } = await loadTensorflow<Tensorflow>();
    const model = await loadModel(tf, input);
    try {
      const original = exportFloatModel(model, { name: basename(input, extname(input)) });
      assertFinite(original, input);
      const made = options.data
        ? await compressWithData(tf, context, model, original, options.data, options)
        : compressAsIs(original, Number(options.bits), options.sparsity);
      const bytes = encodeModel({
        graph: made.model.graph,
        tensors: made.model.tensors,
        metadata: { source: basename(input), library },
      });
      await writeFileAtomic(output, bytes);
      return describe(input, output, original, made, (await stat(output)).size);
    } finally {
      model.dispose();
    }
  });
}

interface Made {
  readonly model: ExportedModel;
  readonly ledger: CompressionLedger;
  readonly accuracy: { readonly before: number; readonly after: number; readonly count: number } | null;
}

/** @throws NonFiniteValueError naming file, tensor and index, before any work. */
function assertFinite({ tensors }: ExportedModel, input: string): void {
  for (const { name, data } of tensors) {
    const wrong = (data as Float32Array).findIndex((value) => !Number.isFinite(value));
    if (wrong < 0) continue;
    throw new NonFiniteValueError(`${input}: weight ${wrong} of "${name}" is not a number`, {
      expected: 'finite weights',
      actual: String(data[wrong]),
      remedy: 'Train the model again; a learning rate that is too high often ends so',
    });
  }
}

async function loadModel(tf: Tensorflow, path: string): Promise<Layers> {
  if (extname(path) === '.json') return loadLayersModel(tf, path);
  using opened = await openModel(path);
  return toLayersModel(
    tf,
    opened.graph,
    opened.graph.layers.flatMap((layer) => weightsOf(layer, (name) => opened.weights.load(name))),
  );
}

function weightsOf(
  layer: ModelGraph['layers'][number],
  load: (name: string) => StoredTensor,
): StoredTensor[] {
  if (layer.kind !== 'dense' || layer.bias === null) {
    throw new UnsupportedError(`Layer "${layer.name}" cannot be compressed`, {
      expected: 'dense layers with a bias',
      actual: layer.kind,
    });
  }
  return [load(layer.kernel), load(layer.bias)];
}

function toLayersModel(tf: Tensorflow, graph: ModelGraph, tensors: readonly StoredTensor[]): Layers {
  const coded = tensors.find((tensor) => tensor.quantization);
  if (coded) {
    throw new InvalidArgumentError('The model is compressed already', {
      expected: 'float32 weights',
      actual: `codes in "${coded.name}"`,
    });
  }
  const units = graph.layers.map((layer) => (layer.kind === 'dense' ? layer.units : 0));
  const model = createDenseClassifier(tf, {
    inputSize: graph.inputShape[0]!,
    hiddenUnits: units.slice(0, -1),
    classes: units.at(-1)!,
    seed: 0,
  });
  setDenseWeights(
    tf,
    model,
    tensors.map((tensor) => tensor.data as Float32Array),
  );
  return model;
}

async function compressWithData(
  tf: Tensorflow,
  context: CommandContext,
  model: Layers,
  original: ExportedModel,
  source: string,
  options: CompressOptions,
): Promise<Made> {
  const data = await readData(source, original.graph.inputShape, context.signal);
  if (!data.labelled)
    throw new InvalidArgumentError('Training needs labels', {
      expected: '"labels" in the data file',
      remedy: 'Leave --data out to compress without training',
    });
  using _acceleration = tf.getBackend() === 'wasm' ? await accelerate(tf) : null;
  const recipe = recipeFor(data, options);
  const compressed = await compressClassifier(tf, model, data.train, data.validation, recipe, {
    seed: 0,
    name: original.graph.name,
    signal: context.signal,
    onProgress: context.onProgress,
  });
  const made = options.bits === '8' ? compressed.int8 : compressed.int4;
  const before = evaluateClassifier(tf, model, data.test);
  const after = evaluateClassifier(tf, made.quantized, data.test);
  return {
    model: made,
    ledger: options.bits === '8' ? compressed.ledgers.int8 : compressed.ledgers.int4,
    accuracy: { before: before.accuracy, after: after.accuracy, count: before.count },
  };
}

function recipeFor(data: DataInput, options: CompressOptions): CompressionRecipe {
  const base = options.quick ? quickRecipe : defaultRecipe;
  const maxShiftPixels = data.train.imageShape ? base.pruning.maxShiftPixels : 0;
  return {
    ...base,
    pruning: { ...base.pruning, maxShiftPixels, sparsity: options.sparsity },
    int8: { ...base.int8, maxShiftPixels },
    int4: { ...base.int4, maxShiftPixels },
  };
}

/** Pruning by magnitude and rounding, with no training. */
function compressAsIs(original: ExportedModel, bits: number, sparsity: number): Made {
  const kernels = original.tensors.filter((tensor) => tensor.shape.length === 2);
  const weights = new Map(kernels.map(({ name, data }) => [name, data as Float32Array]));
  const masks = maskBySparsity(magnitudeScores(weights), { sparsity, scope: 'global' });
  const tensors = original.tensors.map((tensor) => {
    const mask = masks.get(tensor.name);
    if (!mask) return tensor;
    const kept = (tensor.data as Float32Array).map((weight, i) => (mask[i] ? weight : 0));
    const quantization = computeQuantizationParameters(kept, tensor.shape, {
      bits,
      symmetric: true,
      axis: 1,
      method: 'mse',
    });
    return {
      ...tensor,
      dtype: 'int8' as const,
      data: quantizeTensor(kept, tensor.shape, quantization),
      quantization,
    };
  });
  return {
    model: { graph: original.graph, tensors },
    ledger: createCompressionLedger(tensors, original.tensors),
    accuracy: null,
  };
}

function describe(
  input: string,
  output: string,
  original: ExportedModel,
  made: Made,
  bytes: number,
): CommandResult {
  const bytesFloat32 = 4 * original.tensors.reduce((sum, tensor) => sum + tensor.data.length, 0);
  const { ledger, accuracy } = made;
  const json = {
    input,
    output,
    bytesFloat32,
    bytes,
    compressionRatio: bytesFloat32 / bytes,
    sparsity: ledger.total.sparsity,
    accuracy,
    ledger: ledger.rows,
  };
  const rows = ledger.rows.map(
    (row) =>
      `  ${row.name.padEnd(24)} ${String(row.bits).padStart(2)} bits  ${percent(row.sparsity).padStart(8)} zeros  ${kilobytes(row.packedBytes).padStart(9)}`,
  );
  const quality = accuracy
    ? `accuracy ${percent(accuracy.before)} -> ${percent(accuracy.after)} on ${accuracy.count} samples`
    : 'not trained; accuracy not measured (give --data)';
  return {
    json,
    text: [
      `${output}: ${kilobytes(bytesFloat32)} -> ${kilobytes(bytes)} (${json.compressionRatio.toFixed(1)}x smaller), ${quality}`,
      ...rows,
    ].join('\n'),
  };
}
