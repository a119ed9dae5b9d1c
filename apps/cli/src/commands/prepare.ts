import { PRECISIONS, type Precision, type Shape, systemClock } from '@qedge/core';
import { assertWritableFile } from '@qedge/core/node';
import { inputShapesOf } from '@qedge/kernels';
import { createKernelEngine, openModelSource, savePreparedModel } from '@qedge/kernels/node';
import { type Command, InvalidArgumentError } from 'commander';
import { attachHandler, type CommandResult, defineCommand, listOption } from '../command.ts';
import { parseConstant, parseShape } from '../inference/input-options.ts';

interface PrepareOptions {
  readonly output: string;
  readonly shape: Readonly<Record<string, Shape>>;
  readonly constant: Readonly<Record<string, number>>;
  readonly precisions: readonly Precision[];
}

/** `qedge prepare`: any model as a file that is mapped and runs as it lies. */
export function prepareCommand(): Command {
  const command = defineCommand(
    'prepare',
    'turn a model into a .qez file that is mapped and runs as it lies',
    'Imports an .onnx file for fixed shapes, optimises its graph, packs the weights as the kernels of this processor read them, and writes all of it to a .qez file. Opening that file reads no weights: pages are touched when kernels first read them. On another kind of processor the file works too; its weights are packed again there.',
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
    .addHelpText(
      'after',
      '\nExample:\n  qedge prepare ocr.onnx --shape x=1x3x48x320 --precisions float32,int8 -o ocr.qez\n  qedge infer ocr.qez --input random --precision int8\n',
    );
  return attachHandler<[string, PrepareOptions]>(
    command,
    async (_context, path, { output, shape, constant, precisions }): Promise<CommandResult> => {
      await assertWritableFile(output);
      const startMs = systemClock.nowMs();
      using source = await openModelSource(path, { constants: constant });
      using engine = await createKernelEngine();
      const shapes = inputShapesOf(source, shape, 1);
      const byteLength = await savePreparedModel(output, source.specialize(shapes), engine, { precisions });
      const json = {
        model: path,
        output,
        bytes: byteLength,
        target: engine.isa,
        precisions,
        inputs: shapes,
        milliseconds: systemClock.nowMs() - startMs,
      };
      const inputs = Object.entries(shapes).map(([name, sizes]) => `${name} [${sizes.join(', ')}]`);
      const text = `${output}: ${(byteLength / 2 ** 20).toFixed(1)} MiB, ${precisions.join(' and ')} packed for ${engine.isa}, inputs ${inputs.join(', ')}`;
      return { json, text };
    },
  );
}

/** Files are opened by their extension; another one could also be the model itself. */
function parseOutput(path: string): string {
  if (path.endsWith('.qez')) return path;
  throw new InvalidArgumentError(`Expected a .qez file, got "${path}".`);
}
