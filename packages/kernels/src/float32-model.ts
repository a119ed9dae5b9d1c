import { bfloat16Value, float16Value } from '@qedge/codegen';
import {
  type CompileOptions,
  elementCount,
  graphWeightSpecs,
  InvalidArgumentError,
  layerOutputShape,
  type ModelGraph,
  NonFiniteValueError,
  type QuantizationParameters,
  type Shape,
  ShapeMismatchError,
  type StoredTensor,
  shapesEqual,
  throwIfCancelled,
  UnsupportedError,
  validateModelGraph,
  type WeightSource,
} from '@qedge/core';

/** A dense layer with its numbers: `y = activation(x * kernel + bias)`. */
export interface Float32DenseStep {
  readonly kind: 'dense';
  readonly name: string;
  readonly inputSize: number;
  readonly units: number;
  readonly relu: boolean;
  /** `[inputSize, units]`, row-major; borrowed from the weight source where that holds float32. */
  readonly kernel: Float32Array;
  /** `[units]`, or null for none. */
  readonly bias: Float32Array | null;
}

/** Softmax over `rowsPerSample` rows of `width` values per sample. */
export interface Float32SoftmaxStep {
  readonly kind: 'softmax';
  readonly name: string;
  readonly width: number;
  readonly rowsPerSample: number;
}

/** What a float32 device has to execute. Layers that move no data (flatten) are gone. */
export type Float32Step = Float32DenseStep | Float32SoftmaxStep;

/** A checked graph together with its weights as float32. */
export interface Float32Model {
  readonly graph: ModelGraph;
  readonly steps: readonly Float32Step[];
  /** Elements per sample. */
  readonly inputSize: number;
  /** Elements per sample. */
  readonly outputSize: number;
  /** Elements per sample of the widest activation, input and output included. */
  readonly widestSize: number;
  /** Bytes of all kernels and biases. */
  readonly weightBytes: number;
}

/**
 * Checks a graph, the options and every weight, and turns the weights into float32. The arrays in the result may be
 * views of the source: copy or upload them before the source goes.
 *
 * @param device for messages: who cannot do what was asked.
 * @throws UnsupportedError for a precision other than float32 or a dtype without a float32 meaning,
 *   ShapeMismatchError, NonFiniteValueError or InvalidArgumentError naming the weight or option.
 */
export function loadFloat32Model(
  device: string,
  graph: ModelGraph,
  weights: WeightSource,
  options: CompileOptions,
): Float32Model {
  throwIfCancelled(options.signal, 'Compiling a model');
  checkOptions(device, options);
  validateModelGraph(graph);
  const tensors = new Map<string, Float32Array>();
  for (const spec of graphWeightSpecs(graph)) {
    throwIfCancelled(options.signal, 'Compiling a model');
    tensors.set(spec.name, loadFloat32Weight(weights, spec.name, spec.shape));
  }
  const sizes = [elementCount(graph.inputShape)];
  const steps: Float32Step[] = [];
  let shape: Shape = graph.inputShape;
  for (const layer of graph.layers) {
    if (layer.kind === 'dense') {
      const { name, inputSize, units } = layer;
      const bias = layer.bias === null ? null : tensors.get(layer.bias)!;
      const kernel = tensors.get(layer.kernel)!;
      steps.push({ kind: 'dense', name, inputSize, units, relu: layer.activation === 'relu', kernel, bias });
    } else if (layer.kind === 'softmax') {
      steps.push(softmaxStep(layer.name, shape));
    }
    shape = layerOutputShape(layer, shape);
    sizes.push(elementCount(shape));
  }
  const weightBytes = [...tensors.values()].reduce((sum, tensor) => sum + tensor.byteLength, 0);
  const [inputSize, outputSize] = [sizes[0]!, sizes.at(-1)!];
  return { graph, steps, inputSize, outputSize, widestSize: Math.max(...sizes), weightBytes };
}

/** The step of a softmax layer over samples of a shape, which has at least one axis. */
export function softmaxStep(name: string, shape: Shape): Float32SoftmaxStep {
  const width = shape.at(-1)!;
  return { kind: 'softmax', name, width, rowsPerSample: elementCount(shape) / width };
}

function checkOptions(device: string, { precision, maxBatch }: CompileOptions): void {
  if (precision !== 'float32') {
    throw new UnsupportedError(`The ${device} device computes in float32 only`, {
      expected: 'precision "float32"',
      actual: String(precision),
      remedy: 'Compile at float32, or use the CPU device for narrower precisions',
    });
  }
  checkMaxBatch(maxBatch);
}

/** @throws InvalidArgumentError unless `maxBatch` is a positive integer. */
export function checkMaxBatch(maxBatch: number): void {
  if (!Number.isSafeInteger(maxBatch) || maxBatch < 1) {
    throw new InvalidArgumentError('maxBatch is out of range', {
      expected: 'an integer >= 1',
      actual: maxBatch,
    });
  }
}

/**
 * One weight as float32, checked; may be a view of the source.
 *
 * @throws InvalidArgumentError when it is missing, ShapeMismatchError, UnsupportedError or NonFiniteValueError naming it.
 */
export function loadFloat32Weight(weights: WeightSource, name: string, shape: Shape): Float32Array {
  if (!weights.has(name)) {
    throw new InvalidArgumentError(`The weight "${name}" is missing`, {
      expected: 'every weight that the graph mentions',
      actual: weights.names().join(', ') || 'no weights',
    });
  }
  const tensor = weights.load(name);
  const count = elementCount(shape);
  if (!shapesEqual(tensor.shape, shape) || tensor.data.length !== count) {
    throw new ShapeMismatchError(`The weight "${name}" does not fit the graph`, {
      expected: `[${shape.join(', ')}] with ${count} values`,
      actual: `[${tensor.shape.join(', ')}] with ${tensor.data.length} values`,
      facts: { expectedShape: shape, actualShape: tensor.shape },
    });
  }
  const values = toFloat32(name, tensor);
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new NonFiniteValueError(`The weight "${name}" is not finite at element ${i}`, {
      expected: 'finite numbers',
      actual: values[i],
    });
  }
  return values;
}

function toFloat32(name: string, tensor: StoredTensor): Float32Array {
  const { data, dtype, quantization, shape } = tensor;
  if (quantization) {
    const { scales, zeroPoints, axis } = quantization;
    checkChannels(name, shape, quantization);
    // The scale changes every `inner` elements along the quantised axis.
    const inner = axis === null ? data.length : elementCount(shape.slice(axis + 1));
    // Every so many rows of a matrix take the next scale for each column.
    const { groupSize } = quantization;
    const columns = shape.at(-1)!;
    return Float32Array.from(data, (code, index) => {
      const channel =
        groupSize === undefined
          ? Math.floor(index / inner) % scales.length
          : Math.floor(index / (groupSize * columns)) * columns + (index % columns);
      return (code - zeroPoints[channel]!) * scales[channel]!;
    });
  }
  if (data instanceof Float32Array) return data;
  if (dtype === 'float64') return Float32Array.from(data);
  if (dtype === 'float16') return Float32Array.from(data, float16Value);
  if (dtype === 'bfloat16') return Float32Array.from(data, bfloat16Value);
  throw new UnsupportedError(`The weight "${name}" has no float32 values`, {
    expected: 'float64, float32, float16, bfloat16, or integer codes with quantization parameters',
    actual: dtype,
  });
}

/** @throws ShapeMismatchError unless there is one scale and zero point, or one per index of the axis. */
function checkChannels(
  name: string,
  shape: Shape,
  { scales, zeroPoints, axis, groupSize }: QuantizationParameters,
): void {
  const groups = groupSize === undefined ? 1 : Math.ceil(shape[0]! / groupSize);
  const channels = axis === null ? 1 : shape[axis]! * groups;
  if (scales.length === channels && zeroPoints.length === channels) return;
  throw new ShapeMismatchError(`The scales or zero points of the weight "${name}" do not fit it`, {
    expected:
      axis === null ? 'one of each' : `one of each per index of axis ${axis} of [${shape.join(', ')}]`,
    actual: `${scales.length} scales and ${zeroPoints.length} zero points`,
  });
}

/**
 * Checks the arguments of a `CompiledModel.run`. Allocates nothing when they are right.
 *
 * @throws InvalidArgumentError for a batch outside 1..maxBatch, ShapeMismatchError when a length does not fit it.
 */
export function checkRunArguments(
  model: { readonly inputSize: number; readonly outputSize: number; readonly maxBatch: number },
  input: Float32Array,
  output: Float32Array,
  batch: number,
): void {
  checkInput(model, input, batch);
  checkLength('output', output, model.outputSize, batch);
}

/** The part of {@link checkRunArguments} that is about what goes in. */
export function checkInput(
  model: { readonly inputSize: number; readonly maxBatch: number },
  input: Float32Array,
  batch: number,
): void {
  if (!Number.isSafeInteger(batch) || batch < 1 || batch > model.maxBatch) {
    throw new InvalidArgumentError('The batch is out of range', {
      expected: `1..${model.maxBatch} (the maxBatch that the model was compiled for)`,
      actual: batch,
    });
  }
  checkLength('input', input, model.inputSize, batch);
}

function checkLength(what: string, values: Float32Array, perSample: number, batch: number): void {
  if (values.length === batch * perSample) return;
  throw new ShapeMismatchError(`The ${what} does not fit a batch of ${batch}`, {
    expected: `${batch * perSample} values`,
    actual: `${values.length} values`,
  });
}
