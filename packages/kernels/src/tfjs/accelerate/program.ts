import { ARGUMENT_BYTES, type KernelDescription, type KernelHost, type ThreadTeam } from '@qedge/codegen';
import { KernelCalls } from '../../engine/kernel-calls.ts';
import type { CallBytes, CallMemory } from './call-memory.ts';

/** A byte of an operand of the call, or of the scratch memory, as a field of an argument block. */
export interface OperandField {
  /** Index into the addresses of a run; {@link SCRATCH} for scratch memory. */
  readonly operand: number;
  /** Bytes from its start. */
  readonly bytes: number;
}

/** The operand that is scratch memory. */
export const SCRATCH = -1;

/** A field of an argument block: a count, a float32, a float32 that is known at each run, or an address. */
export type ProgramField = number | { readonly float32: number } | { readonly scalar: number } | OperandField;

/** A kernel that one thread runs. */
export interface ProgramPart {
  readonly description: KernelDescription;
  /** By index; fields that are not named are 0. */
  readonly fields: Readonly<Record<number, ProgramField>>;
}

/** How a program wants its weights. */
export interface WeightPacking {
  /** Equal for packings that give the same bytes. */
  readonly key: string;
  readonly byteLength: number;
  pack(weights: Float32Array, bias: Float32Array | null, target: Uint8Array): void;
}

/** What a call of a tfjs kernel with certain shapes runs: steps of parts that run at the same time. */
export interface ProgramPlan {
  readonly steps: readonly (readonly ProgramPart[])[];
  readonly scratchBytes: number;
  /** Null where weights are used as they are. */
  readonly packing: WeightPacking | null;
  /** What is not known from the operands alone; null where the caller knows. */
  readonly outputShape: readonly number[] | null;
}

const TWO_TO_32 = 2 ** 32;

/** A planned program, loaded; its argument blocks are rewritten for every run. */
export class Program {
  readonly scratchBytes: number;
  readonly packing: WeightPacking | null;
  readonly outputShape: readonly number[] | null;
  readonly #calls: KernelCalls;
  readonly #blocks: CallBytes;
  readonly #memory: CallMemory;
  #words: Uint32Array<ArrayBufferLike>;
  #floats: Float32Array<ArrayBufferLike>;
  #view: Uint8Array<ArrayBufferLike>;
  /** Triples: word of the block, operand, bytes. */
  readonly #places: number[] = [];
  /** Pairs: word of the block, scalar. */
  readonly #scalars: number[] = [];

  /** @throws as `KernelHost.load`. */
  constructor(host: KernelHost, team: ThreadTeam | null, memory: CallMemory, plan: ProgramPlan) {
    this.scratchBytes = plan.scratchBytes;
    this.packing = plan.packing;
    this.outputShape = plan.outputShape;
    this.#memory = memory;
    const parts = plan.steps.flat();
    const fieldCounts = parts.map(({ fields }) => Math.max(...Object.keys(fields).map(Number)) + 1);
    const starts: number[] = [];
    let fieldCount = 0;
    for (const count of fieldCounts) {
      starts.push(fieldCount);
      fieldCount += count;
    }
    this.#blocks = memory.allocate(fieldCount * ARGUMENT_BYTES);
    this.#view = this.#blocks.bytes();
    [this.#words, this.#floats] = wordsOf(this.#view);
    try {
      for (const [i, { fields }] of parts.entries()) {
        this.#words.fill(0, starts[i]! * 2, (starts[i]! + fieldCounts[i]!) * 2);
        for (const [index, field] of Object.entries(fields)) {
          this.#writeField((starts[i]! + Number(index)) * 2, field);
        }
      }
      let next = 0;
      const steps = plan.steps.map((step) =>
        step.map(({ description }) => {
          return { description, block: this.#blocks.address + starts[next++]! * ARGUMENT_BYTES };
        }),
      );
      this.#calls = KernelCalls.load(host, team, steps, memory.loadedFor);
    } catch (error) {
      memory.release(this.#blocks);
      throw error;
    }
  }

  /** @param addresses of the operands, @param scratch the address of `scratchBytes` bytes. */
  run(addresses: readonly number[], scratch: number, scalars: readonly number[]): void {
    const view = this.#blocks.bytes();
    if (view !== this.#view) {
      this.#view = view;
      [this.#words, this.#floats] = wordsOf(view);
    }
    const places = this.#places;
    for (let i = 0; i < places.length; i += 3) {
      const operand = places[i + 1]!;
      const start = operand === SCRATCH ? scratch : addresses[operand]!;
      writeAddress(this.#words, places[i]!, start + places[i + 2]!);
    }
    for (let i = 0; i < this.#scalars.length; i += 2) {
      this.#floats[this.#scalars[i]!] = scalars[this.#scalars[i + 1]!]!;
    }
    this.#calls.run();
  }

  dispose(): void {
    this.#memory.release(this.#blocks);
  }

  #writeField(word: number, field: ProgramField): void {
    if (typeof field === 'number') writeAddress(this.#words, word, field);
    else if ('float32' in field) this.#floats[word] = field.float32;
    else if ('scalar' in field) this.#scalars.push(word, field.scalar);
    else this.#places.push(word, field.operand, field.bytes);
  }
}

function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBufferLike>) {
  return [
    new Uint32Array(buffer, byteOffset, byteLength / 4),
    new Float32Array(buffer, byteOffset, byteLength / 4),
  ] as [Uint32Array<ArrayBufferLike>, Float32Array<ArrayBufferLike>];
}

function writeAddress(words: Uint32Array<ArrayBufferLike>, at: number, value: number): void {
  const high = Math.floor(value / TWO_TO_32);
  words[at] = value - high * TWO_TO_32;
  words[at + 1] = high;
}
