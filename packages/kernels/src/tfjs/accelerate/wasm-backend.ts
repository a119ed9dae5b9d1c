import type { ForeignMemory } from '@qedge/codegen';
import { CapabilityUnavailableError } from '@qedge/core';
import type { DataType, TensorInfo } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs-device.ts';

/** The name under which `@tensorflow/tfjs-backend-wasm` registers its backend and kernels. */
export const WASM_BACKEND = 'wasm';

/** What a backend knows of the data of a tensor. */
interface WasmTensorData {
  /** Bytes from the start of the memory. */
  readonly memoryOffset: number;
}

/** The parts of the module that emscripten made which kernels need. The views are replaced when the memory grows. */
interface EmscriptenModule {
  readonly HEAPU8: Uint8Array;
  readonly HEAPU32: Uint32Array;
  _malloc(byteLength: number): number;
  _free(offset: number): void;
  /** The exports of the WebAssembly instance. */
  readonly asm?: Readonly<Record<string, unknown>>;
}

/** The parts of `BackendWasm` (version 4) that kernels need. */
export interface WasmBackend {
  readonly wasm: EmscriptenModule;
  readonly dataIdMap: { get(dataId: object): WasmTensorData };
  makeOutput(
    shape: readonly number[],
    dtype: DataType,
    memoryOffset?: number,
    values?: ArrayBufferView,
  ): TensorInfo;
  disposeData(dataId: object): boolean;
  incRef(dataId: object): void;
  refCount(dataId: object): number;
  readSync(dataId: object): ArrayBufferView;
}

/**
 * The started wasm backend of a namespace.
 *
 * @throws CapabilityUnavailableError where it is not the current backend, or its memory cannot be found.
 */
export function requireWasmBackend(tf: Tensorflow): WasmBackend {
  const name = tf.getBackend();
  if (name !== WASM_BACKEND) {
    throw new CapabilityUnavailableError('Only the wasm backend of TensorFlow.js can be accelerated', {
      expected: WASM_BACKEND,
      actual: name,
      remedy: "Import @tensorflow/tfjs-backend-wasm and call tf.setBackend('wasm') before.",
    });
  }
  return tf.backend() as unknown as WasmBackend;
}

/** What distinguishes a `WebAssembly.Memory` from views, which have a `buffer` too. */
const MEMORY_TAG = '[object WebAssembly.Memory]';

/**
 * The memory object behind the views of the backend.
 *
 * @throws CapabilityUnavailableError where the module of the backend does not show it.
 */
export function findBackendMemory({ wasm }: WasmBackend): ForeignMemory {
  const places: unknown[] = [...Object.values(wasm), ...Object.values(wasm.asm ?? {})];
  const memory = places.find((value) => Object.prototype.toString.call(value) === MEMORY_TAG);
  if (memory !== undefined && (memory as ForeignMemory).buffer === wasm.HEAPU8.buffer) {
    return memory as ForeignMemory;
  }
  throw new CapabilityUnavailableError('The memory of the wasm backend cannot be found', {
    expected: '@tensorflow/tfjs-backend-wasm 4.22',
    remedy: 'Use that version.',
  });
}
