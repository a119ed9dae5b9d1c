import { assertWritableFile, writeFileAtomic } from '@qedge/core/node';
import { type Circuit, circuitToSvg, drawCircuit, formatOpenQasm2, formatOpenQasm3 } from '@qedge/quantum';
import { type Command, Option } from 'commander';
import { readCircuit } from '../circuit-input.ts';
import {
  attachHandler,
  type CommandResult,
  defineCommand,
  integerOption,
  parameterOption,
} from '../command.ts';

/** `qedge circuit`: look at circuits and turn them from one format into another. */
export function circuitCommand(): Command {
  return defineCommand(
    'circuit',
    'describe, draw and convert circuits',
    'Works on OpenQASM 2 and 3 and on the JSON of circuits.',
  )
    .addCommand(infoCommand())
    .addCommand(drawCommand())
    .addCommand(convertCommand());
}

function infoCommand(): Command {
  const command = defineCommand(
    'info',
    'size, depth, gates and parameters of a circuit',
    'Counts what a circuit is made of. Bodies of loops and branches count once.',
  ).argument('<circuit>', 'OpenQASM file, or a circuit as JSON');
  return attachHandler<[string, object]>(command, async (_context, path): Promise<CommandResult> => {
    const circuit = await readCircuit(path);
    const json = {
      circuit: path,
      qubits: circuit.qubitCount,
      classicalBits: circuit.clbitCount,
      instructions: circuit.instructionCount,
      depth: circuit.depth(),
      twoQubitDepth: circuit.twoQubitDepth(),
      gateCounts: circuit.gateCounts(),
      parameters: circuit.parameterNames,
      ...bytesOfState(circuit),
    };
    const lines = [
      `${json.qubits} qubits, ${json.classicalBits} classical bits, ${json.instructions} instructions`,
      `depth ${json.depth}, counting gates on several qubits ${json.twoQubitDepth}`,
      Object.entries(json.gateCounts)
        .map(([name, count]) => `${name} ${count}`)
        .join(', '),
      json.parameters.length > 0 ? `free parameters: ${json.parameters.join(', ')}` : '',
    ];
    return { json, text: lines.filter((line) => line !== '').join('\n') };
  });
}

/** What a state vector of the circuit takes: 8 or 16 bytes per amplitude. */
function bytesOfState(circuit: Circuit): { readonly stateBytesF32: number; readonly stateBytesF64: number } {
  return { stateBytesF32: 8 * 2 ** circuit.qubitCount, stateBytesF64: 16 * 2 ** circuit.qubitCount };
}

interface DrawOptions {
  readonly width: number;
  readonly svg?: string;
}

function drawCommand(): Command {
  const command = defineCommand(
    'draw',
    'draw a circuit as text or SVG',
    'Prints the circuit as text, folded to the width of the terminal; with --svg it is written as a picture instead.',
  )
    .argument('<circuit>', 'OpenQASM file, or a circuit as JSON')
    .option('--width <columns>', 'fold lines here; 0: never', integerOption(0), process.stdout.columns ?? 100)
    .option('--svg <file>', 'write an SVG');
  return attachHandler<[string, DrawOptions]>(
    command,
    async (_context, path, options): Promise<CommandResult> => {
      if (options.svg !== undefined) {
        await assertWritableFile(options.svg);
        await writeFileAtomic(options.svg, circuitToSvg(await readCircuit(path)));
        return { json: { circuit: path, svg: options.svg }, text: `${options.svg} written` };
      }
      const drawing = drawCircuit(await readCircuit(path), {
        maxWidth: options.width === 0 ? Number.POSITIVE_INFINITY : options.width,
      });
      return { json: { circuit: path, drawing }, text: drawing };
    },
  );
}

const FORMATS = {
  qasm2: formatOpenQasm2,
  qasm3: formatOpenQasm3,
  json: (circuit: Circuit) => `${JSON.stringify(circuit, null, 1)}\n`,
} as const;

interface ConvertOptions {
  readonly to: keyof typeof FORMATS;
  readonly param: Readonly<Record<string, number>>;
  readonly output?: string;
}

function convertCommand(): Command {
  const command = defineCommand(
    'convert',
    'turn a circuit into another format',
    'Reads OpenQASM 2, OpenQASM 3 or JSON and writes one of them. What the other format cannot say is refused by name.',
  )
    .argument('<circuit>', 'OpenQASM file, or a circuit as JSON')
    .addOption(new Option('--to <format>', 'format').choices(Object.keys(FORMATS)).default('qasm3'))
    .option(
      '--param <name=value>',
      'put a number in the place of a free parameter; may be given again',
      parameterOption,
      {},
    )
    .option('-o, --output <file>', 'write there instead of printing');
  return attachHandler<[string, ConvertOptions]>(
    command,
    async (_context, path, options): Promise<CommandResult> => {
      if (options.output !== undefined) await assertWritableFile(options.output);
      const text = FORMATS[options.to]((await readCircuit(path)).bind(options.param));
      if (options.output === undefined) return { json: { circuit: path, format: options.to, text }, text };
      await writeFileAtomic(options.output, text);
      return {
        json: { circuit: path, format: options.to, output: options.output },
        text: `${options.output} written`,
      };
    },
  );
}
