import { InvalidArgumentError, type PowerState, PRECISIONS, type Precision } from '@qedge/core';
import { BatteryLimit, type BatteryStep, TemperatureLimit, type TemperatureStep } from './precision-limit.ts';

/** A precision that a model can run at, with what it costs and gives. */
export interface PrecisionCandidate {
  readonly precision: Precision;
  /** Share of right answers, 0..1, on held-out data. */
  readonly accuracy: number;
  readonly joulesPerInference: number;
}

/** Configuration of {@link AdaptivePrecisionController}. */
export interface AdaptivePrecisionConfig {
  /** In any order; each precision once. The controller steps through them from wide to narrow. */
  readonly candidates: readonly PrecisionCandidate[];
  /** One step down each; default {@link DEFAULT_BATTERY_STEPS}. */
  readonly batterySteps?: readonly BatteryStep[];
  /** One step down each; default {@link DEFAULT_TEMPERATURE_STEPS}. */
  readonly temperatureSteps?: readonly TemperatureStep[];
  /** Shortest time between two switches. Default 10 s. */
  readonly minimumDwellMs?: number;
  /** Candidates below this accuracy are never chosen. Default 0. */
  readonly accuracyFloor?: number;
}

/** What {@link AdaptivePrecisionController.decide} chose, and why. Survives `JSON.stringify`. */
export interface PrecisionDecision {
  readonly precision: Precision;
  readonly previous: Precision;
  readonly changed: boolean;
  /** A full sentence with the numbers that decided. */
  readonly reason: string;
  readonly estimatedJoulesPerInference: number;
  /** Of the state that was decided on. */
  readonly timestampMs: number;
}

/** Half the battery gone: one step down; a fifth left: two. Back up 10 points higher. */
export const DEFAULT_BATTERY_STEPS: readonly BatteryStep[] = [
  { downAtFraction: 0.5, upAtFraction: 0.6 },
  { downAtFraction: 0.2, upAtFraction: 0.3 },
];

/** Below the passive trip points usual for laptops and phones. Back up 7 degrees lower. */
export const DEFAULT_TEMPERATURE_STEPS: readonly TemperatureStep[] = [
  { downAtCelsius: 75, upAtCelsius: 68 },
  { downAtCelsius: 85, upAtCelsius: 78 },
];

const DEFAULT_DWELL_MS = 10_000;

/**
 * Picks the precision that fits battery and heat: wide while there is plenty, narrower step by step as the battery sinks or the
 * processor heats up, and back. The stricter of the two limits decides.
 *
 * - Steps up happen at other thresholds than steps down (hysteresis), and two switches are at least `minimumDwellMs` apart,
 *   whatever the readings do.
 * - On mains the battery sets no limit.
 * - A reading that is not known sets no limit at first; one that was known and vanishes keeps its last limit.
 * - Precisions below the accuracy floor are left out; a demand beyond the narrowest one left gets that one.
 *
 * It starts at the widest precision; equal states in equal order give equal decisions.
 *
 * @example
 * const controller = new AdaptivePrecisionController({ candidates, accuracyFloor: 0.95 });
 * const { precision, reason } = controller.decide(await source.read());
 */
export class AdaptivePrecisionController {
  /** The candidates at or above the accuracy floor, widest first. */
  readonly ladder: readonly PrecisionCandidate[];
  readonly #battery: BatteryLimit;
  readonly #temperature: TemperatureLimit;
  readonly #minimumDwellMs: number;
  #rung = 0;
  #lastSwitchMs: number | null = null;
  #lastStateMs = Number.NEGATIVE_INFINITY;

  /**
   * @throws InvalidArgumentError when no candidate reaches the floor, a precision comes twice, a number is out of range, or
   *   thresholds are out of order.
   */
  constructor(config: AdaptivePrecisionConfig) {
    const { minimumDwellMs = DEFAULT_DWELL_MS, accuracyFloor = 0 } = config;
    if (!(minimumDwellMs >= 0 && Number.isFinite(minimumDwellMs))) {
      throw new InvalidArgumentError('A dwell time is out of range', {
        expected: 'finite milliseconds >= 0',
        actual: minimumDwellMs,
      });
    }
    this.ladder = buildLadder(config.candidates, accuracyFloor);
    this.#battery = new BatteryLimit(config.batterySteps ?? DEFAULT_BATTERY_STEPS);
    this.#temperature = new TemperatureLimit(config.temperatureSteps ?? DEFAULT_TEMPERATURE_STEPS);
    this.#minimumDwellMs = minimumDwellMs;
  }

  /**
   * Decides on one state. Call it once per new state.
   *
   * @throws InvalidArgumentError when a reading is out of range or time goes back; the controller is then unchanged.
   */
  decide(state: PowerState): PrecisionDecision {
    this.#checkState(state);
    this.#lastStateMs = state.timestampMs;
    const previous = this.ladder[this.#rung]!;
    this.#battery.update(state);
    this.#temperature.update(state);
    const demand = Math.max(this.#battery.level, this.#temperature.level);
    const wanted = Math.min(demand, this.ladder.length - 1);
    const waitMs =
      this.#lastSwitchMs === null ? 0 : this.#lastSwitchMs + this.#minimumDwellMs - state.timestampMs;
    const changed = wanted !== this.#rung && waitMs <= 0;
    const held = wanted !== this.#rung && !changed;
    if (changed) {
      this.#rung = wanted;
      this.#lastSwitchMs = state.timestampMs;
    }
    const chosen = this.ladder[this.#rung]!;
    return {
      precision: chosen.precision,
      previous: previous.precision,
      changed,
      reason: this.#explain(state, previous.precision, demand, held ? { wanted, waitMs } : null),
      estimatedJoulesPerInference: chosen.joulesPerInference,
      timestampMs: state.timestampMs,
    };
  }

  #explain(
    state: PowerState,
    previous: Precision,
    demand: number,
    held: { wanted: number; waitMs: number } | null,
  ): string {
    const { precision, joulesPerInference, accuracy } = this.ladder[this.#rung]!;
    const because = `${this.#battery.describe(state)} and ${this.#temperature.describe(state)}`;
    if (held) {
      const wish = this.ladder[held.wanted]!.precision;
      return `Stayed at ${precision} although ${because} ask for ${wish}: the last switch was too recent, ${(held.waitMs / 1000).toFixed(1)} s of dwell time are left.`;
    }
    const verb = precision === previous ? 'Stayed at' : `Switched from ${previous} to`;
    const floor =
      demand > this.ladder.length - 1
        ? ' (the narrowest precision allowed, although the readings ask for less)'
        : '';
    return `${verb} ${precision}${floor} because ${because}; it costs ${joulesPerInference.toPrecision(3)} J per inference at ${(100 * accuracy).toFixed(1)} % accuracy.`;
  }

  #checkState(state: PowerState): void {
    const { timestampMs, batteryFraction, temperatureCelsius } = state;
    const fail = (what: string, expected: string, actual: unknown): never => {
      throw new InvalidArgumentError(`The ${what} of a power state is out of range`, { expected, actual });
    };
    if (!Number.isFinite(timestampMs) || timestampMs < this.#lastStateMs) {
      fail('time stamp', `finite, not before ${this.#lastStateMs}`, timestampMs);
    }
    if (batteryFraction !== null && !(batteryFraction >= 0 && batteryFraction <= 1)) {
      fail('battery charge', '0..1 or null', batteryFraction);
    }
    if (temperatureCelsius !== null && !Number.isFinite(temperatureCelsius)) {
      fail('temperature', 'finite or null', temperatureCelsius);
    }
  }
}

function buildLadder(
  candidates: readonly PrecisionCandidate[],
  accuracyFloor: number,
): readonly PrecisionCandidate[] {
  if (!(accuracyFloor >= 0 && accuracyFloor <= 1)) {
    throw new InvalidArgumentError('An accuracy floor is out of range', {
      expected: '0..1',
      actual: accuracyFloor,
    });
  }
  const seen = new Set<Precision>();
  for (const candidate of candidates) {
    const { precision, accuracy, joulesPerInference } = candidate;
    const sound =
      PRECISIONS.includes(precision) &&
      !seen.has(precision) &&
      accuracy >= 0 &&
      accuracy <= 1 &&
      joulesPerInference > 0 &&
      Number.isFinite(joulesPerInference);
    if (!sound) {
      throw new InvalidArgumentError('A precision candidate is not usable', {
        expected: 'each precision once, accuracy in 0..1, finite joulesPerInference > 0',
        actual: candidate,
      });
    }
    seen.add(precision);
  }
  const ladder = candidates
    .filter(({ accuracy }) => accuracy >= accuracyFloor)
    .sort((a, b) => PRECISIONS.indexOf(a.precision) - PRECISIONS.indexOf(b.precision));
  if (ladder.length === 0) {
    throw new InvalidArgumentError('No precision is accurate enough', {
      expected: `a candidate with accuracy >= ${accuracyFloor}`,
      actual: candidates.map(({ precision, accuracy }) => `${precision} ${accuracy}`).join(', ') || 'none',
    });
  }
  return ladder;
}
