import {
  createInterpreterHost,
  emitKernel,
  type KernelDescription,
  type KernelMemory,
  kernelKey,
  kernelTrial,
  type TargetTraits,
} from '../src/index.ts';
import { openVectorHosts, type VectorHost } from './vector-hosts.ts';
import { openX64Machine, x64Profiles } from './x64-machine.ts';

/** A way of execution that integer kernels are compared on. */
export interface IntegerHost {
  readonly name: string;
  readonly traits: TargetTraits;
  /** Memory of at least this size, with any content; the same as before where that is large enough. */
  memoryOf(byteLength: number): KernelMemory;
  /** Emits a kernel, loads it and runs it once. */
  run(description: KernelDescription, memory: KernelMemory, block: number): void;
  dispose(): void;
}

const LEAST_MEMORY_BYTES = 2 ** 18;

function keepMemory(create: (byteLength: number) => KernelMemory): (byteLength: number) => KernelMemory {
  let kept: KernelMemory | null = null;
  return (byteLength) => {
    if (kept === null || kept.byteLength < byteLength)
      kept = create(Math.max(byteLength, LEAST_MEMORY_BYTES));
    return kept;
  };
}

/** Forms that the interpreter imitates: those that no other host of this machine may have, and that of AVX2. */
export const INTERPRETED_FORMS = [
  { lanes: 16, dot: 'bytes' },
  { lanes: 8, dot: 'bytes' },
  { lanes: 8, dot: 'words' },
] as const;

/**
 * Every way of execution of this machine, interpreters with both forms of the dot product, and AVX-512 code that may not use VNNI. (Code
 * for AVX-VNNI runs only where the processor has it; its arithmetic is that of the interpreter with 8 lanes and bytes.)
 *
 * @param options.strict whether machine code with strict float arithmetic is among them.
 */
export function openIntegerHosts({ strict }: { readonly strict: boolean }): IntegerHost[] {
  const interpreters = INTERPRETED_FORMS.map((form) => ({
    name: `interpreter with ${form.lanes} lanes of ${form.dot}`,
    host: createInterpreterHost(form),
  }));
  const isWanted = ({ host }: VectorHost) =>
    host.isa !== 'interpreter' && (strict || !host.strict || host.isa === 'wasm-strict');
  const hosts = [...interpreters, ...openVectorHosts().filter(isWanted)].map(({ name, host }) => ({
    name,
    traits: host.traits,
    memoryOf: keepMemory((byteLength) => host.createMemory(byteLength)),
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
    memoryOf: keepMemory((byteLength) => machine.createMemory(byteLength)),
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
  const memory = host.memoryOf(trial.byteLength);
  const block = trial.prepare(memory);
  host.run(description, memory, block);
  const error = trial.findError(memory);
  return error === null ? null : `${kernelKey(description)} on ${host.name}: ${error}`;
}
