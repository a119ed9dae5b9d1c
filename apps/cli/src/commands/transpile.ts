import { assertWritableFile, writeFileAtomic } from '@qedge/core/node';
import {
  allToAllTarget,
  bodiesOf,
  type Circuit,
  type CouplingMapData,
  detectOpenQasmVersion,
  drawCircuit,
  type EquivalenceOptions,
  type EquivalenceReport,
  estimateResources,
  formatOpenQasm2,
  formatOpenQasm3,
  type GateName,
  gridTarget,
  heavyHexTarget,
  isControlFlow,
  isGateName,
  lineTarget,
  type OptimizationLevel,
  type ResourceEstimate,
  ringTarget,
  type Target,
  type TranspileResult,
  targetFromCouplingMap,
  targetFromJson,
  transpile,
  verifyEquivalence,
} from '@qedge/quantum';
import { workerThreadTrials } from '@qedge/quantum/node';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { readCircuit } from '../circuit-input.ts';
import {
  attachHandler,
  type CommandContext,
  type CommandResult,
  defineCommand,
  integerOption,
  UsageError,
} from '../command.ts';
import { readJsonFile, readTextFile } from '../data-input.ts';

interface TranspileOptions {
  readonly target?: string;
  readonly coupling?: string;
  readonly basis?: readonly GateName[];
  readonly level: OptimizationLevel;
  readonly seed: number;
  readonly trials?: number;
  readonly threads: number;
  readonly timeBudget?: number;
  readonly assumeZeroInputs?: boolean;
  readonly onlyMeasuredResults?: boolean;
  readonly output?: string;
  readonly verify?: boolean;
  readonly draw?: boolean;
}

export function transpileCommand(): Command {
  const command = defineCommand(
    'transpile',
    'compile a circuit for a device and estimate its resources',
    'Rewrites an OpenQASM 2 or 3 circuit for a coupling map and gate set: layout, routing, basis change, clean-up. Prints what it costs before and after.',
  )
    .argument('<circuit>', 'OpenQASM file, or a circuit as JSON')
    .option(
      '--target <name>',
      'heavy-hex-27, heavy-hex-127, heavy-hex-156, line-N, ring-N, grid-RxC, all-to-all-N, or a JSON file (default: heavy-hex-27)',
    )
    .option(
      '--coupling <file>',
      'instead: a coupling map as JSON, a list of pairs, {numQubits, edges} or {num_qubits, coupling_map}',
    )
    .option('--basis <gates>', "the device's gates, separated by commas", parseBasis)
    .addOption(
      new Option('--level <n>', '0: as written, 1: quick, 2: thorough, 3: many attempts')
        .choices(['0', '1', '2', '3'])
        .default('2'),
    )
    .option('--seed <integer>', 'decides every random choice', integerOption(0), 0)
    .option('--trials <n>', 'starting layouts to try (default: what the level says)', integerOption(1))
    .option(
      '--threads <n>',
      'threads for the attempts of levels 2 and 3; the result is the same',
      integerOption(1, 64),
      1,
    )
    .option('--time-budget <ms>', 'settle for the best found after this time', integerOption(0))
    .option(
      '--assume-zero-inputs',
      'use that every qubit starts in |0>; keeps only what is measured from there',
    )
    .option('--only-measured-results', 'drop what no measurement sees')
    .option('-o, --output <file>', "write the compiled circuit, in the input's language (.json: as JSON)")
    .option('--verify', 'check that both circuits do the same; exit with 1 when they do not')
    .option('--draw', 'print the compiled circuit');
  return attachHandler<[string, Omit<TranspileOptions, 'level'> & { level: string }]>(
    command,
    (context, path, options) =>
      compileFile(context, path, { ...options, level: Number(options.level) as OptimizationLevel }),
  );
}

async function compileFile(
  context: CommandContext,
  path: string,
  options: TranspileOptions,
): Promise<CommandResult> {
  if (options.output) await assertWritableFile(options.output);
  const startMs = performance.now();
  const circuit = await readCircuit(path);
  const target = await findTarget(options);
  const readMs = performance.now();
  await using executor = options.threads > 1 ? workerThreadTrials({ threads: options.threads }) : null;
  const result = await transpile(circuit, target, {
    seed: options.seed,
    level: options.level,
    signal: context.signal,
    assumeZeroInputs: options.assumeZeroInputs,
    onlyMeasuredResults: options.onlyMeasuredResults,
    ...(executor ? { executor } : {}),
    onPass: ({ name }) => context.onProgress({ phase: name, done: 0, total: null }),
    ...(options.trials === undefined ? {} : { trials: options.trials }),
    ...(options.timeBudget === undefined ? {} : { timeBudgetMs: options.timeBudget }),
  });
  const compiledMs = performance.now();
  const verification = options.verify
    ? await verifyEquivalence(circuit, result, {
        target,
        signal: context.signal,
        ...meaningOf(circuit, result),
      })
    : null;
  const verifiedMs = performance.now();
  if (options.output) await writeCompiled(result.circuit, options.output, path);
  const timings = {
    readSeconds: (readMs - startMs) / 1e3,
    transpileSeconds: (compiledMs - readMs) / 1e3,
    verifySeconds: options.verify ? (verifiedMs - compiledMs) / 1e3 : null,
    passes: result.passes,
  };
  const json = {
    circuit: path,
    target: target.name,
    level: options.level,
    seed: options.seed,
    ...summarize(result, target),
    timings,
    verified: verification === null ? null : verification.equivalent,
    verification,
    before: estimateResources(circuit, target),
    output: options.output ?? null,
  };
  const failed = verification?.equivalent === false;
  return { json, failed, text: describe(json, verification, result.circuit, options.draw === true) };
}

/** Writes JSON where the name says so, else the language of the file that was read. */
async function writeCompiled(circuit: Circuit, output: string, source: string): Promise<void> {
  if (output.endsWith('.json')) return writeFileAtomic(output, `${JSON.stringify(circuit, null, 1)}\n`);
  const isVersion2 = !source.endsWith('.json') && detectOpenQasmVersion(await readTextFile(source)) === 2;
  return writeFileAtomic(output, isVersion2 ? formatOpenQasm2(circuit) : formatOpenQasm3(circuit));
}

/**
 * What has to be equal: the unitary, or what is measured from |0...0> where the compiler was allowed to keep only that; the state
 * where nothing is measured.
 */
function meaningOf(
  circuit: Circuit,
  { preserves }: TranspileResult,
): Pick<EquivalenceOptions, 'inputs' | 'compare'> {
  if (preserves === 'unitary') return {};
  return { inputs: 'zero', compare: measures(circuit) ? 'measurements' : 'state' };
}

function measures(circuit: Circuit): boolean {
  return circuit.instructions.some((instruction) =>
    isControlFlow(instruction) ? bodiesOf(instruction).some(measures) : instruction.kind === 'measure',
  );
}

/** What the compiled circuit is and costs. */
function summarize(result: TranspileResult, target: Target) {
  const after = estimateResources(result.circuit, target);
  const last = result.passes.at(-1);
  const twoQubitGates = last?.twoQubitGatesAfter ?? 0;
  return {
    twoQubitGates,
    oneQubitGates: (last?.gatesAfter ?? 0) - twoQubitGates,
    depth: after.depth,
    twoQubitDepth: after.twoQubitDepth,
    swapsAdded: result.swapsAdded,
    initialLayout: result.initialLayout,
    finalLayout: result.finalLayout,
    preserves: result.preserves,
    estimatedDurationSeconds: after.estimatedTimeSeconds?.criticalPath ?? null,
    estimatedSuccessProbability: after.estimatedSuccessProbability,
    after,
  };
}

const PRESETS: readonly [RegExp, (sizes: number[], basis?: readonly GateName[]) => Target][] = [
  [/^heavy-hex-(\d+)$/, ([n], basis) => heavyHexTarget(n!, basis)],
  [/^line-(\d+)$/, ([n], basis) => lineTarget(n!, basis)],
  [/^ring-(\d+)$/, ([n], basis) => ringTarget(n!, basis)],
  [/^grid-(\d+)x(\d+)$/, ([rows, columns], basis) => gridTarget(rows!, columns!, basis)],
  [/^all-to-all-(\d+)$/, ([n], basis) => allToAllTarget(n!, basis)],
];

async function findTarget({ target, coupling, basis }: TranspileOptions): Promise<Target> {
  if (target !== undefined && coupling !== undefined) {
    throw new UsageError('There are two targets', {
      expected: 'either --target or --coupling',
      actual: [target, coupling],
    });
  }
  if (coupling !== undefined) {
    const map = await readJsonFile<CouplingMapData>(coupling);
    return targetFromCouplingMap(map, basis ? { basisGates: basis } : {});
  }
  const name = target ?? 'heavy-hex-27';
  if (name.endsWith('.json')) {
    const found = targetFromJson(await readJsonFile(name));
    return basis ? { ...found, basisGates: basis } : found;
  }
  for (const [pattern, make] of PRESETS) {
    const match = pattern.exec(name);
    if (match) return make(match.slice(1).map(Number), basis);
  }
  throw new UsageError('There is no such target', {
    expected:
      'heavy-hex-27, heavy-hex-127, heavy-hex-156, line-N, ring-N, grid-RxC, all-to-all-N or a .json file',
    actual: name,
  });
}

function parseBasis(text: string): readonly GateName[] {
  const names = text.split(',').map((name) => name.trim());
  return names.map((name) => {
    if (isGateName(name)) return name;
    throw new InvalidArgumentError(
      `Expected names of gates separated by commas, such as cx,rz,sx,x, got "${name}".`,
    );
  });
}

function describe(
  result: ReturnType<typeof summarize> & {
    readonly target: string;
    readonly circuit: string;
    readonly before: ResourceEstimate;
    readonly timings: { readonly transpileSeconds: number };
    readonly output: string | null;
  },
  verification: EquivalenceReport | null,
  compiled: Circuit,
  draw: boolean,
): string {
  const line = (name: string, r: ResourceEstimate) => {
    const seconds = r.estimatedTimeSeconds?.criticalPath;
    const time =
      seconds === undefined ? `time unknown: ${r.timeUnavailableReason}` : `${(seconds * 1e6).toFixed(2)} µs`;
    const gates = Object.entries(r.gateCounts).map(([gate, count]) => `${gate} ${count}`);
    return `${name.padEnd(7)} depth ${r.depth}, two-qubit depth ${r.twoQubitDepth}, width ${r.qubitsUsed}; ${gates.join(', ')}; ${time}`;
  };
  const success = result.estimatedSuccessProbability;
  const lines = [
    `${result.circuit} for ${result.target}, ${(1e3 * result.timings.transpileSeconds).toFixed(0)} ms`,
    line('before', result.before),
    line('after', result.after),
    `${result.twoQubitGates} two-qubit gates, ${result.oneQubitGates} one-qubit gates, ${result.swapsAdded} swaps added`,
    success === null ? '' : `estimated success probability ${success.toPrecision(3)}`,
    `layout ${result.initialLayout.join(' ')} -> ${result.finalLayout.join(' ')}`,
    result.preserves === 'unitary' ? '' : `keeps only the ${result.preserves}`,
    describeVerification(verification),
    result.output === null ? '' : `${result.output} written`,
    draw ? `\n${drawCircuit(compiled)}` : '',
  ];
  return lines.filter((text) => text !== '').join('\n');
}

function describeVerification(report: EquivalenceReport | null): string {
  if (report === null) return '';
  const { equivalent, method, isExact, reason } = report;
  if (equivalent === null) return `not verified: ${reason}`;
  if (!equivalent) return `NOT EQUIVALENT: ${reason}`;
  return `both circuits do the same, by ${method} (${isExact ? 'exact' : 'random inputs'}): ${reason}`;
}
