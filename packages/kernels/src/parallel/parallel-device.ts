import {
  type Clock,
  type CompiledModel,
  type CompileOptions,
  type Device,
  type Fallback,
  InvalidArgumentError,
  type ModelGraph,
  type Precision,
  systemClock,
  throwIfCancelled,
  UnsupportedError,
  UseAfterReleaseError,
  type WeightSource,
} from '@qedge/core';
import { measureDeviceCost } from './measure-device-cost.ts';
import { ParallelModel } from './parallel-model.ts';

/** Options of {@link createParallelDevice}. */
export interface ParallelDeviceOptions {
  /** Default: the machine's own clock. */
  readonly clock?: Clock;
}

/**
 * Makes one device of several: every batch is divided over them by the speed that each was measured at when the model was compiled,
 * so that unequal devices end at the same time. Samples keep their order. A device that would only slow the others down gets none.
 *
 * Devices whose `run` returns a promise (WebGPU, ONNX Runtime, TensorFlow.js) work at the same time as the others; CPU devices work in
 * the calling thread, so a second CPU device adds nothing: give one CPU device `threads` instead.
 *
 * @param devices at least one; owned from here on, and disposed with the result or when there is none.
 * @throws InvalidArgumentError without devices and for one that is named twice, UnsupportedError when they share no precision.
 * @example
 * using device = createParallelDevice([await createCpuDevice(), await createOrtDevice(ort)]);
 * using model = await device.compile(graph, weights, { precision: 'float32', maxBatch: 64 });
 * await model.run(input, output, 64);
 */
export function createParallelDevice(
  devices: readonly Device[],
  { clock = systemClock }: ParallelDeviceOptions = {},
): ParallelDevice {
  if (devices.length === 0) {
    throw new InvalidArgumentError('A parallel device needs devices', {
      expected: 'at least one',
      actual: 'none',
    });
  }
  if (new Set(devices).size !== devices.length) {
    throw new InvalidArgumentError('A parallel device was given one device twice', {
      expected: 'different devices',
      actual: devices.map(({ name }) => name),
    });
  }
  try {
    return new ParallelDevice(devices, clock);
  } catch (error) {
    for (const device of devices) device.dispose();
    throw error;
  }
}

/** Several devices that share each batch. Made by {@link createParallelDevice}. */
export class ParallelDevice implements Device {
  readonly kind = 'parallel';
  readonly name: string;
  /** Those that every device has. */
  readonly precisions: readonly Precision[];
  readonly fallbacks: readonly Fallback[];
  readonly #devices: readonly Device[];
  readonly #clock: Clock;
  readonly #models = new Set<CompiledModel>();
  #disposed = false;

  constructor(devices: readonly Device[], clock: Clock) {
    this.#devices = devices;
    this.#clock = clock;
    this.name = `parallel (${devices.map(({ name }) => name).join(' + ')})`;
    this.fallbacks = devices.flatMap(({ fallbacks }) => fallbacks);
    this.precisions = devices[0]!.precisions.filter((precision) =>
      devices.every(({ precisions }) => precisions.includes(precision)),
    );
    if (this.precisions.length > 0) return;
    throw new UnsupportedError('The devices share no precision', {
      expected: 'a precision that all of them compute at',
      actual: Object.fromEntries(devices.map(({ name, precisions }) => [name, precisions])),
    });
  }

  /** Compiles for every device and measures each, for a few runs. @throws as `Device.compile`. */
  async compile(graph: ModelGraph, weights: WeightSource, options: CompileOptions): Promise<ParallelModel> {
    this.#requireAlive();
    if (!this.precisions.includes(options.precision)) {
      throw new UnsupportedError(`The ${this.name} device does not compute at ${String(options.precision)}`, {
        expected: this.precisions.join(', '),
        actual: String(options.precision),
      });
    }
    const models: CompiledModel[] = [];
    try {
      for (const device of this.#devices) models.push(await device.compile(graph, weights, options));
      const costs = [];
      for (const model of models) {
        throwIfCancelled(options.signal, 'Measuring the devices');
        costs.push(await measureDeviceCost(model, this.#clock));
      }
      this.#requireAlive();
      const model: ParallelModel = new ParallelModel(this.name, models, costs, () =>
        this.#models.delete(model),
      );
      this.#models.add(model);
      return model;
    } catch (error) {
      for (const model of models) model.dispose();
      throw error;
    }
  }

  #requireAlive(): void {
    if (this.#disposed) throw new UseAfterReleaseError(`The device ${this.name} was disposed`);
  }

  /** Gives the devices back too. Further calls do nothing. */
  dispose(): void {
    this.#disposed = true;
    for (const model of this.#models) model.dispose();
    this.#models.clear();
    for (const device of this.#devices) device.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
