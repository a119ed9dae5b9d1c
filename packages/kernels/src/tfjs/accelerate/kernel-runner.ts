import type { ForeignMemory, KernelHost, ThreadTeam } from '@qedge/codegen';
import { type Fallback, QedgeError } from '@qedge/core';
import type { TensorInfo } from '@tensorflow/tfjs';
import type { Machine } from '../../engine/open-machine.ts';
import { type CallBytes, type CallMemory, createCallMemory } from './call-memory.ts';
import { Program, type ProgramPlan } from './program.ts';
import type { WasmBackend } from './wasm-backend.ts';

/** Programs that are kept; the one that was not used for longest goes first. */
const MOST_PROGRAMS = 1024;
/**
 * Programs that are ever planned. The code of a kernel stays in memory: shapes that go on changing, like the lengths of sentences,
 * are left to the stock kernels from here on.
 */
const MOST_PLANNED = 8192;
const SCRATCH_STEP = 2 ** 20;

/** A tensor from one of its bytes on. */
interface TensorPart {
  readonly tensor: TensorInfo;
  readonly byteOffset: number;
}

/** What a program works on: a tensor, a part of one, or bytes that kernels reach. */
export type Operand = TensorInfo | TensorPart | CallBytes;

/** Runs generated code on tensors of the wasm backend, and keeps it by shape. */
export class KernelRunner {
  readonly host: KernelHost;
  readonly team: ThreadTeam | null;
  readonly backend: WasmBackend;
  readonly memory: CallMemory;
  /** Why programs are not there that were planned. */
  readonly fallbacks: Fallback[] = [];
  /** In the order of their use; null where there is none. */
  readonly #programs = new Map<string, Program | null>();
  readonly #addresses: number[] = [];
  #planned = 0;
  #scratch: CallBytes | null = null;
  #zero: CallBytes | null = null;

  /** @throws as `KernelHost.adoptMemory`. */
  constructor({ host, team }: Pick<Machine, 'host' | 'team'>, backend: WasmBackend, memory: ForeignMemory) {
    this.host = host;
    this.team = team;
    this.backend = backend;
    this.memory = createCallMemory(host, backend, memory);
  }

  /**
   * The program of a key, planned the first time.
   *
   * @param plan gives null where the shapes are not served.
   * @returns null where the stock kernel is to do the work.
   */
  program(key: string, plan: () => ProgramPlan | null): Program | null {
    const known = this.#programs.get(key);
    if (known !== undefined) {
      // Whoever was used last stands last. Nothing is lost while all have room.
      if (this.#programs.size > MOST_PROGRAMS >> 1) {
        this.#programs.delete(key);
        this.#programs.set(key, known);
      }
      return known;
    }
    const program = this.#create(key, plan);
    this.#programs.set(key, program);
    if (this.#programs.size > MOST_PROGRAMS) this.#forgetOldest();
    return program;
  }

  /** Runs a program on its operands. Allocate results before: addresses are read here. */
  run(program: Program, operands: readonly Operand[], scalars: readonly number[] = []): void {
    const scratch = program.scratchBytes === 0 ? 0 : this.scratch(program.scratchBytes).address;
    const { dataIdMap } = this.backend;
    const addresses = this.#addresses;
    addresses.length = operands.length;
    for (let i = 0; i < operands.length; i++) {
      const operand = operands[i]!;
      if ('dataId' in operand) addresses[i] = dataIdMap.get(operand.dataId).memoryOffset;
      else if ('address' in operand) addresses[i] = operand.address;
      else addresses[i] = dataIdMap.get(operand.tensor.dataId).memoryOffset + operand.byteOffset;
    }
    // Looking up a tensor of another backend has copied it here, and the memory may have grown.
    const heap = this.memory.heap.address;
    for (let i = 0; i < operands.length; i++) if (!('address' in operands[i]!)) addresses[i]! += heap;
    program.run(addresses, scratch, scalars);
  }

  /** At least so many bytes, which the next program overwrites. */
  scratch(byteLength: number): CallBytes {
    if (this.#scratch !== null && this.#scratch.byteLength >= byteLength) return this.#scratch;
    if (this.#scratch !== null) this.memory.release(this.#scratch);
    this.#scratch = null;
    this.#scratch = this.memory.allocate(Math.ceil(byteLength / SCRATCH_STEP) * SCRATCH_STEP);
    return this.#scratch;
  }

  /** Copies tensors here that are on another backend; the memory may grow. */
  bringHere(tensors: readonly (TensorInfo | null | undefined)[]): void {
    for (const tensor of tensors) if (tensor) this.backend.dataIdMap.get(tensor.dataId);
  }

  /** One float32 that is 0. */
  get zero(): CallBytes {
    if (this.#zero !== null) return this.#zero;
    this.#zero = this.memory.allocate(4);
    this.#zero.bytes().fill(0);
    return this.#zero;
  }

  /** The numbers of a float32 tensor where they lie; valid until the next allocation. */
  floats({ dataId, shape }: TensorInfo): Float32Array {
    const { memoryOffset } = this.backend.dataIdMap.get(dataId);
    return new Float32Array(
      this.backend.wasm.HEAPU8.buffer as ArrayBuffer,
      memoryOffset,
      elementCount(shape),
    );
  }

  /** A new float32 tensor with undefined content. */
  output(shape: readonly number[]): TensorInfo {
    return this.backend.makeOutput(shape, 'float32');
  }

  dispose(): void {
    for (const program of this.#programs.values()) program?.dispose();
    this.#programs.clear();
    this.memory.dispose();
    this.team?.dispose();
    this.host.dispose();
  }

  #create(key: string, plan: () => ProgramPlan | null): Program | null {
    if (this.#planned >= MOST_PLANNED) return null;
    try {
      const planned = plan();
      if (planned === null) return null;
      this.#planned += 1;
      if (this.#planned === MOST_PLANNED) {
        this.#report('new shapes', `${MOST_PLANNED} programs have been generated`);
      }
      return new Program(this.host, this.team, this.memory, planned);
    } catch (error) {
      if (!(error instanceof QedgeError)) throw error;
      this.#report(key, error.message);
      return null;
    }
  }

  #report(what: string, why: string): void {
    this.fallbacks.push({ from: `generated code for ${what}`, to: 'the stock kernel', why });
  }

  #forgetOldest(): void {
    for (const [key, program] of this.#programs) {
      this.#programs.delete(key);
      program?.dispose();
      return;
    }
  }
}

/** The product of a shape. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (let axis = 0; axis < shape.length; axis++) count *= shape[axis]!;
  return count;
}
