import { Random } from '@qedge/core';
import { GEMM_ARGUMENT_COUNT, GEMM_ARGUMENTS, type MatrixLayout } from '../../description/gemm.ts';
import { ARGUMENT_BYTES, setArgument, setFloatArgument } from '../../host/argument-block.ts';
import { type KernelMemory, MEMORY_ALIGNMENT } from '../../host/kernel-host.ts';
import { elementIndex } from '../../reference/gemm.ts';
import { drawnLength, fillConstant, fillUniform, repeatFirst } from '../elements/fill-operands.ts';
import { type GemmPanelShape, gemmPanelBytes } from './gemm-panels.ts';

const WORD_BYTES = 4;
/** Around every range. Four of these bytes are -1.7e38 as a float32. */
const GUARD_BYTE = 0xfe;
const GUARD_BYTES = 128;

/** B of a trial: a matrix, or panels whose first matrix has `shape`. */
export type TrialRight =
  | ({ readonly packed: false } & MatrixLayout)
  | { readonly packed: true; readonly shape: GemmPanelShape; readonly batchBytes: number };

/** What decides which memory a trial needs. */
export interface TrialOperands {
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly a: MatrixLayout;
  readonly b: TrialRight;
  readonly c: MatrixLayout;
  readonly biasLength: number;
  readonly scratchBytes: number;
  /** False: C is filled with NaN. */
  readonly readsC: boolean;
  readonly alpha: number;
  readonly beta: number;
}

/** A range of the memory, in bytes. */
interface ByteRange {
  readonly start: number;
  readonly length: number;
}

/** The operands of a trial in memory, with guards around each; fields as {@link GEMM_ARGUMENTS}. */
export class TrialMemory {
  readonly byteLength: number;
  readonly #operands: TrialOperands;
  readonly #seed: number;
  readonly #block: ByteRange;
  readonly #ranges: Readonly<Record<'a' | 'b' | 'c' | 'scratch' | 'bias', ByteRange>>;

  constructor(operands: TrialOperands, seed: number) {
    this.#operands = operands;
    this.#seed = seed;
    let top = 0;
    const place = (length: number): ByteRange => {
      const start = Math.ceil((top + GUARD_BYTES) / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
      top = start + length + GUARD_BYTES;
      return { start, length };
    };
    const { batch, rows, columns, depth, a, b, c, scratchBytes, biasLength } = operands;
    this.#block = place(GEMM_ARGUMENT_COUNT * ARGUMENT_BYTES);
    this.#ranges = {
      a: place(spanElements(a, batch, rows, depth) * WORD_BYTES),
      b: place(
        b.packed
          ? (batch - 1) * b.batchBytes + gemmPanelBytes(b.shape)
          : spanElements(b, batch, depth, columns) * WORD_BYTES,
      ),
      c: place(spanElements(c, batch, rows, columns) * WORD_BYTES),
      scratch: place(scratchBytes),
      bias: place(biasLength * WORD_BYTES),
    };
    this.byteLength = top;
  }

  /** Fills everything: NaN in scratch and in a C that must not be read. Returns the address of the argument block. */
  prepare(memory: KernelMemory): number {
    const { buffer, byteOffset, address } = memory;
    const random = new Random(this.#seed);
    for (const { start, length } of Object.values(this.#ranges)) {
      for (const guard of [start - GUARD_BYTES, start + length]) {
        new Uint8Array(buffer, byteOffset + guard, GUARD_BYTES).fill(GUARD_BYTE);
      }
    }
    fillUniform(this.floats(memory, 'a'), random);
    this.#fillRight(memory, random);
    this.#fillResult(this.floats(memory, 'c'));
    const { scratch } = this.#ranges;
    fillConstant(new Uint8Array(buffer, byteOffset + scratch.start, scratch.length), 0xff);
    fillUniform(this.floats(memory, 'bias'), random);
    const view = new DataView(buffer);
    const block = byteOffset + this.#block.start;
    for (const name of ['a', 'b', 'c', 'scratch', 'bias'] as const) {
      setArgument(view, block, GEMM_ARGUMENTS[name], address + this.#ranges[name].start);
    }
    setFloatArgument(view, block, GEMM_ARGUMENTS.alpha, this.#operands.alpha);
    setFloatArgument(view, block, GEMM_ARGUMENTS.beta, this.#operands.beta);
    return address + this.#block.start;
  }

  /** A range as float32. */
  floats({ buffer, byteOffset }: KernelMemory, name: 'a' | 'b' | 'c' | 'bias'): Float32Array {
    const { start, length } = this.#ranges[name];
    return new Float32Array(buffer, byteOffset + start, length / WORD_BYTES);
  }

  bytesOfRight({ buffer, byteOffset }: KernelMemory): DataView {
    const { start, length } = this.#ranges.b;
    return new DataView(buffer, byteOffset + start, length);
  }

  /** What C held at an index before the run. */
  resultBefore(): (index: number) => number {
    const period = drawnLength(this.#ranges.c.length / WORD_BYTES);
    const values = new Float32Array(period);
    this.#fillResult(values);
    return (index) => values[index % period]!;
  }

  /** Describes the first guard byte that was written, or null. */
  findWriteOutside({ buffer, byteOffset }: KernelMemory): string | null {
    for (const [name, { start, length }] of Object.entries(this.#ranges)) {
      for (const guard of [start - GUARD_BYTES, start + length]) {
        const bytes = new Uint8Array(buffer, byteOffset + guard, GUARD_BYTES);
        const written = bytes.findIndex((byte) => byte !== GUARD_BYTE);
        if (written >= 0) return `a write at byte ${guard + written - start} of ${name}, which has ${length}`;
      }
    }
    return null;
  }

  #fillResult(values: Float32Array): void {
    if (this.#operands.readsC) fillUniform(values, new Random(this.#seed + 1));
    else fillConstant(values, Number.NaN);
  }

  #fillRight(memory: KernelMemory, random: Random): void {
    const { b } = this.#operands;
    if (!b.packed || b.shape.format === 'float32') {
      fillUniform(this.floats(memory, 'b'), random);
      return;
    }
    const { format } = b.shape;
    const { start, length } = this.#ranges.b;
    const words = new Uint16Array(memory.buffer, memory.byteOffset + start, length / 2);
    const first = drawnLength(words.length);
    for (let i = 0; i < first; i++) words[i] = drawNarrow(random, format);
    repeatFirst(words, first);
  }
}

/** Elements from the first to the last of a batch of matrices. */
function spanElements(layout: MatrixLayout, batch: number, rows: number, columns: number): number {
  return elementIndex(layout, batch - 1, rows - 1, columns - 1) + 1;
}

/** The bits of a random number between 2^-3 and 2 in magnitude. */
function drawNarrow(random: Random, format: 'float16' | 'bfloat16'): number {
  const sign = random.integer(2) * 0x8000;
  const magnitude = format === 'float16' ? 0x3000 + random.integer(0x1000) : 0x3e00 + random.integer(0x200);
  return sign | magnitude;
}
