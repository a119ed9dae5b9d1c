import {
  createInterpreterHost,
  emitKernel,
  type KernelDescription,
  type KernelMemory,
  kernelKey,
  kernelTrial,
  type TargetTraits,
} from '../src/index.ts';
import { openVectorHosts } from './vector-hosts.ts';
import { openX64Machine, x64Profiles } from './x64-machine.ts';

/** A way of execution that integer kernels are compared on. */
export interface IntegerHost {
  readonly name: string;
  readonly traits: TargetTraits;
  createMemory(byteLength: number): KernelMemory;
  /** Emits a kernel, loads it and runs it once. */
  run(description: KernelDescription, memory: KernelMemory, block: number): void;
  dispose(): void;
}

/**
 * Every way of execution of this machine, interpreters with both forms of the dot product, and AVX-512 code that may not use VNNI. (Code
 * for AVX-VNNI runs only where the processor has it; its arithmetic is that of the interpreter with 8 lanes and bytes.)
 */
export function openIntegerHosts(): IntegerHost[] {
  const bytes = ([4, 8, 16] as const).map((lanes) => ({
    name: `interpreter with ${lanes} lanes of bytes`,
    host: createInterpreterHost({ lanes, dot: 'bytes' }),
  }));
  const hosts = [...bytes, ...openVectorHosts()].map(({ name, host }) => ({
    name,
    traits: host.traits,
    createMemory: (byteLength: number) => host.createMemory(byteLength),
    run(description: KernelDescription, memory: KernelMemory, block: number) {
      host.load([description], memory)[0]!.run(block);
    },
    dispose: () => host.dispose(),
  }));
  return [...hosts, ...poorerMachines()];
}

/** x86-64 code with fewer features than this processor has. */
function poorerMachines(): IntegerHost[] {
  const machine = openX64Machine();
  if (machine === null) return [];
  const poorer = x64Profiles(machine.features).filter(({ name }) => name === 'avx512');
  return poorer.map(({ createTarget }) => ({
    name: 'avx512 without VNNI',
    traits: createTarget().traits,
    createMemory: (byteLength) => machine.createMemory(byteLength),
    run: (description, _memory, block) => machine.load(emitKernel(createTarget(), description))(block),
    dispose: () => {},
  }));
}

/** Compares every output of a kernel's trial with the reference, and the guard values around it. Returns what is wrong, or null. */
export function findIntegerError(
  host: IntegerHost,
  description: KernelDescription,
  seed: number,
): string | null {
  const trial = kernelTrial(description, host.traits, 'all', seed);
  const memory = host.createMemory(trial.byteLength);
  const block = trial.prepare(memory);
  host.run(description, memory, block);
  const error = trial.findError(memory);
  return error === null ? null : `${kernelKey(description)} on ${host.name}: ${error}`;
}
