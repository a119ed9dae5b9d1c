import {
  detectWasmFeatures,
  type Isa,
  type KernelHost,
  PEAK_ARGUMENTS,
  type PeakDescription,
  peakOperations,
  setArgument,
} from '@qedge/codegen';
import { createKernelHost } from '@qedge/codegen/node';
import * as portable from '@qedge/kernels';
import * as native from '@qedge/kernels/node';
import { bindWork } from './bind-work.ts';
import type { PreparedWork } from './peers/peer.ts';
import { preparePerceptron } from './prepare-perceptron.ts';
import type { Work } from './work.ts';

/** This project's kernels, on one way of execution with one number of threads. */
export interface OurLibrary {
  /** How it executes. */
  readonly target: Isa;
  readonly threads: number;
  prepare(work: Work): Promise<PreparedWork>;
  /** Multiply-adds on registers alone, as many operations as asked for (to 0.1 %). Its result means nothing. */
  preparePeak(operations: number): PreparedWork;
  dispose(): void;
}

/** Opens the library: the best there is, or the best of WebAssembly as a browser would have it. */
export async function openOurLibrary(kind: 'best' | 'wasm', threads: number): Promise<OurLibrary> {
  const engine =
    kind === 'best'
      ? await native.createKernelEngine({ threads })
      : await portable.createKernelEngine({ threads, isa: portableIsa() });
  const { host } = await createKernelHost({ isa: engine.isa });
  return {
    target: engine.isa,
    threads: engine.threads,
    prepare: (work) => prepare(engine, work),
    preparePeak: (operations) => preparePeak(host, operations),
    dispose() {
      engine.dispose();
      host.dispose();
    },
  };
}

/** What a browser with this engine would use; the environment can ask for the strict one. */
function portableIsa(): Isa {
  const strict = process.env.QEDGE_ISA === 'wasm-strict' || !detectWasmFeatures().relaxedSimd;
  return strict ? 'wasm-strict' : 'wasm';
}

async function prepare(engine: portable.KernelEngine, work: Work): Promise<PreparedWork> {
  if (work.kind !== 'perceptron') return bindWork(engine, work);
  return preparePerceptron(await native.createCpuDevice({ isa: engine.isa }), work);
}

function preparePeak(host: KernelHost, operations: number): PreparedWork {
  const perTurn = peakOperations({ kind: 'peak', operation: 'fma', turns: 1 }, host.traits);
  const calls = Math.ceil(operations / perTurn / 2 ** 16);
  const turns = Math.max(1, Math.round(operations / perTurn / calls));
  const description: PeakDescription = { kind: 'peak', operation: 'fma', turns };
  const memory = host.createMemory(512);
  const numbers = new Float32Array(memory.buffer, memory.byteOffset, 32);
  for (let i = 0; i < numbers.length; i++) numbers[i] = Math.random() - 0.5;
  const view = new DataView(memory.buffer);
  const block = 256;
  setArgument(view, memory.byteOffset + block, PEAK_ARGUMENTS.a, memory.address);
  setArgument(view, memory.byteOffset + block, PEAK_ARGUMENTS.b, memory.address + 64);
  setArgument(view, memory.byteOffset + block, PEAK_ARGUMENTS.result, memory.address + 128);
  const kernel = host.load([description], memory)[0]!;
  return {
    run() {
      for (let call = 0; call < calls; call++) kernel.run(memory.address + block);
    },
    result: () => numbers,
    dispose() {},
  };
}
