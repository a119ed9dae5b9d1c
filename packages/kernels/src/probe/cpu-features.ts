import { readFileSync } from 'node:fs';
import type { Capability } from '@qedge/core';

/** The flags of `/proc/cpuinfo` that matter to generated code, by architecture. */
const RELEVANT_FLAGS: Readonly<Record<string, readonly string[]>> = {
  x64: [
    'sse4_2',
    'avx',
    'avx2',
    'fma',
    'f16c',
    'bmi2',
    'avx_vnni',
    'avx512f',
    'avx512bw',
    'avx512vl',
    'avx512_vnni',
    'avx512_bf16',
    'amx_int8',
  ],
  arm64: ['asimd', 'fphp', 'asimdhp', 'asimddp', 'i8mm', 'bf16', 'sve', 'sve2'],
};

/** The relevant instruction-set flags in the text of `/proc/cpuinfo`, in a fixed order. */
export function cpuFeatures(cpuinfo: string, architecture: string): string[] {
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? '';
  const present = new Set(line.split(/\s+/));
  return (RELEVANT_FLAGS[architecture] ?? []).filter((flag) => present.has(flag));
}

/** Which instruction sets the processor offers, where the system says so. */
export function probeCpuFeatures(): Capability {
  const name = 'cpu-features';
  const { arch, platform } = process;
  let cpuinfo: string;
  try {
    cpuinfo = readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    const reason = `${platform} has no /proc/cpuinfo, so the instruction sets of this ${arch} processor are not known`;
    return { name, available: false, reason, remedy: null };
  }
  const features = cpuFeatures(cpuinfo, arch);
  const model = /^model name\s*:\s*(.*)$/m.exec(cpuinfo)?.[1];
  const reason = `${arch}${model ? `, ${model}` : ''}: ${features.join(' ') || 'none of the instruction sets that matter'}`;
  return { name, available: features.length > 0, reason, remedy: null };
}
