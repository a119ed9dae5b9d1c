import {
  createInterpreterHost,
  createWasmHost,
  detectWasmFeatures,
  type KernelDescription,
  type KernelHost,
  type KernelMemory,
  kernelTrial,
} from '../src/index.ts';
import { createMachineCodeHost } from '../src/node.ts';
import { hostFeatures, missingMachineCode } from './host-features.ts';
import './relaxed-simd.ts';

/** A host that kernels are compared on. */
export interface VectorHost {
  readonly name: string;
  readonly host: KernelHost;
}

/** Every way of execution that this machine has, the interpreter with each number of lanes first. Skips are printed. */
export function openVectorHosts(): VectorHost[] {
  const hosts: VectorHost[] = ([4, 8, 16] as const).map((lanes) => ({
    name: `interpreter with ${lanes} lanes`,
    host: createInterpreterHost({ lanes }),
  }));
  hosts.push({ name: 'wasm-strict', host: createWasmHost({ isa: 'wasm-strict' }) });
  if (detectWasmFeatures().relaxedSimd) {
    for (const isa of ['wasm', 'wasm-256'] as const) hosts.push({ name: isa, host: createWasmHost({ isa }) });
  } else console.warn('SKIPPED: relaxed SIMD is missing');
  const missing = missingMachineCode();
  if (missing) {
    console.warn(`SKIPPED: machine code. ${missing}`);
    return hosts;
  }
  for (const isa of ['avx512', 'avx2'] as const) {
    if (!hostFeatures()[isa === 'avx512' ? 'avx512f' : 'avx2']) {
      console.warn(`SKIPPED: this processor lacks ${isa}`);
      continue;
    }
    hosts.push({ name: isa, host: createMachineCodeHost({ isa }) });
    hosts.push({ name: `${isa} strict`, host: createMachineCodeHost({ isa, strict: true }) });
  }
  return hosts;
}

const BLOCK_BYTES = 64;

/** All words of a memory, with NaNs made equal and the addresses in the argument block blanked. */
function outcome(
  { buffer, byteOffset, address }: KernelMemory,
  byteLength: number,
  block: number,
): Int32Array {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength).slice(0, byteLength - (byteLength % 4));
  bytes.fill(0, block - address, block - address + BLOCK_BYTES);
  const words = new Int32Array(bytes.buffer);
  return words.map((word) => ((word & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : word));
}

/**
 * Runs the trials of all descriptions on all hosts, comparing every element with the reference. Between strict hosts the
 * results must have the same bits. Returns what is wrong, one line per kernel and host.
 */
export function findVectorErrors(
  hosts: readonly VectorHost[],
  descriptions: readonly KernelDescription[],
  seed: number,
): string[] {
  const errors: string[] = [];
  const strictOutcomes = new Map<string, Int32Array>();
  for (const { name, host } of hosts) {
    const trials = descriptions.map((description) => kernelTrial(description, host.traits, 'all', seed));
    const memory = host.createMemory(Math.max(...trials.map(({ byteLength }) => byteLength)));
    const kernels = host.load(descriptions, memory);
    for (const [i, trial] of trials.entries()) {
      const { key, run } = kernels[i]!;
      new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength).fill(0);
      const block = trial.prepare(memory);
      run(block);
      const error = trial.findError(memory);
      if (error !== null) errors.push(`${key} on ${name}: ${error}`);
      if (!host.strict) continue;
      const words = outcome(memory, trial.byteLength, block);
      const others = strictOutcomes.get(key) ?? words;
      strictOutcomes.set(key, others);
      const place = words.findIndex((word, at) => word !== others[at]);
      if (place >= 0) errors.push(`${key} on ${name}: other bits at byte ${place * 4}`);
    }
  }
  return errors;
}
