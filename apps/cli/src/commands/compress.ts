import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type CompressionReport, createCompressionReport, formatCompressionReport } from '@qedge/compression';
import {
  type Compression,
  type CompressOptions as CompressSettings,
  classifierShape,
  compress,
  compressWithoutData,
  estimateCompression,
  namedRecipes,
  rehearseCompression,
  reportCompression,
} from '@qedge/compression/compress';
import type { ModelExport } from '@qedge/compression/export';
import { fileCheckpointStore, saveExport } from '@qedge/compression/node';
import { readTopology } from '@qedge/compression/tfjs';
import { assertWritableFile, writeFileAtomic } from '@qedge/core/node';
import { accelerate, loadTensorflow } from '@qedge/kernels/node';
import type { Tensorflow } from '@qedge/kernels/tfjs';
import type { Command } from 'commander';
import {
  attachHandler,
  type CommandContext,
  type CommandResult,
  defineCommand,
  integerOption,
  numberOption,
  UsageError,
} from '../command.ts';
import { addEstimates, describeEstimate } from '../compression/describe-estimate.ts';
import {
  estimateDigitsTraining,
  makeDigitsNetwork,
  trainDigitsNetwork,
} from '../compression/digits-network.ts';
import { withProgressLines } from '../compression/progress-lines.ts';
import { type Layers, modelName, readLayersModel } from '../compression/read-layers-model.ts';
import { type CompressOptions, readSettings } from '../compression/read-settings.ts';
import { encodeAs, FORMAT_ENDINGS, requireKnownFormat } from '../compression/write-compressed.ts';
import { type DataInput, readData } from '../data-input.ts';
import { inspectCommand } from './compress-inspect.ts';

export function compressCommand(): Command {
  const names = Object.keys(namedRecipes).join(', ');
  const command = defineCommand(
    'compress',
    'prune, quantise and train a model into a small file',
    `Reads a tfjs LayersModel (model.json) or a float32 .qez file of dense layers and writes a small file; what is written is read back and compared before it
is called done. With --data the model is trained while it is pruned and quantised, beside a dense control that gets the same extra training, and
accuracy is measured on data that neither training nor any choice has seen. Without --data weights are pruned and rounded as they are.
Without a model, --data digits trains the network 784-256-128-10 on handwritten digits first.`,
  )
    .argument('[model]', 'model.json or .qez')
    .option('-o, --output <file>', `where to write; the ending tells the format: ${FORMAT_ENDINGS}`)
    .option('--data <source>', 'the word digits, or a JSON file {"features": [[...]], "labels": [...]}')
    .option(
      '--recipe <name>',
      `${names}, or a JSON file with a recipe (default: what the targets ask for, else int4)`,
    )
    .option(
      '--max-drop <points>',
      'most percentage points of accuracy to lose against the dense control; searches the sparsity',
      numberOption(0, 100),
    )
    .option('--max-bytes <n>', 'most bytes of the .qez file; searches the sparsity', integerOption(1))
    .option('--bits <n>', 'bits per weight', integerOption(1, 8))
    .option('--sparsity <fraction>', 'share of weights removed', numberOption(0, 0.999))
    .option(
      '--structured <fraction>',
      'share of multiply-accumulates saved by removing channels',
      numberOption(0, 0.99),
    )
    .option(
      '--seed <n>',
      'of the order of samples, shifts and first weights',
      integerOption(0, 2 ** 32 - 1),
      0,
    )
    .option('--checkpoints <folder>', 'keep checkpoints there; an interrupted command goes on from them')
    .option('--svg <file>', 'write a picture of accuracy against bytes; needs --data')
    .option('--quick', 'a tenth of the epochs, to try things out')
    .addHelpText(
      'after',
      `
Examples:
  qedge compress --data digits --recipe smallest -o digits.qez
  qedge compress model.json --data samples.json --bits 4 --sparsity 0.9 -o small.onnx
  qedge compress model.json --data samples.json --max-drop 0.5 --checkpoints work
  qedge compress inspect small.onnx
`,
    )
    .addCommand(inspectCommand());
  return attachHandler<[string | undefined, CompressOptions]>(command, runCompress);
}

async function runCompress(
  given: CommandContext,
  input: string | undefined,
  options: CompressOptions,
): Promise<CommandResult> {
  const context = withProgressLines(given);
  if (input === undefined && options.data !== 'digits') {
    throw new UsageError('There is nothing to compress', {
      expected: 'a model, or --data digits, which trains one first',
      actual: 'no model',
    });
  }
  const name = input === undefined ? 'digits' : modelName(input);
  const output = options.output ?? `${name}-compressed.qez`;
  requireKnownFormat(output);
  await assertWritableFile(output);
  if (options.svg) await assertWritablePicture(options.svg, options);
  const asked = await readSettings(options);
  const { tf } = await loadTensorflow<Tensorflow>();
  using _acceleration = tf.getBackend() === 'wasm' ? await accelerate(tf) : null;
  if (options.data === undefined) return compressAsIs(tf, input!, output, options);
  const start = await startingPoint(tf, context, input, options.data, options.seed);
  try {
    const settings: CompressSettings = {
      ...asked,
      seed: options.seed,
      ...(await checkpointOption(options)),
      signal: context.signal,
      onProgress: context.onProgress,
    };
    await rehearse(tf, start, settings, output);
    await noteEstimate(tf, context, start, settings, options);
    if (start.isUntrained) await trainFirst(tf, context, start, options);
    const made = await compress(tf, start.model, start.data, settings);
    const report = reportCompression(tf, made, start.data.test);
    const file = output.endsWith('.qez') ? made.file : await encodeAs(tf, output, made.stored);
    await saveExport(output, file);
    if (options.svg) {
      // A plotting library of hundreds of modules.
      const { drawCompression } = await import('../compression/draw-compression.ts');
      await writeFileAtomic(options.svg, drawCompression([report]));
    }
    return describe(output, made, report, file);
  } finally {
    start.model.dispose();
  }
}

/** What is compressed, and what it learns from. */
interface StartingPoint {
  readonly model: Layers;
  readonly data: DataInput;
  /** True where no model was named: one is made, and has to be trained first. */
  readonly isUntrained: boolean;
}

/** Finds what the format of the output refuses before training; the container is part of what `compress` checks itself. */
async function rehearse(
  tf: Tensorflow,
  { model, data }: StartingPoint,
  settings: CompressSettings,
  output: string,
): Promise<void> {
  if (output.endsWith('.qez')) return;
  await encodeAs(tf, output, await rehearseCompression(tf, model, data, settings));
}

/** Says on stderr what all training will take, the first one of a network that is made here included. */
async function noteEstimate(
  tf: Tensorflow,
  context: CommandContext,
  { model, data, isUntrained }: StartingPoint,
  settings: CompressSettings,
  { quick = false }: CompressOptions,
): Promise<void> {
  const compression = await estimateCompression(tf, model, data, settings);
  const estimate = isUntrained
    ? addEstimates(await estimateDigitsTraining(tf, model, data, quick, context), compression)
    : compression;
  const line = describeEstimate(estimate);
  if (line !== null) context.note(line);
}

function trainFirst(
  tf: Tensorflow,
  context: CommandContext,
  { model, data }: StartingPoint,
  { seed, quick = false }: CompressOptions,
): Promise<void> {
  return trainDigitsNetwork(tf, model, data, { seed, quick, context });
}

/** @throws UsageError when nothing will be measured, FileAccessError where nothing can be written. */
async function assertWritablePicture(svg: string, { data }: CompressOptions): Promise<void> {
  if (data !== undefined) return assertWritableFile(svg);
  throw new UsageError('There is no accuracy to draw', {
    expected: '--data beside --svg',
    actual: '--svg alone',
  });
}

/** The model and its samples; where no model is named, one that is still to be trained. */
async function startingPoint(
  tf: Tensorflow,
  context: CommandContext,
  input: string | undefined,
  source: string,
  seed: number,
): Promise<StartingPoint> {
  if (input === undefined) {
    const data = await readData(source, [784], context.signal);
    return { model: makeDigitsNetwork(tf, seed), data, isUntrained: true };
  }
  const model = await readLayersModel(tf, input);
  try {
    const { inputSize, classes } = classifierShape(readTopology(model));
    const data = await readData(source, [inputSize], context.signal);
    if (data.labelled) {
      requireSplit(data, classes);
      return { model, data, isUntrained: false };
    }
    throw new UsageError('Training needs labels', {
      expected: '"labels" in the data file',
      actual: 'samples without labels',
      remedy: 'Leave --data out to compress without training',
    });
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** With fewer there may be none to choose by. */
const LEAST_SAMPLES = 10;

/**
 * Refuses samples that would only fail once the model is trained, or make a model that is blind for a class.
 * @throws UsageError.
 */
function requireSplit({ name, train, validation, test }: DataInput, classes: number): void {
  const count = train.count + validation.count + test.count;
  if (count < LEAST_SAMPLES) {
    throw new UsageError(`${name} holds too few samples`, {
      expected: `${LEAST_SAMPLES} at least: 70 % train, 10 % choose between attempts, 20 % measure`,
      actual: count,
    });
  }
  const seen = new Set(train.labels);
  const held = [...validation.labels, ...test.labels];
  const stranger = held.find((label) => label >= classes);
  if (stranger !== undefined) {
    throw new UsageError(`${name} has a label that the model has no output for`, {
      expected: `0..${classes - 1}`,
      actual: stranger,
    });
  }
  const missing = held.find((label) => !seen.has(label));
  if (missing === undefined) return;
  throw new UsageError(
    `The first 70 % of ${name}, which train the model, have no sample of class ${missing}`,
    {
      expected: 'every class that the other samples have',
      actual: `classes ${[...seen].sort((a, b) => a - b).join(', ')}`,
      remedy: 'Shuffle the samples of the file',
    },
  );
}

async function checkpointOption({ checkpoints: folder }: CompressOptions) {
  if (folder === undefined) return {};
  await mkdir(folder, { recursive: true });
  return { checkpoints: (name: string) => fileCheckpointStore(join(folder, `${name}.checkpoint`)) };
}

/** Pruning by magnitude and rounding, with no training. */
async function compressAsIs(
  tf: Tensorflow,
  input: string,
  output: string,
  { bits = 4, sparsity = 0, recipe, maxDrop, maxBytes, structured, seed }: CompressOptions,
): Promise<CommandResult> {
  const needsData = { recipe, 'max-drop': maxDrop, 'max-bytes': maxBytes, structured };
  const asked = Object.entries(needsData).find(([, value]) => value !== undefined);
  if (asked) {
    throw new UsageError(`--${asked[0]} needs data to train with`, { expected: '--data', actual: 'none' });
  }
  const model = await readLayersModel(tf, input);
  try {
    const original = readTopology(model);
    const startMs = performance.now();
    const compressed = compressWithoutData(original, { bits, sparsity });
    const file = await encodeAs(tf, output, compressed);
    const report = createCompressionReport({
      name: modelName(input),
      ...{ original, compressed, reference: original, recipe: { bits, sparsity }, seed },
      seconds: (performance.now() - startMs) / 1000,
      files: [{ format: file.report.format, bytes: file.report.byteLength }],
    });
    await saveExport(output, file);
    return describe(output, null, report, file);
  } finally {
    model.dispose();
  }
}

function describe(
  output: string,
  made: Compression | null,
  report: CompressionReport,
  file: ModelExport,
): CommandResult {
  const { accuracy, original, compressed, layers, seed, seconds } = report;
  const bytes = file.report.byteLength;
  const json = {
    output,
    accuracyFloat32: accuracy?.original.accuracy ?? null,
    accuracyDenseControl: accuracy?.denseControl?.accuracy ?? null,
    accuracyCompressed: accuracy?.compressed.accuracy ?? null,
    bytesFloat32: original.rawBytes,
    bytesCompressed: bytes,
    compressionRatio: original.rawBytes / bytes,
    sparsity: compressed.sparsity,
    bitsPerLayer: Object.fromEntries(layers.map(({ name, bits }) => [name, bits])),
    recipe: made?.recipe ?? report.recipe,
    ...{ seed, seconds },
    validation: made?.validation ?? null,
    attempts: made?.attempts ?? [],
    comparedOnReload: file.report.compared,
    report,
  };
  const ratio = json.compressionRatio.toFixed(1);
  const untrained = accuracy ? '' : '\nNot trained; accuracy not measured (give --data).';
  return {
    json,
    text: `${output}: ${original.rawBytes} -> ${bytes} bytes, ${ratio}x smaller; read back and compared\n\n${formatCompressionReport(report)}${untrained}`,
  };
}
