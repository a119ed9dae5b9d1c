import {
  type Capability,
  type Clock,
  type EnergyFigure,
  type PowerFigure,
  type PowerState,
  type Provenance,
  UseAfterReleaseError,
} from '@qedge/core';
import { type LoadModel, powerAtLoad } from './load-model.ts';
import type { PowerSource } from './power-source.ts';
import { type BatteryReading, PowerSupplies } from './sysfs/battery.ts';
import { CpuFrequency } from './sysfs/cpu-frequency.ts';
import { CpuUtilization } from './sysfs/cpu-utilization.ts';
import { RaplCounters } from './sysfs/rapl.ts';
import { ThermalZones } from './sysfs/thermal.ts';

/** RAPL agrees with plug meters to a few per cent on Haswell and later (Khan et al. 2018); older parts model the energy. */
const RAPL_ERROR = 0.05;

/** RAPL counters are updated about every millisecond and not all at once; shorter intervals would be mostly noise. */
const SHORTEST_POWER_INTERVAL_MS = 20;

/** The sensors of a Linux machine, with a load model where no meter can be read. */
export class SysfsPowerSource implements PowerSource {
  readonly name: string;
  readonly provenance: Provenance;
  readonly loadModel?: LoadModel;
  readonly readEnergy?: () => EnergyFigure | null;
  readonly capabilities: readonly Capability[];
  readonly #clock: Clock;
  readonly #fallbackModel: LoadModel;
  readonly #rapl: RaplCounters | null;
  readonly #supplies: PowerSupplies;
  readonly #thermal: ThermalZones;
  readonly #frequency: CpuFrequency;
  readonly #utilization: CpuUtilization;
  #raplBefore: { microjoules: number; ms: number };
  #raplWatts: number | null = null;
  #disposed = false;

  constructor(root: string, clock: Clock, loadModel: LoadModel, virtualMachine: boolean) {
    this.#clock = clock;
    this.#fallbackModel = loadModel;
    this.#supplies = new PowerSupplies(root);
    this.#thermal = new ThermalZones(root);
    this.#frequency = new CpuFrequency(root);
    this.#utilization = new CpuUtilization(root);
    const rapl = RaplCounters.open(root, clock.nowMs(), virtualMachine);
    this.#rapl = rapl.counters;
    this.#raplBefore = { microjoules: 0, ms: clock.nowMs() };
    this.capabilities = [
      rapl.capability,
      this.#supplies.capability(),
      this.#thermal.capability(virtualMachine),
      this.#frequency.capability(virtualMachine),
      this.#utilization.capability(),
    ];
    const metered = this.#rapl !== null || this.#supplies.read().power !== null;
    this.name = metered ? 'sysfs' : 'sysfs+model';
    this.provenance = metered ? 'measured' : loadModel.provenance;
    if (this.#rapl) this.readEnergy = () => this.#readRaplEnergy();
    else if (!metered) this.loadModel = loadModel;
  }

  read(): PowerState {
    this.#assertAlive();
    const battery = this.#supplies.read();
    const utilizationFraction = this.#utilization.read();
    return {
      timestampMs: this.#clock.nowMs(),
      supply: battery.supply,
      batteryFraction: battery.batteryFraction,
      temperatureCelsius: this.#thermal.read(),
      frequencyHertz: this.#frequency.read(),
      utilizationFraction,
      power: this.#readPower(battery, utilizationFraction),
      source: this.name,
    };
  }

  dispose(): void {
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #readPower(battery: BatteryReading, utilizationFraction: number | null): PowerFigure | null {
    if (this.#rapl) return this.#readRaplPower(this.#rapl);
    if (battery.power) return battery.power;
    return utilizationFraction === null ? null : powerAtLoad(this.#fallbackModel, utilizationFraction);
  }

  /** Mean power since the last reading, from the counter's difference. */
  #readRaplPower(rapl: RaplCounters): PowerFigure | null {
    const ms = this.#clock.nowMs();
    const microjoules = rapl.readMicrojoules(ms);
    if (microjoules === null) {
      this.#raplWatts = null;
      return null;
    }
    const elapsedMs = ms - this.#raplBefore.ms;
    if (elapsedMs >= SHORTEST_POWER_INTERVAL_MS) {
      this.#raplWatts = (microjoules - this.#raplBefore.microjoules) / elapsedMs / 1000;
      this.#raplBefore = { microjoules, ms };
    }
    if (this.#raplWatts === null) return null;
    return {
      watts: this.#raplWatts,
      provenance: 'measured',
      relativeError: RAPL_ERROR,
      method: rapl.description,
    };
  }

  #readRaplEnergy(): EnergyFigure | null {
    this.#assertAlive();
    const microjoules = this.#rapl!.readMicrojoules(this.#clock.nowMs());
    if (microjoules === null) return null;
    return {
      joules: microjoules * 1e-6,
      provenance: 'measured',
      relativeError: RAPL_ERROR,
      method: this.#rapl!.description,
    };
  }

  #assertAlive(): void {
    if (this.#disposed)
      throw new UseAfterReleaseError(`Power source "${this.name}" was read after dispose()`);
  }
}
