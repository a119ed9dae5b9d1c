import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import { type GateName, type GateStep, gateDefinition } from '../../circuit/gate-definition.ts';
import type { Pass } from '../pass.ts';
import { InstructionFigures } from '../target/instruction-figures.ts';
import type { Target } from '../target/target.ts';
import { BasisTranslator } from '../translation/basis-translator.ts';
import { OneQubitRun } from '../translation/one-qubit-run.ts';
import { NO_ROTATION, rotationDistance } from '../translation/rotation.ts';
import { appendStep } from '../translation/translate-to-basis.ts';
import { fillIdleTime, type IdleWindow } from './fill-idle-time.ts';
import { appendDelay, filledState } from './pad-delay.ts';
import type { CircuitSchedule } from './schedule-circuit.ts';
import { startAtOrBefore, type TimeGrid, timeGridOf, unitsOf } from './time-grid.ts';

/** Pulses that are the identity together, by name or as gates. */
export type DecouplingSequence = 'X2' | 'XY4' | readonly GateName[];

/** How {@link dynamicalDecoupling} fills windows. */
export interface DecouplingOptions {
  /** Default X2: two x. XY4 is x y x y. */
  readonly sequence?: DecouplingSequence;
  /**
   * Shares of the time between pulses, one more than there are pulses, adding up to 1. Default: pulses at equal distances, half of
   * one at both ends.
   */
  readonly spacing?: readonly number[];
}

const SEQUENCES: Readonly<Record<'X2' | 'XY4', readonly GateName[]>> = {
  X2: ['x', 'x'],
  XY4: ['x', 'y', 'x', 'y'],
};

/**
 * Fills idle time with pulses that undo slow noise, and with delays. Windows in which the pulses do not fit, those before a qubit's
 * first instruction or after a reset (the qubit is |0>) and those after its last one get a delay alone. Pulses start at multiples
 * of the target's alignment. Needs `alapSchedule` or `asapSchedule` just before. (PadDynamicalDecoupling.)
 *
 * Running it throws UnsupportedError when the target cannot make the pulses or lacks their durations.
 *
 * @throws InvalidArgumentError unless the pulses are one-qubit gates without angles that are the identity together, and the spacing
 *   fits them.
 */
export function dynamicalDecoupling(options: DecouplingOptions = {}): Pass {
  const { sequence = 'X2' } = options;
  const pulses = typeof sequence === 'string' ? SEQUENCES[sequence] : sequence;
  checkPulses(pulses, sequence);
  const spacing = checkSpacing(options.spacing ?? evenSpacing(pulses.length), pulses.length);
  return {
    name: 'dynamical decoupling',
    run: (state) =>
      filledState(state, (schedule) => {
        const pulsesOf = pulseTable(pulses, state.target);
        const grid = timeGridOf(state.target);
        return fillIdleTime(schedule, state.target, (circuit, window, own) => {
          const starts = canDecouple(window) && placePulses(window, pulsesOf(window.qubit), spacing, grid);
          if (starts) appendPulses(circuit, window, pulsesOf(window.qubit), starts, own);
          else appendDelay(circuit, window, own);
        });
      }),
  };
}

/** A pulse in the target's basis. */
interface Pulse {
  readonly steps: readonly GateStep[];
  /** In units of the grid. */
  readonly durations: readonly number[];
  readonly duration: number;
}

function evenSpacing(count: number): number[] {
  return Array.from({ length: count + 1 }, (_, i) => (i === 0 || i === count ? 1 / (2 * count) : 1 / count));
}

function checkPulses(pulses: readonly GateName[] | undefined, given: DecouplingSequence): void {
  const isList = Array.isArray(pulses) && pulses.length > 0;
  const product = new OneQubitRun();
  for (const name of isList ? pulses : []) {
    const { qubitCount, parameterCount } = gateDefinition(name);
    if (qubitCount !== 1 || parameterCount !== 0) {
      throw new InvalidArgumentError('A decoupling pulse is not usable', {
        expected: 'a one-qubit gate without angles',
        actual: name,
      });
    }
    product.push(name, []);
  }
  if (isList && rotationDistance(product.rotation!, NO_ROTATION) < 1e-9) return;
  throw new InvalidArgumentError('A decoupling sequence is not usable', {
    expected: 'X2, XY4, or gates that are the identity together',
    actual: given,
  });
}

function checkSpacing(spacing: readonly number[], pulseCount: number): readonly number[] {
  const sum = spacing.reduce((total, share) => total + share, 0);
  const fits = spacing.length === pulseCount + 1 && spacing.every((share) => share >= 0);
  if (fits && Math.abs(sum - 1) < 1e-9) return spacing;
  throw new InvalidArgumentError('The spacing of decoupling pulses is not usable', {
    expected: `${pulseCount + 1} shares >= 0 that add up to 1`,
    actual: spacing,
  });
}

/** The pulses of each qubit, looked up once. */
function pulseTable(names: readonly GateName[], target: Target): (qubit: number) => readonly Pulse[] {
  const figures = new InstructionFigures(target);
  const translator = new BasisTranslator(target.basisGates);
  const grid = timeGridOf(target);
  const known = new Map<number, readonly Pulse[]>();
  const pulseOf = (name: GateName, qubit: number): Pulse => {
    const steps = translator.translate(name, [], 1);
    const durations = steps.map((step) => {
      const seconds = figures.durationSeconds(step.name, [qubit]);
      if (seconds !== undefined) return unitsOf(grid, seconds);
      throw new UnsupportedError(`"${target.name}" cannot be decoupled`, {
        expected: `a duration of ${step.name} on qubit ${qubit}`,
        actual: 'none',
      });
    });
    return { steps, durations, duration: durations.reduce((sum, duration) => sum + duration, 0) };
  };
  return (qubit) => {
    let pulses = known.get(qubit);
    if (pulses === undefined) {
      pulses = names.map((name) => pulseOf(name, qubit));
      known.set(qubit, pulses);
    }
    return pulses;
  };
}

/** A qubit that holds something before the window, which is needed after it. */
function canDecouple({ before, after }: IdleWindow): boolean {
  const holds = before !== null && before.kind !== 'reset' && before.kind !== 'delay';
  return holds && after !== null && after.kind !== 'reset' && after.kind !== 'delay';
}

/** Where pulses start in a window; null when they do not fit. */
function placePulses(
  { start, end }: IdleWindow,
  pulses: readonly Pulse[],
  spacing: readonly number[],
  grid: TimeGrid,
): readonly number[] | null {
  const slack = end - start - pulses.reduce((sum, { duration }) => sum + duration, 0);
  if (slack <= 0) return null;
  const starts: number[] = [];
  let [ideal, free] = [start, start];
  for (const [index, { duration }] of pulses.entries()) {
    ideal += spacing[index]! * slack;
    const pulseStart = startAtOrBefore(grid, ideal);
    if (pulseStart < free) return null;
    starts.push(pulseStart);
    free = pulseStart + duration;
    ideal += duration;
  }
  return starts;
}

function appendPulses(
  circuit: Circuit,
  { qubit, start, end }: IdleWindow,
  pulses: readonly Pulse[],
  starts: readonly number[],
  schedule: CircuitSchedule,
): void {
  let free = start;
  for (const [index, { steps, duration }] of pulses.entries()) {
    const pulseStart = starts[index]!;
    if (pulseStart > free) appendDelay(circuit, { qubit, start: free, end: pulseStart }, schedule);
    for (const step of steps) appendStep(circuit, step, [qubit]);
    free = pulseStart + duration;
  }
  if (end > free) appendDelay(circuit, { qubit, start: free, end }, schedule);
}
