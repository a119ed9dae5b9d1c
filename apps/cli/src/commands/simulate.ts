import { Random, systemClock } from '@qedge/core';
import { drawCircuit, parseOpenQasm2, StateVectorSimulator } from '@qedge/quantum';
import type { Command } from 'commander';
import { attachHandler, type CommandResult, defineCommand, integerOption } from '../command.ts';
import { readTextFile } from '../data-input.ts';

interface SimulateOptions {
  readonly shots: number;
  readonly seed: number;
  readonly draw?: boolean;
}

const SHOWN_OUTCOMES = 16;

export function simulateCommand(): Command {
  const command = defineCommand(
    'simulate',
    'run a quantum circuit (OpenQASM 2) exactly and sample it',
    'Simulates the state vector in float64 and counts measurement outcomes. Bit 0 is the rightmost character of an outcome.',
  )
    .argument('<circuit>', 'OpenQASM 2 file')
    .option('--shots <n>', 'samples', integerOption(1, 10_000_000), 1024)
    .option('--seed <integer>', 'decides the samples', integerOption(0), 0)
    .option('--draw', 'print the circuit too');
  return attachHandler<[string, SimulateOptions]>(
    command,
    async (context, path, options): Promise<CommandResult> => {
      const circuit = parseOpenQasm2(await readTextFile(path));
      const simulator = new StateVectorSimulator();
      const startMs = systemClock.nowMs();
      const counts = simulator.sample(circuit, options.shots, {
        random: new Random(options.seed),
        signal: context.signal,
      });
      const durationMs = systemClock.nowMs() - startMs;
      const json = {
        circuit: path,
        qubits: circuit.qubitCount,
        depth: circuit.depth(),
        gateCounts: circuit.gateCounts(),
        simulator: simulator.name,
        shots: options.shots,
        seed: options.seed,
        durationMs,
        counts,
      };
      return {
        json,
        text: `${options.draw ? `${drawCircuit(circuit)}\n` : ''}${describe(counts, options.shots, json)}`,
      };
    },
  );
}

function describe(
  counts: Record<string, number>,
  shots: number,
  facts: { simulator: string; qubits: number; durationMs: number },
): string {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const lines = sorted.slice(0, SHOWN_OUTCOMES).map(([outcome, count]) => {
    const share = count / shots;
    return `${outcome}  ${String(count).padStart(8)}  ${(100 * share).toFixed(2).padStart(6)} %  ${'█'.repeat(Math.round(40 * share))}`;
  });
  const rest =
    sorted.length > SHOWN_OUTCOMES
      ? [`... and ${sorted.length - SHOWN_OUTCOMES} more outcomes (--json has all)`]
      : [];
  return [
    `${facts.qubits} qubits on ${facts.simulator}, ${shots} shots in ${facts.durationMs.toFixed(1)} ms`,
    ...lines,
    ...rest,
  ].join('\n');
}
