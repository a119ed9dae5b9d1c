import { type Clock, type EnergyFigure, energyOver, type PowerFigure, systemClock } from '@qedge/core';
import { powerAtLoad } from './load-model.ts';
import type { PowerSource } from './power-source.ts';

/** How long the program has kept processors busy. `processCpuTime()` of `@qedge/power/node` makes one. */
export interface CpuTime {
  /** Milliseconds of processor time that all threads of the program have used so far. */
  readMs(): number;
  /** Logical processors of the whole machine: the load of a {@link LoadModel} is a share of all of them. */
  readonly logicalCpus: number;
}

/** Options of {@link EnergyMeter}. */
export interface EnergyMeterOptions {
  readonly source: PowerSource;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Processor time of the program; lets a load model see work shorter than the machine's own counters resolve. */
  readonly cpuTime?: CpuTime;
}

/** What {@link EnergyMeter.measure} found. */
export interface MeteredWork<T> {
  readonly result: T;
  readonly durationMs: number;
  /** Null when the source knew neither energy nor power. */
  readonly energy: EnergyFigure | null;
}

/**
 * The energy that a piece of work used, by the best means the source has:
 *
 * 1. a counter: its difference (the whole processor or device, other programs included);
 * 2. a load model and the program's processor time: the model's power at the work's own mean load, times the duration (the
 *    machine as if it ran nothing else);
 * 3. otherwise the mean of the power before and after, times the duration.
 *
 * One measurement at a time per meter gives meaningful figures; overlapping ones each count the shared energy.
 */
export class EnergyMeter {
  readonly #source: PowerSource;
  readonly #clock: Clock;
  readonly #cpuTime: CpuTime | undefined;

  constructor(options: EnergyMeterOptions) {
    this.#source = options.source;
    this.#clock = options.clock ?? systemClock;
    this.#cpuTime = options.cpuTime;
  }

  /** Runs `work` once and says what it used. Whatever `work` throws is thrown on. */
  async measure<T>(work: () => T | Promise<T>): Promise<MeteredWork<T>> {
    const counter = this.#source.readEnergy !== undefined;
    const model = this.#source.loadModel !== undefined && this.#cpuTime !== undefined;
    const powerBefore = counter || model ? null : (await this.#source.read()).power;
    const energyBefore = this.#source.readEnergy?.() ?? null;
    const cpuBeforeMs = this.#cpuTime?.readMs() ?? 0;
    const startMs = this.#clock.nowMs();
    const result = await work();
    const durationMs = this.#clock.nowMs() - startMs;
    if (counter)
      return { result, durationMs, energy: difference(energyBefore, this.#source.readEnergy?.() ?? null) };
    if (model) {
      return {
        result,
        durationMs,
        energy: this.#modelEnergy(this.#cpuTime!.readMs() - cpuBeforeMs, durationMs),
      };
    }
    const powerAfter = (await this.#source.read()).power;
    return { result, durationMs, energy: meanEnergy(powerBefore, powerAfter, durationMs) };
  }

  #modelEnergy(cpuMs: number, durationMs: number): EnergyFigure {
    const load = durationMs > 0 ? cpuMs / (durationMs * this.#cpuTime!.logicalCpus) : 0;
    return energyOver(powerAtLoad(this.#source.loadModel!, load), durationMs);
  }
}

function difference(before: EnergyFigure | null, after: EnergyFigure | null): EnergyFigure | null {
  return before && after ? { ...after, joules: after.joules - before.joules } : null;
}

function meanEnergy(before: PowerFigure | null, after: PowerFigure | null, durationMs: number) {
  if (!before || !after) return null;
  const relativeError = Math.max(before.relativeError, after.relativeError);
  return energyOver({ ...after, watts: (before.watts + after.watts) / 2, relativeError }, durationMs);
}
