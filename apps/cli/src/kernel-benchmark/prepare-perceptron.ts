import type { Device, ModelGraph, StoredTensor } from '@qedge/core';
import { weightSourceOf } from '@qedge/kernels/testing';
import type { PreparedWork } from './peers/peer.ts';
import type { PerceptronWork } from './work.ts';

/** Compiles a perceptron through the public interface of a device, as an application would. */
export async function preparePerceptron(
  device: Device,
  { batch, layers, input }: PerceptronWork,
): Promise<PreparedWork> {
  const tensors: StoredTensor[] = [];
  const graph: ModelGraph = {
    format: 'qedge-model-graph',
    version: 1,
    name: 'perceptron',
    inputShape: [layers[0]!.inputs],
    outputShape: [layers.at(-1)!.units],
    layers: layers.map(({ kernel, bias, inputs, units }, index) => {
      tensors.push({ name: `w${index}`, dtype: 'float32', shape: [inputs, units], data: kernel });
      tensors.push({ name: `b${index}`, dtype: 'float32', shape: [units], data: bias });
      return {
        kind: 'dense',
        name: `layer ${index}`,
        kernel: `w${index}`,
        bias: `b${index}`,
        inputSize: inputs,
        units,
        activation: index === layers.length - 1 ? 'linear' : 'relu',
        inputQuantization: null,
      };
    }),
  };
  const model = await device.compile(graph, weightSourceOf(tensors), {
    precision: 'float32',
    maxBatch: batch,
  });
  const output = new Float32Array(batch * layers.at(-1)!.units);
  return {
    run: () => model.run(input, output, batch),
    result: () => output,
    dispose() {
      model.dispose();
      device.dispose();
    },
  };
}
