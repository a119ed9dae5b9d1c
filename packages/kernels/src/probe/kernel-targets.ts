import { type Isa, type KernelHost, type PeakDescription, setArgument } from '@qedge/codegen';
import { createKernelHost, createMachineCodeHost, detectRevectorizer } from '@qedge/codegen/node';
import { type Capability, QedgeError } from '@qedge/core';

/** The ways in which generated kernels can run here, fastest first; the interpreter runs everywhere. */
export const KERNEL_TARGETS: readonly Exclude<Isa, 'interpreter'>[] = [
  'avx512',
  'avx2',
  'wasm-256',
  'wasm',
  'wasm-strict',
];

/** Whether generated kernels run in this way: one is generated, checked against the reference, and run. */
export function probeKernelTarget(isa: Exclude<Isa, 'interpreter'>): Capability {
  try {
    const { host } = createKernelHost({ isa });
    try {
      runSmallKernel(host);
      if (isa === 'wasm-256') return { ...detectRevectorizer(), name: isa };
      return { name: isa, available: true, reason: describeHost(host), remedy: null };
    } finally {
      host.dispose();
    }
  } catch (error) {
    const { reason, remedy } = explain(error);
    return { name: isa, available: false, reason, remedy };
  }
}

/** Which instruction sets the processor has and the operating system supports, by CPUID and XGETBV, and its data caches. */
export function probeCpuFeatures(): Capability {
  const name = 'cpu-features';
  try {
    using host = createMachineCodeHost();
    const { vendor, brand, features, caches } = host.cpu;
    const present = Object.entries(features).filter(([, isPresent]) => isPresent);
    const sizes = caches
      .filter(({ kind }) => kind !== 'instruction')
      .map(({ level, byteLength }) => `L${level} ${byteLength / 1024} KiB`);
    const parts = [brand || vendor, present.map(([feature]) => feature).join(' '), sizes.join(', ')];
    return { name, available: true, reason: parts.filter((part) => part !== '').join('; '), remedy: null };
  } catch (error) {
    const { reason, remedy } = explain(error);
    return { name, available: false, reason: `CPUID cannot be asked: ${reason}`, remedy };
  }
}

/** Loading verifies the result; running it once more shows that it can be called on memory of one's own. */
function runSmallKernel(host: KernelHost): void {
  const description: PeakDescription = { kind: 'peak', operation: 'fma', turns: 2 };
  const memory = host.createMemory(256);
  const [kernel] = host.load([description], memory);
  const view = new DataView(memory.buffer);
  for (const field of [0, 1, 2])
    setArgument(view, memory.byteOffset + 192, field, memory.address + field * 64);
  kernel!.run(memory.address + 192);
}

function describeHost({ isa, traits }: KernelHost): string {
  const width = `vectors of ${traits.lanes * 32} bits`;
  if (!isa.startsWith('avx')) return `V8 ${process.versions.v8} runs kernels, ${width}`;
  const dot = traits.dot === 'bytes' ? ', dot products of bytes' : '';
  return `machine code runs, ${width}${dot}${traits.dotBfloat16 ? ', of bfloat16' : ''}`;
}

/** The cause says more than the refusal that wraps it. */
function explain(error: unknown): { readonly reason: string; readonly remedy: string | null } {
  const cause = error instanceof QedgeError && error.cause instanceof QedgeError ? error.cause : error;
  const { message, remedy } = cause as Error & { readonly remedy?: string };
  const [line] = message.split('\n');
  const bare = line!.replace(/^Kernels cannot run as "[^"]*": got /, '');
  const reason = remedy === undefined ? bare : bare.replace(remedy, '').replace(/\.? *$/, '');
  return { reason, remedy: remedy ?? null };
}
