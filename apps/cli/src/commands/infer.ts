import { PRECISIONS, type Precision, type Shape } from '@qedge/core';
import { openModelFile } from '@qedge/memory/node';
import { type Command, Option } from 'commander';
import {
  attachHandler,
  type CommandContext,
  type CommandResult,
  defineCommand,
  integerOption,
  UsageError,
} from '../command.ts';
import { readJsonFile } from '../data-input.ts';
import { classify, DEVICE_NAMES } from '../inference/classify.ts';
import { classifyGraph } from '../inference/classify-graph.ts';
import { parseConstant, parseShape } from '../inference/input-options.ts';
import { runGraph } from '../inference/run-graph.ts';
import { openModel } from '../model-input.ts';

interface InferOptions {
  readonly input: string;
  readonly shape: Readonly<Record<string, Shape>>;
  readonly constant: Readonly<Record<string, number>>;
  readonly precision: Precision | 'auto';
  readonly device: (typeof DEVICE_NAMES)[number];
  readonly threads: number;
  readonly batch: number;
  readonly limit?: number;
  readonly repeats: number;
  readonly seed: number;
  readonly output?: string;
  readonly profile?: boolean;
  readonly trusted?: boolean;
}

export function inferCommand(): Command {
  const command = defineCommand(
    'infer',
    'run a model file on data',
    'Maps a .qez file or reads an .onnx file, plans its memory, prepares kernels for this device and runs them. On samples (digits, or a JSON file with features) it prints predictions, accuracy where there are labels, latency and energy; on tensors it prints the outputs, and what loading, planning and running took.',
  )
    .argument('<model>', '.qez or .onnx file')
    .requiredOption(
      '--input <source>',
      'samples for a classifier: the word digits (2,000 test digits), or JSON {"features": [[...]], "labels": [...]}; tensors for any model: .safetensors, JSON {"inputs": {"x": {"shape": [...], "data": [...]}}}, or the word random',
    )
    .option(
      '--shape <name=sizes>',
      'with --input random: sizes that the model leaves open, such as x=1x3x48x320',
      parseShape,
      {},
    )
    .option(
      '--constant <name=number>',
      'an input that is always the same, such as sr=16000; may be repeated',
      parseConstant,
      {},
    )
    .addOption(
      new Option('--precision <name>', 'auto takes the narrowest that the file was made for')
        .choices(['auto', ...PRECISIONS])
        .default('auto'),
    )
    .addOption(
      new Option('--device <name>', 'where to run a classifier').choices(DEVICE_NAMES).default('cpu'),
    )
    .option('--threads <n>', 'threads that share large work', integerOption(1, 256), 1)
    .option('--batch <n>', 'samples per call', integerOption(1, 4096), 32)
    .option('--limit <n>', 'use only so many samples', integerOption(1))
    .option(
      '--repeats <n>',
      'with tensors: runs after the first, for the time of one',
      integerOption(0, 100_000),
      10,
    )
    .option('--seed <integer>', 'decides random tensors', integerOption(0), 0)
    .option(
      '--profile',
      'with tensors: time every node, with the best of --repeats runs each; tables by kind and by node, all nodes with --json',
    )
    .option(
      '--trusted',
      'with tensors: run machine code that a .qez file was prepared with, for files that come from where your programs come from',
    )
    .option('--output <file>', 'with tensors: write all outputs to a .safetensors file')
    .addHelpText(
      'after',
      '\nExamples:\n  qedge infer report/models/digits.qez --input digits --precision int4\n  qedge infer ocr.onnx --input random --shape x=1x3x48x320 --threads 2\n  qedge infer vad.onnx --input chunk.safetensors --constant sr=16000 --output voice.safetensors\n',
    );
  return attachHandler<[string, InferOptions]>(command, infer);
}

async function infer(context: CommandContext, path: string, options: InferOptions): Promise<CommandResult> {
  if (await isSamples(options.input)) {
    const useless = tensorOptions(options);
    if (useless.length > 0) throw new UsageError(`${useless.join(', ')}: for tensors, not for samples`);
    if (path.endsWith('.onnx') || holdsOperators(path)) {
      return await classifyOperators(context, path, options);
    }
    using input = await openModel(path);
    return await classify(context, input, options);
  }
  if (options.device !== 'cpu') throw new UsageError(`--device ${options.device} runs classifiers only`);
  if (options.limit !== undefined) throw new UsageError('--limit is for samples, not for tensors');
  const { shape, constant, ...rest } = options;
  return runGraph(context, path, { ...rest, shapes: shape, constants: constant });
}

/** @throws FileNotFoundError, FileFormatError for what is no `.qez` file. */
function holdsOperators(path: string): boolean {
  using file = openModelFile(path);
  return file.format === 'qedge-operator-graph';
}

function classifyOperators(context: CommandContext, path: string, options: InferOptions) {
  if (options.device === 'cpu') return classifyGraph(context, path, options);
  throw new UsageError(`--device ${options.device} runs chains of dense layers only`);
}

/** The options that were given and mean nothing to a classifier. */
function tensorOptions({ shape, constant, output, profile, trusted }: InferOptions): string[] {
  const given = {
    '--shape': Object.keys(shape).length > 0,
    '--constant': Object.keys(constant).length > 0,
    '--output': output !== undefined,
    '--profile': profile === true,
    '--trusted': trusted === true,
  };
  return Object.entries(given).flatMap(([name, isGiven]) => (isGiven ? [name] : []));
}

/** Samples have no names: they are for a model of one input and one output. */
async function isSamples(input: string): Promise<boolean> {
  if (input === 'digits') return true;
  if (!input.endsWith('.json')) return false;
  const content = await readJsonFile<{ inputs?: unknown } | null>(input);
  return content?.inputs === undefined;
}
