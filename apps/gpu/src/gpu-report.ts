import type { Capability, DeviceKind, Fallback, Shape } from '@qedge/core';

/** One batch size on one device. */
export interface BatchReport {
  readonly batch: number;
  /** Timed runs, after the warm-up. Each includes the transfer of input and output. */
  readonly repeats: number;
  readonly latencyMsBest: number;
  readonly latencyMsMedian: number;
  /** Samples per second at the median latency. */
  readonly samplesPerSecond: number;
  /** The greatest difference from the reference, relative to the reference's greatest magnitude (at least 1). */
  readonly relativeError: number;
  /** Whether the error is within {@link AGREEMENT_TOLERANCE}. */
  readonly agrees: boolean;
}

/** A device that ran the model. */
export interface DeviceReport {
  readonly kind: DeviceKind;
  readonly name: string;
  readonly fallbacks: readonly Fallback[];
  /** From graph and weights to a model that is ready; includes the compilation of GPU programs. */
  readonly compileMs: number;
  readonly weightBytes: number;
  readonly bufferBytes: number;
  readonly batches: readonly BatchReport[];
}

/** Something that was looked for and did not run the model. */
export interface MissingDevice {
  readonly name: string;
  readonly reason: string;
  readonly remedy: string | null;
}

/** What {@link runGpuApp} found and measured; survives JSON. */
export interface GpuReport {
  readonly format: 'qedge-gpu-report';
  readonly version: 1;
  readonly model: { readonly name: string; readonly inputShape: Shape; readonly outputShape: Shape };
  /** WebGPU, CUDA and every TensorFlow.js library: what is there, and what would make the rest available. */
  readonly capabilities: readonly Capability[];
  /** In the order in which they ran; the CPU device, the yardstick, comes first. */
  readonly devices: readonly DeviceReport[];
  readonly missing: readonly MissingDevice[];
  /** CUDA is looked for but not used by this version. */
  readonly cudaDetected: boolean;
}

/**
 * Outputs within this relative error agree: float32 sums of a thousand products, in any order, differ by some 1e-6;
 * a wrong kernel differs by far more than 1e-4.
 */
export const AGREEMENT_TOLERANCE = 1e-4;
