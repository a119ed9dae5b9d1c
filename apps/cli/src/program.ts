import { Command, CommanderError } from 'commander';
import { EXIT } from './command.ts';
import { benchCommand } from './commands/bench.ts';
import { circuitCommand } from './commands/circuit.ts';
import { compressCommand } from './commands/compress.ts';
import { doctorCommand } from './commands/doctor.ts';
import { inferCommand } from './commands/infer.ts';
import { monitorCommand } from './commands/monitor.ts';
import { prepareCommand } from './commands/prepare.ts';
import { runCommand } from './commands/run.ts';
import { simulateCommand } from './commands/simulate.ts';
import { transpileCommand } from './commands/transpile.ts';
import { vqeCommand } from './commands/vqe.ts';
import { version } from './version.ts';

const EXAMPLES = `
Examples:
  qedge doctor                                   what this machine can do, and what to do about the rest
  qedge run --quick                              the whole job in half a minute, report in ./report
  qedge compress model.json --data digits        prune, quantise and fine-tune a tfjs model
  qedge infer digits.qez --input digits          run a model file and count the right answers
  qedge prepare ocr.onnx --shape x=1x3x48x320 -o ocr.qez   a model file that is mapped and runs as it lies
  qedge vqe H2.FCIDUMP                           ground-state energy of a molecule
  qedge simulate bell.qasm --shots 1000          run a circuit
  qedge circuit draw bell.qasm                   a picture of a circuit, as text or SVG
  qedge transpile bell.qasm --target heavy-hex-27

Every command has --json (stable keys, nothing else on stdout). Exit codes: 0 ok, 1 failed, 2 bad usage, 130 interrupted.
`;

/** The whole command line. */
function createProgram(): Command {
  const program = new Command('qedge')
    .description(
      'Quantum Edge: makes AI and quantum workloads small, fast and frugal on whatever a device has.',
    )
    .version(version)
    .showHelpAfterError('(add --help for the commands)')
    .addHelpText('after', EXAMPLES)
    .exitOverride();
  const commands = [
    doctorCommand(),
    runCommand(),
    compressCommand(),
    inferCommand(),
    prepareCommand(),
    vqeCommand(),
    transpileCommand(),
    simulateCommand(),
    circuitCommand(),
    monitorCommand(),
    benchCommand(),
  ];
  for (const command of commands) program.addCommand(command);
  return program;
}

/** Parses and runs; usage errors become exit code 2 without a stack trace. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', ignoreClosedPipe);
  try {
    await createProgram().parseAsync([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (argv.includes('--json') && process.exitCode !== EXIT.ok) {
      process.stdout.write(
        `${JSON.stringify({ error: { code: 'USAGE', message: error.message } }, null, 2)}\n`,
      );
    }
  }
}

/** `qedge ... | head` closes stdout early: the reader has what it wanted, and nothing is wrong. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
