import {
  type Activation,
  type ConvolutionRequest,
  convolutionWeightBytes,
  depthwiseWeightBytes,
  type GemmPanelShape,
  gemmPanelBytes,
  gemmPanelColumns,
  packConvolutionWeights,
  packDepthwiseWeights,
  packGemmPanels,
  planConvolution,
  planDepthwise,
} from '@qedge/codegen';
import type { TensorInfo } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs-device.ts';
import {
  type AcceleratedKernel,
  areFloats,
  type KernelInputs,
  type KernelMaker,
} from './accelerated-kernel.ts';
import type { KernelRunner } from './kernel-runner.ts';
import { fusedActivation } from './matrix-product.ts';
import type { ProgramPlan, WeightPacking } from './program.ts';
import { ProgramBuilder, placeMatrix } from './program-builder.ts';
import { operandAt } from './scratch-layout.ts';
import { WeightCache } from './weight-cache.ts';
import {
  addWindowKernel,
  isPointwiseWindow,
  type WindowCall,
  type WindowInfo,
  windowCall,
  windowKey,
} from './window-call.ts';

type Strides = [number, number];

/** `Conv2D`, `FusedConv2D`, `DepthwiseConv2dNative` and `FusedDepthwiseConv2D` on images with the channels last. */
export const makeConvolutions: KernelMaker = (runner, tf) => {
  const cache = new WeightCache(runner);
  const kernel = (name: string, depthwise: boolean): AcceleratedKernel => ({
    name,
    serve: (call) => convolve(runner, cache, tf, call, depthwise),
    trials: trialsOf(name, depthwise),
  });
  return [
    kernel('Conv2D', false),
    kernel('FusedConv2D', false),
    kernel('DepthwiseConv2dNative', true),
    kernel('FusedDepthwiseConv2D', true),
  ];
};

function trialsOf(name: string, depthwise: boolean): AcceleratedKernel['trials'] {
  const isFused = name.startsWith('Fused');
  const shared = { dataFormat: 'NHWC', dimRoundingMode: undefined };
  const withBias = (inputs: Record<string, number[]>, channels: number): Record<string, number[]> => {
    return isFused ? { ...inputs, bias: [channels] } : inputs;
  };
  const withActivation = (attrs: Record<string, unknown>, activation: string) => {
    return isFused ? { ...attrs, activation } : attrs;
  };
  return [
    {
      inputs: withBias({ x: [2, 9, 8, 5], filter: [3, 3, 5, depthwise ? 1 : 18] }, depthwise ? 5 : 18),
      attrs: withActivation({ ...shared, strides: [1, 1], pad: 'same', dilations: [1, 1] }, 'relu'),
    },
    {
      inputs: withBias({ x: [1, 10, 7, 3], filter: [3, 2, 3, 2] }, depthwise ? 6 : 2),
      attrs: withActivation({ ...shared, strides: [2, 2], pad: 'valid', dilations: [1, 1] }, 'linear'),
    },
    {
      inputs: withBias({ x: [1, 4, 5, 7], filter: [1, 1, 7, depthwise ? 1 : 20] }, depthwise ? 7 : 20),
      attrs: withActivation({ ...shared, strides: [1, 1], pad: 'valid', dilations: [1, 1] }, 'relu6'),
    },
  ];
}

function convolve(
  runner: KernelRunner,
  cache: WeightCache,
  tf: Tensorflow,
  { inputs, attrs }: KernelInputs,
  depthwise: boolean,
): TensorInfo | null {
  const [x, filter, bias] = [inputs.x!, inputs.filter!, inputs.bias];
  const activation = fusedActivation(attrs);
  if (activation === undefined || !areFloats(x, filter, bias)) return null;
  if (x.shape.length !== 4 || filter.shape.length !== 4 || (bias && bias.shape.length !== 1)) return null;
  const name = depthwise ? 'depthwise' : 'convolution';
  const key = `${name} ${x.shape.join()} ${filter.shape.join()} ${windowKey(attrs)} ${activation} ${bias ? 1 : 0}`;
  const program = runner.program(key, () => {
    const call = windowCall(convolutionInfo(tf, x.shape, filter.shape, attrs, depthwise));
    if (call === null || (bias && bias.shape[0] !== call.output.channels)) return null;
    const request = { call, activation, bias: bias !== undefined };
    return depthwise ? planDepthwiseCall(runner, request) : planConvolutionCall(runner, request);
  });
  if (program === null) return null;
  const weights = program.packing === null ? filter : cache.find(program.packing, filter, bias);
  const output = runner.output(program.outputShape!);
  runner.run(program, bias ? [x, weights, output, bias] : [x, weights, output]);
  return output;
}

const OPERANDS = { input: operandAt(0), weights: operandAt(1), output: operandAt(2) };

/** What tfjs computes from the attributes of a convolution. */
export function convolutionInfo(
  tf: Tensorflow,
  inputShape: readonly number[],
  filterShape: readonly number[],
  attrs: Readonly<Record<string, unknown>>,
  depthwise: boolean,
): WindowInfo {
  return tf.backend_util.computeConv2DInfo(
    inputShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    attrs.strides as Strides,
    (attrs.dilations ?? [1, 1]) as Strides,
    attrs.pad as 'same' | 'valid' | number,
    attrs.dimRoundingMode as 'floor' | 'round' | 'ceil' | undefined,
    depthwise,
    tf.backend_util.convertConv2DDataFormat((attrs.dataFormat ?? 'NHWC') as 'NHWC' | 'NCHW'),
  );
}

interface ConvolutionPlanning {
  readonly call: WindowCall;
  readonly activation: Activation;
  readonly bias: boolean;
}

function outputShape({ batch, output }: WindowCall): number[] {
  return [batch, output.height, output.width, output.channels];
}

/** The description of a whole convolution with one group, without its blocking. */
export function convolutionRequest(
  { batch, input, window, output }: WindowCall,
  activation: Activation,
  bias: boolean,
): ConvolutionRequest {
  return {
    kind: 'convolution',
    batch,
    input,
    window,
    outputChannels: output.channels,
    groups: 1,
    weights: 'float32',
    epilogue: { bias, activation, softmax: false },
    outputRows: { from: 0, count: output.height },
    channelRange: { from: 0, count: output.channels },
  };
}

function planConvolutionCall(runner: KernelRunner, planning: ConvolutionPlanning): ProgramPlan {
  const { call, activation, bias } = planning;
  if (isPointwiseWindow(call.window)) return planPointwise(runner, planning);
  const { traits } = runner.host;
  const description = planConvolution(convolutionRequest(call, activation, bias), traits);
  const { tileVectors } = description.blocking;
  const packing: WeightPacking = {
    key: `convolution ${call.window.height} ${call.window.width} ${tileVectors} ${bias}`,
    byteLength: convolutionWeightBytes(description, traits.lanes),
    pack: (weights, values, target) =>
      packConvolutionWeights(description, traits.lanes, weights, values, target),
  };
  const builder = new ProgramBuilder(runner);
  addWindowKernel(builder, description, OPERANDS, call);
  return builder.plan(packing, outputShape(call));
}

/** A convolution of single pixels is a product. */
function planPointwise(runner: KernelRunner, { call, activation, bias }: ConvolutionPlanning): ProgramPlan {
  const { batch, input, output } = call;
  const [m, k, n] = [batch * input.height * input.width, input.channels, output.channels];
  const panelColumns = gemmPanelColumns(runner.host.traits, n);
  const panels: GemmPanelShape = { depth: k, columns: n, panelColumns, format: 'float32' };
  const packing: WeightPacking = {
    key: `panels ${panelColumns}`,
    byteLength: gemmPanelBytes(panels),
    pack: (values, _bias, target) =>
      packGemmPanels(panels, { values, rowStride: n, columnStride: 1 }, target),
  };
  const builder = new ProgramBuilder(runner).product({
    batch: 1,
    m,
    n,
    k,
    a: placeMatrix(operandAt(0), m, k),
    b: { at: operandAt(1), panelColumns },
    c: placeMatrix(operandAt(2), m, n),
    bias: bias ? operandAt(3) : null,
    activation,
  });
  return builder.plan(packing, outputShape(call));
}

function planDepthwiseCall(
  runner: KernelRunner,
  { call, activation, bias }: ConvolutionPlanning,
): ProgramPlan {
  const { batch, input, window, output } = call;
  const { traits } = runner.host;
  const description = planDepthwise(
    {
      batch,
      input,
      window,
      multiplier: output.channels / input.channels,
      epilogue: { bias, activation, softmax: false },
      outputRows: { from: 0, count: output.height },
    },
    traits,
  );
  const builder = new ProgramBuilder(runner);
  addWindowKernel(builder, description, OPERANDS, call);
  return builder.plan(windowPacking(description, traits.lanes), outputShape(call));
}

/** How a convolution or a depthwise convolution wants weights in the layout of tfjs. */
export function windowPacking(description: ReturnType<typeof planDepthwise>, lanes: number): WeightPacking {
  if (description.kind === 'depthwise') {
    return {
      key: `depthwise ${description.epilogue.bias}`,
      byteLength: depthwiseWeightBytes(description, lanes),
      pack: (weights, bias, target) => packDepthwiseWeights(description, lanes, weights, bias, target),
    };
  }
  const { groups, blocking, epilogue } = description;
  return {
    key: `groups ${groups} ${blocking.tileVectors} ${epilogue.bias}`,
    byteLength: convolutionWeightBytes(description, lanes),
    pack: (weights, bias, target) => packConvolutionWeights(description, lanes, weights, bias, target),
  };
}
