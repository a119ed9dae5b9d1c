import { join } from 'node:path';
import type { Capability } from '@qedge/core';
import {
  describeFailure,
  listFolder,
  readInteger,
  readText,
  type SensorFailure,
  valueOrNull,
} from './sensor-file.ts';

/** One energy counter of the kernel's powercap interface. */
interface RaplZone {
  /** `package-0`, `psys`. */
  readonly name: string;
  readonly energyPath: string;
  /** The counter starts again from 0 after this value; null when the kernel does not say. */
  readonly rangeMicrojoules: number | null;
  lastMicrojoules: number;
  lastMs: number;
}

/** A step back that would mean more power than this is a reset (driver reloaded, resumed from sleep), not a wrap. */
const PLAUSIBLE_WATTS_PER_ZONE = 2000;

/**
 * The running-average-power-limit energy counters (Intel since Sandy Bridge, AMD since Zen) under `/sys/class/powercap`.
 *
 * Counts the processor packages, or the whole platform (`psys`) where there is no package counter: never both, never a package
 * and the cores inside it, and no counter twice (`intel-rapl-mmio` repeats `intel-rapl`).
 */
export class RaplCounters {
  readonly #zones: readonly RaplZone[];
  #totalMicrojoules = 0;

  private constructor(zones: readonly RaplZone[]) {
    this.#zones = zones;
  }

  /** Finds and primes the counters. `counters` is null when none can be read; the capability says why. */
  static open(
    root: string,
    nowMs: number,
    virtualMachine: boolean,
  ): { counters: RaplCounters | null; capability: Capability } {
    const folder = join(root, 'sys/class/powercap');
    const paths = selectZones(folder);
    if (paths.length === 0) return { counters: null, capability: missing(folder, virtualMachine) };
    const zones: RaplZone[] = [];
    for (const { name, path } of paths) {
      const energyPath = join(path, 'energy_uj');
      const energy = readInteger(energyPath);
      if (!energy.ok) return { counters: null, capability: unreadable(energy.failure) };
      const range = valueOrNull(readInteger(join(path, 'max_energy_range_uj')));
      zones.push({
        name,
        energyPath,
        rangeMicrojoules: range,
        lastMicrojoules: energy.value,
        lastMs: nowMs,
      });
    }
    const reason = `energy counters ${zones.map((zone) => zone.name).join(' + ')} in ${folder}`;
    return {
      counters: new RaplCounters(zones),
      capability: { name: 'rapl', available: true, reason, remedy: null },
    };
  }

  /** For people: which counters are read. */
  get description(): string {
    return `RAPL counters ${this.#zones.map((zone) => zone.name).join(' + ')}`;
  }

  /**
   * Microjoules since `open`, or null when a counter cannot be read at the moment; the energy of that time is then part of the
   * next good reading. Must be called more often than a counter wraps (about 40 minutes at 100 W).
   */
  readMicrojoules(nowMs: number): number | null {
    const readings = this.#zones.map((zone) => readInteger(zone.energyPath));
    if (readings.some((reading) => !reading.ok || reading.value < 0)) return null;
    this.#zones.forEach((zone, i) => {
      const now = valueOrNull(readings[i]!)!;
      this.#totalMicrojoules += advance(zone, now, nowMs - zone.lastMs);
      zone.lastMicrojoules = now;
      zone.lastMs = nowMs;
    });
    return this.#totalMicrojoules;
  }
}

/** Microjoules between two readings of a counter that wraps at its range and may be reset. */
function advance(zone: RaplZone, now: number, elapsedMs: number): number {
  if (now >= zone.lastMicrojoules) return now - zone.lastMicrojoules;
  if (zone.rangeMicrojoules === null) return now;
  const wrapped = zone.rangeMicrojoules - zone.lastMicrojoules + now;
  const plausible = wrapped >= 0 && wrapped <= PLAUSIBLE_WATTS_PER_ZONE * Math.max(elapsedMs, 1) * 1000;
  return plausible ? wrapped : now;
}

/** Package zones, else psys; each name once, the plain driver before its memory-mapped twin. */
function selectZones(folder: string): readonly { name: string; path: string }[] {
  const byName = new Map<string, string>();
  for (const entry of listFolder(folder)) {
    // Top-level zones only (`intel-rapl:0`): `intel-rapl:0:0` is a part of its parent.
    const match = /^(?:intel|amd)-rapl(-mmio)?:\d+$/.exec(entry);
    const name = match && valueOrNull(readText(join(folder, entry, 'name')));
    if (!name || (match[1] && byName.has(name))) continue;
    byName.set(name, join(folder, entry));
  }
  const zones = [...byName].map(([name, path]) => ({ name, path }));
  const packages = zones.filter(({ name }) => name.startsWith('package'));
  return packages.length > 0 ? packages : zones.filter(({ name }) => name === 'psys');
}

function missing(folder: string, virtualMachine: boolean): Capability {
  return virtualMachine
    ? {
        name: 'rapl',
        available: false,
        reason: `${folder} has no energy counters: this is a virtual machine whose host does not pass them on`,
        remedy: null,
      }
    : {
        name: 'rapl',
        available: false,
        reason: `${folder} has no package or psys energy counter: the driver is not loaded or the processor has none`,
        remedy: 'sudo modprobe intel_rapl_msr',
      };
}

function unreadable(failure: SensorFailure): Capability {
  const denied = failure.code === 'EACCES' || failure.code === 'EPERM';
  const why = denied ? ' (Linux keeps energy counters for root since CVE-2020-8694)' : '';
  return {
    name: 'rapl',
    available: false,
    reason: `${describeFailure(failure)}${why}`,
    remedy: denied
      ? 'sudo chmod a+r /sys/class/powercap/*/energy_uj'
      : 'sudo modprobe -r intel_rapl_msr && sudo modprobe intel_rapl_msr',
  };
}
