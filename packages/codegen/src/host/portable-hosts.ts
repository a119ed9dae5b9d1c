import { CapabilityUnavailableError } from '@qedge/core';
import { createWasmHost, type WasmIsa } from '../wasm/wasm-host.ts';
import { whyNotShared } from '../wasm/web-assembly.ts';
import { createInterpreterHost } from './interpreter-host.ts';
import type { Isa } from './isa.ts';
import {
  chooseKernelHost,
  type KernelHostCandidate,
  type KernelHostChoice,
  type KernelHostOptions,
} from './kernel-host-choice.ts';

function wasmCandidate(isa: WasmIsa, automatic: boolean): KernelHostCandidate {
  return {
    isa,
    strict: isa === 'wasm-strict',
    automatic,
    // Where memory cannot be shared, private memory is better than no WebAssembly; `sharingFallbacks` reports it.
    create: ({ shared }) => createWasmHost({ isa, shared: shared && whyNotShared() === null }),
  };
}

/** The ways of execution that need nothing but JavaScript, fastest first. */
export const PORTABLE_CANDIDATES: readonly KernelHostCandidate[] = [
  wasmCandidate('wasm-256', false),
  wasmCandidate('wasm', true),
  wasmCandidate('wasm-strict', true),
  { isa: 'interpreter', strict: true, automatic: true, create: () => createInterpreterHost() },
];

function machineCodeElsewhere(isa: Isa): KernelHostCandidate {
  return {
    isa,
    strict: true,
    automatic: false,
    create() {
      throw new CapabilityUnavailableError('Machine code needs Node', {
        remedy: 'Use createKernelHost of "@qedge/codegen/node".',
      });
    },
  };
}

/** What to report when memory was to be shared and is not. */
export function sharingFallbacks(
  { host }: KernelHostChoice,
  { shared = false }: KernelHostOptions,
): KernelHostChoice['fallbacks'] {
  if (!shared) return [];
  const why = host.isa === 'interpreter' ? 'interpreted kernels run on one thread' : whyNotShared();
  return why === null ? [] : [{ from: 'shared memory', to: 'private memory', why }];
}

/**
 * The fastest host that needs nothing but JavaScript: WebAssembly, else the interpreter. `createKernelHost` of `./node` has machine code too.
 *
 * @example
 * const { host, fallbacks } = createKernelHost({ strict: true });
 * @throws CapabilityUnavailableError when what `isa` or `QEDGE_ISA` names is not there, InvalidArgumentError for an unknown name, and for
 *   `strict` with a way that cannot be.
 */
export function createKernelHost(options: KernelHostOptions = {}): KernelHostChoice {
  const machineCode = (['avx512', 'avx2'] as const).map(machineCodeElsewhere);
  const choice = chooseKernelHost([...machineCode, ...PORTABLE_CANDIDATES], options);
  return { host: choice.host, fallbacks: [...choice.fallbacks, ...sharingFallbacks(choice, options)] };
}
