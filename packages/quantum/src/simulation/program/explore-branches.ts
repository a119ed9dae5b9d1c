import { BudgetExceededError, InvalidArgumentError, type Random } from '@qedge/core';
import type { ClassicalMemory } from '../../circuit/classical-memory.ts';
import { canExtract, extractQubit } from '../amplitudes/extract-qubit.ts';
import { bitWeights, projectBit } from '../amplitudes/measure-bit.ts';
import { prepareQubits } from '../amplitudes/prepare-qubits.ts';
import type { StateFrame, StoredState } from '../amplitudes/stored-state.ts';
import { type Branch, copyBranch, type PendingBranch } from './branch.ts';
import type { FlatProgram, SegmentStep, Step } from './flatten-circuit.ts';
import { loopValues } from './loop-values.ts';
import { enterRound, runClassicalStep } from './run-classical-step.ts';
import { drawOnes } from './split-shots.ts';

/** Most branches that wait with a state of their own: enough for the deepest ones, among which an exploration spends its time. */
const MOST_WAITING_STATES = 64;

/** What the exploration needs from the simulator. */
export interface BranchHost {
  /** Memory for a state of so many qubits, or null when there is not enough. */
  tryAllocate(qubitCount: number): StoredState | null;
  /** For every step the qubits that matter behind it, as a mask; null where all do. */
  readonly liveQubits: Uint32Array | null;
  /** A new run at the first step. */
  begin(): Pick<Branch, 'state' | 'frame' | 'memory' | 'values'>;
  /** Applies gates and returns the frame that they lead to. */
  runSegment(step: SegmentStep, state: StoredState, frame: StateFrame, memory: ClassicalMemory): StateFrame;
  readonly random: Random;
  readonly maxLoopRounds: number;
}

/**
 * Runs a program for many shots at once. Where a measurement or a reset has both outcomes among the shots, the run is copied and
 * goes on once for each; depth first, the outcome 0 first. Of the runs that wait, only the deepest ones hold a state; the others are
 * run again from the start, along the outcomes that lead to them. Yields after every step that may take long.
 *
 * @param finish takes a run that reached the end, with ownership of its state.
 */
export function* exploreBranches(
  program: FlatProgram,
  shots: number,
  host: BranchHost,
  finish: (branch: Branch) => void,
): Generator<void, void> {
  const pending: PendingBranch[] = [{ outcomes: [], shots }];
  try {
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const replay = 'state' in next ? [] : next.outcomes.slice();
      const branch = 'state' in next ? next : beginBranch(program, next.shots, host);
      let finished = false;
      try {
        yield* runBranch(program, branch, replay, pending, host);
        finished = true;
      } finally {
        if (!finished) branch.state.dispose();
      }
      finish(branch);
    }
  } finally {
    for (const branch of pending) if ('state' in branch) branch.state.dispose();
  }
}

function beginBranch({ loopCount }: FlatProgram, shots: number, host: BranchHost): Branch {
  const loops = Array.from({ length: loopCount }, () => null);
  return { step: 0, shots, ...host.begin(), loops, outcomes: [] };
}

function* runBranch(
  { steps }: FlatProgram,
  branch: Branch,
  replay: (0 | 1)[],
  pending: PendingBranch[],
  host: BranchHost,
): Generator<void, void> {
  while (branch.step < steps.length) {
    const step = steps[branch.step++]!;
    switch (step.kind) {
      case 'segment':
        branch.frame = host.runSegment(step, branch.state, branch.frame, branch.memory);
        for (const { qubits } of step.instructions) forgetValues(branch, qubits);
        yield;
        break;
      case 'measure':
      case 'reset':
        measure(step, branch, replay, pending, host);
        yield;
        break;
      case 'prepare':
        prepareQubits(branch.state, branch.frame, step.qubits, step.amplitudes);
        forgetValues(branch, step.qubits);
        break;
      case 'enter-loop':
        branch.loops[step.loop] = {
          rounds: 0,
          valueAt: step.values && loopValues(step.values, branch.memory),
        };
        break;
      case 'next-round':
        if (!nextRound(step, branch, host.maxLoopRounds)) branch.step = step.to;
        yield;
        break;
      default:
        runClassicalStep(step, branch);
    }
  }
}

/** Counts a round; false when a loop over values has no more. */
function nextRound(
  step: Extract<Step, { kind: 'next-round' }>,
  branch: Branch,
  maxLoopRounds: number,
): boolean {
  const { rounds } = branch.loops[step.loop]!;
  if (!enterRound(step, branch)) return false;
  if (rounds >= maxLoopRounds) {
    throw new BudgetExceededError('A loop of the circuit ran too often', {
      expected: `at most ${maxLoopRounds} rounds`,
      remedy: 'Raise maxLoopRounds if the loop is meant to run that long',
      facts: { maxLoopRounds },
    });
  }
  return true;
}

function forgetValues({ values }: Branch, qubits: readonly number[]): void {
  for (const qubit of qubits) values[qubit] = null;
}

type MeasuringStep = Extract<Step, { kind: 'measure' | 'reset' }>;

/** Measures a qubit for all shots of a branch; one outcome goes on here, the other one may be left for later. */
function measure(
  step: MeasuringStep,
  branch: Branch,
  replay: (0 | 1)[],
  pending: PendingBranch[],
  host: BranchHost,
): void {
  const value = step.qubit < 0 ? 0 : branch.values[step.qubit]!;
  if (value !== null) {
    record(step, branch, value);
    return;
  }
  const place = branch.frame.qubits[step.qubit]!;
  const stored = bitWeights(branch.state, place);
  const weights = branch.frame.flips[place] === 1 ? ([stored[1], stored[0]] as const) : stored;
  const known = replay.shift();
  let outcome: 0 | 1;
  if (known !== undefined) outcome = known;
  else {
    const ones = drawOnes(branch.shots, weights[1] / (weights[0] + weights[1]), host.random);
    outcome = ones === branch.shots ? 1 : 0;
    if (ones > 0 && ones < branch.shots) {
      pending.push(otherOutcome(step, branch, ones, weights[1], pending, host));
      branch.shots -= ones;
    }
  }
  const { state } = branch;
  const smaller = leaves(step, branch, host) ? host.tryAllocate(state.qubitCount - 1) : null;
  takeOutcome(step, branch, outcome, weights[outcome], state, smaller ?? state);
  if (smaller !== null) state.dispose();
}

/** The part of the shots with outcome 1. */
function otherOutcome(
  step: MeasuringStep,
  branch: Branch,
  shots: number,
  weight: number,
  pending: PendingBranch[],
  host: BranchHost,
): PendingBranch {
  const { state } = branch;
  const smaller = leaves(step, branch, host) ? host.tryAllocate(state.qubitCount - 1) : null;
  const own = smaller ?? takeState(state.qubitCount, pending, host);
  if (own === null) return { outcomes: [...branch.outcomes, 1], shots };
  const other = copyBranch(branch, own);
  other.shots = shots;
  takeOutcome(step, other, 1, weight, state, own);
  return other;
}

/** True where a qubit that is measured can be taken out of the state, because nothing needs it any more. */
function leaves({ qubit }: MeasuringStep, { state, step }: Branch, { liveQubits }: BranchHost): boolean {
  return liveQubits !== null && ((liveQubits[step - 1]! >>> qubit) & 1) === 0 && canExtract(state);
}

/** Memory for one more branch: new, or that of the one nearest to the start, which is run again most cheaply. */
function takeState(qubitCount: number, pending: PendingBranch[], host: BranchHost): StoredState | null {
  const waiting = pending.filter((branch) => 'state' in branch);
  if (waiting.length < MOST_WAITING_STATES) {
    const state = host.tryAllocate(qubitCount);
    if (state !== null) return state;
  }
  const first = waiting.find(({ state }) => state.qubitCount === qubitCount);
  if (first === undefined) return null;
  pending[pending.indexOf(first)] = { outcomes: first.outcomes, shots: first.shots };
  return first.state;
}

/**
 * Projects on an outcome and records it.
 *
 * @param source the state that was measured, of this branch or of the one it was copied from; `target` the branch's new one: of the same
 *   size, or of one qubit less.
 */
function takeOutcome(
  step: MeasuringStep,
  branch: Branch,
  outcome: 0 | 1,
  weight: number,
  source: StoredState,
  target: StoredState,
): void {
  if (!(weight > 0)) {
    throw new InvalidArgumentError('The state of the circuit has no norm that can be measured', {
      expected: 'a norm of 1',
      actual: weight,
    });
  }
  const { frame } = branch;
  const place = frame.qubits[step.qubit]!;
  const bit = (outcome ^ frame.flips[place]!) as 0 | 1;
  const factor = 1 / Math.sqrt(weight);
  if (target.qubitCount < source.qubitCount) {
    branch.frame = extractQubit(target, source, frame, step.qubit, bit, factor);
  } else projectBit(target, source, place, bit, factor);
  branch.state = target;
  branch.outcomes.push(outcome);
  record(step, branch, outcome);
}

/** Notes the value of a qubit that a measurement or a reset found. */
function record(step: MeasuringStep, { frame, memory, values }: Branch, outcome: 0 | 1): void {
  if (step.kind === 'measure') memory.bits[step.clbit] = outcome;
  if (step.qubit < 0) return;
  values[step.qubit] = step.kind === 'measure' ? outcome : 0;
  if (step.kind === 'measure' || outcome === 0) return;
  // A reset qubit is turned round by renaming its values.
  const place = frame.qubits[step.qubit]!;
  if (place >= 0) frame.flips[place] = 1 - frame.flips[place]!;
}
