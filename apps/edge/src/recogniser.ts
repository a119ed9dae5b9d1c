import {
  type CompiledModel,
  type Device,
  elementCount,
  type Fallback,
  InvalidArgumentError,
  type Precision,
} from '@qedge/core';
import { createCpuDevice } from '@qedge/kernels';
import { LazyModel } from '@qedge/memory';
import { MODEL_SIDE } from './digit-image.ts';

/** One recognised digit. */
export interface Recognition {
  /** `[10]`, sums to 1; owned by the receiver. */
  readonly probabilities: Float32Array;
  readonly precision: Precision;
  /** The mean over enough runs to be above the resolution of the browser's clock. */
  readonly latencyMs: number;
  /** How many runs that mean is over. */
  readonly runs: number;
  readonly weightBytes: number;
}

const DIGITS = 10;
/** Browsers round their clock to 0.1 ms or more: runs are repeated for this long, or this often. */
const TIMING_MS = 4;
const MOST_RUNS = 64;

/** A model on this device, compiled at each precision when it is first asked for. */
export class Recogniser implements Disposable {
  readonly #device: Device;
  readonly #model: LazyModel;
  readonly #endsInSoftmax: boolean;
  readonly #compiled = new Map<Precision, Promise<CompiledModel>>();

  private constructor(device: Device, model: LazyModel) {
    this.#device = device;
    this.#model = model;
    this.#endsInSoftmax = model.graph.layers.at(-1)!.kind === 'softmax';
  }

  /**
   * Downloads (or takes from the cache) a model of 784 inputs and 10 outputs and prepares the device.
   *
   * @throws FileFormatError for a damaged model, InvalidArgumentError when it cannot be fetched or is not for digits.
   */
  static async load(modelUrl: string): Promise<Recogniser> {
    const response = await fetch(modelUrl);
    if (!response.ok) {
      throw new InvalidArgumentError('The model cannot be loaded', {
        expected: modelUrl,
        actual: `HTTP status ${response.status}`,
      });
    }
    const model = LazyModel.fromBytes(new Uint8Array(await response.arrayBuffer()));
    const { inputShape, outputShape } = model.graph;
    const sizes = [elementCount(inputShape), elementCount(outputShape)];
    if (sizes[0] !== MODEL_SIDE * MODEL_SIDE || sizes[1] !== DIGITS) {
      throw new InvalidArgumentError('The model is not for digits', {
        expected: `${MODEL_SIDE * MODEL_SIDE} inputs and ${DIGITS} outputs`,
        actual: sizes,
      });
    }
    return new Recogniser(await createCpuDevice(), model);
  }

  get deviceName(): string {
    return this.#device.name;
  }

  get fallbacks(): readonly Fallback[] {
    return this.#device.fallbacks;
  }

  get modelName(): string {
    return this.#model.graph.name;
  }

  get fileByteLength(): number {
    return this.#model.fileByteLength;
  }

  /** What device and model can do together: integers need the model's activation ranges. */
  get precisions(): readonly Precision[] {
    const calibrated = this.#model.graph.layers.every(
      (layer) => layer.kind !== 'dense' || layer.inputQuantization !== null,
    );
    return this.#device.precisions.filter((precision) => calibrated || precision.startsWith('float'));
  }

  /**
   * Recognises one digit.
   *
   * @param image `[784]`, 0..1.
   * @throws what the device throws for a model that it cannot compile.
   */
  async recognise(image: Float32Array, precision: Precision): Promise<Recognition> {
    const model = await this.#compile(precision);
    const output = new Float32Array(DIGITS);
    await model.run(image, output, 1);
    let runs = 0;
    let elapsedMs = 0;
    const start = performance.now();
    for (; elapsedMs < TIMING_MS && runs < MOST_RUNS; runs++) {
      await model.run(image, output, 1);
      elapsedMs = performance.now() - start;
    }
    return {
      probabilities: this.#endsInSoftmax ? output : softmax(output),
      precision,
      latencyMs: elapsedMs / runs,
      runs,
      weightBytes: model.memory.weightBytes,
    };
  }

  dispose(): void {
    for (const model of this.#compiled.values())
      model.then(
        (compiled) => compiled.dispose(),
        () => undefined,
      );
    this.#device.dispose();
    this.#model.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Once per precision, also when strokes come while it is under way; a failure is tried again. */
  #compile(precision: Precision): Promise<CompiledModel> {
    const known = this.#compiled.get(precision);
    if (known) return known;
    const compiling = this.#compileNow(precision);
    this.#compiled.set(precision, compiling);
    compiling.catch(() => this.#compiled.delete(precision));
    return compiling;
  }

  async #compileNow(precision: Precision): Promise<CompiledModel> {
    const compiled = await this.#device.compile(this.#model.graph, this.#model, { precision, maxBatch: 1 });
    // The device packed its own copy of the weights.
    this.#model.evict();
    return compiled;
  }
}

function softmax(logits: Float32Array): Float32Array {
  const highest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
