import { UnsupportedError } from '@qedge/core';
import { ELEMENT_TYPE_TRAITS } from '../graph/onnx/element-type.ts';
import { type ImportOnnxOptions, importOnnx, requireOnnxModel } from '../graph/onnx/import-onnx.ts';
import { findImportOperator } from '../graph/onnx/import-operators.ts';
import type { OnnxModel, OnnxValueInfo } from '../graph/onnx/onnx-model.ts';
import { qualifiedOperator } from '../graph/onnx/read-onnx.ts';
import type { CustomOperators } from '../graph/operators/custom-operator.ts';
import type { ModelSource, SourceInput } from './model-source.ts';

/** Options of {@link onnxSource}. */
export interface OnnxSourceOptions extends Pick<ImportOnnxOptions, 'constants' | 'customs'> {
  /** Default: the name of the graph in the file. */
  readonly name?: string;
}

/**
 * A source that specialises an ONNX model. Inputs that `constants` gives are no inputs of the source.
 *
 * @param model borrowed, with the bytes it was read from, for the source's life.
 * @throws UnsupportedError for an input of text, of another kind than a tensor, or of unknown rank, and naming every node whose operator is
 *   missing. Branches of an `If` are looked at when it is known which one is taken.
 */
export function onnxSource(model: OnnxModel, options: OnnxSourceOptions = {}): ModelSource {
  requireOnnxModel(model);
  const { constants = {}, customs = {}, name = model.graph.name } = options;
  requireKnownOperators(model, name, customs);
  const inputs = model.inputs.filter((input) => !Object.hasOwn(constants, input.name)).map(sourceInput);
  return {
    name,
    inputs,
    file: null,
    specialize: (inputShapes) => importOnnx(model, { inputShapes, constants, customs }),
    dispose() {},
    [Symbol.dispose]() {},
  };
}

function sourceInput({ name, type, shape }: OnnxValueInfo): SourceInput {
  const dtype = type === null ? null : ELEMENT_TYPE_TRAITS[type].runtime;
  if (dtype === null || shape === null) {
    throw new UnsupportedError(`The input "${name}" cannot be given`, {
      expected: 'a tensor of numbers of a known rank',
      actual: type ?? 'no tensor',
    });
  }
  return { name, dtype, shape: shape.map((size) => (typeof size === 'number' && size > 0 ? size : null)) };
}

/** Nodes that a message names. */
const MOST_NAMED = 10;

/** Says what is missing before a size is chosen. */
function requireKnownOperators(model: OnnxModel, name: string, customs: CustomOperators): void {
  const missing = model.graph.nodes.flatMap(({ name: node, operator, domain, outputs }) => {
    const qualified = qualifiedOperator(domain, operator);
    if (qualified === 'If' || Object.hasOwn(customs, qualified) || findImportOperator(qualified)) return [];
    return [`${qualified} (${node || outputs.join(', ')})`];
  });
  if (missing.length === 0) return;
  const more = missing.length > MOST_NAMED ? ` and ${missing.length - MOST_NAMED} more` : '';
  throw new UnsupportedError(`${name} has operators that are missing here`, {
    expected: 'operators of onnxOperators()',
    actual: missing.slice(0, MOST_NAMED).join(', ') + more,
    remedy: 'Provide { infer, evaluate } for each under customs.',
    facts: { missing },
  });
}
