import { cpus } from 'node:os';

/**
 * Share of all processors in use since the last call (the first: since this one), 0..1, from the operating system's processor
 * times; null while no time has passed. Works on every system.
 */
export function osCpuUtilization(): () => number | null {
  let before = readTimes();
  let last: number | null = null;
  return () => {
    const now = readTimes();
    const totalMs = now.totalMs - before.totalMs;
    if (totalMs > 0) {
      last = Math.min(1, Math.max(0, (now.busyMs - before.busyMs) / totalMs));
      before = now;
    }
    return last;
  };
}

function readTimes(): { busyMs: number; totalMs: number } {
  let busyMs = 0;
  let idleMs = 0;
  for (const { times } of cpus()) {
    busyMs += times.user + times.nice + times.sys + times.irq;
    idleMs += times.idle;
  }
  return { busyMs, totalMs: busyMs + idleMs };
}
