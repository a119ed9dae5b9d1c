import type { ActivationQuantization, QuantizationParameters } from '@qedge/core';
import type { ModelTopology } from './model-topology.ts';

/** A kernel as integer codes. */
export interface CodedWeight {
  /** Row-major `[rows, outputs]` as in `KernelWeight`, one code per weight. */
  readonly codes: Int8Array;
  /** Its `axis`, when not null, is 1: the output channels of that matrix. */
  readonly quantization: QuantizationParameters;
}

/** What compression makes and exports: plain data beside the topology. */
export interface CompressedModel {
  /** Coded kernels hold exactly `(code - zeroPoint) * scale` in float32. */
  readonly topology: ModelTopology;
  /** By weight name (`TopologyWeight.name`); kernels that are not here are float32. */
  readonly codes: ReadonlyMap<string, CodedWeight>;
  /** By layer name: how the input of a layer with a coded kernel is coded. Layers that are not here take float32 input (weight-only). */
  readonly inputs: ReadonlyMap<string, ActivationQuantization>;
}
