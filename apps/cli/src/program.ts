import { Command, CommanderError } from 'commander';
import { EXIT } from './command.ts';
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

/** What makes each command, in the order of the help text. A module is loaded when its command is wanted: all of them take half a second. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  run: async () => (await import('./commands/run.ts')).runCommand(),
  compress: async () => (await import('./commands/compress.ts')).compressCommand(),
  infer: async () => (await import('./commands/infer.ts')).inferCommand(),
  prepare: async () => (await import('./commands/prepare.ts')).prepareCommand(),
  vqe: async () => (await import('./commands/vqe.ts')).vqeCommand(),
  transpile: async () => (await import('./commands/transpile.ts')).transpileCommand(),
  simulate: async () => (await import('./commands/simulate.ts')).simulateCommand(),
  circuit: async () => (await import('./commands/circuit.ts')).circuitCommand(),
  monitor: async () => (await import('./commands/monitor.ts')).monitorCommand(),
  bench: async () => (await import('./commands/bench.ts')).benchCommand(),
};

/** The command line: with the one command that is called, or with all where the help text or a wrong name needs them. */
async function createProgram(called: string | undefined): Promise<Command> {
  const program = new Command('qedge')
    .description(
      'Quantum Edge: makes AI and quantum workloads small, fast and frugal on whatever a device has.',
    )
    .version(version)
    .showHelpAfterError('(add --help for the commands)')
    .addHelpText('after', EXAMPLES)
    .exitOverride();
  if (called === '--version' || called === '-V') return program;
  const isKnown = called !== undefined && Object.hasOwn(COMMANDS, called);
  const loaders = isKnown ? [COMMANDS[called]!] : Object.values(COMMANDS);
  for (const command of await Promise.all(loaders.map((load) => load()))) program.addCommand(command);
  return program;
}

/** Parses and runs; usage errors become exit code 2 without a stack trace. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', ignoreClosedPipe);
  try {
    await (await createProgram(argv[2])).parseAsync([...argv]);
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
