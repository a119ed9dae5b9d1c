import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { computeLogits, type Tensorflow } from '@qedge/compression/tfjs';
import {
  type CompiledModel,
  type Device,
  elementCount,
  layerOutputShape,
  type ModelGraph,
  type Precision,
} from '@qedge/core';
import { createCpuDevice } from '@qedge/kernels/node';
import { createTfjsDevice } from '@qedge/kernels/tfjs';
import { type ArenaPlan, type LazyModel, planArena, TensorPool } from '@qedge/memory';
import { openModelFile } from '@qedge/memory/node';
import type { DigitSplit } from '../digits.ts';
import type { Job } from '../job.ts';
import type { Report } from '../report/schema.ts';
import type { MadeModel, ModelVariant } from './make-model.ts';

/** The largest batch that the models are prepared for. */
const MAX_BATCH = 64;
const STEADY_STATE_RUNS = 10_000;
/** The engine itself (background compilation, profilers) allocates now and then: the least of some blocks is the model's. */
const STEADY_STATE_BLOCKS = 5;

/** Models that are ready to run, and the peer to compare with. */
export interface ReadyModels extends Disposable {
  readonly device: Device;
  /** Our kernels, one entry per precision; float32 runs the dense control, the best float32 there is. */
  readonly byPrecision: ReadonlyMap<Precision, CompiledModel>;
  readonly peer: CompiledModel;
  readonly memory: Report['memory'];
  readonly inference: Report['inference'];
}

/** Opens the model files, prepares them for this processor and checks them on every test digit. */
export async function prepareModels(job: Job, made: MadeModel, digits: DigitSplit): Promise<ReadyModels> {
  const device = await createCpuDevice();
  const peerDevice = await createTfjsDevice(made.tf);
  const opened: CompiledModel[] = [];
  const compile = async (on: Device, file: LazyModel, precision: Precision) => {
    const model = await on.compile(file.graph, file, { precision, maxBatch: MAX_BATCH, signal: job.signal });
    opened.push(model);
    return model;
  };
  try {
    const { file, openMs } = await openTimed(job, made.int4.path);
    using compressed = file;
    using pool = new TensorPool();
    const { inputShape, outputShape } = compressed.graph;
    pool.preallocate(
      [inputShape, outputShape].map((shape) => ({ dtype: 'float32', shape: [MAX_BATCH, ...shape] })),
    );
    using control = await openModelFile(made.control.path);
    using eight = await openModelFile(made.int8.path);
    const before = compressed.residency();
    const byPrecision = await job.tracer.span(
      'prepare kernels',
      async () =>
        new Map<Precision, CompiledModel>([
          ['float32', await compile(device, control, 'float32')],
          ['int8', await compile(device, eight, 'int8')],
          ['int4', await compile(device, compressed, 'int4')],
        ]),
    );
    const peer = await compile(peerDevice, control, 'float32');
    const after = compressed.residency();
    const checks = await job.tracer.span('check against tfjs', async () => [
      await checkVariant(
        job,
        byPrecision.get('float32')!,
        peer.device,
        await logitsOf(peer, digits, pool),
        digits,
        pool,
      ),
      await checkVariant(
        job,
        byPrecision.get('int8')!,
        'integer reference',
        referenceLogits(made.tf, made.int8, digits),
        digits,
        pool,
      ),
      await checkVariant(
        job,
        byPrecision.get('int4')!,
        'integer reference',
        referenceLogits(made.tf, made.int4, digits),
        digits,
        pool,
      ),
    ]);
    const steadyState = await job.tracer.span('steady state', () =>
      measureSteadyState(byPrecision.get('int4')!, digits),
    );
    const arena = planActivations(compressed.graph);
    const { allocations, reuses, peakBytesInUse } = pool.statistics();
    const dispose = () => {
      for (const model of opened) model.dispose();
      device.dispose();
      peerDevice.dispose();
    };
    return {
      device,
      byPrecision,
      peer,
      memory: {
        loading: compressed.loading,
        fallbacks: [...compressed.fallbacks],
        openMs,
        fileBytes: compressed.fileByteLength,
        residency: after.map((tensor, i) => ({
          name: tensor.name,
          loadedBeforeFirstUse: before[i]!.loaded,
          residentBytes: tensor.residentBytes,
        })),
        arena: { bytes: arena.byteLength, lowerBoundBytes: arena.lowerBoundBytes },
        pool: { allocations, reuses, peakBytesInUse },
        steadyState,
      },
      inference: { device: device.name, fallbacks: [...device.fallbacks, ...made.fallbacks], checks },
      [Symbol.dispose]: dispose,
    };
  } catch (error) {
    for (const model of opened) model.dispose();
    device.dispose();
    peerDevice.dispose();
    throw error;
  }
}

/** One arena for what the layers write: each is read by the next one, the last by the caller. */
function planActivations(graph: ModelGraph): ArenaPlan {
  let shape = graph.inputShape;
  const shapes = graph.layers.map((layer) => {
    shape = layerOutputShape(layer, shape);
    return { name: layer.name, moves: layer.kind !== 'flatten', shape };
  });
  const written = [{ name: '(input)', moves: true, shape: graph.inputShape }, ...shapes].filter(
    ({ moves }) => moves,
  );
  return planArena(
    written.map((each, step) => {
      const byteLength = 4 * MAX_BATCH * elementCount(each.shape);
      return { name: each.name, byteLength, firstUse: step, lastUse: step + 1 };
    }),
  );
}

async function openTimed(job: Job, path: string): Promise<{ file: LazyModel; openMs: number }> {
  const startMs = job.clock.nowMs();
  const file = await openModelFile(path);
  return { file, openMs: job.clock.nowMs() - startMs };
}

/** Runs a model over the whole test set in batches, through buffers that the pool lends. */
async function logitsOf(model: CompiledModel, { test }: DigitSplit, pool: TensorPool): Promise<Float32Array> {
  const classes = model.outputShape[0]!;
  const logits = new Float32Array(test.count * classes);
  for (let start = 0; start < test.count; start += MAX_BATCH) {
    const batch = Math.min(MAX_BATCH, test.count - start);
    using input = pool.acquire('float32', [batch, 784]);
    using output = pool.acquire('float32', [batch, classes]);
    input.data.set(test.features.subarray(start * 784, (start + batch) * 784));
    await model.run(input.data as Float32Array, output.data as Float32Array, batch);
    logits.set(output.data, start * classes);
  }
  return logits;
}

function referenceLogits(tf: Tensorflow, variant: ModelVariant, { test }: DigitSplit): Float32Array {
  return computeLogits(tf, variant.compressed!, test.features, test.count);
}

async function checkVariant(
  job: Job,
  model: CompiledModel,
  against: string,
  expected: Float32Array,
  digits: DigitSplit,
  pool: TensorPool,
): Promise<Report['inference']['checks'][number]> {
  job.progress({ phase: `checking ${model.precision}`, done: 0, total: null });
  const actual = await logitsOf(model, digits, pool);
  const classes = model.outputShape[0]!;
  let [sameAnswer, largestLogitDifference, largestLogit] = [0, 0, 0];
  for (let i = 0; i < digits.test.count; i++) {
    const [start, end] = [i * classes, (i + 1) * classes];
    if (argmax(actual, start, end) === argmax(expected, start, end)) sameAnswer++;
    for (let j = start; j < end; j++) {
      largestLogitDifference = Math.max(largestLogitDifference, Math.abs(actual[j]! - expected[j]!));
      largestLogit = Math.max(largestLogit, Math.abs(expected[j]!));
    }
  }
  return {
    precision: model.precision,
    against,
    digits: digits.test.count,
    sameAnswer,
    largestLogitDifference,
    largestLogit,
  };
}

/** Index of the largest value in `[start, end)`, relative to `start`; the first one on a tie. */
export function argmax(values: Float32Array, start: number, end: number): number {
  let best = start;
  for (let i = start + 1; i < end; i++) if (values[i]! > values[best]!) best = i;
  return best - start;
}

/**
 * Heap growth over many single inferences. The collector runs before, so that the nursery has room, and not after: what the
 * inferences allocated would be collected, and this is to show that they allocate nothing.
 */
function measureSteadyState(model: CompiledModel, { test }: DigitSplit): Report['memory']['steadyState'] {
  const collect = exposeCollector();
  const input = test.features.slice(0, 784);
  const output = new Float32Array(10);
  for (let i = 0; i < 1000; i++) model.run(input, output, 1);
  let heapGrowthBytes = Number.POSITIVE_INFINITY;
  for (let block = 0; block < STEADY_STATE_BLOCKS; block++) {
    collect?.();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < STEADY_STATE_RUNS; i++) model.run(input, output, 1);
    heapGrowthBytes = Math.min(heapGrowthBytes, process.memoryUsage().heapUsed - before);
  }
  return {
    inferences: STEADY_STATE_RUNS,
    heapGrowthBytes,
    garbageCollectionForced: collect !== null,
  };
}

/** Node exposes its collector only by flag; it can be set while running. Null where the engine refuses. */
function exposeCollector(): (() => void) | null {
  try {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as unknown;
    return typeof collect === 'function' ? (collect as () => void) : null;
  } catch {
    return null;
  }
}
