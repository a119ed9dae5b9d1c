import { MAX_INTEGER_DEPTH } from '@qedge/codegen';
import {
  type ActivationQuantization,
  type CompileOptions,
  type DenseLayerSpec,
  elementCount,
  InvalidArgumentError,
  layerOutputShape,
  type ModelGraph,
  NonFiniteValueError,
  type QuantizationParameters,
  type Shape,
  ShapeMismatchError,
  type StoredTensor,
  throwIfCancelled,
  UnsupportedError,
  validateModelGraph,
  type WeightSource,
} from '@qedge/core';
import { type Float32SoftmaxStep, loadFloat32Weight, softmaxStep } from './float32-model.ts';

/** The integer precisions. */
export type IntegerPrecision = 'int8' | 'int4';

/**
 * A dense layer on integers: with `code = clamp(round(x / scale) + zeroPoint, 0, 255)` per input value,
 * `y[u] = activation(fround(fround(sum (code - zeroPoint) * codes[i, u]) * outputScales[u]) + bias[u])`.
 */
export interface IntegerDenseStep {
  readonly kind: 'dense';
  readonly name: string;
  readonly inputSize: number;
  readonly units: number;
  readonly relu: boolean;
  readonly input: ActivationQuantization;
  /** `[inputSize, units]`, row-major, symmetric; borrowed from the weight source where that holds codes. */
  readonly codes: Int8Array;
  /** `fround(fround(input.scale) * weightScale[u])`, one per unit. */
  readonly outputScales: Float32Array;
  /** `[units]`, or null for none. */
  readonly bias: Float32Array | null;
}

/** What an integer device has to execute. Layers that move no data (flatten) are gone. */
export type IntegerStep = IntegerDenseStep | Float32SoftmaxStep;

/** A checked graph together with its weights as integer codes. */
export interface IntegerModel {
  readonly graph: ModelGraph;
  readonly steps: readonly IntegerStep[];
  /** Elements per sample. */
  readonly inputSize: number;
  /** Elements per sample. */
  readonly outputSize: number;
}

/** The largest code of each precision; the smallest is its negative. */
const LARGEST_CODE: Readonly<Record<IntegerPrecision, number>> = { int8: 127, int4: 7 };

/**
 * Checks a graph and every weight, and turns the weights into symmetric codes: stored codes are kept, float32 weights are
 * quantised per output channel.
 *
 * @throws UnsupportedError for a dense layer without `inputQuantization` or for codes that are too wide, asymmetric or scaled
 *   along the inputs; ShapeMismatchError, NonFiniteValueError or InvalidArgumentError naming the weight.
 */
export function loadIntegerModel(
  graph: ModelGraph,
  weights: WeightSource,
  precision: IntegerPrecision,
  signal?: CompileOptions['signal'],
): IntegerModel {
  validateModelGraph(graph);
  const steps: IntegerStep[] = [];
  let shape: Shape = graph.inputShape;
  for (const layer of graph.layers) {
    throwIfCancelled(signal, 'Compiling a model');
    if (layer.kind === 'dense') {
      steps.push(loadDenseStep(layer, weights, precision));
    } else if (layer.kind === 'softmax') {
      steps.push(softmaxStep(layer.name, shape));
    }
    shape = layerOutputShape(layer, shape);
  }
  const [inputSize, outputSize] = [elementCount(graph.inputShape), elementCount(graph.outputShape)];
  return { graph, steps, inputSize, outputSize };
}

function loadDenseStep(
  layer: DenseLayerSpec,
  weights: WeightSource,
  precision: IntegerPrecision,
): IntegerDenseStep {
  const { name, inputSize, units, inputQuantization: input } = layer;
  if (input === null) {
    throw new UnsupportedError(`Layer "${name}" cannot run at ${precision}`, {
      expected: 'inputQuantization (the scale and zero point of its input)',
      actual: 'null',
      remedy: 'Calibrate the model, or compile at float32.',
    });
  }
  if (inputSize > MAX_INTEGER_DEPTH) {
    throw new UnsupportedError(
      `Layer "${name}" has too many inputs for ${precision}: its sums could overflow`,
      {
        expected: `at most ${MAX_INTEGER_DEPTH}`,
        actual: inputSize,
        remedy: 'Compile at float32.',
      },
    );
  }
  const quantized =
    weights.has(layer.kernel) && weights.spec(layer.kernel).quantization
      ? loadCodes(weights.load(layer.kernel), layer, precision)
      : quantizePerColumn(
          loadFloat32Weight(weights, layer.kernel, [inputSize, units]),
          units,
          LARGEST_CODE[precision],
        );
  return {
    kind: 'dense',
    name,
    inputSize,
    units,
    relu: layer.activation === 'relu',
    input,
    codes: quantized.codes,
    outputScales: outputScales(name, input, quantized.scales),
    bias: layer.bias === null ? null : loadFloat32Weight(weights, layer.bias, [units]),
  };
}

/** @throws NonFiniteValueError when the product of input and weight scale is too small or too large for float32. */
function outputScales(
  layer: string,
  input: ActivationQuantization,
  weightScales: Float32Array,
): Float32Array {
  const inputScale = Math.fround(input.scale);
  const scales = weightScales.map((scale) => inputScale * scale);
  const bad = scales.findIndex((scale) => !(Number.isFinite(scale) && scale > 0));
  if (bad < 0) return scales;
  throw new NonFiniteValueError(`The scales of layer "${layer}" leave float32 at unit ${bad}`, {
    expected: 'a positive, finite product of input and weight scale',
    actual: `${input.scale} * ${weightScales[bad]}`,
  });
}

interface QuantizedKernel {
  readonly codes: Int8Array;
  /** One per column. */
  readonly scales: Float32Array;
}

/** Symmetric, per column: `scale = max |w| / largest`, `code = round(w / scale)`, ties to even. A zero column has scale 1. */
function quantizePerColumn(kernel: Float32Array, columns: number, largest: number): QuantizedKernel {
  const rows = kernel.length / columns;
  const scales = new Float32Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c++) {
      scales[c] = Math.max(scales[c]!, Math.abs(kernel[row * columns + c]!));
    }
  }
  // A scale must not vanish, or codes would be infinite: 2^-126 is the smallest normal float32.
  for (let c = 0; c < columns; c++)
    scales[c] = scales[c] === 0 ? 1 : Math.max(scales[c]! / largest, 2 ** -126);
  const codes = new Int8Array(kernel.length);
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c++) {
      const exact = kernel[row * columns + c]! / scales[c]!;
      const below = Math.floor(exact);
      const tieToOdd = exact - below === 0.5 && below % 2 === 0;
      const nearest = tieToOdd ? below : Math.floor(exact + 0.5);
      codes[row * columns + c] = Math.max(-largest, Math.min(largest, nearest));
    }
  }
  return { codes, scales };
}

function loadCodes(
  tensor: StoredTensor,
  { kernel: name, inputSize, units }: DenseLayerSpec,
  precision: IntegerPrecision,
): QuantizedKernel {
  const { data, shape, quantization } = tensor;
  if (
    shape.length !== 2 ||
    shape[0] !== inputSize ||
    shape[1] !== units ||
    data.length !== inputSize * units
  ) {
    throw new ShapeMismatchError(`The weight "${name}" does not fit the graph`, {
      expected: [inputSize, units],
      actual: shape,
      facts: { expectedShape: [inputSize, units], actualShape: shape },
    });
  }
  if (!(data instanceof Int8Array) || quantization === undefined) {
    throw new UnsupportedError(`The weight "${name}" does not hold one int8 per code`, {
      expected: 'int8',
      actual: tensor.dtype,
    });
  }
  checkQuantization(name, quantization, units, precision);
  checkCodes(name, data, 2 ** (quantization.bits - 1) - 1);
  const { scales } = quantization;
  const perColumn =
    scales.length === units ? Float32Array.from(scales) : new Float32Array(units).fill(scales[0]!);
  return { codes: data, scales: perColumn };
}

function checkQuantization(
  name: string,
  { bits, symmetric, scales, axis }: QuantizationParameters,
  units: number,
  precision: IntegerPrecision,
): void {
  const allowedBits = precision === 'int8' ? 8 : 4;
  if (!Number.isInteger(bits) || bits < 2 || bits > allowedBits) {
    throw new UnsupportedError(`The weight "${name}" cannot run at ${precision}`, {
      expected: `codes of 2..${allowedBits} bits`,
      actual: `${bits} bits`,
      remedy:
        bits <= 8 ? 'Compile at int8 or float32, or quantise the model to 4 bits.' : 'Compile at float32.',
    });
  }
  if (!symmetric || (axis !== null && axis !== 1)) {
    throw new UnsupportedError(`The weight "${name}" is quantised in a way that integer kernels cannot use`, {
      expected: 'symmetric codes with one scale, or one per output channel (axis 1)',
      actual: `${symmetric ? 'symmetric' : 'asymmetric'}, axis ${axis}`,
      remedy: 'Compile at float32, or quantise the model symmetrically.',
    });
  }
  const expected = axis === null ? 1 : units;
  if (scales.length !== expected) {
    throw new ShapeMismatchError(`The scales of the weight "${name}" do not fit it`, {
      expected: `${expected} scales`,
      actual: `${scales.length} scales`,
    });
  }
  const bad = scales.findIndex((scale) => !(Number.isFinite(scale) && scale > 0));
  if (bad >= 0) {
    throw new NonFiniteValueError(`Scale ${bad} of the weight "${name}" is no scale`, {
      expected: 'a positive, finite number',
      actual: scales[bad],
    });
  }
}

function checkCodes(name: string, codes: Int8Array, largest: number): void {
  for (let i = 0; i < codes.length; i++) {
    if (Math.abs(codes[i]!) <= largest) continue;
    throw new InvalidArgumentError(`Code ${i} of the weight "${name}" is out of range`, {
      expected: `-${largest}..${largest}`,
      actual: codes[i],
    });
  }
}
