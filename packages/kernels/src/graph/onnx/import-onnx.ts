import {
  FileFormatError,
  InvalidArgumentError,
  type OperatorModel,
  type Shape,
  UnsupportedError,
} from '@qedge/core';
import type { CustomOperators } from '../operators/custom-operator.ts';
import { requireObject } from '../require-arguments.ts';
import { bindInputs, type OnnxConstant } from './bind-inputs.ts';
import { OnnxImport } from './onnx-import.ts';
import type { OnnxModel } from './onnx-model.ts';

/** Versions of ONNX's own operators that are understood. */
const OLDEST_OPERATOR_SET = 7;
const NEWEST_OPERATOR_SET = 23;

const MOST_INPUTS_OR_OUTPUTS = 4096;

/** How a model is imported. */
export interface ImportOnnxOptions {
  /** Shapes of inputs with free sizes; those of other inputs may be given too. Sizes with the same name are the same. */
  readonly inputShapes?: Readonly<Record<string, Shape>>;
  /** Inputs that stay the same, in the model for good: `{ sr: 16000 }`. */
  readonly constants?: Readonly<Record<string, OnnxConstant>>;
  /** Operators of the user, by ONNX's name with its domain: `Foo`, `com.example.Foo`. They go before those that are known. */
  readonly customs?: CustomOperators;
}

/**
 * An ONNX model for inputs of fixed shapes, as an operator graph. Shape arithmetic and what else is known is computed here, the branch that an
 * `If` with a known condition takes stands in its place, and images become channels-last between transpositions. Weights stay where they lie
 * until they are loaded.
 *
 * Numbers: 64-bit integers and truth values become int32, float64 and half floats float32. Arithmetic on integers that is left for run time
 * is done in float32, exact up to 2^24.
 *
 * @throws UnsupportedError naming every operator and node that is not imported, at once.
 * @throws InvalidArgumentError or ShapeMismatchError when shapes are missing, contradict the model or do not fit inside of it.
 * @throws FileFormatError when the model contradicts itself.
 */
export function importOnnx(model: OnnxModel, options: ImportOnnxOptions = {}): OperatorModel {
  requireOnnxModel(model);
  checkOperatorSet(model);
  checkCounts(model);
  const inputs = bindInputs(model, options.inputShapes ?? {}, options.constants ?? {});
  return new OnnxImport(model, options.customs ?? {}).run(inputs);
}

/** @throws InvalidArgumentError for what `readOnnx` has not made. */
export function requireOnnxModel(model: OnnxModel): void {
  requireObject('The model', model, 'what readOnnx returns');
  if (model.operatorSets instanceof Map && model.operators instanceof Map) return;
  throw new InvalidArgumentError('The model is no ONNX model', {
    expected: 'what readOnnx returns',
    actual: Object.keys(model).slice(0, 10),
  });
}

/** More inputs or outputs than any model has are a damaged or hostile file. */
function checkCounts({ inputs, outputs }: OnnxModel): void {
  if (Math.max(inputs.length, outputs.length) <= MOST_INPUTS_OR_OUTPUTS) return;
  throw new UnsupportedError('The model has too many inputs or outputs', {
    expected: `at most ${MOST_INPUTS_OR_OUTPUTS} of each`,
    actual: [inputs.length, outputs.length],
  });
}

function checkOperatorSet({ operatorSets }: OnnxModel): void {
  const version = operatorSets.get('');
  if (version === undefined) {
    if (operatorSets.size > 0) return;
    throw new FileFormatError('The model does not tell the version of its operators', {
      expected: 'opset_import',
    });
  }
  if (version >= OLDEST_OPERATOR_SET && version <= NEWEST_OPERATOR_SET) return;
  throw new UnsupportedError('The operators of the model have another version', {
    expected: `${OLDEST_OPERATOR_SET} to ${NEWEST_OPERATOR_SET}`,
    actual: version,
    remedy: 'Convert the model with onnx.version_converter.',
  });
}
