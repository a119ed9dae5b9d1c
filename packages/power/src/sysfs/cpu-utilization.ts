import { join } from 'node:path';
import type { Capability } from '@qedge/core';
import { describeFailure, readText, type SensorResult } from './sensor-file.ts';

/** Cumulative processor time of all cores, in clock ticks. */
interface CpuTicks {
  readonly busy: number;
  readonly total: number;
}

/** Share of all cores in use, from the differences of `/proc/stat`. */
export class CpuUtilization {
  readonly #path: string;
  #before: CpuTicks | null;
  #lastFraction: number | null = null;

  constructor(root: string) {
    this.#path = join(root, 'proc/stat');
    const first = readTicks(this.#path);
    this.#before = first.ok ? first.value : null;
  }

  capability(): Capability {
    const ticks = readTicks(this.#path);
    return ticks.ok
      ? { name: 'cpu-utilization', available: true, reason: `the cpu line of ${this.#path}`, remedy: null }
      : { name: 'cpu-utilization', available: false, reason: describeFailure(ticks.failure), remedy: null };
  }

  /**
   * Mean load since the last call (or since construction), 0..1. The counters tick 100 times per second and core: when none
   * ticked, the last value is repeated. Null when the file cannot be read or no interval is known yet.
   */
  read(): number | null {
    const now = readTicks(this.#path);
    if (!now.ok) {
      this.#lastFraction = null;
      return null;
    }
    const before = this.#before;
    if (before === null || now.value.total > before.total) {
      this.#before = now.value;
      const fraction = before && (now.value.busy - before.busy) / (now.value.total - before.total);
      this.#lastFraction = fraction === null ? null : Math.min(1, Math.max(0, fraction));
    } else if (now.value.total < before.total) {
      // The counters went back (a container moved, a processor left): start over.
      this.#before = now.value;
      this.#lastFraction = null;
    }
    return this.#lastFraction;
  }
}

/** Fields of the `cpu` line (proc(5)): user nice system idle iowait irq softirq steal; guest time is inside user time. */
function readTicks(path: string): SensorResult<CpuTicks> {
  const text = readText(path);
  if (!text.ok) return text;
  const line = /^cpu +(\d+(?: +\d+)*)/.exec(text.value);
  const fields = line ? line[1]!.split(/ +/).map(Number).slice(0, 8) : [];
  if (fields.length < 4) return { ok: false, failure: { path, code: 'garbage' } };
  const total = fields.reduce((sum, field) => sum + field, 0);
  const idle = fields[3]! + (fields[4] ?? 0);
  return { ok: true, value: { busy: total - idle, total } };
}
