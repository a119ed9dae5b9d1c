import {
  InvalidArgumentError,
  type OperatorModel,
  shapesEqual,
  UnsupportedError,
  type ValueSpec,
} from '@qedge/core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import { GraphBuilder } from '../graph-builder.ts';
import type { CustomOperators } from '../operators/custom-operator.ts';
import { checkInteger } from '../operators/input-checks.ts';
import type { ValueData } from '../operators/operator-definition.ts';
import { DENSE_LAYERS } from './dense-layers.ts';
import { IMAGE_LAYERS } from './image-layers.ts';
import type { LayerContext, LayerImporter, TensorflowLayer } from './layer-context.ts';
import { POINTWISE_LAYERS } from './pointwise-layers.ts';
import { RECURRENT_LAYERS } from './recurrent-layers.ts';
import { SHAPE_LAYERS } from './shape-layers.ts';

/**
 * Adds what a layer computes to a graph.
 *
 * @param inputs names of the values that enter the layer.
 * @returns the names of the values that leave it, in order.
 */
export type CustomLayer = (
  layer: TensorflowLayer,
  inputs: readonly string[],
  builder: GraphBuilder,
) => readonly string[];

/** Options of {@link importLayersModel}. */
export interface ImportLayersModelOptions {
  /** Samples per run, 1 or more. */
  readonly batch: number;
  /** Layers that are missing here, or are to be imported otherwise, by their class name. */
  readonly customLayers?: Readonly<Record<string, CustomLayer>>;
  /** Operators of the user that custom layers add. */
  readonly customs?: CustomOperators;
}

const LAYERS: Readonly<Record<string, LayerImporter>> = {
  ...DENSE_LAYERS,
  ...IMAGE_LAYERS,
  ...SHAPE_LAYERS,
  ...POINTWISE_LAYERS,
  ...RECURRENT_LAYERS,
};

/**
 * A LayersModel of TensorFlow.js as an operator graph, as it infers (dropout does nothing, batch normalisation uses its moving statistics).
 * Sequential and functional models, nested models and layers that are used several times are understood. Inputs have the names of the model's;
 * inputs and outputs have its order. Weights are copied; no tensor is kept.
 *
 * @throws UnsupportedError naming every layer whose class is missing, or the first setting that is not supported; InvalidArgumentError for a
 *   size other than the batch that the model leaves open.
 * @example
 * const { graph, weights } = importLayersModel(await tf.loadLayersModel('file://model.json'), { batch: 1 });
 */
export function importLayersModel(model: LayersModel, options: ImportLayersModelOptions): OperatorModel {
  const { batch, customLayers = {}, customs = {} } = options;
  checkInteger(batch, 'The batch', 1);
  refuseMissingLayers(model, customLayers);
  const builder = new GraphBuilder(model.name, { customs });
  // Sequential models do not know their `inputNames` before they are built.
  const inputs = model.inputs.map((input) => builder.input(input.sourceLayer.name, inputSpec(input, batch)));
  const outputs = new ModelImport(builder, customLayers).importModel(model, inputs);
  const taken = new Set<string>(inputs);
  for (const output of outputs) {
    // A value is an output once, and not an input at the same time.
    const value = taken.has(output)
      ? builder.add({ kind: 'reshape', shape: builder.spec(output).shape }, [output], { name: 'output' })[0]
      : output;
    taken.add(value);
    builder.output(value);
  }
  return builder.finish();
}

function inputSpec(input: SymbolicTensor, batch: number): ValueSpec {
  const [, ...sample] = input.shape;
  if (sample.some((size) => size === null || size < 0)) {
    throw new InvalidArgumentError(`The input "${input.name}" leaves a size open`, {
      expected: 'every size but the batch',
      actual: input.shape,
      remedy: 'Make the model with a full inputShape.',
    });
  }
  const dtype = input.dtype === 'int32' || input.dtype === 'bool' ? 'int32' : 'float32';
  return { dtype, shape: [batch, ...(sample as number[])] };
}

type Container = Pick<LayersModel, 'layers' | 'inputs' | 'outputs'>;

/** A layer that is a model itself. */
function asContainer(layer: TensorflowLayer): Container | null {
  const { layers, inputs, outputs } = layer as unknown as Partial<Container>;
  return layers && inputs && outputs ? { layers, inputs, outputs } : null;
}

/** @throws UnsupportedError naming all layers that neither this package nor the user knows. */
function refuseMissingLayers(model: Container, customLayers: Readonly<Record<string, CustomLayer>>): void {
  const missing = new Map<string, string>();
  const visit = (layer: TensorflowLayer) => {
    const className = layer.getClassName();
    if (Object.hasOwn(customLayers, className) || className === 'InputLayer') return;
    const container = asContainer(layer);
    if (container) container.layers.forEach(visit);
    else if (!Object.hasOwn(LAYERS, className)) missing.set(layer.name, className);
    else if (className === 'TimeDistributed') visit((layer as unknown as { layer: TensorflowLayer }).layer);
  };
  model.layers.forEach(visit);
  if (missing.size === 0) return;
  const layers = [...missing].map(([name, className]) => `"${name}" (${className})`);
  throw new UnsupportedError('The model has layers that are not supported', {
    expected: 'layers that the graph runtime has',
    actual: layers.join(', '),
    remedy: 'Provide them: { customLayers: { ClassName: (layer, inputs, builder) => outputs } }.',
    facts: { layers: Object.fromEntries(missing) },
  });
}

class ModelImport implements LayerContext {
  readonly builder: GraphBuilder;
  readonly #customLayers: Readonly<Record<string, CustomLayer>>;
  readonly #constants = new Map<TensorflowLayer, Map<string, string>>();

  constructor(builder: GraphBuilder, customLayers: Readonly<Record<string, CustomLayer>>) {
    this.builder = builder;
    this.#customLayers = customLayers;
  }

  constant(layer: TensorflowLayer, label: string, make: () => ValueData): string {
    const ofLayer = this.#constants.get(layer) ?? new Map<string, string>();
    this.#constants.set(layer, ofLayer);
    const known = ofLayer.get(label);
    if (known !== undefined) return known;
    const name = this.builder.constant(`${layer.name}/${label}`, make());
    ofLayer.set(label, name);
    return name;
  }

  /** The values of a model's outputs when its inputs have these. */
  importModel({ inputs, outputs }: Container, values: readonly string[]): readonly string[] {
    const known = new Map(inputs.map((tensor, i) => [tensor.id, values[i]!]));
    return outputs.map((tensor) => this.#resolve(tensor, known));
  }

  importLayer(layer: TensorflowLayer, inputs: readonly string[]): readonly string[] {
    const className = layer.getClassName();
    if (Object.hasOwn(this.#customLayers, className)) {
      return this.#customLayers[className]!(layer, inputs, this.builder);
    }
    const container = asContainer(layer);
    if (container) return this.importModel(container, inputs);
    return LAYERS[className]!(layer, inputs as readonly [string, ...string[]], this);
  }

  /** The value of a symbolic tensor: of the call of a layer that made it. */
  #resolve(tensor: SymbolicTensor, known: Map<number, string>): string {
    const value = known.get(tensor.id);
    if (value !== undefined) return value;
    const layer = tensor.sourceLayer as TensorflowLayer;
    const call = layer.inboundNodes[tensor.nodeIndex]!;
    if (call.inputTensors.length === 0 || layer.getClassName() === 'InputLayer') {
      throw new InvalidArgumentError(`The layer "${layer.name}" is an input that the model does not name`, {
        expected: 'one of the inputs of the model',
        actual: tensor.name,
      });
    }
    const inputs = call.inputTensors.map((input) => this.#resolve(input, known));
    const outputs = this.importLayer(layer, inputs);
    for (const [i, output] of call.outputTensors.entries()) {
      this.#checkShape(layer, outputs[i], output);
      known.set(output.id, outputs[i]!);
    }
    return outputs[tensor.tensorIndex ?? 0]!;
  }

  /** What was imported must have the shape that TensorFlow.js expects. */
  #checkShape(layer: TensorflowLayer, value: string | undefined, { shape }: SymbolicTensor): void {
    const actual = value === undefined ? [] : this.builder.spec(value).shape;
    const expected = shape.map((size, axis) => (size === null || size < 0 ? actual[axis]! : size));
    if (value !== undefined && shapesEqual(actual.slice(1), expected.slice(1))) return;
    throw new UnsupportedError(
      `The layer "${layer.name}" (${layer.getClassName()}) has another output than expected`,
      {
        expected: shape,
        actual: value === undefined ? 'no value' : actual,
      },
    );
  }
}
