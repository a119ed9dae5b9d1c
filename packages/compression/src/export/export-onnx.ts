import type { OperatorModel } from '@qedge/core';
import { importOnnx, type OnnxModel, readOnnx } from '@qedge/kernels/onnx';
import { encodeOperatorModelAsOnnx } from '@qedge/kernels/ort';
import type { CompressedModel } from '../model/compressed-model.ts';
import type { KernelWeight } from '../model/kernel-weight.ts';
import { compareOutputs } from './compare-outputs.ts';
import { compareCodes, compareNumbers } from './compare-weights.ts';
import type { ExportComparison, ModelExport } from './export-report.ts';
import { checkCodes, type OperatorModelOptions, toOperatorModel } from './operator-model.ts';
import { readOnnxCodes } from './read-onnx-codes.ts';

/** Options of {@link exportOnnx}. */
export interface OnnxExportOptions extends Pick<OperatorModelOptions, 'weightCodes' | 'groupSize'> {
  /** Samples per run, which the file has for good; default 1. */
  readonly batch?: number;
  /**
   * `quantize-dequantize` (default): codes behind DequantizeLinear, and the inputs of layers between QuantizeLinear and DequantizeLinear with
   * uint8 codes where the model says how. `matmul-n-bits`: dense kernels of at most 4 bits as MatMulNBits of ONNX Runtime, all activations float32.
   */
  readonly form?: 'quantize-dequantize' | 'matmul-n-bits';
}

/**
 * Writes an ONNX file that ONNX Runtime runs, native or in browsers. Codes of kernels are the model's own; with `weightCodes: 'uint8'`, the
 * default here, they are 128 more with a zero point that is 128 more, because ONNX Runtime for the web refused signed kernels of convolutions up
 * to its version 1.20.1.
 *
 * @throws what {@link toOperatorModel} throws, UnsupportedError for operators that are not written, BudgetExceededError beyond 2 GiB,
 *   VerificationError when the file does not give back every code and number, or computes something else.
 * @example
 * const { bytes } = exportOnnx(compressed, { form: 'matmul-n-bits' });
 * const session = await InferenceSession.create(bytes);
 */
export function exportOnnx(compressed: CompressedModel, options: OnnxExportOptions = {}): ModelExport {
  const { batch = 1, form = 'quantize-dequantize', weightCodes = 'uint8', groupSize } = options;
  const isNarrow = form === 'matmul-n-bits';
  const operators = toOperatorModel(compressed, {
    ...{ batch, weightCodes, activations: isNarrow ? 'float32' : 'coded' },
    weightOnly: isNarrow ? 'grouped' : 'decoded',
    ...(groupSize === undefined ? {} : { groupSize }),
  });
  const bytes = encodeOperatorModelAsOnnx(operators);
  const file = readOnnx(bytes);
  const compared = {
    ...compareTensors(compressed, operators, file),
    changed: [],
    outputs: compareOutputs('The ONNX file', operators, importOnnx(file)),
  };
  return { bytes, companions: new Map(), report: { format: 'onnx', byteLength: bytes.length, compared } };
}

function compareTensors(
  compressed: CompressedModel,
  { graph, weights }: OperatorModel,
  file: OnnxModel,
): Pick<ExportComparison, 'codes' | 'numbers'> {
  const compared = { codes: 0, numbers: 0 };
  const read = readOnnxCodes(file);
  for (const { weight, rows, outputs } of checkCodes(compressed) satisfies readonly KernelWeight[]) {
    const codes = read.get(`${weight.name} codes`)?.toMatrix(rows, outputs) ?? [];
    compared.codes += compareCodes(weight.name, compressed.codes.get(weight.name)!.codes, codes);
  }
  const tensors = new Map(file.graph.initializers.map((tensor) => [tensor.name, tensor]));
  for (const name of graph.constants) {
    if (graph.values[name]!.dtype !== 'float32') continue;
    const raw = tensors.get(name)?.raw?.slice() ?? new Uint8Array(0);
    const numbers = new Float32Array(raw.buffer, 0, raw.byteLength >> 2);
    compared.numbers += compareNumbers(name, weights.load(name).data as Float32Array, numbers);
  }
  return compared;
}
