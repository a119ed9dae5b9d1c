import type { Activation } from '@qedge/core';

/** A fully connected layer with its numbers: `y = activation(x @ kernel + bias)`. */
export interface DenseLayer {
  readonly name: string;
  readonly inputSize: number;
  readonly units: number;
  readonly activation: Activation;
  /** `[inputSize, units]`, row-major. */
  readonly kernel: Float32Array;
  /** `[units]`, or null for none. */
  readonly bias: Float32Array | null;
}

/** A stack of fully connected layers, first to last, as plain data; training works in its arrays. */
export type DenseNetwork = readonly DenseLayer[];
