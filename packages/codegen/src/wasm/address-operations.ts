import type { Pointer } from '../target/target.ts';
import { bitMask, bitRuns } from '../x64/bit-selection.ts';
import type { FunctionWriter } from './function-writer.ts';
import { OPCODE } from './opcodes.ts';

// Arithmetic on addresses, which are 32 bits wide.

/** `destination = a + b`. */
export function addAddresses(writer: FunctionWriter, destination: Pointer, a: Pointer, b: Pointer): void {
  writer.get(writer.pointer(a));
  writer.get(writer.pointer(b));
  writer.emit(OPCODE.i32Add);
  writer.set(writer.pointer(destination));
}

/** `destination = source + bytes`. */
export function offsetAddress(
  writer: FunctionWriter,
  destination: Pointer,
  source: Pointer,
  bytes: number,
): void {
  writer.get(writer.pointer(source));
  if (bytes !== 0) {
    writer.integer(bytes | 0);
    writer.emit(OPCODE.i32Add);
  }
  writer.set(writer.pointer(destination));
}

/** `destination = ` the bits of `source` at `positions`, moved up by `shift`. */
export function selectBits(
  writer: FunctionWriter,
  destination: Pointer,
  source: Pointer,
  positions: readonly number[],
  shift: number,
): void {
  bitRuns(positions, shift).forEach(({ from, to, length }, i) => {
    writer.get(writer.pointer(source));
    if (from !== to) {
      writer.integer(Math.abs(from - to));
      writer.emit(from > to ? OPCODE.i32ShiftRightUnsigned : OPCODE.i32ShiftLeft);
    }
    writer.integer((2 ** length - 1) * 2 ** to);
    writer.emit(OPCODE.i32And);
    if (i > 0) writer.emit(OPCODE.i32Or);
  });
  writer.set(writer.pointer(destination));
}

/** `destination = 2^shift` where an odd number of the bits at `positions` are set, else 0. */
export function parity(
  writer: FunctionWriter,
  destination: Pointer,
  source: Pointer,
  positions: readonly number[],
  shift: number,
): void {
  writer.get(writer.pointer(source));
  writer.integer(bitMask(positions) | 0);
  writer.emit(OPCODE.i32And, OPCODE.i32PopulationCount);
  writer.integer(1);
  writer.emit(OPCODE.i32And);
  writer.integer(shift);
  writer.emit(OPCODE.i32ShiftLeft);
  writer.set(writer.pointer(destination));
}

/** The next subset of the bits of `mask`; leaves it on the stack too. */
export function advanceSubset(writer: FunctionWriter, pointer: Pointer, mask: number): void {
  const local = writer.pointer(pointer);
  writer.get(local);
  writer.integer(mask | 0);
  writer.emit(OPCODE.i32Sub);
  writer.integer(mask | 0);
  writer.emit(OPCODE.i32And);
  writer.tee(local);
}
