import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import type { ModelTopology, TensorflowLayer, TopologyLayer } from './model-topology.ts';
import { type WalkedLayer, walkModel } from './walk-model.ts';

/** A variable of a model that lives in tfjs. */
export interface WeightVariable {
  readonly name: string;
  shape: readonly (number | null)[];
  read(): Tensor;
  write(value: Tensor): unknown;
}

/** A weight of a living model, named as in its topology. */
export interface NamedWeight {
  /** `<layer>/<role>`, unique in the model. */
  readonly name: string;
  /** `kernel`, `bias`, `gamma`, ... */
  readonly role: string;
  readonly layer: TensorflowLayer;
  readonly variable: WeightVariable;
  readonly trainable: boolean;
}

/**
 * Copies a LayersModel into a topology: Sequential models become chains, nested models are inlined, shared layers keep several calls.
 *
 * @param model borrowed; no tensor is kept or left behind.
 * @throws UnsupportedError for a call with arguments beside tensors, InvalidArgumentError when two layers share a name.
 * @example
 * const topology = readTopology(model);
 * const copy = buildModel(tf, topology);
 */
export function readTopology(model: LayersModel): ModelTopology {
  const { layers, inputs, outputs } = walkModel(model);
  return { name: model.name, layers: layers.map(readLayer), inputs, outputs };
}

/**
 * The weights of a living model under the names of its topology, layer by layer; for training them in place.
 * @throws as {@link readTopology}.
 */
export function nameWeights(model: LayersModel): readonly NamedWeight[] {
  return walkModel(model).layers.flatMap(weightsOf);
}

function readLayer(walked: WalkedLayer): TopologyLayer {
  const { name, layer, calls } = walked;
  return {
    name,
    className: layer.getClassName(),
    layerClass: layer.constructor,
    config: { ...settingsOf(layer), name },
    calls,
    weights: weightsOf(walked).map(({ name: weightName, role, variable, trainable }) => ({
      name: weightName,
      role,
      shape: variable.shape as readonly number[],
      data: Float32Array.from(variable.read().dataSync()),
      trainable,
    })),
  };
}

/** What `getConfig` gives, and what it leaves out (tfjs 4.22: the multiplier of separable convolutions). */
function settingsOf(layer: TensorflowLayer): Readonly<Record<string, unknown>> {
  const { depthMultiplier } = layer as unknown as { readonly depthMultiplier?: number };
  const config = layer.getConfig();
  return depthMultiplier === undefined ? config : { ...config, depthMultiplier };
}

function weightsOf({ name, layer }: WalkedLayer): readonly NamedWeight[] {
  const trainable = new Set<unknown>(layer.trainableWeights);
  const taken = new Map<string, number>();
  return layer.weights.map((variable) => {
    const { originalName } = variable as unknown as { readonly originalName: string };
    const role = originalName.slice(originalName.lastIndexOf('/') + 1);
    // The two directions of a bidirectional layer have weights of the same name.
    const repeat = taken.get(role) ?? 0;
    taken.set(role, repeat + 1);
    const unique = repeat === 0 ? role : `${role}_${repeat}`;
    return { name: `${name}/${unique}`, role, layer, variable, trainable: trainable.has(variable) };
  });
}
