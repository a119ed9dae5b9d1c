/**
 * @file What inference of a compressed network costs: 784-256-128-10 with random weights, dense in float32 and compressed, through `@qedge/kernels`.
 *
 * node bench/inference.mjs [--json] [--isa avx512,avx2,wasm,wasm-strict] [--batch 1,32] [--rounds 400]
 *
 * All forms take turns within one process; best of the rounds, microseconds per run. One thread.
 */

import { parseArgs } from 'node:util';
import { toOperatorModel } from '@qedge/compression/export';
import { readTopology } from '@qedge/compression/tfjs';
import { CapabilityUnavailableError, Random } from '@qedge/core';
import { compileGraph, createKernelEngine } from '@qedge/kernels/node';
import * as tf from '@tensorflow/tfjs';

const SIZES = [784, 256, 128, 10];
/** Inputs of layers in the range 0..4. */
const INPUT = { scale: Math.fround(4 / 255), zeroPoint: 0 };

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    isa: { type: 'string', default: 'avx512,avx2,wasm,wasm-strict' },
    batch: { type: 'string', default: '1,32' },
    rounds: { type: 'string', default: '400' },
  },
});

/** A network with codes of some bits, of which a share is 0. */
function compressedNetwork({ bits, zeros, inputs }) {
  const random = new Random(1);
  const model = tf.sequential();
  SIZES.slice(1).forEach((units, i) => {
    const activation = i < 2 ? 'relu' : 'linear';
    model.add(tf.layers.dense({ units, activation, inputShape: i === 0 ? [SIZES[0]] : undefined }));
  });
  const topology = readTopology(model);
  model.dispose();
  const largest = 2 ** (bits - 1) - 1;
  const codes = new Map();
  const coded = new Map();
  const layers = topology.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.map((weight) => {
      if (weight.role === 'bias') return { ...weight, data: weight.data.map(() => 0.1 * random.normal()) };
      const [rows, units] = weight.shape;
      const own = Int8Array.from({ length: rows * units }, () => {
        if (random.uniform() < zeros) return 0;
        return (1 + random.integer(largest)) * (random.uniform() < 0.5 ? -1 : 1);
      });
      const scales = Float32Array.from(
        { length: units },
        () => (0.5 + random.uniform()) / (largest * Math.sqrt(rows * (1 - zeros))),
      );
      codes.set(weight.name, {
        codes: own,
        quantization: { bits, symmetric: true, scales, zeroPoints: new Int32Array(units), axis: 1 },
      });
      if (inputs) coded.set(layer.name, INPUT);
      return { ...weight, data: Float32Array.from(own, (code, i) => code * scales[i % units]) };
    }),
  }));
  return { topology: { ...topology, layers }, codes, inputs: coded };
}

const dense = { bits: 8, zeros: 0, inputs: false };
const FORMS = [
  { name: 'float32, dense', network: dense, precision: 'float32' },
  { name: 'int8 codes, dense', network: { bits: 8, zeros: 0, inputs: true }, precision: 'int8' },
  { name: 'int4 codes, dense', network: { bits: 4, zeros: 0, inputs: true }, precision: 'int4' },
  {
    name: 'int4 groups of 32, float32 inputs',
    network: { bits: 4, zeros: 0, inputs: false },
    precision: 'int4',
  },
  ...[0.9, 0.95, 0.97, 0.98].flatMap((zeros) => [
    {
      name: `float32 inputs, ${100 * zeros} % zeros`,
      network: { bits: 3, zeros, inputs: false },
      precision: 'float32',
    },
    {
      name: `int3 codes, ${100 * zeros} % zeros`,
      network: { bits: 3, zeros, inputs: true },
      precision: 'int8',
    },
  ]),
];

async function measure(isa, batch) {
  const engine = await createKernelEngine({ isa, threads: 1 });
  const random = new Random(2);
  const pixels = Float32Array.from({ length: batch * SIZES[0] }, () => 4 * random.uniform());
  const compiled = FORMS.map(({ network, precision }) => {
    const graph = compileGraph(toOperatorModel(compressedNetwork(network), { batch }), engine, { precision });
    Object.values(graph.inputs)[0].data.set(pixels);
    return graph;
  });
  const best = FORMS.map(() => Number.POSITIVE_INFINITY);
  const repeats = Math.max(1, Math.round(100 / batch));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [i, graph] of compiled.entries()) {
      const start = performance.now();
      for (let j = 0; j < repeats; j++) graph.run();
      best[i] = Math.min(best[i], (1000 * (performance.now() - start)) / repeats);
    }
  }
  for (const graph of compiled) graph.dispose();
  engine.dispose();
  return FORMS.map(({ name }, i) => ({
    ...{ isa: engine.isa, batch, form: name, microseconds: Number(best[i].toFixed(2)) },
    timesAsFast: Number((best[0] / best[i]).toFixed(2)),
  }));
}

const results = [];
await tf.setBackend('cpu');
for (const isa of values.isa.split(',')) {
  try {
    for (const batch of values.batch.split(',').map(Number)) results.push(...(await measure(isa, batch)));
  } catch (error) {
    if (!(error instanceof CapabilityUnavailableError)) throw error;
    console.error(`${isa} is not measured: ${error.message}`);
  }
}
if (values.json) console.log(JSON.stringify({ network: SIZES, results }, null, 2));
else console.table(results);
