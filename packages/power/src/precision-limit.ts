import { InvalidArgumentError, type PowerState } from '@qedge/core';

/** One step down as the battery sinks. */
export interface BatteryStep {
  /** Step down at or below this charge, 0..1. */
  readonly downAtFraction: number;
  /** Step up again at or above this charge; greater than `downAtFraction`. */
  readonly upAtFraction: number;
}

/** One step down as the processor heats up. */
export interface TemperatureStep {
  /** Step down at or above this temperature. */
  readonly downAtCelsius: number;
  /** Step up again at or below this temperature; less than `downAtCelsius`. */
  readonly upAtCelsius: number;
}

/** Thresholds on a reading that is worse the lower it is. */
interface FallingStep {
  readonly down: number;
  readonly up: number;
}

/** How many steps down a reading asks for, with hysteresis: `level` moves only when a threshold of its direction is crossed. */
class HysteresisLevel {
  level = 0;
  readonly #steps: readonly FallingStep[];

  constructor(steps: readonly FallingStep[]) {
    this.#steps = steps;
  }

  update(value: number): void {
    while (this.level < this.#steps.length && value <= this.#steps[this.level]!.down) this.level++;
    while (this.level > 0 && value >= this.#steps[this.level - 1]!.up) this.level--;
  }
}

/** Steps down that the battery asks for. On mains none; when the charge is not known, as many as before. */
export class BatteryLimit {
  readonly #level: HysteresisLevel;

  /** @throws InvalidArgumentError for thresholds out of order or outside 0..1. */
  constructor(steps: readonly BatteryStep[]) {
    const falling = steps.map((step) => ({ down: step.downAtFraction, up: step.upAtFraction }));
    if (!ordered(falling) || falling.some(({ down, up }) => down < 0 || up > 1)) {
      throw new InvalidArgumentError('Battery steps are out of order', {
        expected: 'within 0..1, each upAtFraction above its downAtFraction, both falling from step to step',
        actual: steps,
      });
    }
    this.#level = new HysteresisLevel(falling);
  }

  get level(): number {
    return this.#level.level;
  }

  update({ supply, batteryFraction }: PowerState): void {
    if (supply === 'mains') this.#level.level = 0;
    else if (batteryFraction !== null) this.#level.update(batteryFraction);
  }

  describe({ supply, batteryFraction }: PowerState): string {
    const charge =
      batteryFraction === null ? null : `the battery is at ${(100 * batteryFraction).toFixed(0)} %`;
    if (supply === 'mains') return charge ? `${charge} on mains` : 'the device is on mains';
    return charge ?? `the battery charge is not known (${keptLimit(this.level)})`;
  }
}

/** Steps down that heat asks for. When the temperature is not known, as many as before. */
export class TemperatureLimit {
  readonly #level: HysteresisLevel;

  /** @throws InvalidArgumentError for thresholds out of order or not finite. */
  constructor(steps: readonly TemperatureStep[]) {
    const falling = steps.map((step) => ({ down: -step.downAtCelsius, up: -step.upAtCelsius }));
    if (!ordered(falling)) {
      throw new InvalidArgumentError('Temperature steps are out of order', {
        expected: 'finite, each upAtCelsius below its downAtCelsius, both rising from step to step',
        actual: steps,
      });
    }
    this.#level = new HysteresisLevel(falling);
  }

  get level(): number {
    return this.#level.level;
  }

  update({ temperatureCelsius }: PowerState): void {
    if (temperatureCelsius !== null) this.#level.update(-temperatureCelsius);
  }

  describe({ temperatureCelsius }: PowerState): string {
    return temperatureCelsius === null
      ? `the temperature is not known (${keptLimit(this.level)})`
      : `the processor is at ${temperatureCelsius.toFixed(0)} °C`;
  }
}

function keptLimit(level: number): string {
  if (level === 0) return 'no limit';
  return level === 1
    ? 'its last limit, 1 step down, is kept'
    : `its last limit, ${level} steps down, is kept`;
}

function ordered(steps: readonly FallingStep[]): boolean {
  return steps.every(({ down, up }, i) => {
    const before = steps[i - 1];
    const falls = !before || (down < before.down && up < before.up);
    return Number.isFinite(down) && Number.isFinite(up) && up > down && falls;
  });
}
