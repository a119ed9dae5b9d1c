import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import type { MachineDescription } from './benchmark-record.ts';

/** Names as the Linux kernel spells them, x86 first, then Arm. */
const RELEVANT_FEATURES = [
  ...['sse4_1', 'avx', 'avx2', 'fma', 'f16c', 'avx_vnni', 'avx512f', 'avx512bw', 'avx512vl', 'avx512_vnni'],
  ...['avx512_bf16', 'amx_tile', 'asimd', 'asimdhp', 'asimddp', 'i8mm', 'bf16', 'sve'],
];

/** Describes this machine for a `BenchmarkRecord`. Instruction sets are known on Linux only; elsewhere the list is empty. */
export function describeMachine(): MachineDescription {
  const [load] = loadavg();
  return {
    cpuModel: cpus()[0]?.model.trim() || `unknown ${arch()}`,
    logicalCores: availableParallelism(),
    cpuFeatures: readCpuFeatures('/proc/cpuinfo'),
    memoryBytes: totalmem(),
    operatingSystem: `${platform()} ${release()} ${arch()}`,
    runtime: `node ${process.versions.node}, v8 ${process.versions.v8}`,
    // Windows has no load average; Node answers 0 for it.
    loadAverage: platform() === 'win32' ? null : (load ?? null),
  };
}

/** Reads the flags of the first processor in a file of the format of Linux's `/proc/cpuinfo`. */
export function readCpuFeatures(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(text);
  const present = new Set(line?.[1]?.split(/\s+/));
  return RELEVANT_FEATURES.filter((feature) => present.has(feature));
}
