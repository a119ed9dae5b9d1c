import { arch, platform } from 'node:os';
import { loadKoffi } from '@qedge/core/node';
import { describeCpu } from '../src/native/cpu-features.ts';
import { ExecutableMemory } from '../src/native/executable-memory.ts';
import type { X64Features } from '../src/x64/features.ts';

/** Why this host runs no machine code; empty where it does. */
export function missingMachineCode(): string {
  if (platform() !== 'linux' || arch() !== 'x64') return `this is ${arch()} on ${platform()}`;
  const koffi = loadKoffi();
  return koffi.available ? '' : koffi.reason;
}

/** What the processor of the tests has. */
export function hostFeatures(): X64Features {
  using memory = new ExecutableMemory();
  return describeCpu(memory).features;
}
