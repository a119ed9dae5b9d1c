import { type Clock, InvalidArgumentError, type Random, systemClock, throwIfCancelled } from '@qedge/core';
import { countGates, countStateGates, type GateCount } from './count-gates.ts';
import { isTimeUp, Turn } from './in-turns.ts';
import type { CompilationState, Pass, PassContext, Preserved } from './pass.ts';

/** The stages of a compilation, in the order in which they run. */
export const STAGE_NAMES = [
  'init',
  'layout',
  'routing',
  'translation',
  'optimization',
  'scheduling',
] as const;
export type StageName = (typeof STAGE_NAMES)[number];

/** Steps that run again and again, made by {@link doWhile} and {@link untilUnchanged}. */
export interface PassLoop {
  readonly repeat: readonly PassStep[];
  /** Asked after each round with the states after and before it: whether another round shall follow. */
  readonly again: (after: CompilationState, before: CompilationState) => boolean;
  readonly maxRounds: number;
}

/** Ways to do the same, of which the cheapest result is kept, made by {@link cheapestOf}. */
export interface PassAlternatives {
  readonly alternatives: readonly (readonly PassStep[])[];
  readonly costOf: (state: CompilationState) => number;
}

/** What a stage is made of. */
export type PassStep = Pass | PassLoop | PassAlternatives;

/** The steps of each stage; a missing stage does nothing. */
export type Stages = Readonly<Partial<Record<StageName, readonly PassStep[]>>>;

/** What one pass did. */
export interface PassRecord {
  readonly name: string;
  readonly stage: StageName;
  /** 0 outside loops; counts the rounds of the innermost loop otherwise. */
  readonly round: number;
  readonly durationMs: number;
  /** Gates before; barriers, delays, measurements and resets are not counted, bodies of control flow are counted once. */
  readonly gatesBefore: number;
  readonly gatesAfter: number;
  /** Gates on two or more qubits. */
  readonly twoQubitGatesBefore: number;
  readonly twoQubitGatesAfter: number;
  /** What it kept: the unitary also where it found nothing to change. */
  readonly preserves: Preserved;
}

/** What {@link PassManager} needs besides the state. */
export interface PassManagerOptions {
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  /** After this time passes settle for the best they have; what is needed for a correct result still runs. Default none. */
  readonly timeBudgetMs?: number | undefined;
  /** Called after every pass. */
  readonly onPass?: ((record: PassRecord) => void) | undefined;
}

/** Runs `steps` once, then again as long as `condition` holds for the state, at most `maxRounds` times. */
export function doWhile(
  steps: readonly PassStep[],
  condition: (state: CompilationState) => boolean,
  maxRounds = 100,
): PassLoop {
  return { repeat: steps, again: (after) => condition(after), maxRounds };
}

/** Runs `steps` until a round leaves the gate counts and the depth as they were, at most `maxRounds` times. */
export function untilUnchanged(steps: readonly PassStep[], maxRounds = 20): PassLoop {
  const again = (after: CompilationState, before: CompilationState) =>
    after.circuit !== before.circuit &&
    (countGates(after.circuit).all !== countGates(before.circuit).all ||
      after.circuit.depth() !== before.circuit.depth());
  return { repeat: steps, again, maxRounds };
}

/**
 * Runs every alternative from the same state and keeps the cheapest result, the first among equals. Each pass gets the random
 * numbers that it would get without the others.
 *
 * @param costOf default: two-qubit gates.
 */
export function cheapestOf(
  alternatives: readonly (readonly PassStep[])[],
  costOf: (state: CompilationState) => number = (state) => countStateGates(state).twoQubit,
): PassAlternatives {
  return { alternatives, costOf };
}

/** Runs the passes of its stages in order and records what each of them did. */
export class PassManager {
  readonly stages: Stages;

  /** @throws InvalidArgumentError for an unknown stage, or a step that is neither a pass nor a loop. */
  constructor(stages: Stages) {
    for (const [name, steps] of Object.entries(stages)) {
      if (!STAGE_NAMES.includes(name as StageName)) {
        throw new InvalidArgumentError('There is no such stage', {
          expected: STAGE_NAMES.join(', '),
          actual: name,
        });
      }
      checkSteps(steps ?? [], name);
    }
    this.stages = stages;
  }

  /** @throws CancelledError between passes, and whatever a pass throws. */
  async run(
    state: CompilationState,
    { random, signal, clock = systemClock, timeBudgetMs, onPass }: PassManagerOptions,
  ): Promise<{ state: CompilationState; records: PassRecord[] }> {
    const deadlineMs = timeBudgetMs === undefined ? Number.POSITIVE_INFINITY : clock.nowMs() + timeBudgetMs;
    const records: PassRecord[] = [];
    const note = (record: PassRecord) => {
      records.push(record);
      onPass?.(record);
    };
    const turn = new Turn(clock);
    const countOnce = makeCountOnce();
    let current = state;
    for (const stage of STAGE_NAMES) {
      const steps = this.stages[stage] ?? [];
      current = await runSteps(
        steps,
        current,
        { random, clock, signal, deadlineMs },
        { stage, note, turn, countOnce },
      );
    }
    return { state: current, records };
  }
}

interface StagePlace {
  readonly stage: StageName;
  readonly note: (record: PassRecord) => void;
  readonly turn: Turn;
  /** What a pass leaves is what the next one gets: it is counted once. */
  readonly countOnce: (state: CompilationState) => GateCount;
  readonly round?: number;
}

async function runSteps(
  steps: readonly PassStep[],
  start: CompilationState,
  context: PassContext,
  place: StagePlace,
): Promise<CompilationState> {
  let state = start;
  for (const step of steps) {
    if ('repeat' in step) state = await runLoop(step, state, context, place);
    else if ('alternatives' in step) state = await runAlternatives(step, state, context, place);
    else state = await runPass(step, state, context, place);
  }
  return state;
}

async function runLoop(
  loop: PassLoop,
  start: CompilationState,
  context: PassContext,
  place: StagePlace,
): Promise<CompilationState> {
  let state = start;
  for (let round = 0; round < loop.maxRounds; round++) {
    const before = state;
    state = await runSteps(loop.repeat, state, context, { ...place, round });
    if (!loop.again(state, before) || isTimeUp(context)) break;
  }
  return state;
}

async function runAlternatives(
  { alternatives, costOf }: PassAlternatives,
  start: CompilationState,
  context: PassContext,
  place: StagePlace,
): Promise<CompilationState> {
  let best = start;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const steps of alternatives) {
    if (bestCost < Number.POSITIVE_INFINITY && isTimeUp(context)) break;
    const state = await runSteps(steps, start, context, place);
    const cost = costOf(state);
    if (cost < bestCost) [best, bestCost] = [state, cost];
  }
  return best;
}

async function runPass(
  pass: Pass,
  state: CompilationState,
  context: PassContext,
  place: StagePlace,
): Promise<CompilationState> {
  await place.turn.endIfLong();
  throwIfCancelled(context.signal, 'The compilation');
  const before = place.countOnce(state);
  const startMs = context.clock.nowMs();
  const next = await pass.run(state, {
    ...context,
    random: context.random.fork(`${pass.name} ${place.round ?? 0}`),
  });
  const durationMs = context.clock.nowMs() - startMs;
  const after = place.countOnce(next);
  place.note({
    name: pass.name,
    stage: place.stage,
    round: place.round ?? 0,
    durationMs,
    gatesBefore: before.all,
    gatesAfter: after.all,
    twoQubitGatesBefore: before.twoQubit,
    twoQubitGatesAfter: after.twoQubit,
    preserves:
      next.circuit === state.circuit && next.interactions === state.interactions
        ? 'unitary'
        : (pass.preserves ?? 'unitary'),
  });
  return next;
}

function makeCountOnce(): (state: CompilationState) => GateCount {
  const counts = new WeakMap<CompilationState, GateCount>();
  return (state) => {
    const count = counts.get(state) ?? countStateGates(state);
    counts.set(state, count);
    return count;
  };
}

function checkSteps(steps: readonly PassStep[], stage: string): void {
  for (const step of steps) {
    if (typeof step === 'object' && step !== null && 'repeat' in step) checkSteps(step.repeat, stage);
    else if (typeof step === 'object' && step !== null && 'alternatives' in step) {
      for (const steps of step.alternatives) checkSteps(steps, stage);
    } else if (typeof step?.run !== 'function' || typeof step.name !== 'string') {
      throw new InvalidArgumentError(`A step of the stage "${stage}" is not a pass`, {
        expected: 'an object with a name and a function run(state, context), a loop or alternatives',
        actual: String(step),
      });
    }
  }
}
