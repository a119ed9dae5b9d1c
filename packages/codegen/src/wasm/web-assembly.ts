// The parts of the WebAssembly JavaScript interface that this package uses, declared here so that neither the DOM's nor
// another host's type library is needed. The host's own types are assignable to these.

/** A linear memory; structurally a `WebAssembly.Memory`. */
export interface WasmMemory {
  readonly buffer: ArrayBufferLike;
  grow(pages: number): number;
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

/** Bytes per page of WebAssembly memory. */
export const WASM_PAGE_BYTES = 65536;
