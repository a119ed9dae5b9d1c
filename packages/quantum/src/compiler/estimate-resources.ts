import { InvalidArgumentError } from '@qedge/core';
import { clbitsOf } from '../circuit/check-control-flow.ts';
import type { Circuit } from '../circuit/circuit.ts';
import { instructionName } from '../circuit/instruction.ts';
import { checkTarget, instructionProperty, type Target } from './target/target.ts';

/** What a circuit costs on a target. Times and probabilities are modelled from the target's figures. Plain data. */
export interface ResourceEstimate {
  readonly depth: number;
  readonly twoQubitDepth: number;
  /** Qubits that something acts on. */
  readonly qubitsUsed: number;
  /** Qubits plus classical bits of the circuit. */
  readonly width: number;
  readonly gateCounts: Readonly<Record<string, number>>;
  /** Null when a duration is missing. */
  readonly estimatedTimeSeconds: {
    /** The longest chain of instructions that wait for one another. */
    readonly criticalPath: number;
    /** All instructions one after another. */
    readonly serial: number;
  } | null;
  /** Why there is no time; null when there is one. */
  readonly timeUnavailableReason: string | null;
  /**
   * The product over all instructions of one minus their error rates and, where T1, T2 and durations are known, over all qubits
   * of `exp(-idle time / min(T1, T2))`. Null when an error rate is missing.
   */
  readonly estimatedSuccessProbability: number | null;
  /** Why there is no probability; null when there is one. */
  readonly successProbabilityUnavailableReason: string | null;
}

/**
 * Estimates what a compiled circuit needs. Barriers are free; they only make qubits wait.
 *
 * @throws InvalidArgumentError for an unusable target, or a circuit with more qubits than it has.
 */
export function estimateResources(circuit: Circuit, target: Target): ResourceEstimate {
  checkTarget(target);
  if (circuit.qubitCount > target.qubitCount) {
    throw new InvalidArgumentError(`The circuit is too large for the target "${target.name}"`, {
      expected: `at most ${target.qubitCount} qubits`,
      actual: circuit.qubitCount,
    });
  }
  const used = new Set<number>();
  for (const { kind, qubits } of circuit.instructions)
    if (kind !== 'barrier') for (const q of qubits) used.add(q);
  const missing = missingFigures(circuit, target);
  const times = missing.durations.length === 0 ? estimateTimes(circuit, target) : null;
  return {
    depth: circuit.depth(),
    twoQubitDepth: circuit.twoQubitDepth(),
    qubitsUsed: used.size,
    width: circuit.width,
    gateCounts: circuit.gateCounts(),
    estimatedTimeSeconds: times && { criticalPath: times.criticalPath, serial: times.serial },
    timeUnavailableReason: times
      ? null
      : `"${target.name}" has no duration of ${missing.durations.join(', ')}`,
    estimatedSuccessProbability:
      missing.errorRates.length === 0 ? estimateSuccess(circuit, target, times?.idleSeconds ?? null) : null,
    successProbabilityUnavailableReason:
      missing.errorRates.length === 0
        ? null
        : `"${target.name}" has no error rate of ${missing.errorRates.join(', ')}`,
  };
}

function missingFigures(circuit: Circuit, target: Target): { durations: string[]; errorRates: string[] } {
  const [durations, errorRates] = [new Set<string>(), new Set<string>()];
  for (const instruction of circuit.instructions) {
    if (instruction.kind === 'barrier') continue;
    const name = instructionName(instruction);
    const lacks = (key: 'durationSeconds' | 'errorRate') =>
      instructionProperty(target, name, instruction.qubits, key) === undefined;
    if (lacks('durationSeconds')) durations.add(name);
    if (lacks('errorRate')) errorRates.add(name);
  }
  return { durations: [...durations].sort(), errorRates: [...errorRates].sort() };
}

interface Times {
  readonly criticalPath: number;
  readonly serial: number;
  /** For each qubit, how long it waits between its first and its last instruction. */
  readonly idleSeconds: Float64Array;
}

/** As soon as possible: an instruction starts when its qubits and its classical bit are free. */
function estimateTimes(circuit: Circuit, target: Target): Times {
  const free = new Float64Array(circuit.width);
  const started = new Uint8Array(circuit.qubitCount);
  const idleSeconds = new Float64Array(circuit.qubitCount);
  let [serial, criticalPath] = [0, 0];
  for (const instruction of circuit.instructions) {
    const wires: number[] = [...instruction.qubits];
    for (const clbit of clbitsOf(instruction)) wires.push(circuit.qubitCount + clbit);
    const start = wires.reduce((latest, wire) => Math.max(latest, free[wire]!), 0);
    const name = instructionName(instruction);
    const duration =
      instruction.kind === 'barrier'
        ? 0
        : instructionProperty(target, name, instruction.qubits, 'durationSeconds')!;
    for (const qubit of instruction.qubits) {
      if (started[qubit]) idleSeconds[qubit] = idleSeconds[qubit]! + start - free[qubit]!;
      if (instruction.kind !== 'barrier') started[qubit] = 1;
    }
    for (const wire of wires) free[wire] = start + duration;
    serial += duration;
    criticalPath = Math.max(criticalPath, start + duration);
  }
  return { criticalPath, serial, idleSeconds };
}

function estimateSuccess(circuit: Circuit, target: Target, idleSeconds: Float64Array | null): number {
  let probability = 1;
  for (const instruction of circuit.instructions) {
    if (instruction.kind === 'barrier') continue;
    const name = instructionName(instruction);
    probability *= 1 - instructionProperty(target, name, instruction.qubits, 'errorRate')!;
  }
  const { t1Seconds, t2Seconds } = target;
  if (!idleSeconds || !t1Seconds || !t2Seconds) return probability;
  return idleSeconds.reduce(
    (product, idle, qubit) => product * Math.exp(-idle / Math.min(t1Seconds[qubit]!, t2Seconds[qubit]!)),
    probability,
  );
}
