import { type CompiledModel, elementCount, type Precision, type Shape } from '@qedge/core';
import { checkRunArguments } from '../float32-model.ts';
import { assertIdle } from '../model-use.ts';
import { costOf, type DeviceCost, splitBatch } from './split-batch.ts';

/** What one device does of a batch. */
export interface DeviceShare {
  readonly device: string;
  readonly samples: number;
  /** By the measured speed. */
  readonly expectedMs: number;
}

/** A model on several devices. Made by `ParallelDevice.compile`. */
export class ParallelModel implements CompiledModel {
  readonly device: string;
  readonly precision: Precision;
  readonly maxBatch: number;
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  readonly inputSize: number;
  readonly outputSize: number;
  /** Of all devices together. */
  readonly memory: { readonly weightBytes: number; readonly bufferBytes: number };
  readonly #models: readonly CompiledModel[];
  readonly #costs: readonly DeviceCost[];
  readonly #onDispose: () => void;
  /** By batch size, made when one is first used. */
  readonly #splits = new Map<number, readonly number[]>();
  #running = false;
  #disposed = false;

  constructor(
    device: string,
    models: readonly CompiledModel[],
    costs: readonly DeviceCost[],
    onDispose: () => void,
  ) {
    const [first] = models as readonly [CompiledModel];
    this.device = device;
    this.precision = first.precision;
    this.maxBatch = first.maxBatch;
    this.inputShape = first.inputShape;
    this.outputShape = first.outputShape;
    this.inputSize = elementCount(first.inputShape);
    this.outputSize = elementCount(first.outputShape);
    this.memory = {
      weightBytes: models.reduce((sum, { memory }) => sum + memory.weightBytes, 0),
      bufferBytes: models.reduce((sum, { memory }) => sum + memory.bufferBytes, 0),
    };
    this.#models = models;
    this.#costs = costs;
    this.#onDispose = onDispose;
  }

  /** How a batch is divided, in the order of the devices, which is the order of the samples too. */
  shares(batch: number): readonly DeviceShare[] {
    return this.#split(batch).map((samples, at) => ({
      device: this.#models[at]!.device,
      samples,
      expectedMs: costOf(this.#costs[at]!, samples),
    }));
  }

  /**
   * As `CompiledModel.run`. When one device fails the others are waited for, and the first error is thrown; the output then holds
   * what the others computed.
   */
  async run(input: Float32Array, output: Float32Array, batch: number): Promise<void> {
    assertIdle(this.device, this.#disposed, this.#running);
    checkRunArguments(this, input, output, batch);
    const counts = this.#split(batch);
    this.#running = true;
    try {
      const results = await Promise.allSettled(this.#start(input, output, counts));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    } finally {
      this.#running = false;
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const model of this.#models) model.dispose();
    this.#onDispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Starts the devices that work by themselves first: the others keep this thread until they are done. */
  #start(input: Float32Array, output: Float32Array, counts: readonly number[]): Promise<void>[] {
    const { inputSize, outputSize } = this;
    const tasks: { readonly concurrent: boolean; readonly begin: () => Promise<void> }[] = [];
    let from = 0;
    for (const [at, samples] of counts.entries()) {
      if (samples === 0) continue;
      const to = from + samples;
      const [part, result] = [
        input.subarray(from * inputSize, to * inputSize),
        output.subarray(from * outputSize, to * outputSize),
      ];
      const model = this.#models[at]!;
      tasks.push({
        concurrent: this.#costs[at]!.concurrent,
        begin: async () => model.run(part, result, samples),
      });
      from = to;
    }
    const concurrent = tasks.filter((task) => task.concurrent).map(({ begin }) => begin());
    return [...concurrent, ...tasks.filter((task) => !task.concurrent).map(({ begin }) => begin())];
  }

  #split(batch: number): readonly number[] {
    const known = this.#splits.get(batch);
    if (known) return known;
    const split = splitBatch(batch, this.#costs);
    this.#splits.set(batch, split);
    return split;
  }
}
