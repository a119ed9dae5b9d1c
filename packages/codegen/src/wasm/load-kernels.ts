import { CapabilityUnavailableError, InvalidArgumentError } from '@qedge/core';
import { type KernelDescription, kernelKey } from '../description/kernel-description.ts';
import { emitKernel, kernelParameterCount } from '../kernels/emit-kernel.ts';
import { WASM_PAGE_BYTES, type WasmMemory, type WasmModule, webAssemblyHost } from './host.ts';
import { encodeModule, MEMORY_IMPORT } from './module.ts';
import { type WasmDialect, WasmTarget } from './target.ts';

/** A loaded kernel. Arguments are byte addresses in the module's memory, and counts; see the kernel's parameters. */
export type LoadedKernel = (...args: number[]) => void;

/** The canonical key of the module that {@link encodeKernels} writes: equal keys mean equal bytes. Order does not matter. */
export function moduleKey(descriptions: readonly KernelDescription[], dialect: WasmDialect): string {
  return [dialect, ...new Set(descriptions.map(kernelKey).sort())].join('\n');
}

/**
 * Generates one module that exports every described kernel under its {@link kernelKey}; duplicates are written once.
 *
 * @throws RegisterBudgetError when a tile does not fit, InvalidArgumentError for impossible sizes.
 */
export function encodeKernels(descriptions: readonly KernelDescription[], dialect: WasmDialect): Uint8Array {
  const byKey = new Map(descriptions.map((description) => [kernelKey(description), description]));
  const sorted = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1));
  return encodeModule(
    sorted.map(([name, description]) => {
      const target = new WasmTarget(dialect, kernelParameterCount(description));
      return { name, function: emitKernel(target, description) };
    }),
  );
}

/** Compiles module bytes. @throws CapabilityUnavailableError where there is no WebAssembly or it refuses the bytes. */
export function compileModule(bytes: Uint8Array): WasmModule {
  const host = webAssemblyHost();
  if (!host) {
    throw new CapabilityUnavailableError('This host has no WebAssembly', {
      remedy: 'Use a host with WebAssembly, or the reference tier.',
    });
  }
  try {
    return new host.Module(bytes);
  } catch (cause) {
    throw new CapabilityUnavailableError('The host refuses a generated module', {
      actual: String(cause),
      remedy: 'Check detectWasmFeatures() before choosing a dialect.',
      cause,
    });
  }
}

/**
 * Creates a memory of at least `byteLength` bytes (0 or more), rounded up to whole pages of 64 KiB. It never grows, so its buffer
 * stays the same; there is no way to free it but to let go of it. The caller owns it.
 *
 * @throws InvalidArgumentError for an impossible length, CapabilityUnavailableError where the host has no WebAssembly or too
 *   little memory.
 */
export function createMemory(byteLength: number): WasmMemory {
  if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
    throw new InvalidArgumentError('A memory has an impossible length', {
      expected: 'an integer >= 0',
      actual: byteLength,
    });
  }
  const host = webAssemblyHost();
  if (!host) throw new CapabilityUnavailableError('This host has no WebAssembly');
  const pages = Math.max(1, Math.ceil(byteLength / WASM_PAGE_BYTES));
  try {
    return new host.Memory({ initial: pages, maximum: pages });
  } catch (cause) {
    throw new CapabilityUnavailableError('The host cannot allocate a WebAssembly memory', {
      expected: `${pages} pages of 64 KiB`,
      actual: String(cause),
      cause,
    });
  }
}

/**
 * Binds a compiled module to a memory that the caller owns; the kernels work on that memory only, and trap on an access beyond it.
 *
 * @returns the kernels by {@link kernelKey}.
 * @throws CapabilityUnavailableError where there is no WebAssembly.
 */
export function instantiateKernels(
  module: WasmModule,
  memory: WasmMemory,
): ReadonlyMap<string, LoadedKernel> {
  const host = webAssemblyHost();
  if (!host) throw new CapabilityUnavailableError('This host has no WebAssembly');
  const imports = { [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory } };
  const { exports } = new host.Instance(module, imports);
  return new Map(Object.entries(exports) as [string, LoadedKernel][]);
}
