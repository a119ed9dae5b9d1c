import type { EnergyFigure, PowerState, Provenance } from '@qedge/core';
import type { LoadModel } from './load-model.ts';

/** Something that knows how the device is powered right now: sensors, a load model, or a script. */
export interface PowerSource extends Disposable {
  /** For people and for `PowerState.source`, e.g. `sysfs`, `model`, `trace:commute`. */
  readonly name: string;
  /** How far the source's watts can be trusted. */
  readonly provenance: Provenance;
  /** The state now. Values that cannot be read are null, never zero. */
  read(): PowerState | Promise<PowerState>;
  /**
   * Energy that passed since the source was opened, from a hardware counter; null while the counter cannot be read.
   * Absent on sources without a counter.
   */
  readEnergy?(): EnergyFigure | null;
  /** The model behind the watts, on sources that compute them from processor load. */
  readonly loadModel?: LoadModel;
  /** Ends the source; a later `read` throws UseAfterReleaseError. Harmless when repeated. */
  dispose(): void;
}
