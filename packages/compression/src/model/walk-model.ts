import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import type { LayerCall, TensorflowLayer, TensorReference } from './model-topology.ts';

/** A layer of a model with its name in the topology and its uses. */
export interface WalkedLayer {
  readonly name: string;
  readonly layer: TensorflowLayer;
  readonly calls: readonly LayerCall[];
}

/** The layers of a model, nested models inlined, in an order in which calls come after what they read. */
export interface WalkedModel {
  readonly layers: readonly WalkedLayer[];
  readonly inputs: readonly TensorReference[];
  readonly outputs: readonly TensorReference[];
}

/** What tfjs keeps of one use of a layer, and does not declare. */
interface LayerNode {
  readonly inputTensors: readonly SymbolicTensor[];
  readonly outputTensors: readonly SymbolicTensor[];
  readonly callArgs: object | null;
}

type Container = Pick<LayersModel, 'layers' | 'inputs' | 'outputs'>;

/** One use of a container: what its inputs stand for, and what has been walked inside. */
interface Scope {
  readonly prefix: string;
  readonly inputs: ReadonlyMap<number, TensorReference>;
  readonly walked: Map<LayerNode, readonly TensorReference[]>;
}

/**
 * Follows a model from its inputs to its outputs.
 * @throws UnsupportedError for a call with arguments beside tensors (such as an initial state), InvalidArgumentError when two layers share a name.
 */
export function walkModel(model: LayersModel): WalkedModel {
  const walk = new ModelWalk();
  const scope: Scope = { prefix: '', inputs: new Map(), walked: new Map() };
  const inputs = model.inputs.map((tensor) => walk.reference(tensor, scope));
  const outputs = model.outputs.map((tensor) => walk.reference(tensor, scope));
  return { layers: [...walk.layers.values()], inputs, outputs };
}

class ModelWalk {
  readonly layers = new Map<TensorflowLayer, { name: string; layer: TensorflowLayer; calls: LayerCall[] }>();
  readonly #names = new Set<string>();

  reference(tensor: SymbolicTensor, scope: Scope): TensorReference {
    const known = scope.inputs.get(tensor.id);
    if (known) return known;
    const layer = tensor.sourceLayer;
    const node = layer.inboundNodes[tensor.nodeIndex] as unknown as LayerNode;
    const outputs = scope.walked.get(node) ?? this.#walkNode(layer, node, scope);
    return outputs[tensor.tensorIndex]!;
  }

  #walkNode(layer: TensorflowLayer, node: LayerNode, scope: Scope): readonly TensorReference[] {
    requireTensorsOnly(layer, node);
    const isInput = layer.getClassName() === 'InputLayer';
    const inputs = isInput ? [] : node.inputTensors.map((tensor) => this.reference(tensor, scope));
    const container = asContainer(layer);
    const outputs = container
      ? this.#inline(`${scope.prefix}${layer.name}/`, container, inputs)
      : this.#addCall(layer, node, inputs, scope.prefix);
    scope.walked.set(node, outputs);
    return outputs;
  }

  #inline(prefix: string, container: Container, inputs: readonly TensorReference[]) {
    const inner: Scope = {
      prefix,
      inputs: new Map(container.inputs.map((tensor, at) => [tensor.id, inputs[at]!])),
      walked: new Map(),
    };
    return container.outputs.map((tensor) => this.reference(tensor, inner));
  }

  #addCall(
    layer: TensorflowLayer,
    node: LayerNode,
    inputs: readonly TensorReference[],
    prefix: string,
  ): readonly TensorReference[] {
    const entry = this.layers.get(layer) ?? this.#addLayer(layer, `${prefix}${layer.name}`);
    const call = entry.calls.length;
    entry.calls.push({ inputs, outputShapes: node.outputTensors.map(({ shape }) => shape.slice(1)) });
    return node.outputTensors.map((_, output) => ({ layer: entry.name, call, output }));
  }

  #addLayer(layer: TensorflowLayer, name: string) {
    if (this.#names.has(name)) {
      throw new InvalidArgumentError('Two layers of the model have the same name', {
        expected: 'a name of its own for each layer',
        actual: name,
        remedy: 'Name the layers when the model is made.',
      });
    }
    this.#names.add(name);
    const entry = { name, layer, calls: [] };
    this.layers.set(layer, entry);
    return entry;
  }
}

function requireTensorsOnly(layer: TensorflowLayer, { callArgs }: LayerNode): void {
  const given = Object.keys(callArgs ?? {});
  if (given.length === 0) return;
  throw new UnsupportedError(`The layer "${layer.name}" is called with more than tensors`, {
    expected: 'a call with input tensors only',
    actual: given,
    facts: { layer: layer.name, className: layer.getClassName() },
  });
}

/** A layer that is a model itself. */
function asContainer(layer: TensorflowLayer): Container | null {
  const { layers, inputs, outputs } = layer as unknown as Partial<Container>;
  return layers && inputs && outputs ? { layers, inputs, outputs } : null;
}
