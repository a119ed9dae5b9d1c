import { MAX_INTEGER_DEPTH, prefersNibbles } from '@qedge/codegen';
import { elementCount, type OperatorGraph, type OperatorModel, type OperatorNode } from '@qedge/core';
import type { BindingContext, KernelSteps } from '../../engine/binding.ts';
import { planIntegerGemm } from '../../engine/integer-gemm.ts';
import { loadConstant } from '../constant-weights.ts';
import type { ValueData } from '../operators/operator-definition.ts';
import { evaluateOperator } from '../operators/registry.ts';
import { findQuantizedProducts, type QuantizedProduct } from '../passes/find-quantized-products.ts';
import { overlayWeights } from '../passes/overlay-weights.ts';
import { activationAfter, planActivation } from './fused-activation.ts';
import type { GraphValue } from './graph-values.ts';
import { isSparse } from './sparse-weights.ts';

/** A product on the codes of a quantised model. Its node reads codes, and weights and bias as they are given here. */
export interface IntegerProduct {
  readonly depth: number;
  readonly columns: number;
  readonly transposed: boolean;
  readonly scale: number;
  readonly zeroPoint: number;
  /** Codes around 0. */
  readonly codes: Int8Array;
  readonly scales: Float32Array;
  readonly bias: Float32Array | null;
}

/** A model whose products on codes read the codes themselves. */
export interface IntegerModel {
  readonly model: OperatorModel;
  /** By the name of the node. */
  readonly products: ReadonlyMap<string, IntegerProduct>;
}

/**
 * Makes matrix products and convolutions of single pixels between `dequantize` nodes read codes, which sums of integers make exact but for the last scaling.
 * What else decodes constants is decoded now.
 *
 * @param sparseDensity products with at most this share of weights that are not 0 stay products of floats: sparse ones are faster then.
 */
export function useIntegerProducts(model: OperatorModel, sparseDensity: number): IntegerModel {
  if (model.graph.nodes.every(({ operator }) => operator.kind !== 'dequantize')) {
    return { model, products: new Map() };
  }
  const products = new Map<string, IntegerProduct>();
  const rewritten = new Map<string, OperatorNode>();
  for (const found of findQuantizedProducts(model.graph)) {
    const product = integerProduct(model, found);
    if (product === null || isSparse(product.codes, sparseDensity)) continue;
    const { name } = found.product;
    products.set(name, product);
    rewritten.set(name, { ...found.product, inputs: [found.input.codes, found.weights.codes] });
  }
  const nodes = model.graph.nodes.map((node) => rewritten.get(node.name) ?? node);
  return { model: withoutIdleDecoding(model, nodes), products };
}

/** Drops `dequantize` nodes that nobody reads any more, and decodes those of constants. */
function withoutIdleDecoding(model: OperatorModel, nodes: readonly OperatorNode[]): OperatorModel {
  const { graph, weights } = model;
  const read = new Set([...graph.outputs, ...nodes.flatMap(({ inputs }) => inputs)]);
  const constants = new Set(graph.constants);
  const decoded = new Map<string, ValueData>();
  const kept = nodes.filter((node) => {
    if (node.operator.kind !== 'dequantize') return true;
    const [output] = node.outputs;
    if (!read.has(output!)) return false;
    if (graph.outputs.includes(output!)) return true;
    if (!node.inputs.every((input) => input === null || constants.has(input))) return true;
    const operands = node.inputs.map((input) => (input === null ? null : constantOf(model, input)));
    decoded.set(output!, evaluateOperator(node.operator, operands)[0]!);
    return false;
  });
  const names = [...graph.constants, ...decoded.keys()];
  return {
    graph: { ...graph, constants: names, nodes: kept },
    weights: overlayWeights(weights, names, decoded),
  };
}

function constantOf({ graph, weights }: OperatorModel, name: string): ValueData {
  return loadConstant(weights, name, graph.values[name]!);
}

/** The numbers of a product, or null where it is none of single rows, or its weights do not fit signed bytes. */
function integerProduct(model: OperatorModel, found: QuantizedProduct): IntegerProduct | null {
  const { product, input, weights, bias } = found;
  const layout = layoutOf(model.graph, found);
  if (layout === null || layout.depth < 1 || layout.depth > MAX_INTEGER_DEPTH) return null;
  const number = (name: string | null) => (name === null ? 0 : constantOf(model, name).data[0]!);
  const zeros = weights.zeroPoint === null ? [0] : [...constantOf(model, weights.zeroPoint).data];
  if (zeros.some((zero) => zero !== zeros[0])) return null;
  const stored = constantOf(model, weights.codes).data;
  const codes = Int8Array.from(stored, (code) => code - zeros[0]!);
  if (codes.some((code, at) => code !== stored[at]! - zeros[0]!)) return null;
  const name = product.inputs[2] ?? null;
  if (name !== null && bias === null && !model.graph.constants.includes(name)) return null;
  const scale = number(input.scale);
  if (!(scale > 0 && Number.isFinite(scale))) return null;
  return {
    ...layout,
    ...{ scale, zeroPoint: number(input.zeroPoint), codes },
    scales: constantOf(model, weights.scale).data as Float32Array,
    bias:
      name === null
        ? null
        : bias === null
          ? (constantOf(model, name).data as Float32Array)
          : decodeBias(model, bias),
  };
}

function decodeBias(
  model: OperatorModel,
  { codes, scale, zeroPoint, axis }: NonNullable<QuantizedProduct['bias']>,
) {
  const operands = [codes, scale, zeroPoint].map((name) => (name === null ? null : constantOf(model, name)));
  return evaluateOperator({ kind: 'dequantize', axis }, operands)[0]!.data as Float32Array;
}

function layoutOf(graph: OperatorGraph, { product, weights }: QuantizedProduct) {
  const { operator } = product;
  const shape = graph.values[weights.codes]!.shape;
  if (operator.kind === 'matmul') {
    const [rows, columns] = shape.slice(-2) as [number, number];
    if (operator.transposeA || operator.alpha !== 1 || elementCount(shape) !== rows * columns) return null;
    const transposed = operator.transposeB;
    return { depth: transposed ? columns : rows, columns: transposed ? rows : columns, transposed };
  }
  if (operator.kind !== 'convolution' || operator.groups !== 1 || product.inputs.length > 3) return null;
  const { size, strides, padding } = operator.window;
  if ([...size, ...strides].some((one) => one !== 1) || padding.some((cells) => cells !== 0)) return null;
  return { depth: shape[2]!, columns: shape[3]!, transposed: false };
}

function fitsNibbles(codes: Int8Array): boolean {
  return codes.every((code) => code >= -8 && code <= 7);
}

/** The kernels of a product on codes. */
export function integerProductSteps(
  context: BindingContext,
  { name, operator }: OperatorNode,
  product: IntegerProduct,
  input: GraphValue,
  weights: GraphValue,
  output: GraphValue,
): KernelSteps {
  const { depth: k, columns: n, transposed, scale, zeroPoint, codes, scales, bias } = product;
  const activation = planActivation('activation' in operator ? (operator.activation ?? null) : null);
  const m = output.length / n;
  const steps = planIntegerGemm(context, {
    ...{ m, n, k, transposeB: transposed, activation: activation.fused },
    a: input.data as Int8Array | Uint8Array,
    aQuantization: { scale, zeroPoint },
    bBits: fitsNibbles(codes) && prefersNibbles(m, context.host.traits) ? 4 : 8,
    // The panels hold the bias too, which belongs to the node.
    weights: { name: `${weights.name} of ${name}`, load: () => ({ codes, scales }) },
    c: output.floats,
    ...(bias === null ? {} : { bias }),
  });
  return [...steps, ...activationAfter(context, activation, output.floats)];
}
