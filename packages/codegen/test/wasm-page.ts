// Runs in a browser page: see wasm-browser.test.ts.
import {
  createKernelHost,
  createWasmHost,
  type KernelHostOptions,
  kernelTrial,
  type WasmIsa,
} from '../src/index.ts';
import type { WasmDialect } from '../src/wasm/traits.ts';
import { operationCases } from './operation-cases.ts';
import { CASE_BYTES, findDifference } from './operation-runner.ts';
import { SAMPLE_KERNELS } from './sample-kernels.ts';
import { wasmBackend } from './wasm-backend.ts';

/** The names of all operation cases, and what differs in those that fail. */
function runOperations(dialect: WasmDialect, shared: boolean): { count: number; failures: string[] } {
  const backend = wasmBackend(dialect, shared);
  const memory = backend.createMemory(CASE_BYTES);
  const cases = operationCases(backend.traits);
  const failures = cases.flatMap((entry) => {
    const difference = findDifference(backend, memory, entry, 1);
    return difference === null ? [] : [`${entry.name}: ${difference}`];
  });
  return { count: cases.length, failures };
}

/** What is wrong with the results of each sample kernel; nothing is an empty list. */
function runSampleKernels(isa: WasmIsa): string[] {
  using host = createWasmHost({ isa });
  return Object.entries(SAMPLE_KERNELS).flatMap(([name, description]) => {
    const trial = kernelTrial(description, host.traits, 'all', 7);
    const memory = host.createMemory(trial.byteLength);
    const [kernel] = host.load([description], memory);
    const block = trial.prepare(memory);
    kernel!.run(block);
    const error = trial.findError(memory);
    return error === null ? [] : [`${name}: ${error}`];
  });
}

/** Chooses a host and runs a kernel on it, which is checked on the way. */
function chooseHost(options: KernelHostOptions): object {
  const { host, fallbacks } = createKernelHost(options);
  const memory = host.createMemory(1 << 16);
  const [kernel] = host.load([{ kind: 'peak', operation: 'fma', turns: 3 }], memory);
  const shared = Object.prototype.toString.call(memory.buffer) === '[object SharedArrayBuffer]';
  return { isa: host.isa, fallbacks, shared, portable: kernel!.portable !== null };
}

Object.assign(globalThis, { runOperations, runSampleKernels, chooseHost, ready: true });
