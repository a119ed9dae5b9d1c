import type { OperatorModel, QuantizationParameters, StoredTensor } from '@qedge/core';
import { graphOfLayers } from '@qedge/kernels/graph';
import { encodeModel, LazyModel, type ModelFileOptions } from '@qedge/memory';
import type { CompressedModel } from '../model/compressed-model.ts';
import { codesOfVector } from '../quantization/coded-vector.ts';
import { isHalfPrecision, toHalfBits } from '../quantization/half-precision.ts';
import { compareOutputs } from './compare-outputs.ts';
import { compareCodes, compareNumbers } from './compare-weights.ts';
import type { ExportComparison, ModelExport } from './export-report.ts';
import { asLayerChain } from './layer-chain.ts';
import { alongLastAxis, checkCodes, toOperatorModel } from './operator-model.ts';

/** Options of {@link exportContainer}. */
export interface ContainerExportOptions {
  /** Samples per run of models that are more than a chain of dense layers; those take any batch. Default 1. */
  readonly batch?: number;
  /**
   * `smallest` (default): codes by an arithmetic coder where that saves bytes, and a short header. `fast`: codes packed or as a bitmap, which are read
   * at the speed of memory.
   */
  readonly coding?: ModelFileOptions['coding'];
}

/**
 * Writes the packed container (`.qez`): codes with their real width, as a bitmap, or entropy coded, whichever takes the fewest bytes. A chain of
 * dense layers is written as that; any other model as its operator graph, which `loadModel` of `@qedge/kernels/node` runs. Float weights,
 * and the scales of an operator graph, that half precision holds exactly are written so; biases
 * of a chain that 8-bit codes with one half-float scale hold, as such codes.
 *
 * @throws what {@link toOperatorModel} throws, NonFiniteValueError for weights of a chain that are not finite, VerificationError when what was written does
 *   not come back bit for bit.
 * @example
 * const { bytes, report } = exportContainer(compressed);
 */
export function exportContainer(
  compressed: CompressedModel,
  { batch = 1, coding = 'smallest' }: ContainerExportOptions = {},
): ModelExport {
  checkCodes(compressed);
  const chain = asLayerChain(compressed);
  const operators = toOperatorModel(compressed, { batch, weightOnly: 'decoded' });
  const content =
    chain === null
      ? { graph: operators.graph, tensors: constantsOf(operators, compressed) }
      : { graph: chain, tensors: weightsOf(compressed) };
  const bytes = encodeModel(content, { coding });
  using file = LazyModel.fromBytes(bytes);
  const compared = compareTensors(content.tensors, file);
  const reloaded =
    chain === null
      ? { graph: file.operatorGraph, weights: file }
      : graphOfLayers(file.graph, file, { batch, codes: 'keep' });
  const outputs = compareOutputs('The .qez file', operators, reloaded);
  const report = {
    format: 'qez',
    byteLength: bytes.byteLength,
    compared: { ...compared, changed: [], outputs },
  } as const;
  return { bytes, companions: new Map(), report };
}

/** Codes of one bit are -1 and 1, which 2 bits hold. */
const FEWEST_STORED_BITS = 2;

function storable(quantization: QuantizationParameters): QuantizationParameters {
  return { ...quantization, bits: Math.max(FEWEST_STORED_BITS, quantization.bits) };
}

/** The weights of a chain under their own names. */
function weightsOf({ topology, codes }: CompressedModel): readonly StoredTensor[] {
  return topology.layers.flatMap(({ weights }) =>
    weights.map(({ name, role, shape, data }): StoredTensor => {
      const coded = codes.get(name);
      if (!coded) return role === 'bias' ? biasTensor(name, shape, data) : floatTensor(name, shape, data);
      const quantization = storable(alongLastAxis(coded.quantization, shape.length));
      return { name, dtype: 'int8', shape, data: coded.codes, quantization };
    }),
  );
}

/** A bias of a chain: a vector of 8-bit codes with one scale where such codes hold it. */
function biasTensor(name: string, shape: readonly number[], data: Float32Array): StoredTensor {
  const coded = codesOfVector(data);
  if (!coded) return floatTensor(name, shape, data);
  const quantization: QuantizationParameters = {
    ...{ bits: 8, symmetric: true, axis: null },
    scales: Float32Array.of(coded.scale),
    zeroPoints: Int32Array.of(0),
  };
  return { name, dtype: 'int8', shape, data: coded.codes, quantization };
}

function floatTensor(name: string, shape: readonly number[], data: Float32Array): StoredTensor {
  return isHalfPrecision(data)
    ? { name, dtype: 'float16', shape, data: toHalfBits(data) }
    : { name, dtype: 'float32', shape, data };
}

/** The constants of an operator graph. Codes are packed as codes: their scales are constants of the graph. */
function constantsOf(
  { graph, weights }: OperatorModel,
  compressed: CompressedModel,
): readonly StoredTensor[] {
  const bits = new Map<string, QuantizationParameters>();
  for (const [name, { quantization }] of compressed.codes) bits.set(`${name} codes`, quantization);
  return graph.constants.map((name): StoredTensor => {
    const { dtype, shape } = graph.values[name]!;
    const { data } = weights.load(name);
    const coded = bits.get(name);
    if (coded) return { name, dtype, shape, data, quantization: bareCodes(coded) };
    return data instanceof Float32Array ? floatTensor(name, shape, data) : { name, dtype, shape, data };
  });
}

/** Codes that stand for themselves. */
function bareCodes({ bits, symmetric }: QuantizationParameters): QuantizationParameters {
  return storable({
    ...{ bits, symmetric, axis: null },
    scales: Float32Array.of(1),
    zeroPoints: Int32Array.of(0),
  });
}

function compareTensors(
  written: readonly StoredTensor[],
  file: LazyModel,
): Pick<ExportComparison, 'codes' | 'numbers'> {
  const compared = { codes: 0, numbers: 0 };
  for (const { name, data, quantization } of written) {
    const tensor = file.load(name);
    if (!quantization) {
      compared.numbers +=
        data instanceof Float32Array
          ? compareNumbers(name, data, tensor.data)
          : compareCodes(name, data, tensor.data);
      continue;
    }
    compared.codes += compareCodes(name, data, tensor.data);
    const { scales, zeroPoints } = tensor.quantization!;
    compared.numbers += compareNumbers(`${name} scales`, quantization.scales, scales);
    compared.numbers += compareCodes(`${name} zero points`, quantization.zeroPoints, zeroPoints);
  }
  return compared;
}
