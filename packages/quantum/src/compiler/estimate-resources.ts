import { InvalidArgumentError } from '@qedge/core';
import { clbitsOf } from '../circuit/check-control-flow.ts';
import type { Circuit } from '../circuit/circuit.ts';
import {
  bodiesOf,
  type ControlFlowInstruction,
  type Instruction,
  instructionName,
  isControlFlow,
} from '../circuit/instruction.ts';
import { durationName, durationSecondsOf } from './scheduling/instruction-duration.ts';
import { InstructionFigures } from './target/instruction-figures.ts';
import { checkTarget, type Target } from './target/target.ts';

/**
 * What a circuit costs on a target. Times and probabilities are modelled from the target's figures. Plain data.
 *
 * Of the branches of an `if` or `switch` the one that takes longest counts for times and the one that fails most for the
 * probability, each figure on its own. A `for` loop counts as often as it runs where its values are literals; where they are not,
 * and for a `while` loop, its body counts once.
 */
export interface ResourceEstimate {
  /** Control flow counts as one instruction. */
  readonly depth: number;
  readonly twoQubitDepth: number;
  /** Qubits that something acts on. */
  readonly qubitsUsed: number;
  /** Qubits plus classical bits of the circuit. */
  readonly width: number;
  /** How often each instruction is written, bodies of control flow included, each once. */
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
 * Estimates what a compiled circuit needs. Barriers and assignments are free; barriers make qubits wait. Delays take their time and
 * do not go wrong by themselves.
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
  const survey = new Survey(target);
  survey.visit(circuit);
  const durations = [...survey.missingDurations].sort();
  const errorRates = [...survey.missingErrorRates].sort();
  const times = durations.length === 0 ? new CostModel(target).costOf(circuit) : null;
  return {
    depth: circuit.depth(),
    twoQubitDepth: circuit.twoQubitDepth(),
    qubitsUsed: survey.used.size,
    width: circuit.width,
    gateCounts: survey.gateCounts(),
    estimatedTimeSeconds: times && { criticalPath: times.criticalPath, serial: times.serial },
    timeUnavailableReason: times ? null : `"${target.name}" has no duration of ${durations.join(', ')}`,
    estimatedSuccessProbability:
      errorRates.length === 0 ? new CostModel(target, times !== null).costOf(circuit).success : null,
    successProbabilityUnavailableReason:
      errorRates.length === 0 ? null : `"${target.name}" has no error rate of ${errorRates.join(', ')}`,
  };
}

/** Instructions that cannot go wrong. */
function isFree({ kind, qubits }: Instruction): boolean {
  const isClassical = kind === 'assign' || kind === 'break' || kind === 'continue';
  return kind === 'barrier' || kind === 'delay' || isClassical || (kind === 'gate' && qubits.length === 0);
}

/** What is there and what the target does not know, bodies included. */
class Survey {
  readonly used = new Set<number>();
  readonly missingDurations = new Set<string>();
  readonly missingErrorRates = new Set<string>();
  readonly #counts = new Map<string, number>();
  readonly #target: Target;
  readonly #figures: InstructionFigures;

  constructor(target: Target) {
    this.#target = target;
    this.#figures = new InstructionFigures(target);
  }

  visit(circuit: Circuit): void {
    circuit.forEach((instruction) => {
      const { kind, qubits } = instruction;
      const name = instructionName(instruction);
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
      if (kind !== 'barrier') for (const qubit of qubits) this.used.add(qubit);
      if (isControlFlow(instruction)) {
        for (const body of bodiesOf(instruction)) this.visit(body);
        return;
      }
      if (durationSecondsOf(instruction, this.#target, this.#figures) === undefined) {
        this.missingDurations.add(durationName(instruction));
      }
      if (!isFree(instruction) && this.#figures.errorRate(name, qubits) === undefined) {
        this.missingErrorRates.add(name);
      }
    });
  }

  /** By name, most frequent first. */
  gateCounts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
  }
}

interface Cost {
  readonly criticalPath: number;
  readonly serial: number;
  /** The probability that nothing goes wrong. */
  readonly success: number;
}

const NOTHING: Cost = { criticalPath: 0, serial: 0, success: 1 };

/** Times as soon as possible: an instruction starts when its qubits and classical bits are free. */
class CostModel {
  readonly #target: Target;
  readonly #figures: InstructionFigures;
  readonly #hasTimes: boolean;

  /** @param hasTimes false where durations are missing: all times are 0 then, and nothing decays. */
  constructor(target: Target, hasTimes = true) {
    this.#target = target;
    this.#figures = new InstructionFigures(target);
    this.#hasTimes = hasTimes;
  }

  costOf(circuit: Circuit): Cost {
    const free = new Float64Array(circuit.width);
    const started = new Uint8Array(circuit.qubitCount);
    const idleSeconds = new Float64Array(circuit.qubitCount);
    let [serial, criticalPath, success] = [0, 0, 1];
    circuit.forEach((instruction) => {
      const wires: number[] = [...instruction.qubits];
      for (const clbit of clbitsOf(instruction)) wires.push(circuit.qubitCount + clbit);
      const start = wires.reduce((latest, wire) => Math.max(latest, free[wire]!), 0);
      const cost = this.#costOfInstruction(instruction);
      for (const qubit of instruction.qubits) {
        if (started[qubit]) idleSeconds[qubit] = idleSeconds[qubit]! + start - free[qubit]!;
        if (instruction.kind !== 'barrier') started[qubit] = 1;
      }
      for (const wire of wires) free[wire] = start + cost.criticalPath;
      serial += cost.serial;
      criticalPath = Math.max(criticalPath, start + cost.criticalPath);
      success *= cost.success;
    });
    return { criticalPath, serial, success: success * this.#survival(idleSeconds) };
  }

  #costOfInstruction(instruction: Instruction): Cost {
    if (isControlFlow(instruction)) return this.#costOfControlFlow(instruction);
    const seconds = this.#hasTimes ? durationSecondsOf(instruction, this.#target, this.#figures) : 0;
    const errorRate = isFree(instruction)
      ? 0
      : this.#figures.errorRate(instructionName(instruction), instruction.qubits);
    return { criticalPath: seconds ?? 0, serial: seconds ?? 0, success: 1 - (errorRate ?? 0) };
  }

  #costOfControlFlow(instruction: ControlFlowInstruction): Cost {
    let worst = NOTHING;
    for (const body of bodiesOf(instruction)) {
      const cost = this.costOf(body);
      worst = {
        criticalPath: Math.max(worst.criticalPath, cost.criticalPath),
        serial: Math.max(worst.serial, cost.serial),
        success: Math.min(worst.success, cost.success),
      };
    }
    const rounds = roundsOf(instruction);
    return {
      criticalPath: worst.criticalPath * rounds,
      serial: worst.serial * rounds,
      success: worst.success ** rounds,
    };
  }

  #survival(idleSeconds: Float64Array): number {
    const { t1Seconds, t2Seconds } = this.#target;
    if (!this.#hasTimes || !t1Seconds || !t2Seconds) return 1;
    return idleSeconds.reduce(
      (product, idle, qubit) => product * Math.exp(-idle / Math.min(t1Seconds[qubit]!, t2Seconds[qubit]!)),
      1,
    );
  }
}

/** How often a loop runs, where that is written there; 1 for everything else. */
function roundsOf(instruction: ControlFlowInstruction): number {
  if (instruction.kind !== 'for') return 1;
  const { values } = instruction;
  if (!('start' in values)) return values.length;
  const [start, stop, step] = [values.start, values.stop, values.step].map((bound) =>
    bound.kind === 'literal' ? Number(bound.value) : Number.NaN,
  ) as [number, number, number];
  const rounds = Math.floor((stop - start) / step) + 1;
  return Number.isFinite(rounds) ? Math.max(0, rounds) : 1;
}
