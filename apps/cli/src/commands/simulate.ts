import { InvalidArgumentError, systemClock } from '@qedge/core';
import {
  type AmplitudePrecision,
  type Circuit,
  drawCircuit,
  type QuantumState,
  type SampleCounts,
} from '@qedge/quantum';
import { createStateVectorSimulator } from '@qedge/quantum/node';
import { type Command, Option } from 'commander';
import { readCircuit } from '../circuit-input.ts';
import {
  attachHandler,
  type CommandResult,
  defineCommand,
  integerOption,
  parameterOption,
  UsageError,
} from '../command.ts';

interface SimulateOptions {
  readonly shots: number;
  readonly seed: number;
  readonly precision: AmplitudePrecision;
  readonly amplitudes: number;
  readonly threads: number;
  readonly param: Readonly<Record<string, number>>;
  readonly draw?: boolean;
}

/** What `--json` prints. */
interface SimulateReport {
  readonly engine: string;
  /** Which code ran. */
  readonly target: string;
  /** Why that code. */
  readonly reason: string;
  readonly qubits: number;
  readonly counts: SampleCounts;
  /** Of the state before the measurements at the end; bits with the highest qubit first. */
  readonly amplitudes: readonly { readonly basis: string; readonly re: number; readonly im: number }[];
  readonly timings: {
    readonly parseSeconds: number;
    readonly planSeconds: number;
    readonly compileSeconds: number;
    /** Running, sampling and reading amplitudes. */
    readonly runSeconds: number;
  };
}

const SHOWN_OUTCOMES = 16;

export function simulateCommand(): Command {
  const command = defineCommand(
    'simulate',
    'run a quantum circuit exactly and sample it',
    'Simulates the state vector of an OpenQASM 2 or 3 program (or of a circuit as JSON) and counts measurement outcomes: of the classical bits where the circuit measures, else of all qubits. Bit 0 is the rightmost character of an outcome. Qubits that no gate touches take no memory.',
  )
    .argument('<circuit>', 'OpenQASM file, or a circuit as .json')
    .option('--shots <n>', 'samples; 0: only amplitudes', integerOption(0, 10_000_000), 1024)
    .option('--seed <integer>', 'decides the samples', integerOption(0), 0)
    .addOption(new Option('--precision <name>', 'of amplitudes').choices(['f32', 'f64']).default('f64'))
    .option(
      '--amplitudes <k>',
      'print the amplitudes of the first k basis states, before the measurements at the end',
      integerOption(0, 2 ** 24),
      0,
    )
    .option('--threads <n>', 'threads', integerOption(1, 256), 1)
    .option('--param <name=value>', 'value of a free parameter; may be given again', parameterOption, {})
    .option('--draw', 'print the circuit too');
  return attachHandler<[string, SimulateOptions]>(
    command,
    async (context, path, options): Promise<CommandResult<SimulateReport>> => {
      if (options.shots === 0 && options.amplitudes === 0) {
        throw new UsageError('Nothing was asked for', {
          expected: '--shots of at least 1, or --amplitudes',
          actual: '--shots 0 without --amplitudes',
        });
      }
      const startMs = systemClock.nowMs();
      const circuit = await readCircuit(path);
      requireParameters(circuit, options.param);
      const parsedMs = systemClock.nowMs();
      using simulator = await createStateVectorSimulator({
        precision: options.precision,
        threads: options.threads,
      });
      const settings = { parameters: options.param, seed: options.seed };
      using compiled = simulator.compile(circuit);
      const compiledMs = systemClock.nowMs();
      const before = compiled.timings;
      const counts =
        options.shots > 0
          ? (await compiled.sample(options.shots, { ...settings, signal: context.signal })).counts
          : {};
      let amplitudes: SimulateReport['amplitudes'] = [];
      if (options.amplitudes > 0) {
        using state = compiled.run(settings);
        amplitudes = firstAmplitudes(state, options.amplitudes);
      }
      const { planSeconds, compileSeconds } = compiled.timings;
      const late = planSeconds - before.planSeconds + compileSeconds - before.compileSeconds;
      const json: SimulateReport = {
        engine: simulator.engine,
        target: simulator.target,
        reason: simulator.reason,
        qubits: circuit.qubitCount,
        counts,
        amplitudes,
        timings: {
          parseSeconds: (parsedMs - startMs) / 1000,
          planSeconds,
          compileSeconds,
          runSeconds: (systemClock.nowMs() - compiledMs) / 1000 - late,
        },
      };
      const text = describe(json, options);
      return { json, text: options.draw ? `${drawCircuit(circuit)}\n${text}` : text };
    },
  );
}

/** @throws InvalidArgumentError naming the parameters that have no value, and the values that have no parameter. */
function requireParameters({ parameterNames }: Circuit, values: SimulateOptions['param']): void {
  const missing = parameterNames.filter((name) => !Object.hasOwn(values, name));
  if (missing.length > 0) {
    throw new InvalidArgumentError('The circuit has parameters without a value', {
      expected: `values for ${missing.join(', ')}`,
      actual: Object.keys(values).join(', ') || 'none',
      remedy: `Pass ${missing.map((name) => `--param ${name}=<value>`).join(' ')}`,
    });
  }
  const unknown = Object.keys(values).filter((name) => !parameterNames.includes(name));
  if (unknown.length === 0) return;
  throw new InvalidArgumentError('The circuit has no such parameter', {
    expected: parameterNames.join(', ') || 'no parameters',
    actual: unknown.join(', '),
    remedy: `Leave out ${unknown.map((name) => `--param ${name}=...`).join(' ')}`,
  });
}

function firstAmplitudes(state: QuantumState, count: number): SimulateReport['amplitudes'] {
  const { qubitCount } = state;
  return Array.from({ length: Math.min(count, 2 ** qubitCount) }, (_, index) => {
    const [re, im] = state.amplitude(index);
    return { basis: qubitCount === 0 ? '' : index.toString(2).padStart(qubitCount, '0'), re, im };
  });
}

function describe(report: SimulateReport, { shots, precision }: SimulateOptions): string {
  const { counts, amplitudes, timings } = report;
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const lines = sorted.slice(0, SHOWN_OUTCOMES).map(([outcome, count]) => {
    const share = count / shots;
    return `${outcome}  ${String(count).padStart(8)}  ${(100 * share).toFixed(2).padStart(6)} %  ${'█'.repeat(Math.round(40 * share))}`;
  });
  if (sorted.length > SHOWN_OUTCOMES) {
    lines.push(`... and ${sorted.length - SHOWN_OUTCOMES} more outcomes (--json has all)`);
  }
  for (const { basis, re, im } of amplitudes) {
    lines.push(`|${basis}>  ${re.toFixed(9).padStart(12)} ${im < 0 ? '-' : '+'} ${Math.abs(im).toFixed(9)}i`);
  }
  const ms = (seconds: number) => `${(1000 * seconds).toFixed(1)} ms`;
  return [
    `${report.qubits} qubits on ${report.engine} (${report.target}, ${precision}), ${shots} shots in ${ms(timings.runSeconds)}, after ${ms(timings.parseSeconds)} of parsing, ${ms(timings.planSeconds)} of planning and ${ms(timings.compileSeconds)} of generating code`,
    ...lines,
  ].join('\n');
}
