import { CapabilityUnavailableError, type Fallback, InvalidArgumentError } from '@qedge/core';
import { failureReason, type LookupOptions, packageLoader } from '../probe/optional-package.ts';
import type { OnnxRuntime } from './onnx-runtime.ts';

/** The packages that {@link loadOnnxRuntime} knows, best first. */
export const ONNX_RUNTIME_LIBRARIES = ['onnxruntime-node', 'onnxruntime-web'] as const;

/** A package of ONNX Runtime: the native one, or the one in WebAssembly. */
export type OnnxRuntimeLibrary = (typeof ONNX_RUNTIME_LIBRARIES)[number];

/** Options of {@link loadOnnxRuntime}. */
export interface LoadOnnxRuntimeOptions extends LookupOptions {
  /** What to try, in this order; default {@link ONNX_RUNTIME_LIBRARIES}. */
  readonly prefer?: readonly OnnxRuntimeLibrary[];
}

/** A loaded namespace, and why better ones were not loaded. */
export interface LoadedOnnxRuntime {
  readonly ort: OnnxRuntime;
  readonly library: OnnxRuntimeLibrary;
  readonly fallbacks: readonly Fallback[];
}

/**
 * Loads ONNX Runtime in Node, if a package of it is installed: the native one first.
 *
 * @throws CapabilityUnavailableError when none loads, with the reason of each; InvalidArgumentError for an unknown package or a
 *   `from` that is not absolute.
 */
export async function loadOnnxRuntime(options: LoadOnnxRuntimeOptions = {}): Promise<LoadedOnnxRuntime> {
  const { require } = packageLoader(options);
  const misses: { readonly library: OnnxRuntimeLibrary; readonly why: string }[] = [];
  for (const library of options.prefer ?? ONNX_RUNTIME_LIBRARIES) {
    if (!ONNX_RUNTIME_LIBRARIES.includes(library)) {
      throw new InvalidArgumentError('Unknown ONNX Runtime package', {
        expected: ONNX_RUNTIME_LIBRARIES.join(', '),
        actual: library,
      });
    }
    try {
      const ort = require(library) as OnnxRuntime;
      if (!ort.InferenceSession) throw new Error('it exports no InferenceSession');
      return {
        ort,
        library,
        fallbacks: misses.map(({ library: from, why }) => ({ from, to: library, why })),
      };
    } catch (error) {
      misses.push({ library, why: failureReason(error) });
    }
  }
  throw new CapabilityUnavailableError('ONNX Runtime does not load here', {
    actual: misses.map(({ library, why }) => `${library}: ${why}`).join('; ') || 'nothing was asked for',
    remedy: 'npm install onnxruntime-node',
  });
}
