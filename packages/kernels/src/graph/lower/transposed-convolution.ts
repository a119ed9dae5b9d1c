import type { OperatorOf } from '@qedge/core';
import type { KernelSteps } from '../../engine/binding.ts';
import { convolutionSteps, depthwiseSteps } from '../../engine/convolution.ts';
import { copySteps, fillSteps, rowMajorStrides } from '../../engine/copy.ts';
import { gemmSteps } from '../../engine/gemm.ts';
import { PackedMatrix } from '../../engine/packed-matrix.ts';
import { activationAfter, type PlannedActivation, planActivation } from './fused-activation.ts';
import { inputOf, type Lowering } from './lowering.ts';

type Node = Lowering<'transposed-convolution'>;
type Operator = OperatorOf<'transposed-convolution'>;

/** Windows that touch each other are products; others a convolution of the image with gaps between its cells. */
export function lowerTransposedConvolution(node: Node): KernelSteps {
  const { context, operator, outputs, precision } = node;
  const output = outputs[0]!;
  if (precision !== 'float32') node.report('float32', 'a transposed convolution');
  const cellsOfWindow = operator.window.size[0] * operator.window.size[1];
  const isNarrow = isTiling(operator) && cellsOfWindow * output.shape[3]! <= context.host.traits.lanes;
  const activation = planActivation(operator.activation, isNarrow);
  const steps = isNarrow
    ? narrowTilingSteps(node, activation)
    : isTiling(operator)
      ? tilingSteps(node, activation)
      : gappedSteps(node, activation);
  return [...steps, ...activationAfter(context, activation, output.floats)];
}

/** Whether every output cell comes from one input cell. */
function isTiling({ window, groups, outputPadding }: Operator): boolean {
  const { size, strides, dilations, padding } = window;
  return (
    groups === 1 &&
    [0, 1].every((axis) => size[axis] === strides[axis] && dilations[axis] === 1) &&
    [...padding, ...outputPadding].every((cells) => cells === 0)
  );
}

/** Each row of the window is a product whose result is a row of output cells: nothing is moved afterwards. */
function tilingSteps(node: Node, activation: PlannedActivation): KernelSteps {
  const { context, operator, outputs } = node;
  const [images, weights, output] = [inputOf(node, 0), inputOf(node, 1), outputs[0]!];
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  const [rows, columns] = operator.window.size;
  const outputChannels = output.shape[3]!;
  const n = columns * outputChannels;
  const epilogue = { ...tileBias(node, n), activation: activation.fused };
  const outputRow = width * n;
  return Array.from({ length: rows }, (_, row) => {
    const part = {
      name: `${weights.name} row ${row}`,
      load: () => (weights.load() as Float32Array).subarray(row * n * channels, (row + 1) * n * channels),
    };
    const b = PackedMatrix.pack(context, { k: channels, n, b: part, transposeB: true });
    return gemmSteps(context, {
      ...{ m: width, n, k: channels, batch: batch * height, b, ...epilogue },
      a: { data: images.floats, rowStride: channels, batchStride: width * channels },
      c: { data: output.floats.subarray(row * outputRow), rowStride: n, batchStride: rows * outputRow },
    });
  }).flat();
}

/** All cells of a window as one product, whose columns fit one vector, and a copy of its rows to where they belong. */
function narrowTilingSteps(node: Node, { fused }: PlannedActivation): KernelSteps {
  const { context, operator, outputs } = node;
  const [images, weights, output] = [inputOf(node, 0), inputOf(node, 1), outputs[0]!];
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  const [rows, columns] = operator.window.size;
  const run = columns * output.shape[3]!;
  const [m, n, k] = [batch * height * width, rows * run, channels];
  const source = { name: weights.name, load: () => weights.load() as Float32Array };
  const b = PackedMatrix.pack(context, { k, n, b: source, transposeB: true });
  const cells = context.arena.temporaryArray(Float32Array, m * n, 'the cells of windows');
  return [
    ...gemmSteps(context, {
      m,
      n,
      k,
      a: images.floats,
      b,
      c: cells,
      ...tileBias(node, n),
      activation: fused,
    }),
    ...copySteps(context, {
      sizes: [batch * height, rows, width, run],
      input: { data: cells, strides: [width * n, run, n, 1] },
      output: { data: output.floats },
    }),
  ];
}

/** The bias of the output's channels, repeated for each cell among `n` columns. */
function tileBias({ context, inputs, outputs }: Node, n: number): { readonly bias?: Float32Array } {
  const bias = inputs[2] ?? null;
  if (bias === null) return {};
  const tiled = context.arena.array(Float32Array, n, 'a bias');
  for (let at = 0; at < n; at += outputs[0]!.shape[3]!) tiled.set(bias.load() as Float32Array, at);
  return { bias: tiled };
}

/** Along one axis: where the cells of the image lie between the gaps. */
interface GappedAxis {
  /** Cells with their gaps and all padding, so that windows of step 1 give the output. */
  readonly size: number;
  /** The first cell of the image that lies inside, where, and how many there are. */
  readonly firstCell: number;
  readonly from: number;
  readonly cells: number;
}

function gappedAxis({ window }: Operator, axis: 0 | 1, cells: number, outputSize: number): GappedAxis {
  const stride = window.strides[axis];
  const extent = (window.size[axis] - 1) * window.dilations[axis];
  const size = outputSize + extent;
  const offset = extent - window.padding[axis];
  const firstCell = offset < 0 ? Math.ceil(-offset / stride) : 0;
  const from = offset + firstCell * stride;
  const inside = Math.min(cells - firstCell, Math.floor((size - 1 - from) / stride) + 1);
  return { size, firstCell, from, cells: Math.max(0, inside) };
}

/** The image with gaps of zeros, then a convolution with the window turned around. */
function gappedSteps(node: Node, activation: PlannedActivation): KernelSteps {
  const { context, operator, outputs } = node;
  const [images, output] = [inputOf(node, 0), outputs[0]!];
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  const rows = gappedAxis(operator, 0, height, output.shape[1]!);
  const columns = gappedAxis(operator, 1, width, output.shape[2]!);
  const shape = [batch, rows.size, columns.size, channels];
  const strides = rowMajorStrides(shape);
  const from = rowMajorStrides(images.shape);
  const length = shape.reduce((product, size) => product * size, 1);
  const gapped = context.arena.temporaryArray(Float32Array, length, 'an image with gaps');
  const [strideRows, strideColumns] = operator.window.strides;
  return [
    ...fillSteps(context, { sizes: [length], output: { data: gapped }, value: 0 }),
    ...copySteps(context, {
      sizes: [batch, rows.cells, columns.cells, channels],
      input: {
        data: images.floats,
        offset: rows.firstCell * from[1]! + columns.firstCell * from[2]!,
        strides: from,
      },
      output: {
        data: gapped,
        offset: rows.from * strides[1]! + columns.from * strides[2]!,
        strides: [strides[0]!, strides[1]! * strideRows, strides[2]! * strideColumns, 1],
      },
    }),
    ...turnedConvolution(node, activation, { height: rows.size, width: columns.size, gapped }),
  ];
}

function turnedConvolution(
  node: Node,
  activation: PlannedActivation,
  {
    height,
    width,
    gapped,
  }: { readonly height: number; readonly width: number; readonly gapped: Float32Array },
): KernelSteps {
  const { context, operator, outputs } = node;
  const { window, groups } = operator;
  const [images, weights] = [inputOf(node, 0), inputOf(node, 1)];
  const bias = node.inputs[2] ?? null;
  const [batch, , , channels] = images.shape as [number, number, number, number];
  const output = outputs[0]!;
  const outputChannels = output.shape[3]!;
  const common = {
    ...{ batch, height, width, channels, input: gapped, output: output.floats },
    ...{ window: window.size, dilation: window.dilations },
    weights: {
      name: `${weights.name} + ${bias?.name ?? 'nothing'} turned`,
      load: () => turnWeights(weights.load() as Float32Array, window.size, groups, channels, outputChannels),
    },
    ...(bias ? { bias: bias.load() as Float32Array } : {}),
    activation: activation.fused,
  };
  if (groups === channels && groups > 1) {
    return depthwiseSteps(context, { ...common, multiplier: outputChannels / groups });
  }
  return convolutionSteps(context, { ...common, groups, outputChannels });
}

/** `[height, width, outputs / groups, channels]` to `[height, width, channels / groups, outputs]`, both window axes reversed. */
function turnWeights(
  weights: Float32Array,
  [rows, columns]: readonly [number, number],
  groups: number,
  channels: number,
  outputs: number,
): Float32Array {
  const [depth, wide] = [channels / groups, outputs / groups];
  const turned = new Float32Array(weights.length);
  let at = 0;
  for (let tap = rows * columns - 1; tap >= 0; tap--) {
    for (let i = 0; i < depth; i++) {
      for (let output = 0; output < outputs; output++) {
        const group = Math.floor(output / wide);
        turned[at++] = weights[(tap * wide + (output % wide)) * channels + group * depth + i]!;
      }
    }
  }
  return turned;
}
