import type { InspectedModel, InspectedTensor } from '@qedge/compression/export';
import { inspectModelFile } from '@qedge/compression/node';
import type { Command } from 'commander';
import { attachHandler, type CommandResult, defineCommand } from '../command.ts';

/** `qedge compress inspect`: what is in a model file. */
export function inspectCommand(): Command {
  const command = defineCommand(
    'inspect',
    'layers, bits, zeros and bytes of a model file',
    'Reads .qez, safetensors, ONNX, GGUF and the model.json of tfjs; the format is found by content. Nothing is run.',
  )
    .argument('<file>', 'a model file of any of these formats')
    .addHelpText('after', '\nExample:\n  qedge compress inspect digits.qez\n');
  return attachHandler<[string, object]>(command, async (_context, file): Promise<CommandResult> => {
    const model = await inspectModelFile(file);
    return { json: { file, ...model }, text: describe(file, model) };
  });
}

const TITLES = ['tensor', 'shape', 'coding', 'bits', 'zeros', 'bytes'];

function describe(file: string, model: InspectedModel): string {
  const { format, byteLength, otherBytes, elements, sparsity, tensors } = model;
  const rows = [TITLES, ...tensors.map(cellsOf)];
  const widths = TITLES.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
  const zeros = sparsity === null ? '' : `, ${(100 * sparsity).toFixed(1)} % zeros`;
  return [
    `${file}: ${format}, ${byteLength} bytes (${otherBytes} beside the tensors), ${elements} elements${zeros}`,
    '',
    ...lines,
  ].join('\n');
}

function cellsOf({ name, shape, elements, coding, bits, zeros, byteLength }: InspectedTensor): string[] {
  const share = zeros === null || elements === 0 ? '-' : `${((100 * zeros) / elements).toFixed(1)} %`;
  return [
    name,
    `[${shape.join(', ')}]`,
    coding,
    bits === null ? '-' : String(bits),
    share,
    String(byteLength),
  ];
}
