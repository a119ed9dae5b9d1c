import { type KernelHost, setArgument, type ThreadTeam } from '@qedge/codegen';
import { type CompiledModel, type Precision, type Shape, UseAfterReleaseError } from '@qedge/core';
import { Arena, type Place } from '../engine/arena.ts';
import { worthwhileThreads, writeBlock } from '../engine/binding.ts';
import { KernelCalls } from '../engine/kernel-calls.ts';
import { checkRunArguments, type Float32Model } from '../float32-model.ts';
import type { IntegerModel } from '../integer-model.ts';
import type { ModelKernel } from './model-kernel.ts';
import { argumentBytes, type ModelPlan, type PlannedLayer, planModel, planSteps } from './model-plan.ts';
import { verifyDense } from './verify-dense.ts';

/** What {@link CpuModel} is made of. */
export interface CpuModelParts {
  /** For `CompiledModel.device`. */
  readonly device: string;
  readonly host: KernelHost;
  /** Null for one thread. */
  readonly team: ThreadTeam | null;
  readonly precision: Precision;
  readonly maxBatch: number;
  readonly source: Float32Model | IntegerModel;
  onDispose(): void;
}

/** The kernels of a layer with their argument blocks, which serve every batch size. */
interface PlacedLayer {
  readonly planned: PlannedLayer;
  readonly steps: readonly (readonly { readonly kernel: ModelKernel; readonly block: Place }[])[];
}

/** What runs one batch size. */
interface Program {
  readonly calls: KernelCalls;
  readonly output: Float32Array;
}

/** A model in one memory of a kernel host. After the first run of a batch size, `run` allocates nothing on the JavaScript heap. */
export class CpuModel implements CompiledModel {
  readonly device: string;
  readonly precision: Precision;
  readonly maxBatch: number;
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  readonly inputSize: number;
  readonly outputSize: number;
  readonly memory: { readonly weightBytes: number; readonly bufferBytes: number };
  readonly #host: KernelHost;
  readonly #team: ThreadTeam | null;
  readonly #onDispose: () => void;
  readonly #plan: ModelPlan;
  readonly #inputIndex: number;
  #arena: Arena;
  /** For one thread, and for the team. */
  #layers: { readonly alone: readonly PlacedLayer[]; readonly together: readonly PlacedLayer[] };
  #floats: Float32Array;
  /** By batch size, made when one is first used; null after `dispose`. */
  #programs: (Program | undefined)[] | null;
  /** The batch size that the argument blocks hold. */
  #batch = 0;

  /** @throws VerificationError when a generated kernel disagrees with the reference, and as `Device.compile`. */
  constructor({ device, host, team, precision, maxBatch, source, onDispose }: CpuModelParts) {
    const plan = planModel(source, { precision, maxBatch, traits: host.traits });
    const dataBytes = plan.weightBytes + plan.bufferBytes;
    const threads = team?.size ?? 1;
    const blockBytes = argumentBytes(plan, 1) + (team === null ? 0 : argumentBytes(plan, threads));
    this.#arena = new Arena(host.createMemory(dataBytes + blockBytes));
    const { byteOffset } = this.#arena.allocate(dataBytes, 'weights and activations');
    this.#host = host;
    this.#team = team;
    this.#onDispose = onDispose;
    this.#plan = plan;
    const alone = placeLayers(plan, this.#arena, 1);
    this.#layers = { alone, together: team === null ? alone : placeLayers(plan, this.#arena, threads) };
    this.#floats = new Float32Array(this.#arena.memory.buffer, byteOffset, Math.floor(dataBytes / 4));
    this.#inputIndex = plan.input / 4;
    this.#programs = new Array<Program | undefined>(maxBatch + 1).fill(undefined);
    this.device = device;
    this.precision = precision;
    this.maxBatch = maxBatch;
    this.inputShape = source.graph.inputShape;
    this.outputShape = source.graph.outputShape;
    this.inputSize = source.inputSize;
    this.outputSize = source.outputSize;
    this.memory = { weightBytes: plan.weightBytes, bufferBytes: plan.bufferBytes + blockBytes };
    packWeights(plan, this.#arena);
    for (const batch of new Set([1, maxBatch])) this.#programs[batch] = this.#prepare(batch);
  }

  run(input: Float32Array, output: Float32Array, batch: number): void {
    const programs = this.#programs;
    if (programs === null) throw new UseAfterReleaseError('This compiled model was disposed');
    checkRunArguments(this, input, output, batch);
    let program = programs[batch];
    if (program === undefined) {
      program = this.#prepare(batch);
      programs[batch] = program;
    }
    if (batch !== this.#batch) this.#setBatch(batch);
    this.#floats.set(input, this.#inputIndex);
    program.calls.run();
    output.set(program.output);
  }

  dispose(): void {
    if (this.#programs === null) return;
    this.#programs = null;
    this.#floats = new Float32Array(0);
    this.#layers = { alone: [], together: [] };
    this.#arena = new Arena({ buffer: new ArrayBuffer(0), byteOffset: 0, byteLength: 0, address: 0 });
    this.#onDispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Loads the kernels of a batch size and checks each dense layer with its real weights. */
  #prepare(batch: number): Program {
    const { memory } = this.#arena;
    const parts = { host: this.#host, team: this.#team };
    const threads = worthwhileThreads(parts, this.#plan.operations * batch);
    const layers = threads > 1 ? this.#layers.together : this.#layers.alone;
    this.#setBatch(batch);
    const load = (chosen: readonly PlacedLayer[]) => {
      const steps = chosen.flatMap(({ steps }) => {
        return steps.map((step) => {
          return step.map(({ kernel, block }) => ({
            description: kernel.describe(batch),
            block: block.address,
          }));
        });
      });
      return KernelCalls.load(this.#host, this.#team, steps, memory);
    };
    const calls = load(layers);
    for (const layer of layers) {
      if (layer.planned.kind === 'softmax') continue;
      verifyDense(layer.planned, load([layer]), memory, batch, this.#host.strict);
    }
    const start = memory.byteOffset + this.#plan.output;
    return { calls, output: new Float32Array(memory.buffer, start, batch * this.outputSize) };
  }

  #setBatch(batch: number): void {
    this.#batch = batch;
    for (const layers of Object.values(this.#layers)) {
      for (const { kernel, block } of layers.flatMap(({ steps }) => steps.flat())) {
        if (kernel.rows === null) continue;
        const { field, perSample } = kernel.rows;
        setArgument(this.#arena.view, block.byteOffset, field, batch * perSample);
      }
    }
  }
}

function placeLayers(plan: ModelPlan, arena: Arena, threads: number): PlacedLayer[] {
  return plan.layers.map((planned) => {
    const steps = planSteps(planned, arena.memory.address, threads).map((step) => {
      return step.map((kernel) => ({ kernel, block: writeBlock(arena, kernel.fields) }));
    });
    return { planned, steps };
  });
}

function packWeights({ layers }: ModelPlan, { memory }: Arena): void {
  for (const planned of layers) {
    if (planned.kind === 'softmax') continue;
    const { layer, weights } = planned;
    layer.pack(new Uint8Array(memory.buffer, memory.byteOffset + weights, layer.weightBytes));
  }
}
