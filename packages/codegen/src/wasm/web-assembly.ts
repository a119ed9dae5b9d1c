import { CapabilityUnavailableError } from '@qedge/core';

// The parts of the WebAssembly JavaScript interface that this package uses, declared here so that neither the DOM's nor
// another host's type library is needed. The host's own types are assignable to these.

/** A linear memory; structurally a `WebAssembly.Memory`. */
export interface WasmMemory {
  readonly buffer: ArrayBufferLike;
}

/** A compiled module; structurally a `WebAssembly.Module`. */
export type WasmModule = object;

interface WebAssemblyInterface {
  readonly Memory: new (descriptor: {
    readonly initial: number;
    readonly maximum?: number;
    readonly shared?: boolean;
  }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  validate(bytes: Uint8Array): boolean;
}

/** The host's WebAssembly, or undefined where there is none (a browser in lockdown mode, for example). */
export function webAssembly(): WebAssemblyInterface | undefined {
  return (globalThis as { readonly WebAssembly?: WebAssemblyInterface }).WebAssembly;
}

/** @throws CapabilityUnavailableError where there is none. */
export function requireWebAssembly(): WebAssemblyInterface {
  const engine = webAssembly();
  if (engine) return engine;
  throw new CapabilityUnavailableError('This host has no WebAssembly', {
    remedy: 'Use a host with WebAssembly, or QEDGE_ISA=interpreter.',
  });
}

/** Why memory cannot be shared between threads here, or null where it can. */
export function whyNotShared(): string | null {
  const host = globalThis as { readonly SharedArrayBuffer?: unknown; readonly crossOriginIsolated?: boolean };
  // A page may make a shared memory that it cannot post to a worker: only isolation counts.
  if (host.crossOriginIsolated === false) return 'the page is not cross-origin isolated';
  return host.SharedArrayBuffer === undefined ? 'this host has no SharedArrayBuffer' : null;
}

/** Bytes per page of WebAssembly memory. */
const WASM_PAGE_BYTES = 65536;

/**
 * A memory of whole pages that never grows, so that its buffer stays the same.
 *
 * @throws CapabilityUnavailableError where there is too little memory.
 */
export function createWasmMemory(byteLength: number, shared: boolean): WasmMemory {
  const pages = Math.max(1, Math.ceil(byteLength / WASM_PAGE_BYTES));
  try {
    return new (requireWebAssembly().Memory)({ initial: pages, maximum: pages, shared });
  } catch (cause) {
    throw new CapabilityUnavailableError('The host cannot allocate a WebAssembly memory', {
      expected: `${pages} pages of 64 KiB, of at most 65536`,
      actual: String(cause),
      cause,
    });
  }
}

/** @throws CapabilityUnavailableError where there is no WebAssembly or it refuses the bytes. */
export function compileWasmModule(bytes: Uint8Array): WasmModule {
  const engine = requireWebAssembly();
  try {
    return new engine.Module(bytes);
  } catch (cause) {
    throw new CapabilityUnavailableError('The host refuses a generated module', {
      actual: String(cause),
      remedy:
        "Check detectWasmFeatures() before choosing an instruction set. A page's content security policy must allow 'wasm-unsafe-eval'.",
      cause,
    });
  }
}
