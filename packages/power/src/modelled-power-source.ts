import { type Clock, type PowerState, systemClock, UseAfterReleaseError } from '@qedge/core';
import { type LoadModel, powerAtLoad } from './load-model.ts';
import type { PowerSource } from './power-source.ts';

/** Options of {@link modelledPowerSource}. */
export interface ModelledPowerOptions {
  readonly model: LoadModel;
  /** Share of all cores in use, 0..1, or null when it is not known at the moment. */
  readonly utilization: () => number | null;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
}

/**
 * A power source for machines without a meter: watts computed from processor load. They are marked `modelled` or, when the
 * model was fitted to a meter, `calibrated`; they are null while the load is not known.
 *
 * @example
 * const source = modelledPowerSource({ model: assumedLoadModel(8), utilization: () => 0.5 });
 */
export function modelledPowerSource(options: ModelledPowerOptions): PowerSource {
  const { model, utilization, clock = systemClock } = options;
  let disposed = false;
  const dispose = () => {
    disposed = true;
  };
  return {
    name: 'model',
    provenance: model.provenance,
    loadModel: model,
    read(): PowerState {
      if (disposed) throw new UseAfterReleaseError('A modelled power source was read after dispose()');
      const load = utilization();
      return {
        timestampMs: clock.nowMs(),
        supply: 'unknown',
        batteryFraction: null,
        temperatureCelsius: null,
        frequencyHertz: null,
        utilizationFraction: load === null ? null : Math.min(1, Math.max(0, load)),
        power: load === null ? null : powerAtLoad(model, load),
        source: 'model',
      };
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}
