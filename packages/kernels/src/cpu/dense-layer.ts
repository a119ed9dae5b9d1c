import type { TargetTraits } from '@qedge/codegen';
import type { Float32DenseStep } from '../float32-model.ts';
import type { IntegerDenseStep } from '../integer-model.ts';
import type { ModelStep } from './model-kernel.ts';

/** What a layer is laid out for. */
export interface LayerOptions {
  readonly traits: TargetTraits;
  /** The largest batch. */
  readonly maxBatch: number;
}

/** Addresses of what a layer reads and writes. */
export interface LayerPlaces {
  readonly weights: number;
  readonly input: number;
  /** Of the input as codes; unused at float32. */
  readonly codes: number;
  readonly output: number;
}

/** A dense layer whose weights are laid out for the kernels of one target. */
export interface DenseLayer {
  readonly step: Float32DenseStep | IntegerDenseStep;
  /** Bytes of the weights and of all that belongs to them. */
  readonly weightBytes: number;
  /** Bytes of the input of one sample as codes; 0 at float32. */
  readonly codeBytes: number;
  /** Writes the weights to `target`, of `weightBytes` bytes. */
  pack(target: Uint8Array): void;
  /** The steps of the layer, cut along its units into at most as many parts as there are threads. */
  steps(places: LayerPlaces, threads: number): readonly ModelStep[];
}
