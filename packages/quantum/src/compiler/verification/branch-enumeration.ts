import { throwIfCancelled } from '@qedge/core';
import { Circuit } from '../../circuit/circuit.ts';
import { ClassicalMemory } from '../../circuit/classical-memory.ts';
import { numberOf } from '../../circuit/evaluate-classical.ts';
import type { Instruction } from '../../circuit/instruction.ts';
import type { LoopPosition } from '../../simulation/program/branch.ts';
import {
  flattenInstructions,
  type SegmentStep,
  type Step,
} from '../../simulation/program/flatten-circuit.ts';
import { loopValues } from '../../simulation/program/loop-values.ts';
import { enterRound, runClassicalStep } from '../../simulation/program/run-classical-step.ts';
import type { CompiledCircuit, Simulator } from '../../simulation/simulator.ts';

/** One sequence of outcomes of measurements and resets. */
export interface OutcomeBranch {
  /** Its probability. */
  readonly weight: number;
  /** `[2^wires, 2]` interleaved, of norm 1. */
  readonly amplitudes: Float64Array;
  readonly memory: ClassicalMemory;
}

/** All sequences of outcomes that occur. */
export interface OutcomeBranches {
  readonly branches: readonly OutcomeBranch[];
  /** The probability of branches that were too improbable to follow. */
  readonly droppedWeight: number;
}

/** Branches less probable than this are dropped: loops until success would never end. */
const LEAST_WEIGHT = 1e-12;
const MOST_LOOP_ROUNDS = 10_000;
/** Amplitudes of all branches together: 128 MiB. */
const MOST_AMPLITUDES = 2 ** 23;

interface OpenBranch {
  step: number;
  weight: number;
  amplitudes: Float64Array;
  readonly memory: ClassicalMemory;
  readonly loops: (LoopPosition | null)[];
}

/** Runs instructions for every sequence of outcomes at once, depth first. */
export class BranchEnumerator implements Disposable {
  readonly #circuit: Circuit;
  readonly #simulator: Simulator;
  readonly #steps: readonly Step[];
  readonly #loopCount: number;
  readonly #compiled = new Map<SegmentStep, CompiledCircuit>();

  /** @param instructions those of the circuit, or a part of them; @param simulator borrowed. */
  constructor(circuit: Circuit, instructions: readonly Instruction[], simulator: Simulator) {
    const places = Array.from({ length: circuit.qubitCount }, (_, wire) => wire);
    const { steps, loopCount } = flattenInstructions(circuit, instructions, places, false);
    this.#circuit = circuit;
    this.#simulator = simulator;
    this.#steps = steps;
    this.#loopCount = loopCount;
  }

  /**
   * @param amplitudes the initial state, `[2^wires, 2]`; not kept.
   * @returns null when there are too many branches, or a loop does not end.
   */
  run(amplitudes: Float64Array, signal?: AbortSignal): OutcomeBranches | null {
    const { clbitCount, variables } = this.#circuit;
    const most = Math.max(2, MOST_AMPLITUDES / (amplitudes.length / 2));
    const memory = new ClassicalMemory(clbitCount, variables);
    const loops = Array.from({ length: this.#loopCount }, () => null);
    const pending: OpenBranch[] = [{ step: 0, weight: 1, amplitudes: amplitudes.slice(), memory, loops }];
    const branches: OutcomeBranch[] = [];
    let droppedWeight = 0;
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (branches.length + pending.length > most) return null;
      throwIfCancelled(signal, 'The verification');
      const end = this.#runBranch(next, pending, most);
      if (end === 'too much') return null;
      if (end === 'improbable') droppedWeight += next.weight;
      else branches.push(next);
    }
    return { branches, droppedWeight };
  }

  [Symbol.dispose](): void {
    for (const compiled of this.#compiled.values()) compiled.dispose();
    this.#compiled.clear();
  }

  #runBranch(
    branch: OpenBranch,
    pending: OpenBranch[],
    most: number,
  ): 'finished' | 'improbable' | 'too much' {
    while (branch.step < this.#steps.length) {
      if (branch.weight < LEAST_WEIGHT) return 'improbable';
      const step = this.#steps[branch.step++]!;
      switch (step.kind) {
        case 'segment':
          this.#runSegment(step, branch);
          break;
        case 'measure':
        case 'reset':
          if (pending.length > most) return 'too much';
          measure(step, branch, pending);
          break;
        case 'prepare':
          prepare(step.qubits, step.amplitudes, branch);
          break;
        case 'enter-loop':
          branch.loops[step.loop] = {
            rounds: 0,
            valueAt: step.values && loopValues(step.values, branch.memory),
          };
          break;
        case 'next-round': {
          const { rounds } = branch.loops[step.loop]!;
          if (rounds >= MOST_LOOP_ROUNDS) return 'too much';
          if (!enterRound(step, branch)) branch.step = step.to;
          break;
        }
        default:
          runClassicalStep(step, branch);
      }
    }
    return 'finished';
  }

  #runSegment(step: SegmentStep, branch: OpenBranch): void {
    let compiled = this.#compiled.get(step);
    if (compiled === undefined) {
      const segment = new Circuit(this.#circuit.qubitCount);
      for (const gate of step.gates) segment.append(gate);
      compiled = this.#simulator.compile(segment);
      this.#compiled.set(step, compiled);
    }
    // Names that are left are classical variables.
    const parameters = compiled.parameterNames.map((name) => numberOf(branch.memory.read(name)));
    const initial = { kind: 'amplitudes', amplitudes: branch.amplitudes } as const;
    using state = compiled.run({ parameters, initial });
    branch.amplitudes = state.amplitudes();
  }
}

/** Goes on with the outcome 0 where it occurs, and leaves the other one for later. */
function measure(
  step: Extract<Step, { kind: 'measure' | 'reset' }>,
  branch: OpenBranch,
  pending: OpenBranch[],
): void {
  const [zero, one] = outcomeWeights(branch.amplitudes, step.qubit);
  const shareOfOne = one / (zero + one);
  // Rounding leaves about 1e-16 of outcomes that do not occur.
  const occurs = [1 - shareOfOne, shareOfOne].map((share) => share > LEAST_WEIGHT);
  if (occurs[0] && occurs[1]) {
    const other: OpenBranch = {
      step: branch.step,
      weight: branch.weight,
      amplitudes: branch.amplitudes.slice(),
      memory: branch.memory.clone(),
      loops: branch.loops.slice(),
    };
    takeOutcome(step, other, 1, shareOfOne);
    pending.push(other);
  }
  takeOutcome(step, branch, occurs[0] ? 0 : 1, occurs[0] ? 1 - shareOfOne : shareOfOne);
}

function outcomeWeights(amplitudes: Float64Array, wire: number): [number, number] {
  const weights: [number, number] = [0, 0];
  for (let i = 0; i < amplitudes.length; i += 2) {
    weights[((i >> 1) >> wire) & 1]! += amplitudes[i]! ** 2 + amplitudes[i + 1]! ** 2;
  }
  return weights;
}

function takeOutcome(
  step: Extract<Step, { kind: 'measure' | 'reset' }>,
  branch: OpenBranch,
  outcome: 0 | 1,
  share: number,
): void {
  const { amplitudes } = branch;
  const scale = 1 / Math.sqrt(share);
  const bit = 1 << step.qubit;
  // A reset qubit that was 1 is turned round: its amplitudes go to where it is 0.
  const isTurned = step.kind === 'reset' && outcome === 1;
  for (let i = 0; i < amplitudes.length / 2; i++) {
    if ((i & bit) !== 0) continue;
    const [low, high] = [2 * i, 2 * (i | bit)];
    const [kept, lost] = outcome === 0 ? [low, high] : [high, low];
    const [re, im] = [amplitudes[kept]! * scale, amplitudes[kept + 1]! * scale];
    amplitudes[kept] = 0;
    amplitudes[kept + 1] = 0;
    amplitudes[lost] = 0;
    amplitudes[lost + 1] = 0;
    const to = isTurned ? low : kept;
    amplitudes[to] = re;
    amplitudes[to + 1] = im;
  }
  branch.weight *= share;
  if (step.kind === 'measure') branch.memory.bits[step.clbit] = outcome;
}

/** Puts wires that are |0> into a state. */
function prepare(wires: readonly number[], prepared: Float64Array, { amplitudes }: OpenBranch): void {
  const offsets = Array.from({ length: 2 ** wires.length }, (_, value) =>
    wires.reduce((offset, wire, bit) => offset | (((value >> bit) & 1) << wire), 0),
  );
  const mask = offsets.at(-1)!;
  for (let base = 0; base < amplitudes.length / 2; base++) {
    if ((base & mask) !== 0) continue;
    const [re, im] = [amplitudes[2 * base]!, amplitudes[2 * base + 1]!];
    offsets.forEach((offset, value) => {
      const at = 2 * (base | offset);
      const [a, b] = [prepared[2 * value]!, prepared[2 * value + 1]!];
      amplitudes[at] = a * re - b * im;
      amplitudes[at + 1] = a * im + b * re;
    });
  }
}
