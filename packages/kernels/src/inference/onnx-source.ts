import { UnsupportedError } from '@qedge/core';
import { ELEMENT_TYPE_TRAITS } from '../graph/onnx/element-type.ts';
import { type ImportOnnxOptions, importOnnx } from '../graph/onnx/import-onnx.ts';
import type { OnnxModel, OnnxValueInfo } from '../graph/onnx/onnx-model.ts';
import type { ModelSource, SourceInput } from './model-source.ts';

/** Options of {@link onnxSource}. */
export interface OnnxSourceOptions extends Pick<ImportOnnxOptions, 'constants' | 'operators'> {
  /** Default: the name of the graph in the file. */
  readonly name?: string;
}

/**
 * A source that specialises an ONNX model. Inputs that `constants` gives are no inputs of the source.
 *
 * @param model borrowed, with the bytes it was read from, for the source's life.
 * @throws UnsupportedError for an input of text, of another kind than a tensor, or of unknown rank.
 */
export function onnxSource(model: OnnxModel, options: OnnxSourceOptions = {}): ModelSource {
  const { constants = {}, operators, name = model.graph.name } = options;
  const inputs = model.inputs.filter((input) => !Object.hasOwn(constants, input.name)).map(sourceInput);
  return {
    name,
    inputs,
    file: null,
    specialize: (inputShapes) =>
      importOnnx(model, { inputShapes, constants, ...(operators ? { operators } : {}) }),
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
