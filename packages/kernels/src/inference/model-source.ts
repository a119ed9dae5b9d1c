import {
  type Fallback,
  InvalidArgumentError,
  type OperatorModel,
  type Precision,
  type Shape,
  ShapeMismatchError,
  shapesEqual,
  UnsupportedError,
  type ValueDType,
} from '@qedge/core';
import type { KernelEngine } from '../engine/kernel-engine.ts';
import type { CompiledGraph } from '../graph/compiled-graph.ts';
import type { CustomOperators } from '../graph/operators/custom-operator.ts';
import { requireObject, requireOperatorModel } from '../graph/require-arguments.ts';

/** An input of a model before its shapes are chosen. */
export interface SourceInput {
  readonly name: string;
  readonly dtype: ValueDType;
  /** `null` is a size that is chosen when the model is loaded. A first size of `null` is the batch. */
  readonly shape: readonly (number | null)[];
}

/** How the bytes of a model's file are reached. */
export interface SourceFile {
  readonly loading: 'mapped' | 'copied';
  readonly byteLength: number;
  /** Why it is not mapped. */
  readonly fallbacks: readonly Fallback[];
}

/** A model of any format, from which a graph is made for any sizes that it leaves open. */
export interface ModelSource extends Disposable {
  readonly name: string;
  readonly inputs: readonly SourceInput[];
  /** The file that stays open, where there is one. */
  readonly file: SourceFile | null;
  /**
   * Makes the graph for concrete shapes. Its weights may lie in the source: keep that open for as long as they are needed.
   *
   * @param inputShapes of every input, batch included.
   * @throws UnsupportedError naming the nodes that cannot be computed, ShapeMismatchError for shapes that do not fit.
   */
  specialize(inputShapes: Readonly<Record<string, Shape>>): OperatorModel;
  /** What the weights of {@link compile} were packed for; others are packed when they are asked for. */
  readonly precisions?: readonly Precision[];
  /** Where the source holds packed weights: compiles its one graph on them. */
  readonly compile?: (
    engine: KernelEngine,
    options: { readonly precision: Precision; readonly customs: CustomOperators },
  ) => CompiledGraph;
  /** Gives the file back. */
  dispose(): void;
}

/** A source of one graph whose shapes are chosen already. The model is borrowed. */
export function graphSource(model: OperatorModel): ModelSource {
  requireOperatorModel(model);
  const { graph } = model;
  const inputs = graph.inputs.map((name) => ({ name, ...graph.values[name]! }));
  return {
    name: graph.name,
    inputs,
    file: null,
    specialize(inputShapes) {
      for (const { name, shape } of inputs) {
        const asked = inputShapes[name];
        if (asked === undefined || shapesEqual(asked, shape)) continue;
        throw new ShapeMismatchError(`The input "${name}" of "${graph.name}" has one shape only`, {
          expected: shape,
          actual: asked,
        });
      }
      return model;
    },
    dispose() {},
    [Symbol.dispose]() {},
  };
}

/**
 * The shapes of all inputs for a batch.
 *
 * @param chosen sizes that the source leaves open, given as whole shapes; the batch in them does not matter.
 * @throws InvalidArgumentError naming an input whose sizes are open and not given, UnsupportedError for a batch that the model does
 *   not allow, ShapeMismatchError for shapes that do not fit.
 */
export function inputShapesOf(
  { name: model, inputs }: Pick<ModelSource, 'name' | 'inputs'>,
  chosen: Readonly<Record<string, Shape>>,
  batch: number,
): Record<string, Shape> {
  requireObject('inputShapes', chosen, 'shapes by the names of inputs');
  const unknown = Object.keys(chosen).find((name) => inputs.every((input) => input.name !== name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`The model "${model}" has no input "${unknown}"`, {
      expected: inputs.map(({ name }) => name),
      actual: unknown,
    });
  }
  const shapes = inputs.map(
    (input) => [input.name, shapeOf(model, input, chosen[input.name], batch)] as const,
  );
  if (batch !== 1 && inputs.every(({ shape }) => shape[0] !== null)) {
    throw new UnsupportedError(`The model "${model}" has a fixed batch`, { expected: 1, actual: batch });
  }
  return Object.fromEntries(shapes);
}

function shapeOf(
  model: string,
  { name, shape }: SourceInput,
  chosen: Shape | undefined,
  batch: number,
): Shape {
  if (chosen !== undefined && !fits(shape, chosen)) {
    throw new ShapeMismatchError(`The shape chosen for the input "${name}" of "${model}" does not fit`, {
      expected: shape.map((size) => size ?? 'any'),
      actual: chosen,
    });
  }
  return shape.map((size, axis) => {
    if (size !== null) return size;
    if (axis === 0) return batch;
    if (chosen !== undefined) return chosen[axis]!;
    throw new InvalidArgumentError(`The model "${model}" leaves the shape of its input "${name}" open`, {
      expected: `inputShapes: { "${name}": [${shape.map((each) => each ?? 'a size').join(', ')}] }`,
      actual: 'none',
      remedy: 'Choose the sizes when the model is loaded.',
    });
  });
}

function fits(shape: SourceInput['shape'], chosen: Shape): boolean {
  if (!Array.isArray(chosen) || chosen.length !== shape.length) return false;
  return chosen.every(
    (size, axis) => Number.isSafeInteger(size) && size > 0 && (shape[axis] ?? size) === size,
  );
}
