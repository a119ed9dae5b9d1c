import type { OperatorModel, OperatorNode, ValueSpec } from '@qedge/core';
import type { InputValues } from '@qedge/kernels';
import { optimizeGraph } from '@qedge/kernels/graph';
import { compileGraph, createKernelEngine } from '@qedge/kernels/node';
import { encodeOperatorModelAsOnnx, type ValueRange } from '@qedge/kernels/ort';

/** Activations that ONNX Runtime joins to a convolution on codes. */
const CLAMPS: readonly string[] = ['relu', 'relu6', 'clip'];

/**
 * A model as an ONNX file on integers of 8 bits, in the forms that ONNX Runtime is fastest with: matrix products with codes that are found
 * when they run (DynamicQuantizeLinear and MatMulInteger, int8 weights with a scale per column), convolutions between QuantizeLinear and
 * DequantizeLinear with the ranges that `inputs` give.
 */
export async function encodeQuantizedOnnx(model: OperatorModel, inputs: InputValues): Promise<Uint8Array> {
  const separated = separateEpilogues(optimizeGraph(model).model);
  const hasConvolutions = separated.graph.nodes.some(({ operator }) => operator.kind === 'convolution');
  const ranges = hasConvolutions ? await measureRanges(separated, inputs) : new Map<string, ValueRange>();
  return encodeOperatorModelAsOnnx(separated, {
    quantization: { ranges, weights: 'int8', perColumn: true },
  });
}

/** What stands between the sums of a convolution and its result becomes a node of its own, so that the sums have a range. */
function separateEpilogues({ graph, weights }: OperatorModel): OperatorModel {
  const values: Record<string, ValueSpec> = { ...graph.values };
  const nodes = graph.nodes.flatMap((node): readonly OperatorNode[] => {
    if (node.operator.kind !== 'convolution') return [node];
    const { activation } = node.operator;
    const [x, kernel, bias = null, residual = null] = node.inputs;
    const isClamp = activation === null || CLAMPS.includes(activation.kind);
    if (residual === null && isClamp) return [node];
    const [output] = node.outputs as [string];
    const sums = `${output} before its epilogue`;
    values[sums] = graph.values[output]!;
    const added =
      residual === null ? { input: 0 } : { operation: 'add' as const, a: { input: 0 }, b: { input: 1 } };
    const expression = activation === null ? added : { apply: activation, to: added };
    return [
      {
        name: sums,
        operator: { ...node.operator, activation: null },
        inputs: [x!, kernel!, bias],
        outputs: [sums],
      },
      {
        name: node.name,
        operator: { kind: 'pointwise', expression },
        inputs: residual === null ? [sums] : [sums, residual],
        outputs: [output],
      },
    ];
  });
  return { graph: { ...graph, values, nodes }, weights };
}

/** The smallest and largest number of every float32 value, for one run at float32. */
async function measureRanges(model: OperatorModel, inputs: InputValues): Promise<Map<string, ValueRange>> {
  using engine = await createKernelEngine();
  using compiled = compileGraph(model, engine, { optimize: false });
  const ranges = new Map<string, ValueRange>();
  const measure = (
    name: string,
    { dtype, data }: { readonly dtype: string; readonly data: ArrayLike<number> },
  ) => {
    if (dtype === 'float32') ranges.set(name, rangeOf(data));
  };
  for (const [name, input] of Object.entries(compiled.inputs)) {
    input.data.set(inputs[name]!);
    measure(name, input);
  }
  compiled.runTraced(measure);
  return ranges;
}

function rangeOf(data: ArrayLike<number>): ValueRange {
  let [low, high] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    low = Math.min(low, data[i]!);
    high = Math.max(high, data[i]!);
  }
  return { low, high };
}
