import { join } from 'node:path';
import type { Capability } from '@qedge/core';
import { describeFailure, listFolder, readInteger, readText, valueOrNull } from './sensor-file.ts';

// Zone types of processors: Intel (x86_pkg_temp, coretemp), AMD (k10temp), ARM boards (cpu-thermal, soc, bigcore0-thermal, tsens).
const PROCESSOR_ZONE = /cpu|x86_pkg_temp|coretemp|k10temp|soc|core\d*[-_]thermal|tsens/i;

// What a working processor can report; drivers use values far outside for "no reading" (-274 and 0 kelvin among them).
const MIN_CELSIUS = -40;
const MAX_CELSIUS = 150;

/** The processor's zones under `/sys/class/thermal`, in thousandths of a degree. */
export class ThermalZones {
  readonly #folder: string;

  constructor(root: string) {
    this.#folder = join(root, 'sys/class/thermal');
  }

  capability(virtualMachine: boolean): Capability {
    const paths = this.#find();
    if (paths.length === 0) {
      return {
        name: 'thermal',
        available: false,
        reason: `${this.#folder} has no zone of the processor${virtualMachine ? ': this is a virtual machine' : ''}`,
        remedy: virtualMachine ? null : 'sudo modprobe x86_pkg_temp_thermal',
      };
    }
    if (this.read() !== null) {
      return {
        name: 'thermal',
        available: true,
        reason: `${paths.length} zones of the processor in ${this.#folder}`,
        remedy: null,
      };
    }
    const reading = readInteger(paths[0]!);
    const reason = reading.ok
      ? `${paths[0]} reads ${reading.value / 1000} °C, which no processor has`
      : describeFailure(reading.failure);
    const denied = !reading.ok && reading.failure.code === 'EACCES';
    return {
      name: 'thermal',
      available: false,
      reason,
      remedy: denied ? `sudo chmod a+r ${paths[0]}` : null,
    };
  }

  /** The hottest processor zone in degrees Celsius; zones that do not read are left out; null when none does. */
  read(): number | null {
    let hottest: number | null = null;
    for (const path of this.#find()) {
      const milli = valueOrNull(readInteger(path));
      if (milli === null || milli < MIN_CELSIUS * 1000 || milli > MAX_CELSIUS * 1000) continue;
      hottest = Math.max(hottest ?? Number.NEGATIVE_INFINITY, milli / 1000);
    }
    return hottest;
  }

  #find(): string[] {
    return listFolder(this.#folder)
      .filter((entry) => /^thermal_zone\d+$/.test(entry))
      .filter((entry) => PROCESSOR_ZONE.test(valueOrNull(readText(join(this.#folder, entry, 'type'))) ?? ''))
      .map((entry) => join(this.#folder, entry, 'temp'));
  }
}
