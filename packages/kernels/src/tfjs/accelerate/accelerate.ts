import type { Isa } from '@qedge/codegen';
import { type Fallback, InvalidArgumentError } from '@qedge/core';
import type { KernelConfig, KernelFunc } from '@tensorflow/tfjs';
import type { MachineKit } from '../../engine/open-machine.ts';
import type { TensorflowNamespace } from '../tensorflow-namespace.ts';
import type { Tensorflow } from '../tfjs-device.ts';
import type { AcceleratedKernel, KernelInputs, KernelMaker } from './accelerated-kernel.ts';
import { makeConvolutions } from './convolution.ts';
import { makeConvolutionGradients } from './convolution-gradients.ts';
import { makeDepthwiseGradients } from './depthwise-gradients.ts';
import { makeElementWise } from './element-wise.ts';
import { KernelRunner } from './kernel-runner.ts';
import { makeMatrixProducts } from './matrix-product.ts';
import { openForeignMachine } from './open-foreign-machine.ts';
import { OptimizerPatch } from './optimizer-patch.ts';
import { makePools } from './pooling.ts';
import { makeRowKernels } from './row-kernels.ts';
import { type CpuBackend, findKernelError, requireCpuBackend } from './self-test.ts';
import { makeSlices } from './slice.ts';
import { makeSums } from './sums.ts';
import { makeTensorKernels } from './tensor-kernels.ts';
import { findBackendMemory, requireWasmBackend, WASM_BACKEND, type WasmBackend } from './wasm-backend.ts';

/** Options of `accelerate`. */
export interface AccelerateOptions {
  /** How kernels are executed; default: the fastest that is there. The interpreter cannot. */
  readonly isa?: Exclude<Isa, 'interpreter'>;
  /** Threads, the calling one included; default 1. More need machine code, or a backend whose memory is shared. */
  readonly threads?: number;
}

/** How often an accelerated kernel was called. */
export interface KernelUse {
  /** As tfjs names it. */
  readonly kernel: string;
  /** Calls that generated code has served. */
  readonly served: number;
  /** Calls that went to the stock kernel, because of their shapes, types or attributes. */
  readonly passed: number;
}

/** Accelerated kernels in place, until they are taken back. */
export interface Acceleration {
  readonly isa: Isa;
  readonly threads: number;
  /** Names of the kernels that are accelerated. */
  readonly kernels: readonly string[];
  /** What was wanted and is not there, with the reason: ways of execution, threads, kernels that failed their check. */
  readonly fallbacks: readonly Fallback[];
  /** The use of every accelerated kernel since the beginning. */
  report(): readonly KernelUse[];
  /** Puts the stock kernels back, and frees code, memory and threads. Further calls do nothing. */
  dispose(): void;
  [Symbol.dispose](): void;
}

const MAKERS: readonly KernelMaker[] = [
  makeMatrixProducts,
  makeConvolutions,
  makeConvolutionGradients,
  makeDepthwiseGradients,
  makePools,
  makeElementWise,
  makeSums,
  makeRowKernels,
  makeSlices,
  makeTensorKernels,
];

/** Backends whose kernels are replaced. */
const accelerated = new WeakSet<WasmBackend>();

/** @throws as `accelerate`. */
export async function accelerateWith(
  kit: MachineKit,
  namespace: TensorflowNamespace,
  options: AccelerateOptions,
): Promise<Acceleration> {
  // Every namespace of TensorFlow.js has what is used of it here; only programs need not know its types.
  const tf = namespace as Tensorflow;
  await tf.ready();
  const backend = requireWasmBackend(tf);
  if (accelerated.has(backend)) {
    throw new InvalidArgumentError('This wasm backend is accelerated already', {
      remedy: 'Use one acceleration, or dispose it before the next.',
    });
  }
  accelerated.add(backend);
  try {
    const cpu = requireCpuBackend(tf);
    const memory = findBackendMemory(backend);
    const machine = await openForeignMachine(kit, memory, options);
    const runner = new KernelRunner(machine, backend, memory);
    return new InstalledAcceleration(tf, runner, cpu, machine.fallbacks);
  } catch (error) {
    accelerated.delete(backend);
    throw error;
  }
}

interface InstalledKernel {
  readonly name: string;
  /** Undefined where the stock backend has none. */
  readonly stock: KernelConfig | undefined;
  served: number;
  passed: number;
}

class InstalledAcceleration implements Acceleration {
  readonly isa: Isa;
  readonly threads: number;
  readonly kernels: readonly string[];
  readonly #tf: Tensorflow;
  readonly #runner: KernelRunner;
  readonly #openingFallbacks: Fallback[];
  readonly #installed: readonly InstalledKernel[];
  readonly #optimizers: OptimizerPatch;
  #disposed = false;

  constructor(tf: Tensorflow, runner: KernelRunner, cpu: CpuBackend, fallbacks: readonly Fallback[]) {
    this.#tf = tf;
    this.#runner = runner;
    this.#openingFallbacks = [...fallbacks];
    this.isa = runner.host.isa;
    this.threads = runner.team?.size ?? 1;
    const kernels = MAKERS.flatMap((make) => make(runner, tf)).filter((kernel) => {
      const why = findKernelError(tf, kernel, runner.backend, cpu);
      if (why === null) return true;
      this.#openingFallbacks.push({ from: `generated code for ${kernel.name}`, to: 'the stock kernel', why });
      return false;
    });
    this.#installed = kernels.map((kernel) => installKernel(tf, kernel));
    this.#optimizers = new OptimizerPatch(tf, runner);
    this.kernels = kernels.map(({ name }) => name);
  }

  get fallbacks(): readonly Fallback[] {
    return [...this.#openingFallbacks, ...this.#runner.fallbacks];
  }

  report(): readonly KernelUse[] {
    const uses = this.#installed.map(({ name, served, passed }) => ({ kernel: name, served, passed }));
    const { served, passed } = this.#optimizers;
    return [...uses, { kernel: 'AdamOptimizer.applyGradients', served, passed }];
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#optimizers.dispose();
    for (const { name, stock } of this.#installed) replaceKernel(this.#tf, name, stock);
    this.#runner.dispose();
    accelerated.delete(this.#runner.backend);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function replaceKernel(tf: Tensorflow, name: string, config: KernelConfig | undefined): void {
  if (tf.getKernel(name, WASM_BACKEND)) tf.unregisterKernel(name, WASM_BACKEND);
  if (config) tf.registerKernel(config);
}

function installKernel(tf: Tensorflow, kernel: AcceleratedKernel): InstalledKernel {
  const stock = tf.getKernel(kernel.name, WASM_BACKEND) as KernelConfig | undefined;
  const installed: InstalledKernel = { name: kernel.name, stock, served: 0, passed: 0 };
  const kernelFunc: KernelFunc = (call) => {
    const result = kernel.serve(call as unknown as KernelInputs);
    if (result !== null) {
      installed.served += 1;
      return result;
    }
    installed.passed += 1;
    if (stock) return stock.kernelFunc(call);
    throw new InvalidArgumentError(
      `${kernel.name} of this shape is computed by no kernel of the wasm backend`,
      {
        actual: Object.entries(call.inputs).map(([name, tensor]) => `${name} [${String(tensor?.shape)}]`),
        remedy: 'Use the cpu backend for it.',
      },
    );
  };
  replaceKernel(tf, kernel.name, {
    ...stock,
    kernelName: kernel.name,
    backendName: WASM_BACKEND,
    kernelFunc,
  });
  return installed;
}
