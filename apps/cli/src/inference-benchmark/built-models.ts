import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { elementCount, type OperatorModel, Random } from '@qedge/core';
import { graphSource, type InputValues } from '@qedge/kernels';
import { type BertConfig, bertEncoder, GraphBuilder } from '@qedge/kernels/graph';
import { loadTensorflow } from '@qedge/kernels/node';
import { encodeOperatorModelAsOnnx } from '@qedge/kernels/ort';
import { importLayersModel, type Tensorflow } from '@qedge/kernels/tfjs';
import { openSafetensors, openTfjsWeights } from '@qedge/memory/node';
import type { InstalledPackages } from '../kernel-benchmark/peers/packages.ts';
import type { BenchmarkModel, LayersRunner } from './benchmark-model.ts';
import { buildMobilenet } from './mobilenet.ts';
import { encodeQuantizedOnnx } from './quantized-onnx.ts';

/** Pixels of a side. */
const MOBILENET_SIZE = 224;

/** MobileNetV1 on an image, from the weights of face-api's face detector. */
export async function openMobilenet(packages: InstalledPackages, seed: number): Promise<BenchmarkModel> {
  const folder = packages.folder('@vladmandic/face-api');
  using weights = openTfjsWeights(join(folder, 'model', 'ssd_mobilenetv1_model-weights_manifest.json'));
  const { tf } = await loadTensorflow<Tensorflow>({ prefer: ['wasm'] });
  const layers = buildMobilenet(tf, weights, MOBILENET_SIZE);
  const model = importLayersModel(layers, { batch: 1 });
  const random = new Random(seed);
  const shape = [1, MOBILENET_SIZE, MOBILENET_SIZE, 3];
  const image = new Float32Array(elementCount(shape)).map(() => random.normal());
  return builtModel(model, { image }, async () => {
    const input = tf.tensor(image, shape);
    let result: ArrayLike<number> = [];
    return {
      version: tf.version.tfjs,
      run() {
        const output = layers.predict(input) as typeof input;
        result = output.dataSync();
        output.dispose();
      },
      result: () => result,
      dispose: () => input.dispose(),
    };
  });
}

/** all-MiniLM-L6-v2 on full sequences of tokens, from `model.safetensors` and `config.json` in the folder that `QEDGE_MODELS` names. */
export async function openMinilm(batch: number, tokens: number, seed: number): Promise<BenchmarkModel> {
  const folder = process.env.QEDGE_MODELS;
  if (folder === undefined) throw new Error('QEDGE_MODELS names no folder with all-MiniLM-L6-v2');
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as BertConfig;
  const model = bertEncoder(openSafetensors(join(folder, 'model.safetensors')), config, { batch, tokens });
  const random = new Random(seed);
  const count = batch * tokens;
  return builtModel(model, {
    input_ids: new Int32Array(count).map(() => random.integer(config.vocab_size)),
    attention_mask: new Int32Array(count).fill(1),
    token_type_ids: new Int32Array(count),
  });
}

/** The guide's multilayer perceptron, 784-256-128-10 with relu, random weights. */
export async function openPerceptron(batch: number, seed: number): Promise<BenchmarkModel> {
  const random = new Random(seed);
  const builder = new GraphBuilder('perceptron');
  const sizes = [784, 256, 128, 10];
  const draw = (shape: readonly number[], scale: number) => ({
    dtype: 'float32' as const,
    shape,
    data: new Float32Array(elementCount(shape)).map(() => random.normal() * scale),
  });
  let x = builder.input('x', { dtype: 'float32', shape: [batch, 784] });
  for (let layer = 1; layer < sizes.length; layer++) {
    const [inputs, units] = [sizes[layer - 1]!, sizes[layer]!];
    const kernel = builder.constant(`kernel ${layer}`, draw([inputs, units], Math.sqrt(2 / inputs)));
    const bias = builder.constant(`bias ${layer}`, draw([units], 0.1));
    const activation = layer === sizes.length - 1 ? null : ({ kind: 'relu' } as const);
    [x] = builder.add({ kind: 'matmul', transposeA: false, transposeB: false, alpha: 1, activation }, [
      x,
      kernel,
      bias,
    ]) as [string];
  }
  builder.output(x);
  return builtModel(builder.finish(), { x: draw([batch, 784], 1).data });
}

/** A model whose file for others is written from the graph. */
function builtModel(
  model: OperatorModel,
  inputs: InputValues,
  layers: () => Promise<LayersRunner | null> = async () => null,
): BenchmarkModel {
  const { graph } = model;
  return {
    source: () => graphSource(model),
    async onnx(precision) {
      if (precision === 'float32') return encodeOperatorModelAsOnnx(model);
      return precision === 'int8' ? encodeQuantizedOnnx(model, inputs) : null;
    },
    layers,
    inputs,
    shapes: Object.fromEntries(graph.inputs.map((name) => [name, graph.values[name]!.shape])),
    wideInputs: [],
    constants: {},
  };
}
