import { join } from 'node:path';
import type { Capability } from '@qedge/core';
import { describeFailure, listFolder, readInteger, valueOrNull } from './sensor-file.ts';

/** Current processor frequencies under `/sys/devices/system/cpu/cpufreq`, in kHz. */
export class CpuFrequency {
  readonly #folder: string;

  constructor(root: string) {
    this.#folder = join(root, 'sys/devices/system/cpu/cpufreq');
  }

  capability(virtualMachine: boolean): Capability {
    const paths = this.#find();
    if (paths.length === 0) {
      return {
        name: 'cpufreq',
        available: false,
        reason: `${this.#folder} has no frequency policy${virtualMachine ? ': this is a virtual machine, its host sets the frequency' : ''}`,
        remedy: virtualMachine ? null : 'sudo modprobe acpi-cpufreq',
      };
    }
    if (this.read() !== null) {
      return {
        name: 'cpufreq',
        available: true,
        reason: `${paths.length} policies in ${this.#folder}`,
        remedy: null,
      };
    }
    const reading = readInteger(paths[0]!);
    const denied = !reading.ok && reading.failure.code === 'EACCES';
    return {
      name: 'cpufreq',
      available: false,
      reason: reading.ok
        ? `${paths[0]} reads ${reading.value} kHz, which is no frequency`
        : describeFailure(reading.failure),
      remedy: denied ? `sudo chmod a+r ${paths[0]}` : null,
    };
  }

  /** The highest current frequency of any policy in hertz; null when none can be read. */
  read(): number | null {
    let highest: number | null = null;
    for (const path of this.#find()) {
      const kilohertz = valueOrNull(readInteger(path));
      if (kilohertz !== null && kilohertz > 0) highest = Math.max(highest ?? 0, kilohertz * 1000);
    }
    return highest;
  }

  #find(): string[] {
    return listFolder(this.#folder)
      .filter((entry) => /^policy\d+$/.test(entry))
      .map((entry) => join(this.#folder, entry, 'scaling_cur_freq'));
  }
}
