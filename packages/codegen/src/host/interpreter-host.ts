import { CapabilityUnavailableError, InvalidArgumentError, UseAfterReleaseError } from '@qedge/core';
import { emitKernel, type KernelDescription, kernelKey } from '../kernels/families.ts';
import { InterpreterTarget } from '../target/interpreter.ts';
import type { InterpretedFragments, InterpretedKernel } from '../target/interpreter-frame.ts';
import type { DotForm, FloatElement, TargetTraits } from '../target/target.ts';
import {
  type AssembledKernels,
  type EmittedKernel,
  type KernelHost,
  type KernelMemory,
  type LoadedKernel,
  MEMORY_ALIGNMENT,
} from './kernel-host.ts';
import { requireByteLength } from './require-byte-length.ts';
import { requireDifferentKeys } from './require-different-keys.ts';
import { VerifiedKernels } from './verified-kernels.ts';

/** Options of {@link createInterpreterHost}. They change how operands are packed, never a result. */
export interface InterpreterHostOptions {
  /** 32-bit lanes per vector. Default: 4. */
  readonly lanes?: 4 | 8 | 16;
  /** The form of the integer dot product. Default: `words`. */
  readonly dot?: DotForm;
}

/**
 * Runs kernels step by step in JavaScript: the last fallback, with the same bits as strict code and thousands of times slower.
 * An access outside of the memory throws a RangeError.
 *
 * @throws InvalidArgumentError for lanes or a dot product that no target has.
 */
export function createInterpreterHost(options: InterpreterHostOptions = {}): KernelHost {
  const { lanes = 4, dot = 'words' } = options;
  if (![4, 8, 16].includes(lanes) || !['words', 'bytes'].includes(dot)) {
    throw new InvalidArgumentError('The interpreter cannot imitate such a target', {
      expected: 'lanes 4, 8 or 16, and dot "words" or "bytes"',
      actual: { lanes, dot },
    });
  }
  return new InterpreterHost({
    id: `interpreter-${lanes}-${dot}`,
    element: 'float32',
    lanes,
    vectors: lanes === 16 ? 32 : 16,
    pointers: 16,
    temporaries: { fma: 0, dot: 0, half: 0 },
    fmaRounding: 'twice',
    dot,
    multiplyBytes: 0,
    dotBfloat16: false,
    hoistsLoads: false,
    unroll: 1,
  });
}

class InterpreterMemory implements KernelMemory {
  readonly buffer: ArrayBuffer;
  readonly byteOffset = 0;
  readonly byteLength: number;
  /** Not 0, so that a forgotten argument is an address outside of the memory. */
  readonly address = MEMORY_ALIGNMENT;

  constructor(buffer: ArrayBuffer) {
    this.buffer = buffer;
    this.byteLength = buffer.byteLength;
  }
}

class InterpreterHost implements KernelHost {
  readonly isa = 'interpreter';
  readonly strict = true;
  readonly traits: TargetTraits;
  readonly #kernels = new Map<string, InterpretedKernel>();
  readonly #verified: VerifiedKernels;
  readonly #fragments: Readonly<Record<FloatElement, InterpretedFragments>> = {
    float32: new Map(),
    float64: new Map(),
  };
  #disposed = false;

  constructor(traits: TargetTraits) {
    this.traits = traits;
    this.#verified = new VerifiedKernels(this);
  }

  createMemory(byteLength: number): KernelMemory {
    this.#assertUsable();
    requireByteLength(byteLength);
    try {
      return new InterpreterMemory(new ArrayBuffer(byteLength));
    } catch (cause) {
      throw new CapabilityUnavailableError('The host cannot allocate a memory', {
        expected: `${byteLength} bytes`,
        actual: String(cause),
        cause,
      });
    }
  }

  adoptMemory(): KernelMemory {
    throw new CapabilityUnavailableError('The interpreter works in memory of its own only', {
      remedy: 'Use WebAssembly or machine code.',
    });
  }

  load(descriptions: readonly KernelDescription[], memory: KernelMemory): readonly LoadedKernel[] {
    this.#assertUsable();
    try {
      return descriptions.map((description) => this.#loadOne(description, memory));
    } finally {
      this.#verified.releaseLargeScratch();
    }
  }

  encode(): never {
    throw noCode();
  }

  loadEncoded(): never {
    throw noCode();
  }

  traitsOf(element: FloatElement): TargetTraits {
    if (element === 'float32') return this.traits;
    const { id, lanes } = this.traits;
    return { ...this.traits, id: `${id}-float64`, element, lanes: lanes / 2 };
  }

  assemble(kernels: readonly EmittedKernel[], memory: KernelMemory, element: FloatElement): AssembledKernels {
    this.#assertUsable();
    requireDifferentKeys(kernels);
    const loaded = kernels.map(({ key, emit }) => {
      const target = new InterpreterTarget(this.traitsOf(element), this.#fragments[element]);
      emit(target);
      return { key, run: target.finish()(memory), portable: null };
    });
    return { kernels: loaded, byteLength: 0, dispose() {}, [Symbol.dispose]() {} };
  }

  #loadOne(description: KernelDescription, memory: KernelMemory): LoadedKernel {
    const key = kernelKey(description);
    let kernel = this.#kernels.get(key);
    if (kernel === undefined) {
      kernel = emitKernel(new InterpreterTarget(this.traits), description);
      this.#verified.verify(description, kernel);
      this.#kernels.set(key, kernel);
    }
    return { key, run: kernel(memory), portable: null };
  }

  dispose(): void {
    this.#disposed = true;
    this.#kernels.clear();
    this.#verified.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #assertUsable(): void {
    if (!this.#disposed) return;
    throw new UseAfterReleaseError('A host was used after dispose()', { remedy: 'Create another host.' });
  }
}

function noCode(): CapabilityUnavailableError {
  return new CapabilityUnavailableError('The interpreter has no code that could be kept', {
    remedy: 'Use WebAssembly or machine code.',
  });
}
