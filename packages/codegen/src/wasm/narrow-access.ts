import { NARROW_BYTES } from '../target/narrow-numbers.ts';
import type { MemoryOperand, NarrowFormat } from '../target/target.ts';
import { type FunctionWriter, partOf } from './function-writer.ts';
import { narrowToBfloat16, narrowToFloat16, widenFloat16 } from './half-floats.ts';
import { SIMD, VALUE_TYPE } from './opcodes.ts';

const WIDEN_WORDS = {
  signed: [SIMD.i32x4ExtendLowI16x8Signed, SIMD.i32x4ExtendHighI16x8Signed],
  unsigned: [SIMD.i32x4ExtendLowI16x8Unsigned, SIMD.i32x4ExtendHighI16x8Unsigned],
} as const;

/** Loads `lanes` numbers of a narrow format into the parts of a vector (one local, or two) and zeroes the rest. */
export function loadNarrowParts(
  writer: FunctionWriter,
  format: NarrowFormat,
  parts: readonly number[],
  memory: MemoryOperand,
  lanes: number,
): void {
  const signedness = format === 'int8' || format === 'int16' ? 'signed' : 'unsigned';
  if (NARROW_BYTES[format] === 2 && lanes === 4 * parts.length) {
    const opcode = signedness === 'signed' ? SIMD.v128Load16x4Signed : SIMD.v128Load16x4Unsigned;
    for (const [part, local] of parts.entries()) {
      writer.get(writer.pointer(memory.base));
      writer.access(opcode, partOf(memory, part, 8).offset);
      writer.set(local);
    }
  } else {
    // Bytes, or fewer words than there are lanes: all at once into one vector, widened from there.
    const words = writer.newLocal(VALUE_TYPE.v128);
    writer.loadBytes(memory, lanes * NARROW_BYTES[format]);
    if (format === 'int8') writer.simd(SIMD.i16x8ExtendLowI8x16Signed);
    if (format === 'uint8') writer.simd(SIMD.i16x8ExtendLowI8x16Unsigned);
    writer.set(words);
    for (const [part, local] of parts.entries()) {
      writer.get(words);
      writer.simd(WIDEN_WORDS[signedness][part]!);
      writer.set(local);
    }
  }
  if (format === 'float16' || format === 'bfloat16') widenHalves(writer, format, parts);
}

function widenHalves(writer: FunctionWriter, format: 'float16' | 'bfloat16', parts: readonly number[]): void {
  for (const local of parts) {
    if (format === 'float16') widenFloat16(writer, local);
    else {
      writer.get(local);
      writer.shift(SIMD.i32x4ShiftLeft, 16);
    }
    writer.set(local);
  }
}

/** Stores the first `lanes` lanes of a vector (one local, or two) in a narrow format. */
export function storeNarrowParts(
  writer: FunctionWriter,
  format: NarrowFormat,
  parts: readonly number[],
  memory: MemoryOperand,
  lanes: number,
): void {
  // Both halves of a pair, or twice the only part, become eight words.
  for (const local of [parts[0]!, parts.at(-1)!]) {
    if (format === 'float16') narrowToFloat16(writer, local);
    else if (format === 'bfloat16') narrowToBfloat16(writer, local);
    else writer.get(local);
  }
  const unsignedWords = format === 'uint16' || format === 'float16' || format === 'bfloat16';
  writer.simd(unsignedWords ? SIMD.i16x8NarrowI32x4Unsigned : SIMD.i16x8NarrowI32x4Signed);
  const packed = writer.newLocal(VALUE_TYPE.v128);
  if (NARROW_BYTES[format] === 1) {
    writer.tee(packed);
    writer.get(packed);
    writer.simd(format === 'int8' ? SIMD.i8x16NarrowI16x8Signed : SIMD.i8x16NarrowI16x8Unsigned);
  }
  writer.set(packed);
  writer.storeBytes(packed, memory, lanes * NARROW_BYTES[format]);
}
