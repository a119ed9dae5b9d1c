import { PRECISIONS, type Precision, type Shape, systemClock } from '@qedge/core';
import { assertWritableFile } from '@qedge/core/node';
import { inputShapesOf, type KernelEngine } from '@qedge/kernels';
import {
  createKernelEngine,
  openModelSource,
  openPreparedModel,
  type PreparedProgramReport,
  savePreparedModel,
} from '@qedge/kernels/node';
import { type Command, InvalidArgumentError } from 'commander';
import { attachHandler, type CommandResult, defineCommand, integerOption, listOption } from '../command.ts';
import { parseConstant, parseShape } from '../inference/input-options.ts';

/** What programs can be made for: `auto` is the best of this processor. */
const TARGETS = ['auto', 'avx512', 'avx2', 'wasm', 'wasm-strict'] as const;

interface PrepareOptions {
  readonly output: string;
  readonly shape: Readonly<Record<string, Shape>>;
  readonly constant: Readonly<Record<string, number>>;
  readonly precisions: readonly Precision[];
  readonly targets: readonly (typeof TARGETS)[number][];
  readonly threads: number;
}

/** `qedge prepare`: any model as a file that is mapped and runs as it lies. */
export function prepareCommand(): Command {
  const command = defineCommand(
    'prepare',
    'turn a model into a .qez file that is mapped, holds its code, and runs as it lies',
    'Imports an .onnx file for fixed shapes, optimises its graph, packs the weights as the kernels of each target read them, plans its memory, generates and checks its kernels, and writes all of it to a .qez file. Opening that file for one of the targets plans and generates nothing, and reads no weights: pages are touched when kernels first read them. WebAssembly in the file is run by anybody, machine code only by those who say that they trust the file. For other targets the file works too; all is done again there.',
  )
    .argument('<model>', '.onnx file')
    .requiredOption('-o, --output <file>', '.qez file to write', parseOutput)
    .option(
      '--shape <name=sizes>',
      'sizes that the model leaves open, such as x=1x3x48x320; may be repeated',
      parseShape,
      {},
    )
    .option(
      '--constant <name=number>',
      'an input that is always the same, such as sr=16000; may be repeated',
      parseConstant,
      {},
    )
    .option(
      '--precisions <names>',
      `which weights to pack, any of ${PRECISIONS.join(', ')}`,
      listOption(PRECISIONS),
      ['float32'],
    )
    .option(
      '--targets <names>',
      `what to generate code and pack weights for, any of ${TARGETS.join(', ')}; auto is the best of this processor`,
      listOption(TARGETS),
      ['auto'],
    )
    .option('--threads <n>', 'threads that the code is divided among', integerOption(1, 256), 1)
    .addHelpText(
      'after',
      '\nExamples:\n  qedge prepare ocr.onnx --shape x=1x3x48x320 --precisions float32,int8 -o ocr.qez\n  qedge infer ocr.qez --input random --precision int8 --trusted\n  qedge prepare digits.onnx --targets auto,wasm-strict -o digits.qez\n',
    );
  return attachHandler<[string, PrepareOptions]>(
    command,
    async (_context, path, options): Promise<CommandResult> => {
      const { output, shape, constant, precisions } = options;
      await assertWritableFile(output);
      const startMs = systemClock.nowMs();
      using source = await openModelSource(path, { constants: constant });
      const shapes = inputShapesOf(source, shape, 1);
      const engines = await openEngines(options);
      try {
        const byteLength = await savePreparedModel(output, source.specialize(shapes), engines, {
          precisions,
        });
        const programs = programsOf(output);
        const json = {
          model: path,
          output,
          bytes: byteLength,
          target: engines[0]!.isa,
          precisions,
          programs,
          inputs: shapes,
          milliseconds: systemClock.nowMs() - startMs,
        };
        return { json, text: describe(json) };
      } finally {
        for (const engine of engines) engine.dispose();
      }
    },
  );
}

async function openEngines({ targets, threads }: PrepareOptions): Promise<KernelEngine[]> {
  const engines: KernelEngine[] = [];
  try {
    for (const target of targets) {
      const engine = await createKernelEngine({ threads, ...(target === 'auto' ? {} : { isa: target }) });
      if (engines.some(({ isa }) => isa === engine.isa)) engine.dispose();
      else engines.push(engine);
    }
    return engines;
  } catch (error) {
    for (const engine of engines) engine.dispose();
    throw error;
  }
}

function programsOf(path: string): readonly PreparedProgramReport[] {
  using prepared = openPreparedModel(path);
  return prepared.programs;
}

interface Described {
  readonly output: string;
  readonly bytes: number;
  readonly programs: readonly PreparedProgramReport[];
  readonly inputs: Readonly<Record<string, Shape>>;
}

function describe({ output, bytes, programs, inputs }: Described): string {
  const shapes = Object.entries(inputs).map(([name, sizes]) => `${name} [${sizes.join(', ')}]`);
  const lines = programs.map(({ isa, threads, precision, reason }) => {
    const title = `${precision} for ${isa}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
    return `  ${title}: weights ${reason === null ? 'and code' : `only, for ${reason}`}`;
  });
  return [`${output}: ${(bytes / 2 ** 20).toFixed(1)} MiB, inputs ${shapes.join(', ')}`, ...lines].join('\n');
}

/** Files are opened by their extension; another one could also be the model itself. */
function parseOutput(path: string): string {
  if (path.endsWith('.qez')) return path;
  throw new InvalidArgumentError(`Expected a .qez file, got "${path}".`);
}
