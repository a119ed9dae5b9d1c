import type { Activation, ActivationQuantization, QuantizationParameters } from '@qedge/core';
import type { DenseNetwork } from './dense-network.ts';
import { computeQuantizationParameters } from './quantization/quantization-parameters.ts';
import { quantizeTensor } from './quantization/quantize-tensor.ts';

/** A fully connected layer in integers. */
export interface QuantizedLayer {
  readonly name: string;
  readonly inputSize: number;
  readonly units: number;
  readonly activation: Activation;
  /** `[inputSize, units]`, row-major, one code per weight. */
  readonly codes: Int8Array;
  /** Symmetric, one scale per output unit (axis 1). */
  readonly quantization: QuantizationParameters;
  /** `[units]`, float32; null for none. */
  readonly bias: Float32Array | null;
  /** How the layer's input is coded. */
  readonly inputQuantization: ActivationQuantization;
}

/**
 * A classifier as integer codes: plain data. Its arithmetic, per layer:
 * `code = clamp(roundHalfEven(fround(x / inputScale)) + zeroPoint, 0, 255)`,
 * `acc[u] = sum_i (code[i] - zeroPoint) * codes[i, u]` in exact integers,
 * `y[u] = fround(fround(acc[u] * fround(inputScale * scales[u])) + bias[u])`, then the activation.
 */
export interface QuantizedClassifier {
  /** Bits per weight, 2..8. Activations have 8. */
  readonly bits: number;
  readonly layers: readonly QuantizedLayer[];
}

/** The coding of a kernel `[inputSize, units]` that training, post-training quantisation and export share. */
export function quantizeKernel(
  kernel: Float32Array,
  inputSize: number,
  units: number,
  bits: number,
  method: 'min-max' | 'mse' = 'min-max',
): { codes: Int8Array; quantization: QuantizationParameters } {
  const shape = [inputSize, units];
  const options = { bits, symmetric: true, axis: 1, method };
  const quantization = computeQuantizationParameters(kernel, shape, options);
  return { codes: quantizeTensor(kernel, shape, quantization), quantization };
}

/** Codes every layer of a network; the biases are copied. */
export function quantizeNetwork(
  network: DenseNetwork,
  bits: number,
  inputs: readonly ActivationQuantization[],
): QuantizedClassifier {
  const layers = network.map(
    ({ name, inputSize, units, activation, kernel, bias }, at): QuantizedLayer => ({
      name,
      inputSize,
      units,
      activation,
      ...quantizeKernel(kernel, inputSize, units, bits),
      bias: bias ? bias.slice() : null,
      inputQuantization: inputs[at],
    }),
  );
  return { bits, layers };
}
