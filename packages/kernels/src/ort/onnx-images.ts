import type { Operator, OperatorOf } from '@qedge/core';
import { addDecodedCodes } from './onnx-codes.ts';
import type { OnnxWriter, Writers } from './onnx-of-graph.ts';
import { addFunction } from './onnx-pointwise.ts';
import { addCodesAndBack, addDecodedBias, addDecodedKernel, codeParametersOf } from './onnx-quantization.ts';

const TO_CHANNELS_FIRST = { perm: [0, 3, 1, 2] } as const;
const TO_CHANNELS_LAST = { perm: [0, 2, 3, 1] } as const;

function windowAttributes({
  window,
}: Extract<Operator, { readonly kind: 'convolution' | 'transposed-convolution' | 'pooling' }>) {
  const { size, strides, dilations, padding } = window;
  return { kernel_shape: [...size], strides: [...strides], dilations: [...dilations], pads: [...padding] };
}

/** Activations that are a range of codes. */
const CLAMPS: readonly (string | undefined)[] = ['relu', 'relu6', 'clip'];

/** A convolution between codes, where the ranges of both sides are known. @returns whether it was written. */
function writeCodedConvolution(
  operator: OperatorOf<'convolution'>,
  [x, weights, bias, residual]: readonly string[],
  output: string,
  writer: OnnxWriter,
): boolean {
  const [from, to] = [x!, output].map((each) => writer.quantization?.ranges.get(each));
  const values = writer.constant(weights!);
  const start = bias ? writer.constant(bias) : [];
  const isClamp = operator.activation === null || CLAMPS.includes(operator.activation.kind);
  if (!from || !to || values === null || start === null || residual || !isClamp) return false;
  const images = addCodesAndBack(writer, writer.add('Transpose', [x!], TO_CHANNELS_FIRST), from);
  const { kernel, scales } = addDecodedKernel(writer, values, writer.shape(weights!));
  const operands = [images, kernel];
  if (bias) operands.push(addDecodedBias(writer, start, scales, codeParametersOf(from).scale));
  const sums = writer.add('Conv', operands, { ...windowAttributes(operator), group: operator.groups });
  const clamped = operator.activation === null ? sums : addFunction(writer, operator.activation, sums);
  writer.add('Transpose', [addCodesAndBack(writer, clamped, to)], TO_CHANNELS_LAST, output);
  return true;
}

/** A convolution, on codes where ranges are known. */
export const writeConvolution: Writers['convolution'] = ({ operator, inputs, outputs }, writer) => {
  const [x, weights, bias, residual] = inputs;
  if (writeCodedConvolution(operator, inputs, outputs[0]!, writer)) return;
  const images = writer.add('Transpose', [x!], TO_CHANNELS_FIRST);
  const kernel =
    addDecodedCodes(writer, weights!) ?? writer.add('Transpose', [weights!], { perm: [3, 2, 0, 1] });
  const operands = bias ? [images, kernel, bias] : [images, kernel];
  const attributes = { ...windowAttributes(operator), group: operator.groups };
  const sums = writer.add('Transpose', [writer.add('Conv', operands, attributes)], TO_CHANNELS_LAST);
  const all = residual ? writer.add('Add', [sums, residual]) : sums;
  addFunction(writer, operator.activation, all, outputs[0]!);
};

/** A pooling. */
export const writePooling: Writers['pooling'] = ({ operator, inputs, outputs }, writer) => {
  const images = writer.add('Transpose', [inputs[0]!], TO_CHANNELS_FIRST);
  const max = operator.operation === 'max';
  const attributes = windowAttributes(operator);
  const pooled = writer.add(max ? 'MaxPool' : 'AveragePool', [images], {
    ...attributes,
    ...(max ? {} : { count_include_pad: operator.operation === 'average-with-padding' ? 1 : 0 }),
  });
  writer.add('Transpose', [pooled], TO_CHANNELS_LAST, outputs[0]);
};

/** The gradient of a convolution as a layer. */
export const writeTransposedConvolution: Writers['transposed-convolution'] = (
  { operator, inputs, outputs },
  writer,
) => {
  const [x, weights, bias] = inputs;
  const images = writer.add('Transpose', [x!], TO_CHANNELS_FIRST);
  const kernel = writer.add('Transpose', [weights!], { perm: [3, 2, 0, 1] });
  const sums = writer.add('ConvTranspose', bias ? [images, kernel, bias] : [images, kernel], {
    ...windowAttributes(operator),
    group: operator.groups,
    output_padding: [...operator.outputPadding],
  });
  const result = addFunction(writer, operator.activation, sums);
  writer.add('Transpose', [result], TO_CHANNELS_LAST, outputs[0]);
};

const COORDINATES = {
  'half-pixel': 'half_pixel',
  'pytorch-half-pixel': 'pytorch_half_pixel',
  asymmetric: 'asymmetric',
  'align-corners': 'align_corners',
  'half-pixel-symmetric': 'half_pixel_symmetric',
} as const;

/** A resize by scales, which the size follows from. */
export const writeResize: Writers['resize'] = ({ operator, inputs, outputs }, writer) => {
  const images = writer.add('Transpose', [inputs[0]!], TO_CHANNELS_FIRST);
  const scales = writer.tensor('float32', [4], Float32Array.of(1, 1, ...operator.scales));
  const resized = writer.add('Resize', [images, '', scales], {
    mode: { text: operator.mode },
    coordinate_transformation_mode: { text: COORDINATES[operator.coordinates] },
    nearest_mode: { text: operator.nearest.replaceAll('-', '_') },
    cubic_coeff_a: { float: operator.cubicCoefficient },
  });
  writer.add('Transpose', [resized], TO_CHANNELS_LAST, outputs[0]);
};
