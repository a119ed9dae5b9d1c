import {
  createMemory,
  instantiateKernels,
  type KernelDescription,
  kernelKey,
  type LoadedKernel,
  packCodes,
  packFloat32,
  type WasmDialect,
  type WasmModule,
} from '@qedge/codegen';
import { type CompiledModel, type Precision, type Shape, UseAfterReleaseError } from '@qedge/core';
import { checkRunArguments, type Float32Model } from '../float32-model.ts';
import type { IntegerModel } from '../integer-model.ts';
import { softmaxRows } from '../softmax.ts';
import { type DensePlan, type ModelPlan, planModel, type SoftmaxPlan } from './model-plan.ts';
import { verifyDense } from './verify-dense.ts';

/** What {@link WasmModel} is made of. */
export interface WasmModelParts {
  /** For `CompiledModel.device`. */
  readonly device: string;
  readonly dialect: WasmDialect;
  readonly precision: Precision;
  readonly maxBatch: number;
  readonly source: Float32Model | IntegerModel;
  moduleFor(descriptions: readonly KernelDescription[]): WasmModule;
  onDispose(): void;
}

/** One step, bound to the arena. `execute` allocates nothing. */
interface Executable {
  execute(batch: number): void;
}

/** A model in one WebAssembly memory. After the first run of a batch size, `run` allocates nothing on the JavaScript heap. */
export class WasmModel implements CompiledModel {
  readonly device: string;
  readonly precision: Precision;
  readonly maxBatch: number;
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  readonly inputSize: number;
  readonly outputSize: number;
  readonly memory: { readonly weightBytes: number; readonly bufferBytes: number };
  readonly #onDispose: () => void;
  readonly #inputIndex: number;
  readonly #outputAddress: number;
  #steps: readonly Executable[] | null;
  #floats: Float32Array;
  /** The output by batch size, made when a batch size is first used. */
  #outputs: (Float32Array | undefined)[];

  /** @throws VerificationError when a generated kernel disagrees with the reference, and as `Device.compile`. */
  constructor(parts: WasmModelParts) {
    const { dialect, precision, maxBatch, source } = parts;
    const plan = planModel(source, precision, maxBatch, dialect);
    const memory = createMemory(plan.byteLength);
    packWeights(plan, memory.buffer);
    const kernels = instantiateKernels(parts.moduleFor(plan.kernels), memory);
    this.#steps = plan.steps.map((step) => {
      if (step.kind === 'softmax') return new SoftmaxExecutable(step, memory.buffer, maxBatch);
      const dense = new DenseExecutable(step, kernels);
      verifyDense(step, dense, memory.buffer, maxBatch, dialect);
      return dense;
    });
    this.device = parts.device;
    this.precision = precision;
    this.maxBatch = maxBatch;
    this.inputShape = source.graph.inputShape;
    this.outputShape = source.graph.outputShape;
    this.inputSize = source.inputSize;
    this.outputSize = source.outputSize;
    this.memory = { weightBytes: plan.weightBytes, bufferBytes: plan.bufferBytes };
    this.#onDispose = parts.onDispose;
    this.#inputIndex = plan.inputAddress / 4;
    this.#outputAddress = plan.outputAddress;
    this.#floats = new Float32Array(memory.buffer);
    this.#outputs = new Array<Float32Array | undefined>(maxBatch + 1).fill(undefined);
  }

  run(input: Float32Array, output: Float32Array, batch: number): void {
    const steps = this.#steps;
    if (steps === null) throw new UseAfterReleaseError('This compiled model was disposed');
    checkRunArguments(this, input, output, batch);
    this.#floats.set(input, this.#inputIndex);
    for (let i = 0; i < steps.length; i++) steps[i]!.execute(batch);
    output.set(this.#outputs[batch] ?? this.#viewOutput(batch));
  }

  dispose(): void {
    if (this.#steps === null) return;
    this.#steps = null;
    this.#floats = new Float32Array(0);
    this.#outputs = [];
    this.#onDispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #viewOutput(batch: number): Float32Array {
    const view = new Float32Array(this.#floats.buffer, this.#outputAddress, batch * this.outputSize);
    this.#outputs[batch] = view;
    return view;
  }
}

class DenseExecutable implements Executable {
  readonly #plan: DensePlan;
  /** By rows per tile; index 0 is unused. */
  readonly #gemms: readonly LoadedKernel[];
  readonly #quantize: LoadedKernel | null;
  readonly #tallest: number;
  readonly #rowsAddress: number;

  constructor(plan: DensePlan, kernels: ReadonlyMap<string, LoadedKernel>) {
    const loaded = plan.gemms.map((description) => kernels.get(kernelKey(description))!);
    this.#plan = plan;
    this.#gemms = [loaded[0]!, ...loaded];
    this.#tallest = loaded.length;
    this.#quantize = plan.quantize ? kernels.get(kernelKey(plan.quantize.description))! : null;
    this.#rowsAddress = plan.quantize?.codesAddress ?? plan.inputAddress;
  }

  /** Cuts the batch into the fewest tiles and makes them as equal as possible: two heights at most. */
  execute(batch: number): void {
    const plan = this.#plan;
    if (this.#quantize !== null) {
      const { codesAddress, parametersAddress } = plan.quantize!;
      this.#quantize(plan.inputAddress, codesAddress, batch, parametersAddress);
    }
    const tiles = Math.ceil(batch / this.#tallest);
    const rows = Math.floor(batch / tiles);
    const tallTiles = batch - rows * tiles;
    const { panelsAddress, scalesAddress, biasAddress } = plan;
    let a = this.#rowsAddress;
    let c = plan.outputAddress;
    if (tallTiles > 0) {
      this.#gemms[rows + 1]!(a, panelsAddress, c, tallTiles, scalesAddress, biasAddress);
      a += tallTiles * (rows + 1) * plan.layout.rowByteLength;
      c += tallTiles * (rows + 1) * plan.layout.columns * 4;
    }
    this.#gemms[rows]!(a, panelsAddress, c, tiles - tallTiles, scalesAddress, biasAddress);
  }
}

class SoftmaxExecutable implements Executable {
  readonly #values: Float32Array;
  readonly #rowsPerSample: number;
  readonly #width: number;

  constructor({ step, address }: SoftmaxPlan, buffer: ArrayBufferLike, maxBatch: number) {
    this.#rowsPerSample = step.rowsPerSample;
    this.#width = step.width;
    this.#values = new Float32Array(buffer, address, maxBatch * step.rowsPerSample * step.width);
  }

  execute(batch: number): void {
    softmaxRows(this.#values, batch * this.#rowsPerSample, this.#width);
  }
}

/** Writes weights, scales, biases and quantisation parameters to where a plan wants them. */
export function packWeights(plan: ModelPlan, buffer: ArrayBufferLike): void {
  for (const dense of plan.steps) {
    if (dense.kind === 'softmax') continue;
    const { step, layout, quantize } = dense;
    if ('codes' in step) {
      packCodes(layout, step.codes, new Uint8Array(buffer, dense.panelsAddress, layout.byteLength));
      new Float32Array(buffer, dense.scalesAddress, step.units).set(step.outputScales);
      const { input, parametersAddress } = quantize!;
      const { lanes } = layout;
      new Float32Array(buffer, parametersAddress, 3 * lanes)
        .fill(input.scale, 0, lanes)
        .fill(-input.zeroPoint, lanes, 2 * lanes)
        .fill(255 - input.zeroPoint, 2 * lanes);
    } else {
      packFloat32(layout, step.kernel, new Float32Array(buffer, dense.panelsAddress, layout.byteLength / 4));
    }
    if (step.bias) new Float32Array(buffer, dense.biasAddress, step.units).set(step.bias);
  }
}
