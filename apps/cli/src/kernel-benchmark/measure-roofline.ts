import { cpus } from 'node:os';
import {
  BANDWIDTH_ARGUMENTS,
  BANDWIDTH_STEP_BYTES,
  type Isa,
  type KernelHost,
  PEAK_ARGUMENTS,
  peakOperations,
  setArgument,
} from '@qedge/codegen';
import { createKernelHost, createMachineCodeHost, type MachineCodeHost } from '@qedge/codegen/node';
import { type ProgressListener, Random, throwIfCancelled } from '@qedge/core';
import { openOurLibrary } from './our-library.ts';
import { makeProduct, operationCount } from './work.ts';

/** How fast one core reads from one level of the memory hierarchy. */
export interface MemoryLevel {
  readonly name: string;
  /** Bytes that were read again and again. */
  readonly bytes: number;
  readonly gigabytesPerSecond: number;
}

/** What one way of execution reaches on registers alone. */
export interface PeakOfIsa {
  readonly isa: Isa;
  /** 10^9 float32 multiplications and additions per second. */
  readonly gigaOperations: number;
}

/** A product, placed by how much it computes per byte of its operands. */
export interface RooflinePoint {
  readonly name: string;
  /** Operations per byte of a, b and c, each counted once. */
  readonly intensity: number;
  readonly gigaOperations: number;
}

/** The limits of one core of this machine, and where products lie under them. */
export interface Roofline {
  readonly cpu: string;
  readonly isa: Isa;
  readonly levels: readonly MemoryLevel[];
  readonly peaks: readonly PeakOfIsa[];
  readonly points: readonly RooflinePoint[];
}

const PEAK_TURNS = 20_000;
const ISAS: readonly Isa[] = ['avx512', 'avx2', 'wasm', 'wasm-strict'];

/** Shapes from one row, which reads every weight once, to a square, which reuses everything. */
const PRODUCTS: readonly (readonly [number, number, number])[] = [
  [1, 256, 256],
  [1, 1024, 1024],
  [4, 256, 256],
  [8, 512, 512],
  [32, 256, 784],
  [64, 64, 64],
  [128, 128, 128],
  [256, 256, 256],
  [512, 512, 512],
];

/** Measures on the calling thread, each figure the best of repeats within `durationMs`. @throws CancelledError */
export async function measureRoofline(options: {
  readonly durationMs: number;
  readonly signal: AbortSignal;
  readonly onProgress: ProgressListener;
}): Promise<Roofline> {
  const { host } = createKernelHost();
  const cpu = describeProcessor();
  const total = ISAS.length + cpu.levels.length + PRODUCTS.length;
  let done = 0;
  const step = (message: string) => {
    throwIfCancelled(options.signal, 'Measuring the roofline');
    options.onProgress({ phase: 'measuring the roofline', done: done++, total, message });
  };
  const levels = cpu.levels.map(({ name, bytes }): MemoryLevel => {
    step(name);
    return { name, bytes, gigabytesPerSecond: measureBandwidth(host, bytes, options.durationMs) };
  });
  const peaks: PeakOfIsa[] = [];
  for (const isa of ISAS) {
    step(isa);
    const peak = await measurePeak(isa, options.durationMs);
    if (peak !== null) peaks.push({ isa, gigaOperations: peak });
  }
  const library = await openOurLibrary('best', 1);
  const points: RooflinePoint[] = [];
  for (const [m, n, k] of PRODUCTS) {
    step(`${m}x${n}x${k}`);
    const work = makeProduct(m, n, k, new Random(1));
    const prepared = await library.prepare(work);
    const seconds = bestSeconds(() => prepared.run(), options.durationMs);
    prepared.dispose();
    points.push({
      name: `${m}x${n}x${k}`,
      intensity: operationCount(work) / (4 * (m * k + k * n + m * n)),
      gigaOperations: operationCount(work) / seconds / 1e9,
    });
  }
  library.dispose();
  host.dispose();
  return { cpu: cpu.name, isa: host.isa, levels, peaks, points };
}

/** The processor's name, and an amount of bytes that fits each level with room to spare, and one that fits none. */
function describeProcessor(): {
  readonly name: string;
  readonly levels: readonly { readonly name: string; readonly bytes: number }[];
} {
  let host: MachineCodeHost | null = null;
  try {
    host = createMachineCodeHost();
  } catch {
    // Without machine code nothing tells the caches: common sizes then stand for them.
  }
  const caches = host?.cpu.caches.filter(({ kind }) => kind !== 'instruction') ?? [];
  const sizeOf = (level: number, usual: number) => {
    return caches.find((cache) => cache.level === level)?.byteLength ?? usual;
  };
  const half = (bytes: number) => Math.floor(bytes / 2048) * 1024;
  const name = host?.cpu.brand || cpus()[0]?.model || 'processor';
  host?.dispose();
  const [first, second, third] = [sizeOf(1, 2 ** 15), sizeOf(2, 2 ** 18), sizeOf(3, 2 ** 23)];
  return {
    name: name.trim(),
    levels: [
      { name: 'L1', bytes: half(first) },
      { name: 'L2', bytes: half(second) },
      // Shared with other cores, so half of it may not be ours.
      { name: 'L3', bytes: Math.max(2 * second, Math.min(half(third), 2 ** 23)) },
      { name: 'memory', bytes: 2 ** 28 },
    ],
  };
}

function measureBandwidth(host: KernelHost, bytes: number, durationMs: number): number {
  const steps = Math.floor(bytes / BANDWIDTH_STEP_BYTES);
  const passes = Math.max(1, Math.floor(2 ** 21 / bytes));
  const memory = host.createMemory(bytes + 256);
  // Pages that were never written may all be the same page of zeros.
  new Uint8Array(memory.buffer, memory.byteOffset, bytes).fill(1);
  const view = new DataView(memory.buffer);
  const block = Math.ceil(bytes / 64) * 64;
  const at = memory.byteOffset + block;
  setArgument(view, at, BANDWIDTH_ARGUMENTS.source, memory.address);
  setArgument(view, at, BANDWIDTH_ARGUMENTS.steps, steps);
  setArgument(view, at, BANDWIDTH_ARGUMENTS.passes, passes);
  setArgument(view, at, BANDWIDTH_ARGUMENTS.result, memory.address + block + 64);
  const [kernel] = host.load([{ kind: 'bandwidth' }], memory);
  const seconds = bestSeconds(() => kernel!.run(memory.address + block), durationMs);
  return (steps * BANDWIDTH_STEP_BYTES * passes) / seconds / 1e9;
}

/** 10^9 operations on float32 per second on registers alone; null where this way of execution is not to be had. */
export async function measurePeak(isa: Isa, durationMs: number): Promise<number | null> {
  let host: KernelHost;
  try {
    ({ host } = createKernelHost({ isa }));
  } catch {
    return null;
  }
  const memory = host.createMemory(512);
  const random = new Random(1);
  new Float32Array(memory.buffer, memory.byteOffset, 32).forEach((_, i, numbers) => {
    numbers[i] = random.uniform() - 0.5;
  });
  const view = new DataView(memory.buffer);
  for (const [index, offset] of [
    [PEAK_ARGUMENTS.a, 0],
    [PEAK_ARGUMENTS.b, 64],
    [PEAK_ARGUMENTS.result, 128],
  ] as const) {
    setArgument(view, memory.byteOffset + 256, index, memory.address + offset);
  }
  const description = { kind: 'peak', operation: 'fma', turns: PEAK_TURNS } as const;
  const [kernel] = host.load([description], memory);
  const seconds = bestSeconds(() => kernel!.run(memory.address + 256), durationMs);
  host.dispose();
  return peakOperations(description, host.traits) / seconds / 1e9;
}

/** The shortest time of one call; short works are timed many at a time. */
function bestSeconds(run: () => void, durationMs: number): number {
  let shortest = Number.POSITIVE_INFINITY;
  let calls = 1;
  const end = performance.now() + durationMs;
  while (performance.now() < end) {
    const start = performance.now();
    for (let call = 0; call < calls; call++) run();
    const elapsed = performance.now() - start;
    shortest = Math.min(shortest, elapsed / calls);
    if (elapsed < 0.2) calls *= 2;
  }
  return shortest / 1e3;
}
