import {
  type ActivationQuantization,
  InvalidArgumentError,
  type OperatorModel,
  type OperatorNode,
  type QuantizationParameters,
  ShapeMismatchError,
  type StoredTensor,
  UnsupportedError,
  type ValueSpec,
} from '@qedge/core';
import { constantWeights, type GraphConstant } from '@qedge/kernels/graph';
import { importLayersModel } from '@qedge/kernels/tfjs';
import type { CodedWeight, CompressedModel } from '../model/compressed-model.ts';
import { type KernelWeight, listKernels } from '../model/kernel-weight.ts';
import { groupCodes } from './grouped-codes.ts';
import { viewAsLayersModel } from './topology-view.ts';

/** Options of {@link toOperatorModel}. */
export interface OperatorModelOptions {
  /** Samples per run, 1 or more. */
  readonly batch: number;
  /**
   * `coded` (default): the inputs of layers with coded kernels are made into 8-bit codes where the model says how, so that products are computed
   * on integers. `float32`: only weights are coded.
   */
  readonly activations?: 'coded' | 'float32';
  /**
   * Dense kernels of at most 4 bits whose input is float32: as a `grouped-matmul` (default), or `decoded` before the product like those of
   * other widths.
   */
  readonly weightOnly?: 'grouped' | 'decoded';
  /** How codes of kernels are kept: around 0 (default), or 128 more, which older web runtimes need. */
  readonly weightCodes?: 'int8' | 'uint8';
  /** Weights that share a scale in products with 4-bit weights and float32 inputs; 16, 32 (default), 64, 128, 256. */
  readonly groupSize?: number;
}

/**
 * A compressed model as an operator graph. Kernels with codes are constants of their codes behind `dequantize`, and where the input of their layer
 * is coded, `quantize` and `dequantize` stand before it: kernels of `@qedge/kernels` multiply such codes as integers. Dense kernels
 * of at most 4 bits whose input is float32 become a `grouped-matmul`, those with a scale per group of rows always. Whatever has no codes is float32.
 *
 * The constant of codes is named `<weight name> codes`. Weights of the topology are borrowed.
 *
 * @throws UnsupportedError naming layers that the operator graph lacks; ShapeMismatchError and InvalidArgumentError for codes that do not fit their kernel.
 * @example
 * const { graph, weights } = toOperatorModel(compressed, { batch: 1 });
 * using compiled = compileGraph({ graph, weights }, engine);
 */
export function toOperatorModel(compressed: CompressedModel, options: OperatorModelOptions): OperatorModel {
  checkGroupSize(options.groupSize ?? DEFAULT_GROUP_SIZE);
  const kernels = checkCodes(compressed);
  const model = importLayersModel(viewAsLayersModel(compressed.topology), { batch: options.batch });
  return new CodedGraph(model, compressed, options).rewrite(kernels);
}

const DEFAULT_GROUP_SIZE = 32;
/** What MatMulNBits knows. */
const GROUP_SIZES: readonly number[] = [16, 32, 64, 128, 256];
const MAX_NIBBLE_BITS = 4;

function checkGroupSize(groupSize: number): void {
  if (GROUP_SIZES.includes(groupSize)) return;
  throw new InvalidArgumentError('The group size is not supported', {
    expected: GROUP_SIZES.join(', '),
    actual: groupSize,
  });
}

/** The kernels that have codes. @throws ShapeMismatchError or InvalidArgumentError when codes do not belong to a kernel. */
export function checkCodes({ topology, codes, inputs }: CompressedModel): readonly KernelWeight[] {
  const kernels = listKernels(topology);
  const known = new Set(kernels.map(({ weight }) => weight.name));
  for (const name of codes.keys()) {
    if (known.has(name)) continue;
    throw new InvalidArgumentError('There are codes of a weight that is no kernel', {
      expected: [...known].join(', ') || 'none',
      actual: name,
    });
  }
  const layers = new Set(topology.layers.map(({ name }) => name));
  for (const name of inputs.keys()) {
    if (layers.has(name)) continue;
    throw new InvalidArgumentError('The input of a layer is coded that the model lacks', {
      expected: 'names of layers',
      actual: name,
    });
  }
  const coded = kernels.filter(({ weight }) => codes.has(weight.name));
  for (const kernel of coded) checkKernelCodes(kernel, codes.get(kernel.weight.name)!);
  return coded;
}

function checkKernelCodes({ weight, rows, outputs }: KernelWeight, coded: CodedWeight): void {
  const { axis, scales, zeroPoints, groupSize = rows } = coded.quantization;
  const channels = axis === null ? 1 : outputs * Math.max(1, Math.ceil(rows / groupSize));
  if (coded.codes.length !== rows * outputs || scales.length !== channels || zeroPoints.length !== channels) {
    throw new ShapeMismatchError(`The codes of "${weight.name}" do not fit it`, {
      expected: `${rows * outputs} codes, ${channels} scales and zero points`,
      actual: [coded.codes.length, scales.length, zeroPoints.length],
    });
  }
  if (axis === null || axis === 1) return;
  throw new InvalidArgumentError(`The scales of "${weight.name}" run along another axis`, {
    expected: 'null or 1, the outputs',
    actual: axis,
  });
}

/** Rewrites the products of a graph one layer after the other. */
class CodedGraph {
  readonly #compressed: CompressedModel;
  readonly #options: OperatorModelOptions;
  readonly #model: OperatorModel;
  readonly #values: Record<string, ValueSpec>;
  readonly #constants = new Map<string, GraphConstant>();
  /** Nodes that go before the node of this name. */
  readonly #before = new Map<string, OperatorNode[]>();
  readonly #replaced = new Map<string, OperatorNode>();

  constructor(model: OperatorModel, compressed: CompressedModel, options: OperatorModelOptions) {
    this.#model = model;
    this.#compressed = compressed;
    this.#options = options;
    this.#values = { ...model.graph.values };
  }

  rewrite(kernels: readonly KernelWeight[]): OperatorModel {
    const { graph, weights } = this.#model;
    for (const kernel of kernels) this.#rewriteKernel(kernel);
    const nodes = graph.nodes.flatMap((node) => [
      ...(this.#before.get(node.name) ?? []),
      this.#replaced.get(node.name) ?? node,
    ]);
    const read = new Set([...graph.outputs, ...nodes.flatMap(({ inputs }) => inputs)]);
    for (const name of graph.constants) {
      if (!read.has(name)) delete this.#values[name];
      else {
        const load = () => weights.load(name).data as ReturnType<GraphConstant['load']>;
        this.#constants.set(name, { spec: graph.values[name]!, load });
      }
    }
    const constants = [...this.#constants.keys()].filter((name) => read.has(name));
    return {
      graph: { ...graph, constants, values: this.#values, nodes },
      weights: constantWeights(this.#constants),
    };
  }

  #rewriteKernel(kernel: KernelWeight): void {
    const { layer, weight } = kernel;
    const coded = this.#compressed.codes.get(weight.name)!;
    const input = this.#inputOf(layer.name);
    const users = this.#usersOf(kernel);
    if (this.#isGrouped(kernel, coded, input !== null)) {
      for (const node of users) this.#group(kernel, coded, node);
      return;
    }
    const decoded = this.#addDecodedKernel(kernel, coded, users);
    for (const node of users) {
      const x = input === null ? node.inputs[0]! : this.#addCodedInput(node, layer.name, input);
      this.#replaced.set(node.name, { ...node, inputs: [x, decoded, ...node.inputs.slice(2)] });
    }
  }

  /** @throws UnsupportedError for scales in groups where no `grouped-matmul` can be. */
  #isGrouped({ kind, weight }: KernelWeight, { quantization }: CodedWeight, isInputCoded: boolean): boolean {
    const { bits, groupSize } = quantization;
    const canBe = kind === 'dense' && bits <= MAX_NIBBLE_BITS && !isInputCoded;
    if (groupSize === undefined) return canBe && this.#options.weightOnly !== 'decoded';
    if (canBe && GROUP_SIZES.includes(groupSize)) return true;
    throw new UnsupportedError(`The scales of "${weight.name}" are in groups that no product can use`, {
      expected: `dense kernels of at most ${MAX_NIBBLE_BITS} bits with float32 inputs, in groups of ${GROUP_SIZES.join(', ')}`,
      actual: `a ${kind} kernel of ${bits} bits in groups of ${groupSize}, ${isInputCoded ? 'coded' : 'float32'} inputs`,
      remedy: "Choose one scale per output, or { activations: 'float32' }.",
    });
  }

  #inputOf(layer: string): ActivationQuantization | null {
    if (this.#options.activations === 'float32') return null;
    return this.#compressed.inputs.get(layer) ?? null;
  }

  /** The products that read a kernel: one per call of its layer. */
  #usersOf({ layer, weight }: KernelWeight): readonly OperatorNode[] {
    const labels = ['weight 0', 'weights', 'depthwise weights'].map((label) => `${layer.name}/${label}`);
    return this.#model.graph.nodes.filter(({ operator, inputs }) => {
      const isProduct = operator.kind === 'matmul' || operator.kind === 'convolution';
      if (!isProduct || !labels.includes(inputs[1] ?? '')) return false;
      return this.#model.weights.load(inputs[1]!).data.length === weight.data.length;
    });
  }

  /** Codes and scales as constants, and the node that decodes them, before the first that needs it. */
  #addDecodedKernel(
    { weight }: KernelWeight,
    { codes, quantization }: CodedWeight,
    users: readonly OperatorNode[],
  ): string {
    const [first] = users;
    const { shape } = this.#values[first!.inputs[1]!]!;
    const { weightCodes = 'int8' } = this.#options;
    const { scales, zeroPoints, axis } = quantization;
    const parameters = axis === null ? [] : [scales.length];
    const operands = [
      this.#constant(`${weight.name} codes`, { dtype: weightCodes, shape }, () =>
        asBytes(codes, weightCodes),
      ),
      this.#constant(`${weight.name} scale`, { dtype: 'float32', shape: parameters }, () => scales),
      this.#constant(`${weight.name} zero point`, { dtype: weightCodes, shape: parameters }, () =>
        asBytes(zeroPoints, weightCodes),
      ),
    ];
    const output = this.#value(`${weight.name} decoded`, { dtype: 'float32', shape });
    const node: OperatorNode = {
      name: `${weight.name} decode`,
      operator: { kind: 'dequantize', axis: axis === null ? null : shape.length - 1 },
      inputs: operands,
      outputs: [output],
    };
    this.#insert(first!.name, node);
    return output;
  }

  /** The input of a product as codes and back. */
  #addCodedInput(node: OperatorNode, layer: string, { scale, zeroPoint }: ActivationQuantization): string {
    const x = node.inputs[0]!;
    const { shape } = this.#values[x]!;
    const scalar = (name: string, dtype: 'float32' | 'uint8', load: () => Float32Array | Uint8Array) => {
      return this.#constant(`${layer}/input ${name}`, { dtype, shape: [] }, load);
    };
    const parameters = [
      scalar('scale', 'float32', () => Float32Array.of(scale)),
      scalar('zero point', 'uint8', () => Uint8Array.of(zeroPoint)),
    ];
    const codes = this.#value(`${node.name}/input codes`, { dtype: 'uint8', shape });
    const decoded = this.#value(`${node.name}/input decoded`, { dtype: 'float32', shape });
    const quantize = { kind: 'quantize', axis: null, dtype: 'uint8' } as const;
    this.#insert(
      node.name,
      { name: `${node.name}/input encode`, operator: quantize, inputs: [x, ...parameters], outputs: [codes] },
      {
        name: `${node.name}/input decode`,
        operator: { kind: 'dequantize', axis: null },
        inputs: [codes, ...parameters],
        outputs: [decoded],
      },
    );
    return decoded;
  }

  /** A dense product with weights in groups that share a scale. */
  #group(kernel: KernelWeight, { codes, quantization }: CodedWeight, node: OperatorNode): void {
    if (node.operator.kind !== 'matmul') return;
    const groupSize = quantization.groupSize ?? this.#options.groupSize ?? DEFAULT_GROUP_SIZE;
    const { name } = kernel.weight;
    const { rows, outputs } = kernel;
    const groups = Math.ceil(rows / groupSize);
    const grouped = () => groupCodes(codes, quantization, { rows, outputs, groupSize });
    const hasZeros = quantization.zeroPoints.some((zero) => zero !== 0);
    const zeroShape = [outputs, Math.ceil(groups / 2)];
    const operands = [
      this.#constant(`${name} codes`, { dtype: 'uint8', shape: [outputs, groups, groupSize / 2] }, () => {
        return grouped().codes;
      }),
      this.#constant(`${name} scale`, { dtype: 'float32', shape: [outputs, groups] }, () => grouped().scales),
      hasZeros
        ? this.#constant(
            `${name} zero point`,
            { dtype: 'uint8', shape: zeroShape },
            () => grouped().zeroPoints,
          )
        : null,
    ];
    const bias = node.inputs[2] ?? null;
    if (bias === null && !hasZeros) operands.pop();
    this.#replaced.set(node.name, {
      ...node,
      operator: {
        ...{ kind: 'grouped-matmul', bits: 4, groupSize, columns: outputs },
        activation: node.operator.activation,
      },
      inputs: [node.inputs[0]!, ...operands, ...(bias === null ? [] : [bias])],
    });
  }

  #insert(before: string, ...nodes: readonly OperatorNode[]): void {
    this.#before.set(before, [...(this.#before.get(before) ?? []), ...nodes]);
  }

  /** A constant of this name; the same one where a layer is used again. */
  #constant(name: string, spec: ValueSpec, load: () => StoredTensor['data']): string {
    this.#values[name] = spec;
    this.#constants.set(name, { spec, load: load as GraphConstant['load'] });
    return name;
  }

  #value(name: string, spec: ValueSpec): string {
    this.#values[name] = spec;
    return name;
  }
}

/** Codes, or zero points of codes, with a sign or 128 more. */
function asBytes(codes: Int8Array | Int32Array, dtype: 'int8' | 'uint8'): Int8Array | Uint8Array {
  if (dtype === 'int8') return codes instanceof Int8Array ? codes : Int8Array.from(codes);
  const bytes = new Uint8Array(codes.length);
  for (let i = 0; i < codes.length; i++) bytes[i] = codes[i]! + 128;
  return bytes;
}

/** The quantisation of a matrix `[rows, outputs]` as that of an array of any shape whose last axis is the outputs. */
export function alongLastAxis(quantization: QuantizationParameters, rank: number): QuantizationParameters {
  return { ...quantization, axis: quantization.axis === null ? null : rank - 1 };
}
