import { type KernelDescription, kernelKey, kernelTrial } from '../src/index.ts';
import type { VectorHost } from './vector-hosts.ts';

/** Compares every output of a kernel's trial on one host with the reference. Returns what is wrong, or null. */
export function findTrialError(
  { name, host }: VectorHost,
  description: KernelDescription,
  seed: number,
): string | null {
  const trial = kernelTrial(description, host.traits, 'all', seed);
  const memory = host.createMemory(trial.byteLength);
  const block = trial.prepare(memory);
  host.load([description], memory)[0]!.run(block);
  const error = trial.findError(memory);
  return error === null ? null : `${kernelKey(description)} on ${name}: ${error}`;
}
