/**
 * What is asked of a namespace of TensorFlow.js 4 from outside. Declared here, so that programs that do not use TensorFlow.js compile
 * without its types; what `@tensorflow/tfjs`, `@tensorflow/tfjs-node` and `@tensorflow/tfjs-node-gpu` export has them all.
 */
export interface TensorflowNamespace {
  /** Versions of its parts by name, `tfjs` among them. */
  readonly version: { readonly tfjs: string };
  getBackend(): string;
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
}
