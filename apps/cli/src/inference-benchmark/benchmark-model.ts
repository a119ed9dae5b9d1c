import type { Precision } from '@qedge/core';
import type { InputValues, ModelSource } from '@qedge/kernels';

/** Libraries that run whole models. */
export const INFERENCE_PEERS = ['onnxruntime-node', 'onnxruntime-web', 'tfjs-wasm'] as const;

export type InferencePeerName = (typeof INFERENCE_PEERS)[number];

/** A model in every form that the benchmark needs, all with the same weights. */
export interface BenchmarkModel {
  /** Ours; a fresh source per call, owned by the caller. */
  source(): ModelSource;
  /** For ONNX Runtime, by precision; null where there is no such file. */
  onnx(precision: Precision): Promise<Uint8Array | null>;
  /** For TensorFlow.js, where the model can be had as one; null otherwise. */
  layers(): Promise<LayersRunner | null>;
  /** Shapes and random numbers for a batch. */
  readonly inputs: InputValues;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Inputs of the ONNX file that are 64-bit integers. */
  readonly wideInputs: readonly string[];
  /** Values of the ONNX file's inputs that are constants for us. */
  readonly constants: Readonly<Record<string, number>>;
}

/** A model on TensorFlow.js. */
export interface LayersRunner {
  readonly version: string;
  run(): void;
  result(): ArrayLike<number>;
  dispose(): void;
}

/** The least cosine of outputs at a narrow precision with those at float32. */
export const LEAST_COSINE = 0.95;

/** What is timed. */
export interface InferenceCase {
  readonly name: string;
  readonly group: 'convolutional' | 'transformer' | 'perceptron';
  readonly precision: Precision;
  readonly threads: number;
  /** How many times as fast as each library ours should be; libraries that are not named are not compared. */
  readonly goals: Readonly<Partial<Record<InferencePeerName, number>>>;
  /** As {@link LEAST_COSINE}, for the outputs of libraries: less where what they do to a model is known to lose more. */
  readonly leastPeerCosine: number;
  /** @throws Error saying what is missing. */
  open(): Promise<BenchmarkModel>;
}
