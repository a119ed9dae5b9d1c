/** The part of the ONNX Runtime JavaScript API that is used here: what `onnxruntime-node` and `onnxruntime-web` share. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options?: { readonly executionProviders?: readonly string[]; readonly intraOpNumThreads?: number },
    ): Promise<OnnxSession>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OnnxTensor;
  readonly env: { readonly versions: { readonly node?: string; readonly web?: string } };
}

/** A loaded model of ONNX Runtime. */
export interface OnnxSession {
  run(feeds: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

/** A tensor of ONNX Runtime; `data` is a Float32Array here. */
export interface OnnxTensor {
  readonly data: unknown;
  dispose(): void;
}
