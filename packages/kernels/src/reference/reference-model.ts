import {
  type CompiledModel,
  type CompileOptions,
  type ModelGraph,
  type Precision,
  type Shape,
  UnsupportedError,
  UseAfterReleaseError,
  type WeightSource,
} from '@qedge/core';
import {
  checkInput,
  checkMaxBatch,
  checkRunArguments,
  type Float32DenseStep,
  type Float32Step,
  loadFloat32Model,
} from '../float32-model.ts';
import { type IntegerDenseStep, type IntegerStep, loadIntegerModel } from '../integer-model.ts';
import { softmaxRows } from '../softmax.ts';
import { finishRows, multiplyCodes, multiplyFloat32, quantizeValues, scaleSums } from './dense-arithmetic.ts';

/**
 * A model graph in plain loops: the meaning of every precision, and what the other implementations are checked against.
 * Each run allocates; speed is no goal.
 */
export class ReferenceModel implements CompiledModel {
  readonly device: string;
  readonly precision: Precision;
  readonly maxBatch: number;
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  readonly inputSize: number;
  readonly outputSize: number;
  readonly memory: { readonly weightBytes: number; readonly bufferBytes: number };
  readonly #onDispose: () => void;
  #steps: readonly (Float32Step | IntegerStep)[] | null;

  /**
   * @param onDispose called once, when the model is disposed.
   * @throws as `Device.compile`.
   */
  constructor(
    device: string,
    graph: ModelGraph,
    weights: WeightSource,
    options: CompileOptions,
    onDispose: () => void = () => {},
  ) {
    const model = loadModel(graph, weights, options);
    this.device = device;
    this.precision = options.precision;
    this.maxBatch = options.maxBatch;
    this.inputShape = graph.inputShape;
    this.outputShape = graph.outputShape;
    this.inputSize = model.inputSize;
    this.outputSize = model.outputSize;
    this.#onDispose = onDispose;
    this.#steps = model.steps.map(copyWeights);
    const bytes = this.#steps.map((step) => (step.kind === 'dense' ? weightBytes(step) : 0));
    this.memory = { weightBytes: bytes.reduce((sum, count) => sum + count, 0), bufferBytes: 0 };
  }

  run(input: Float32Array, output: Float32Array, batch: number): void {
    const steps = this.#liveSteps();
    checkRunArguments(this, input, output, batch);
    output.set(evaluate(steps, input, batch, () => {}));
  }

  /** The exact int32 sums of every dense layer, `[batch, units]` each. @throws UnsupportedError at float32; as `run`. */
  accumulators(input: Float32Array, batch: number): Int32Array[] {
    if (this.precision === 'float32') {
      throw new UnsupportedError('A float32 model has no integer accumulators', {
        expected: 'int8 or int4',
        actual: this.precision,
      });
    }
    const steps = this.#liveSteps();
    checkInput(this, input, batch);
    const found: Int32Array[] = [];
    evaluate(steps, input, batch, (accumulators) => found.push(accumulators));
    return found;
  }

  dispose(): void {
    if (this.#steps === null) return;
    this.#steps = null;
    this.#onDispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #liveSteps(): readonly (Float32Step | IntegerStep)[] {
    if (this.#steps === null) throw new UseAfterReleaseError('This compiled model was disposed');
    return this.#steps;
  }
}

function loadModel(
  graph: ModelGraph,
  weights: WeightSource,
  options: CompileOptions,
): { steps: readonly (Float32Step | IntegerStep)[]; inputSize: number; outputSize: number } {
  const { precision, maxBatch, signal } = options;
  checkMaxBatch(maxBatch);
  if (precision === 'int8' || precision === 'int4')
    return loadIntegerModel(graph, weights, precision, signal);
  return loadFloat32Model('cpu', graph, weights, options);
}

/** Weights may be views of a source that goes away after `compile`. */
function copyWeights<Step extends Float32Step | IntegerStep>(step: Step): Step {
  if (step.kind !== 'dense') return step;
  const bias = step.bias?.slice() ?? null;
  return 'codes' in step
    ? { ...step, codes: step.codes.slice(), bias }
    : { ...step, kernel: step.kernel.slice(), bias };
}

function weightBytes(step: Float32DenseStep | IntegerDenseStep): number {
  const kernel =
    'codes' in step ? step.codes.byteLength + step.outputScales.byteLength : step.kernel.byteLength;
  return kernel + (step.bias?.byteLength ?? 0);
}

function evaluate(
  steps: readonly (Float32Step | IntegerStep)[],
  input: Float32Array,
  batch: number,
  onAccumulators: (accumulators: Int32Array) => void,
): Float32Array {
  let values = input.slice();
  for (const step of steps) {
    if (step.kind === 'softmax') {
      softmaxRows(values, batch * step.rowsPerSample, step.width);
      continue;
    }
    const shape = { rows: batch, depth: step.inputSize, columns: step.units };
    const result = new Float32Array(batch * step.units);
    if ('codes' in step) {
      const codes = new Int16Array(values.length);
      quantizeValues(values, step.input.scale, step.input.zeroPoint, codes);
      const accumulators = new Int32Array(result.length);
      multiplyCodes(shape, codes, step.codes, accumulators);
      onAccumulators(accumulators);
      scaleSums(accumulators, step.outputScales, result);
    } else {
      multiplyFloat32(shape, values, step.kernel, result);
    }
    finishRows(result, step.bias, step.relu);
    values = result;
  }
  return values;
}
