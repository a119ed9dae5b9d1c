// The guide's network 784-256-128-10 on this package and on TensorFlow.js, same weights and inputs, one process, one thread.
//
//   npm run build, then: node bench/mlp.bench.mjs [rounds]
//   node --experimental-wasm-relaxed-simd bench/mlp.bench.mjs   (Node 20; newer versions have relaxed SIMD)
//
// Contenders take turns; a cell is the best of all turns. TensorFlow.js is timed from typed array to typed array
// (tensor, three fused layers, dataSync), as ours is. Outputs are compared before and after timing.
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import {
  compileModule,
  createMemory,
  detectWasmFeatures,
  encodeModule,
  instantiateKernels,
  WASM_TRAITS,
  WasmTarget,
} from '@qedge/codegen';
import { createCpuDevice } from '@qedge/kernels';
import { randomInput, randomModel } from '@qedge/kernels/testing';

const ROUNDS = Number(process.argv[2] ?? 12);
const TURN_MS = 40;
const SIZES = [784, 256, 128, 10];
const BATCHES = [1, 32];
const FLOP_PER_SAMPLE = 2 * SIZES.slice(1).reduce((sum, units, i) => sum + units * SIZES[i], 0);

const { graph, tensors, weights } = randomModel({ sizes: SIZES, seed: 1 });
const features = detectWasmFeatures();
const tiers = features.relaxedSimd ? ['wasm-relaxed', 'wasm'] : ['wasm'];

/** Multiply-adds on registers alone, as many accumulators as a tile has: what the same instructions can do at most. */
function peakGflops(dialect) {
  const target = new WasmTarget(dialect, 1);
  const [a, b] = target.vectors('operands', 2);
  const accumulators = target.vectors('accumulators', 12);
  const pointer = target.pointerArgument(0);
  for (const vector of [a, b, ...accumulators]) target.load(vector, { base: pointer, offset: 0 });
  const turns = 20_000;
  target.loop(turns, () => {
    for (const accumulator of accumulators) target.fma(accumulator, a, b);
  });
  for (const accumulator of accumulators) target.store(accumulator, { base: pointer, offset: 0 });
  const module = compileModule(encodeModule([{ name: 'peak', function: target.finish() }]));
  const kernel = instantiateKernels(module, createMemory(65536)).get('peak');
  const seconds = best(() => kernel(64), 400) / 1e6;
  return (turns * accumulators.length * WASM_TRAITS[dialect].lanes * 2) / seconds / 1e9;
}

/** The shortest of as many calls as fit into `durationMs`, in microseconds. */
function best(call, durationMs) {
  let shortest = Number.POSITIVE_INFINITY;
  const end = performance.now() + durationMs;
  while (performance.now() < end) {
    const start = process.hrtime.bigint();
    call();
    shortest = Math.min(shortest, Number(process.hrtime.bigint() - start) / 1e3);
  }
  return shortest;
}

async function ours(tier, precision) {
  const device = await createCpuDevice({ tier });
  const start = performance.now();
  const model = await device.compile(graph, weights, { precision, maxBatch: Math.max(...BATCHES) });
  console.log(
    `compiled ${tier} ${precision} in ${(performance.now() - start).toFixed(1)} ms, verification included`,
  );
  const outputs = new Map(BATCHES.map((batch) => [batch, new Float32Array(batch * SIZES.at(-1))]));
  return {
    name: `${tier} ${precision}`,
    exact: precision === 'float32',
    run(input, batch) {
      model.run(input, outputs.get(batch), batch);
      return outputs.get(batch);
    },
  };
}

async function tensorflow(tf, backend) {
  await tf.setBackend(backend);
  const data = new Map(tensors.map((tensor) => [tensor.name, tf.tensor(tensor.data, tensor.shape)]));
  const layers = graph.layers.map((layer) => ({
    kernel: data.get(layer.kernel),
    bias: data.get(layer.bias),
    activation: layer.activation,
  }));
  return {
    name: `tfjs ${backend}`,
    exact: true,
    activate: () => tf.setBackend(backend),
    run: (input, batch) =>
      tf.tidy(() => {
        let x = tf.tensor2d(input, [batch, SIZES[0]]);
        for (const { kernel, bias, activation } of layers) {
          x = tf.fused.matMul({ a: x, b: kernel, bias, activation });
        }
        return x.dataSync();
      }),
  };
}

async function main() {
  const require = createRequire(import.meta.url);
  const tf = require('@tensorflow/tfjs');
  const tfWasm = require('@tensorflow/tfjs-backend-wasm');
  tfWasm.setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  tf.env().set('PROD', true);
  const contenders = [];
  for (const tier of tiers) {
    for (const precision of ['float32', 'int8', 'int4']) contenders.push(await ours(tier, precision));
  }
  contenders.push(await tensorflow(tf, 'wasm'), await tensorflow(tf, 'cpu'));
  const inputs = new Map(BATCHES.map((batch) => [batch, randomInput(SIZES[0], batch, 2)]));
  const times = new Map(contenders.map(({ name }) => [name, new Map()]));
  await compareOutputs(contenders, inputs);
  for (let round = 0; round < ROUNDS; round++) {
    for (const batch of BATCHES) {
      for (const contender of contenders) {
        await contender.activate?.();
        const microseconds = best(() => contender.run(inputs.get(batch), batch), TURN_MS);
        const known = times.get(contender.name);
        known.set(batch, Math.min(known.get(batch) ?? Number.POSITIVE_INFINITY, microseconds));
      }
    }
  }
  await compareOutputs(contenders, inputs);
  print(times);
}

async function compareOutputs(contenders, inputs) {
  for (const batch of BATCHES) {
    const expected = contenders[0].run(inputs.get(batch), batch).slice();
    for (const contender of contenders) {
      await contender.activate?.();
      const output = contender.run(inputs.get(batch), batch);
      const worst = Math.max(...expected.map((value, i) => Math.abs(value - output[i])));
      if (!(worst <= (contender.exact ? 1e-4 : 1))) throw new Error(`${contender.name} is off by ${worst}`);
    }
  }
}

function print(times) {
  const peaks = Object.fromEntries(
    tiers.map((tier) => [tier, peakGflops(tier === 'wasm' ? 'strict' : 'relaxed')]),
  );
  console.log(
    `Node ${process.versions.node}, ${cpus()[0].model}, ${cpus().length} cores, one thread; best of ${ROUNDS} turns`,
  );
  for (const [tier, peak] of Object.entries(peaks))
    console.log(`peak of ${tier} multiply-adds: ${peak.toFixed(1)} GFLOPS`);
  for (const batch of BATCHES) {
    const reference = times.get('tfjs wasm').get(batch);
    console.log(
      `\n| batch ${batch} | µs | G(FL)OPS | share of float32 peak | times as fast as tfjs wasm |\n|---|---|---|---|---|`,
    );
    for (const [name, cells] of times) {
      const rate = (batch * FLOP_PER_SAMPLE) / cells.get(batch) / 1e3;
      const peak = peaks[name.split(' ')[0]];
      const share = peak && name.endsWith('float32') ? `${((100 * rate) / peak).toFixed(0)} %` : '';
      const ratio = (reference / cells.get(batch)).toFixed(2);
      console.log(`| ${name} | ${cells.get(batch).toFixed(1)} | ${rate.toFixed(1)} | ${share} | ${ratio} |`);
    }
  }
}

await main();
