import { InvalidArgumentError, UnsupportedError } from './errors.ts';
import type { Shape } from './shape.ts';
import { elementCount } from './shape.ts';
import type { TensorSpec } from './tensor.ts';

/** Element-wise functions that can be fused into the layer before them. */
export type Activation = 'linear' | 'relu';

/** How the input of a layer is turned into 8-bit integers: `code = clamp(round(x / scale) + zeroPoint, 0, 255)`. */
export interface ActivationQuantization {
  /** Positive, finite. */
  readonly scale: number;
  /** Integer in 0..255; 0 is exactly representable. */
  readonly zeroPoint: number;
}

/** `y[b, u] = activation(sum_i x[b, i] * kernel[i, u] + bias[u])`. */
export interface DenseLayerSpec {
  readonly kind: 'dense';
  readonly name: string;
  readonly inputSize: number;
  readonly units: number;
  readonly activation: Activation;
  /** Weight of shape `[inputSize, units]`, row-major. */
  readonly kernel: string;
  /** Weight of shape `[units]`, float32; null for none. */
  readonly bias: string | null;
  /** Needed to run at int8 or int4; null where only float32 is known. */
  readonly inputQuantization: ActivationQuantization | null;
}

/** `[batch, ...]` -> `[batch, product]`; moves no data in row-major order. */
export interface FlattenLayerSpec {
  readonly kind: 'flatten';
  readonly name: string;
}

/** Softmax over the last axis. */
export interface SoftmaxLayerSpec {
  readonly kind: 'softmax';
  readonly name: string;
}

/** One step of a model. New kinds join this union; a reader must refuse a kind it does not know, by name. */
export type LayerSpec = DenseLayerSpec | FlattenLayerSpec | SoftmaxLayerSpec;

/**
 * A model as plain, JSON-able data: the layers in order of execution. Numbers live apart, in a `WeightSource`,
 * under the names that the layers mention. Shapes exclude the batch.
 */
export interface ModelGraph {
  readonly format: 'qedge-model-graph';
  readonly version: 1;
  readonly name: string;
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  readonly layers: readonly LayerSpec[];
  /** What the outputs stand for, e.g. `["0", ..., "9"]`; optional. */
  readonly labels?: readonly string[];
}

const KNOWN_KINDS: readonly LayerSpec['kind'][] = ['dense', 'flatten', 'softmax'];

/** The shape (without batch) that leaves a layer which is fed `input`. @throws InvalidArgumentError when it does not fit. */
export function layerOutputShape(layer: LayerSpec, input: Shape): Shape {
  switch (layer.kind) {
    case 'dense': {
      if (input.length !== 1 || input[0] !== layer.inputSize) {
        throw new InvalidArgumentError(`Layer "${layer.name}" does not fit its input`, {
          expected: [layer.inputSize],
          actual: input,
        });
      }
      return [layer.units];
    }
    case 'flatten':
      return [elementCount(input)];
    case 'softmax':
      if (input.length === 0) {
        throw new InvalidArgumentError(`Layer "${layer.name}" does not fit its input`, {
          expected: 'at least one axis',
          actual: input,
        });
      }
      return input;
  }
}

/**
 * Checks a graph that came from outside: format, known layer kinds, sizes that fit one another.
 *
 * @returns the same value, typed.
 * @throws InvalidArgumentError or UnsupportedError naming the layer.
 */
export function validateModelGraph(value: unknown): ModelGraph {
  const graph = value as ModelGraph;
  if (typeof value !== 'object' || value === null || graph.format !== 'qedge-model-graph') {
    throw new InvalidArgumentError('Not a model graph', {
      expected: 'format "qedge-model-graph"',
      actual: JSON.stringify((value as { format?: unknown } | null)?.format ?? typeof value),
    });
  }
  if (graph.version !== 1)
    throw new UnsupportedError('Unknown model graph version', { expected: 1, actual: graph.version });
  if (!Array.isArray(graph.layers) || graph.layers.length === 0) {
    throw new InvalidArgumentError('A model graph needs layers', {
      expected: 'at least one layer',
      actual: 'none',
    });
  }
  if (!Array.isArray(graph.inputShape) || !Array.isArray(graph.outputShape)) {
    throw new InvalidArgumentError('A model graph needs its input and output shapes', {
      expected: 'two lists of sizes',
      actual: [typeof graph.inputShape, typeof graph.outputShape],
    });
  }
  const names = new Set<string>();
  let shape: Shape = graph.inputShape;
  if (elementCount(shape) === 0) {
    throw new InvalidArgumentError('A sample of a model cannot be empty', {
      expected: 'input sizes >= 1',
      actual: shape,
    });
  }
  for (const layer of graph.layers) {
    validateLayer(layer);
    if (names.has(layer.name))
      throw new InvalidArgumentError('Two layers share a name', { actual: layer.name });
    names.add(layer.name);
    shape = layerOutputShape(layer, shape);
  }
  if (JSON.stringify(shape) !== JSON.stringify(graph.outputShape)) {
    throw new InvalidArgumentError('The layers do not produce the stated output shape', {
      expected: graph.outputShape,
      actual: shape,
    });
  }
  return graph;
}

function validateLayer(layer: LayerSpec): void {
  if (typeof layer !== 'object' || layer === null) {
    throw new InvalidArgumentError('A layer is not a layer', { expected: 'an object', actual: layer });
  }
  if (!KNOWN_KINDS.includes(layer.kind)) {
    throw new UnsupportedError(`Unknown layer kind in "${String(layer.name)}"`, {
      expected: KNOWN_KINDS.join(', '),
      actual: String(layer.kind),
    });
  }
  if (typeof layer.name !== 'string' || layer.name === '') {
    throw new InvalidArgumentError('A layer needs a name', {
      expected: 'a non-empty string',
      actual: layer.name,
    });
  }
  if (layer.kind === 'dense') validateDenseLayer(layer);
}

function validateDenseLayer(layer: DenseLayerSpec): void {
  const sizes = [layer.inputSize, layer.units];
  if (!sizes.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw new InvalidArgumentError(`Layer "${layer.name}" has an impossible size`, {
      expected: 'positive integers',
      actual: sizes,
    });
  }
  if (layer.activation !== 'linear' && layer.activation !== 'relu') {
    throw new UnsupportedError(`Unknown activation in layer "${layer.name}"`, {
      expected: 'linear, relu',
      actual: String(layer.activation),
    });
  }
  if (typeof layer.kernel !== 'string' || (layer.bias !== null && typeof layer.bias !== 'string')) {
    throw new InvalidArgumentError(`Layer "${layer.name}" does not name its weights`, {
      expected: 'kernel: a name, bias: a name or null',
      actual: { kernel: layer.kernel, bias: layer.bias },
    });
  }
  const quantization = layer.inputQuantization;
  if (quantization !== null && !isActivationQuantization(quantization)) {
    throw new InvalidArgumentError(`Layer "${layer.name}" has impossible quantisation parameters`, {
      expected: 'null, or scale > 0 and zeroPoint in 0..255',
      actual: quantization,
    });
  }
}

function isActivationQuantization(value: ActivationQuantization | undefined): boolean {
  const { scale, zeroPoint } = value ?? { scale: Number.NaN, zeroPoint: Number.NaN };
  return (
    Number.isFinite(scale) && scale > 0 && Number.isInteger(zeroPoint) && zeroPoint >= 0 && zeroPoint <= 255
  );
}

/** The names, shapes and dtypes (as float32) of every weight that a graph mentions, in order of execution. */
export function graphWeightSpecs(graph: ModelGraph): TensorSpec[] {
  const specs: TensorSpec[] = [];
  for (const layer of graph.layers) {
    if (layer.kind !== 'dense') continue;
    specs.push({ name: layer.kernel, dtype: 'float32', shape: [layer.inputSize, layer.units] });
    if (layer.bias !== null) specs.push({ name: layer.bias, dtype: 'float32', shape: [layer.units] });
  }
  return specs;
}
