import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import type {
  ModelTopology,
  TensorReference,
  TopologyLayer,
  TopologyWeight,
} from '../model/model-topology.ts';

/** What `importLayersModel` of `@qedge/kernels/tfjs` reads of a tensor between layers. */
interface SymbolicView {
  readonly id: number;
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | null)[];
  readonly sourceLayer: LayerView;
  readonly nodeIndex: number;
  readonly tensorIndex: number;
}

interface LayerView {
  readonly name: string;
  inboundNodes: readonly CallView[];
  getClassName(): string;
  getConfig(): Readonly<Record<string, unknown>>;
  getWeights(): readonly { readonly shape: readonly number[]; dataSync(): Float32Array }[];
}

interface CallView {
  readonly inputTensors: readonly SymbolicView[];
  readonly outputTensors: readonly SymbolicView[];
}

/**
 * A topology in the form of a LayersModel, as far as importers read one: no tfjs is needed and nothing has to be disposed. The weights are
 * those of the topology, not copied.
 */
export function viewAsLayersModel(topology: ModelTopology): LayersModel {
  const layers = new Map(topology.layers.map((layer) => [layer.name, viewLayer(layer)]));
  const tensors = new Map<string, SymbolicView>();
  const keyOf = ({ layer, call, output }: TensorReference) => `${call} ${output} ${layer}`;
  for (const { name, calls, config } of topology.layers) {
    for (const [call, { outputShapes }] of calls.entries()) {
      for (const [output, shape] of outputShapes.entries()) {
        tensors.set(keyOf({ layer: name, call, output }), {
          ...{
            id: tensors.size,
            name: `${name}/${call}/${output}`,
            dtype: String(config.dtype ?? 'float32'),
          },
          ...{ shape: [null, ...shape], sourceLayer: layers.get(name)! },
          ...{ nodeIndex: call, tensorIndex: output },
        });
      }
    }
  }
  const find = (reference: TensorReference) => tensors.get(keyOf(reference))!;
  for (const { name, calls } of topology.layers) {
    layers.get(name)!.inboundNodes = calls.map(({ inputs, outputShapes }, call) => ({
      inputTensors: inputs.map(find),
      outputTensors: outputShapes.map((_, output) => find({ layer: name, call, output })),
    }));
  }
  const view = {
    name: topology.name,
    layers: [...layers.values()],
    inputs: topology.inputs.map(find),
    outputs: topology.outputs.map(find) as unknown as SymbolicTensor[],
  };
  return view as unknown as LayersModel;
}

function viewLayer({ name, className, config, weights }: TopologyLayer): LayerView {
  const views = weights.map(({ shape, data }: TopologyWeight) => ({ shape, dataSync: () => data }));
  return {
    name,
    inboundNodes: [],
    getClassName: () => className,
    getConfig: () => config,
    getWeights: () => views,
  };
}
