import {
  defaultCodeRowStride,
  defaultIntegerBlocking,
  encodedCodeBytes,
  INTEGER_GEMM_ARGUMENTS,
  type IntegerGemmDescription,
  type IntegerWeights,
  integerPanelLayout,
  packIntegerPanels,
  QUANTIZE_ROWS_ARGUMENTS,
  type QuantizeRowsDescription,
} from '@qedge/codegen';
import { blockFields } from '../engine/binding.ts';
import { divide, type Section } from '../engine/split-work.ts';
import type { IntegerDenseStep } from '../integer-model.ts';
import type { DenseLayer, LayerOptions, LayerPlaces } from './dense-layer.ts';
import type { ModelKernel } from './model-kernel.ts';

/** Lays out a dense layer on integers: its codes in panels, with the scale and bias of each column. */
export function integerLayer(
  step: IntegerDenseStep,
  weights: IntegerWeights,
  { traits, maxBatch }: LayerOptions,
): DenseLayer {
  const { inputSize: depth, units, codes, input, outputScales, bias } = step;
  const codeRowStride = defaultCodeRowStride(depth);
  const epilogue = { bias: bias !== null, activation: step.relu ? 'relu' : 'none', softmax: false } as const;
  const product = { depth, weights, epilogue };
  const { tileVectors } = defaultIntegerBlocking({ ...product, rows: maxBatch, columns: units }, traits);
  const describe =
    (columns: number) =>
    (batch: number): IntegerGemmDescription => ({
      kind: 'integer-gemm',
      ...product,
      rows: batch,
      columns,
      aRowStride: codeRowStride,
      cRowStride: units,
      output: 'float32',
      rowScales: false,
      rowZeroPoints: false,
      blocking: defaultIntegerBlocking({ ...product, rows: batch, columns }, traits, tileVectors),
    });
  const whole = describe(units)(1);
  const layout = integerPanelLayout(whole, traits);
  const placeProduct = (places: LayerPlaces, { from, count }: Section): ModelKernel => {
    const fields = blockFields(Object.keys(INTEGER_GEMM_ARGUMENTS).length, {
      [INTEGER_GEMM_ARGUMENTS.a]: places.codes,
      [INTEGER_GEMM_ARGUMENTS.b]: places.weights + (from / layout.panelColumns) * layout.panelByteLength,
      [INTEGER_GEMM_ARGUMENTS.c]: places.output + from * 4,
    });
    return { describe: describe(count), fields, rows: null };
  };
  return {
    step,
    weightBytes: layout.byteLength,
    codeBytes: codeRowStride * encodedCodeBytes(weights, traits),
    pack(target) {
      const columns = { codes, rowStride: units, columnStride: 1, scales: outputScales, bias };
      packIntegerPanels(whole, traits, { ...columns, zeroPoint: input.zeroPoint }, target);
    },
    steps(places, threads) {
      const sections = divide(units, threads, layout.panelColumns);
      return [
        [quantization(step, weights, codeRowStride, places)],
        sections.map((section) => placeProduct(places, section)),
      ];
    },
  };
}

/** The conversion of a layer's input into codes; the number of rows is an argument. */
function quantization(
  { inputSize, input }: IntegerDenseStep,
  weights: IntegerWeights,
  codeRowStride: number,
  places: LayerPlaces,
): ModelKernel {
  const description: QuantizeRowsDescription = {
    kind: 'quantize-rows',
    mode: 'static',
    weights,
    depth: inputSize,
    sourceRowStride: inputSize,
    codeRowStride,
  };
  const fields = blockFields(Object.keys(QUANTIZE_ROWS_ARGUMENTS).length, {
    [QUANTIZE_ROWS_ARGUMENTS.source]: places.input,
    [QUANTIZE_ROWS_ARGUMENTS.codes]: places.codes,
    [QUANTIZE_ROWS_ARGUMENTS.scale]: { float32: input.scale },
    [QUANTIZE_ROWS_ARGUMENTS.zeroPoint]: { float32: input.zeroPoint },
  });
  return { describe: () => description, fields, rows: { field: QUANTIZE_ROWS_ARGUMENTS.rows, perSample: 1 } };
}
