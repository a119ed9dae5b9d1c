import type { EnergyFigure, PowerState } from '@qedge/core';
import type { MetricRegistry } from '../metric-registry.ts';
import type { Profiler } from './profiler.ts';

/** What the energy profiler needs of a power source; the sources of `@qedge/power` fit. */
export interface PowerReader {
  read(): PowerState | Promise<PowerState>;
  /** Energy since some fixed moment, from a counter. */
  readEnergy?(): EnergyFigure | null;
}

/**
 * `device_power_watts`, `device_energy_joules_total`, `battery_charge_fraction` and `processor_temperature_celsius`. Energy comes
 * from the source's counter, else from power times time. The label `provenance` says measured, calibrated or modelled. Readings
 * that are null leave their gauge as it was.
 */
export function energyProfiler(
  registry: MetricRegistry,
  source: PowerReader,
  onError: (error: unknown) => void,
): Profiler {
  const gauge = (name: string, help: string) => registry.gauge(name, {}, { help });
  let counterBefore: EnergyFigure | null = null;
  let beforeMs = 0;
  let reading = false;

  const addEnergy = (joules: number, provenance: string) =>
    registry
      .counter('device_energy_joules_total', { provenance }, { help: 'Energy used.' })
      .increment(Math.max(0, joules));

  const take = (state: PowerState, elapsedMs: number) => {
    if (state.batteryFraction !== null)
      gauge('battery_charge_fraction', 'Battery charge, 0..1.').set(state.batteryFraction);
    if (state.temperatureCelsius !== null)
      gauge('processor_temperature_celsius', 'Hottest processor sensor.').set(state.temperatureCelsius);
    if (state.power) {
      const { watts, provenance } = state.power;
      registry.gauge('device_power_watts', { provenance }, { help: 'Power drawn.' }).set(watts);
      if (!source.readEnergy && elapsedMs > 0) addEnergy((watts * elapsedMs) / 1000, provenance);
    }
    const counter = source.readEnergy?.() ?? null;
    if (counter && counterBefore) addEnergy(counter.joules - counterBefore.joules, counter.provenance);
    // A failed reading keeps the last good one, so the next difference covers the gap.
    counterBefore = counter ?? counterBefore;
  };

  return {
    start(nowMs) {
      counterBefore = source.readEnergy?.() ?? null;
      beforeMs = nowMs;
    },
    sample(nowMs) {
      if (reading) return;
      const elapsedMs = nowMs - beforeMs;
      try {
        const state = source.read();
        if (!(state instanceof Promise)) {
          beforeMs = nowMs;
          take(state, elapsedMs);
          return;
        }
        reading = true;
        state
          .then((value) => {
            beforeMs = nowMs;
            take(value, elapsedMs);
          })
          .catch(onError)
          .finally(() => {
            reading = false;
          });
      } catch (error) {
        onError(error);
      }
    },
    stop() {},
  };
}
