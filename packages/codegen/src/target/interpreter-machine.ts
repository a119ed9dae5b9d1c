import { ARGUMENT_BYTES } from '../host/argument-block.ts';
import type { KernelMemory } from '../host/kernel-host.ts';
import { clamp } from './lane-arithmetic.ts';
import { bfloat16Bits, float16Bits, NARROW_BYTES } from './narrow-numbers.ts';
import type { FloatElement, MemoryOperand, NarrowFormat, Pointer } from './target.ts';

/** What a step works on. Vectors lie side by side; `bits` and `floats` are two views of them. */
export interface Machine {
  readonly memory: DataView;
  /** The address of the first byte of `memory`. */
  readonly address: number;
  readonly bits: Int32Array;
  readonly floats: Float32Array | Float64Array;
  readonly pointers: Float64Array;
}

/** One operation, ready to run. */
export type Step = (machine: Machine) => void;

/** The content of a vector that was never written, or that a call left undefined: a NaN in either width, and a conspicuous integer. */
const UNDEFINED_WORD = 0x7ffda5a5;

/** The pointer that holds the address of the argument block. */
export const BLOCK = 0 as Pointer;

/** The place of `byteLength` bytes in the memory. @throws RangeError when they, or the base alone, are not all in it. */
export function locate(
  { memory, address, pointers }: Machine,
  base: Pointer,
  offset: number,
  byteLength: number,
): number {
  const start = pointers[base]! - address;
  const at = start + offset;
  // A base before the memory is refused even where the offset leads back: 32-bit addresses do not wrap around.
  if (start >= 0 && at + byteLength <= memory.byteLength) return at;
  throw new RangeError(
    `A kernel accesses ${byteLength} bytes at ${at} of a memory of ${memory.byteLength} (base ${start}, offset ${offset}).`,
  );
}

/** The count in field `index` of the argument block. */
export function countArgument(machine: Machine, index: number): number {
  return machine.memory.getUint32(locate(machine, BLOCK, index * ARGUMENT_BYTES, ARGUMENT_BYTES), true);
}

/** The word at an operand. */
export function readWord(machine: Machine, { base, offset }: MemoryOperand): number {
  return machine.memory.getInt32(locate(machine, base, offset, 4), true);
}

/** The float64 at an operand. */
export function readFloat64(machine: Machine, { base, offset }: MemoryOperand): number {
  return machine.memory.getFloat64(locate(machine, base, offset, 8), true);
}

/** The narrow integer `bytes` after an operand. */
export function readNarrow(
  machine: Machine,
  format: 'int8' | 'uint8' | 'int16' | 'uint16',
  { base, offset }: MemoryOperand,
  bytes: number,
): number {
  const { memory } = machine;
  const at = locate(machine, base, offset + bytes, NARROW_BYTES[format]);
  switch (format) {
    case 'int8':
      return memory.getInt8(at);
    case 'uint8':
      return memory.getUint8(at);
    case 'int16':
      return memory.getInt16(at, true);
    case 'uint16':
      return memory.getUint16(at, true);
  }
}

/** What a lane becomes in memory, from its two readings. */
export const NARROWING: Readonly<Record<NarrowFormat, (bits: number, float: number) => number>> = {
  int8: (bits) => clamp(bits, -128, 127),
  uint8: (bits) => clamp(bits, 0, 255),
  int16: (bits) => clamp(bits, -32768, 32767),
  uint16: (bits) => clamp(bits, 0, 65535),
  float16: (_bits, float) => float16Bits(float),
  bfloat16: (_bits, float) => bfloat16Bits(float),
};

/** Runs steps a number of times. */
export function repeat(times: number, steps: readonly Step[], machine: Machine): void {
  for (let i = 0; i < times; i++) for (const step of steps) step(machine);
}

/** A function of the address of an argument block that runs the steps on a memory, each time on registers of undefined content. */
export function bindSteps(
  steps: readonly Step[],
  { buffer, byteOffset, byteLength, address }: KernelMemory,
  words: number,
  pointerCount: number,
  element: FloatElement,
): (block: number) => void {
  const memory = new DataView(buffer, byteOffset, byteLength);
  const bits = new Int32Array(words);
  const floats = element === 'float64' ? new Float64Array(bits.buffer) : new Float32Array(bits.buffer);
  const pointers = new Float64Array(pointerCount);
  const machine: Machine = { memory, address, bits, floats, pointers };
  return (block) => {
    bits.fill(UNDEFINED_WORD);
    pointers.fill(Number.NaN);
    pointers[BLOCK] = block;
    repeat(1, steps, machine);
  };
}

/** Runs the steps of a routine, which sees only `pointers`; afterwards these and all vectors are undefined. */
export function callSteps(machine: Machine, pointers: readonly Pointer[], steps: readonly Step[]): void {
  const before = machine.pointers.slice();
  machine.pointers.fill(Number.NaN);
  for (const pointer of [BLOCK, ...pointers]) machine.pointers[pointer] = before[pointer]!;
  machine.bits.fill(UNDEFINED_WORD);
  repeat(1, steps, machine);
  machine.pointers.set(before);
  for (const pointer of pointers) machine.pointers[pointer] = Number.NaN;
  machine.bits.fill(UNDEFINED_WORD);
}
