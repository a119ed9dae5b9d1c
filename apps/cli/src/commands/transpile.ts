import { assertWritableFile, writeFileAtomic } from '@qedge/core/node';
import {
  allToAllTarget,
  type Circuit,
  checkTarget,
  drawCircuit,
  type EquivalenceReport,
  estimateResources,
  formatOpenQasm2,
  gridTarget,
  heavyHexTarget,
  lineTarget,
  parseOpenQasm2,
  ringTarget,
  type Target,
  transpile,
  verifyEquivalence,
} from '@qedge/quantum';
import { type Command, Option } from 'commander';
import { attachHandler, type CommandResult, defineCommand, integerOption, UsageError } from '../command.ts';
import { readJsonFile, readTextFile } from '../data-input.ts';

interface TranspileOptions {
  readonly target: string;
  readonly level: string;
  readonly seed: number;
  readonly output?: string;
  readonly verify?: boolean;
  readonly draw?: boolean;
}

export function transpileCommand(): Command {
  const command = defineCommand(
    'transpile',
    'compile a circuit for a device and estimate its resources',
    'Rewrites an OpenQASM 2 circuit for a coupling map and gate set: layout, routing, basis change, clean-up. Prints what it costs before and after.',
  )
    .argument('<circuit>', 'OpenQASM 2 file')
    .option(
      '--target <name>',
      'heavy-hex-27, line-N, ring-N, grid-RxC, all-to-all-N, or a JSON file',
      'heavy-hex-27',
    )
    .addOption(new Option('--level <n>', 'effort').choices(['0', '1', '2']).default('2'))
    .option('--seed <integer>', 'decides every random choice', integerOption(0), 0)
    .option('-o, --output <file>', 'write the compiled circuit as OpenQASM 2')
    .option('--verify', 'simulate both circuits and compare (small circuits)')
    .option('--draw', 'print the compiled circuit');
  return attachHandler<[string, TranspileOptions]>(
    command,
    async (context, path, options): Promise<CommandResult> => {
      if (options.output) await assertWritableFile(options.output);
      const circuit = parseOpenQasm2(await readTextFile(path));
      const target = await findTarget(options.target);
      const result = await transpile(circuit, target, {
        seed: options.seed,
        level: Number(options.level) as 0 | 1 | 2,
        signal: context.signal,
      });
      const verification = options.verify
        ? await verifyEquivalence(circuit, result, { target, signal: context.signal })
        : null;
      if (options.output) await writeFileAtomic(options.output, formatOpenQasm2(result.circuit));
      const json = {
        circuit: path,
        target: target.name,
        level: Number(options.level),
        seed: options.seed,
        before: estimateResources(circuit, target),
        after: estimateResources(result.circuit, target),
        initialLayout: result.initialLayout,
        finalLayout: result.finalLayout,
        passes: result.passes,
        verification,
        output: options.output ?? null,
      };
      const failed = verification !== null && verification.equivalent !== true;
      return { json, failed, text: describe(json, result.circuit, options.draw === true) };
    },
  );
}

const PRESETS: readonly [RegExp, (sizes: number[]) => Target][] = [
  [/^heavy-hex-(\d+)$/, ([n]) => heavyHexTarget(n!)],
  [/^line-(\d+)$/, ([n]) => lineTarget(n!)],
  [/^ring-(\d+)$/, ([n]) => ringTarget(n!)],
  [/^grid-(\d+)x(\d+)$/, ([rows, columns]) => gridTarget(rows!, columns!)],
  [/^all-to-all-(\d+)$/, ([n]) => allToAllTarget(n!)],
];

async function findTarget(text: string): Promise<Target> {
  if (text.endsWith('.json')) return checkTarget(await readJsonFile<Target>(text));
  for (const [pattern, make] of PRESETS) {
    const match = pattern.exec(text);
    if (match) return make(match.slice(1).map(Number));
  }
  throw new UsageError('There is no such target', {
    expected: 'heavy-hex-27, line-N, ring-N, grid-RxC, all-to-all-N or a .json file',
    actual: text,
  });
}

type Resources = ReturnType<typeof estimateResources>;

function describe(
  result: {
    circuit: string;
    target: string;
    before: Resources;
    after: Resources;
    verification: EquivalenceReport | null;
    output: string | null;
  },
  compiled: Circuit,
  draw: boolean,
): string {
  const line = (name: string, r: Resources) => {
    const seconds = r.estimatedTimeSeconds?.criticalPath;
    const time =
      seconds === undefined ? `time unknown: ${r.timeUnavailableReason}` : `${(seconds * 1e6).toFixed(2)} µs`;
    const gates = Object.entries(r.gateCounts).map(([gate, count]) => `${gate} ${count}`);
    return `${name.padEnd(7)} depth ${r.depth}, two-qubit depth ${r.twoQubitDepth}, width ${r.qubitsUsed}; ${gates.join(', ')}; ${time}`;
  };
  return [
    `${result.circuit} for ${result.target}`,
    line('before', result.before),
    line('after', result.after),
    ...(result.verification ? [describeVerification(result.verification)] : []),
    ...(result.output ? [`written to ${result.output}`] : []),
    ...(draw ? [drawCircuit(compiled)] : []),
  ].join('\n');
}

function describeVerification({ equivalent, method, reason }: EquivalenceReport): string {
  if (equivalent === null) return `not verified: ${reason}`;
  return equivalent ? `verified by ${method}: both circuits do the same` : `NOT EQUIVALENT: ${reason}`;
}
