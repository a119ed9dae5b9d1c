import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { type Capability, type Clock, systemClock } from '@qedge/core';
import type { CpuTime } from './energy-meter.ts';
import { assumedLoadModel, type LoadModel } from './load-model.ts';
import { modelledPowerSource } from './modelled-power-source.ts';
import { osCpuUtilization } from './os-cpu-utilization.ts';
import type { PowerSource } from './power-source.ts';
import { SysfsPowerSource } from './sysfs-power-source.ts';

/** Options of {@link openPowerSource}. */
export interface OpenPowerSourceOptions {
  /** Where `sys` and `proc` are found. Default `/`. */
  readonly root?: string;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Used where no meter can be read. Default: {@link assumedLoadModel} for the machine's processors. */
  readonly loadModel?: LoadModel;
}

/**
 * Opens the power sensors of this machine (Linux sysfs) and says for each whether it works, why not, and the one command that
 * fixes it. Where no meter can be read, watts come from a load model and are marked so; other readings stay null. On other
 * systems than Linux, processor load and the model are all there is.
 *
 * @returns the source, owned by the caller, and the capabilities `rapl`, `battery`, `thermal`, `cpufreq`, `cpu-utilization`.
 *
 * @example
 * const { source, capabilities } = await openPowerSource();
 * console.log(await source.read(), capabilities.filter(({ available }) => !available));
 */
export async function openPowerSource(
  options: OpenPowerSourceOptions = {},
): Promise<{ source: PowerSource; capabilities: Capability[] }> {
  const { root = '/', clock = systemClock } = options;
  const loadModel = options.loadModel ?? assumedLoadModel(machineCpus());
  if (process.platform !== 'linux' && options.root === undefined) {
    const source = modelledPowerSource({ model: loadModel, utilization: osCpuUtilization(), clock });
    return { source, capabilities: capabilitiesWithoutSysfs() };
  }
  const source = new SysfsPowerSource(root, clock, loadModel, isVirtualMachine(root));
  return { source, capabilities: [...source.capabilities] };
}

function capabilitiesWithoutSysfs(): Capability[] {
  const missing = ['rapl', 'battery', 'thermal', 'cpufreq'].map((name) => ({
    name,
    available: false,
    reason: `this sensor is read from Linux sysfs; this is ${process.platform}`,
    remedy: null,
  }));
  const reason = 'processor times of the operating system';
  return [...missing, { name: 'cpu-utilization', available: true, reason, remedy: null }];
}

/** The processor time of this process, all threads, for {@link EnergyMeter}. */
export function processCpuTime(): CpuTime {
  return {
    // All of the machine, as the load model counts them, even where this process may use only some.
    logicalCpus: machineCpus(),
    readMs: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
  };
}

/** Logical processors of the machine; some systems do not tell and count as one. */
function machineCpus(): number {
  return Math.max(1, cpus().length);
}

/** Hypervisors announce themselves in the processor's flags; they rarely pass sensors on. */
function isVirtualMachine(root: string): boolean {
  try {
    return /^flags\s*:.*\bhypervisor\b/m.test(readFileSync(join(root, 'proc/cpuinfo'), 'latin1'));
  } catch {
    return false;
  }
}
