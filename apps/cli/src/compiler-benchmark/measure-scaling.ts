import { type ProgressListener, throwIfCancelled } from '@qedge/core';
import { heavyHexTarget, transpile } from '@qedge/quantum';
import { scalingCircuit } from './circuits.ts';

/** What a circuit of so many gates cost. */
export interface ScalingPoint {
  readonly gates: number;
  readonly cpuMs: number;
  /** Of the process so far, bytes. */
  readonly peakBytes: number;
}

const [QUBITS, LEVEL, GATES] = [127, 1, [1250, 2500, 5000, 10_000, 20_000]] as const;

/** Compiles ever larger circuits for 127 qubits in a heavy hexagon at level 1. */
export async function measureScaling(
  signal: AbortSignal,
  onProgress: ProgressListener,
): Promise<ScalingPoint[]> {
  const target = heavyHexTarget(QUBITS);
  const points: ScalingPoint[] = [];
  for (const gates of GATES) {
    throwIfCancelled(signal, 'The benchmark');
    onProgress({ phase: 'scaling', done: points.length, total: GATES.length, message: `${gates} gates` });
    const circuit = scalingCircuit(QUBITS, gates, 1);
    const before = process.cpuUsage();
    await transpile(circuit, target, { level: LEVEL, signal });
    const { user, system } = process.cpuUsage(before);
    const peakBytes = process.resourceUsage().maxRSS * 1024;
    points.push({ gates, cpuMs: (user + system) / 1000, peakBytes });
  }
  return points;
}

/** Bars as long as the time is: straight ends mean that time grows with gates alone. */
export function drawScaling(points: readonly ScalingPoint[]): string {
  const longest = Math.max(...points.map(({ cpuMs }) => cpuMs));
  const lines = points.map(({ gates, cpuMs, peakBytes }) => {
    const bar = '█'.repeat(Math.max(1, Math.round((48 * cpuMs) / longest)));
    const each = ((1000 * cpuMs) / gates).toFixed(0);
    const memory = (peakBytes / 2 ** 20).toFixed(0);
    return `${String(gates).padStart(6)} gates ${bar} ${(cpuMs / 1000).toFixed(2)} s, ${each} µs a gate, ${memory} MiB`;
  });
  return [`${QUBITS} qubits, heavy hexagon, level ${LEVEL}:`, ...lines].join('\n');
}
