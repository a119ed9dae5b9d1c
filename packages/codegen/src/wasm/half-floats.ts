import type { FunctionWriter } from './function-writer.ts';
import { SIMD, VALUE_TYPE } from './opcodes.ts';

// float16 and bfloat16 in lanes of 32 bits: WebAssembly has no instructions for them. The float16 conversions move the exponent by a
// multiplication (widening) or let the hardware round subnormals by an addition (narrowing); see Giesen, "Half to float done quick"
// and "float->half variants" (public domain). Exact for subnormals, infinities and every rounding; a NaN stays a NaN.

const INFINITY = 0x7f800000;
/** 2^112, the distance between the exponents of the two formats. */
const EXPONENT_DISTANCE = 0x77800000;
/** The smallest normal float16, 2^-14, as float32. */
const SMALLEST_NORMAL = 0x38800000;
/** 65536, the first power of two beyond float16, as float32. */
const OVERFLOW = 0x47800000;
/** 0.5: adding it leaves 24 fraction bits after the point, the units of a subnormal float16. */
const SUBNORMAL_MAGIC = 0x3f000000;

/** Replaces float16 bits (0..65535 per lane, in `local`) by their float32 value on the stack. */
export function widenFloat16(writer: FunctionWriter, local: number): void {
  const magnitude = writer.newLocal(VALUE_TYPE.v128);
  writer.get(local);
  writer.splatConstant(0x7fff);
  writer.simd(SIMD.v128And);
  writer.tee(magnitude);
  writer.shift(SIMD.i32x4ShiftLeft, 13);
  writer.splatConstant(EXPONENT_DISTANCE);
  writer.simd(SIMD.f32x4Multiply);
  writer.get(magnitude);
  writer.splatConstant(0x7bff);
  writer.simd(SIMD.i32x4GreaterSigned);
  writer.splatConstant(INFINITY);
  writer.simd(SIMD.v128And);
  writer.simd(SIMD.v128Or);
  writer.get(local);
  writer.get(magnitude);
  writer.simd(SIMD.v128Xor);
  writer.shift(SIMD.i32x4ShiftLeft, 16);
  writer.simd(SIMD.v128Or);
}

/** Replaces float32 lanes (in `local`) by float16 bits on the stack, 0..65535 per lane, rounded to nearest, ties to even. */
export function narrowToFloat16(writer: FunctionWriter, local: number): void {
  const magnitude = writer.newLocal(VALUE_TYPE.v128);
  writer.get(local);
  writer.splatConstant(0x7fffffff);
  writer.simd(SIMD.v128And);
  writer.tee(magnitude);
  // Normal: rebias the exponent, add just under half of the last unit, and one more where that unit is odd.
  writer.splatConstant((0xfff - 0x38000000) >>> 0);
  writer.simd(SIMD.i32x4Add);
  addOddBit(writer, magnitude, 13);
  writer.shift(SIMD.i32x4ShiftRightUnsigned, 13);
  writer.get(magnitude);
  writer.splatConstant(SUBNORMAL_MAGIC);
  writer.simd(SIMD.f32x4Add);
  writer.splatConstant(SUBNORMAL_MAGIC);
  writer.simd(SIMD.i32x4Subtract);
  writer.get(magnitude);
  writer.splatConstant(SMALLEST_NORMAL - 1);
  writer.simd(SIMD.i32x4GreaterSigned);
  writer.simd(SIMD.v128Bitselect);
  // Infinity, or a NaN where the magnitude is beyond infinity's bits.
  writer.get(magnitude);
  writer.splatConstant(INFINITY);
  writer.simd(SIMD.i32x4GreaterSigned);
  writer.splatConstant(0x200);
  writer.simd(SIMD.v128And);
  writer.splatConstant(0x7c00);
  writer.simd(SIMD.v128Or);
  writer.splatConstant(OVERFLOW);
  writer.get(magnitude);
  writer.simd(SIMD.i32x4GreaterSigned);
  writer.simd(SIMD.v128Bitselect);
  writer.get(local);
  writer.shift(SIMD.i32x4ShiftRightUnsigned, 16);
  writer.splatConstant(0x8000);
  writer.simd(SIMD.v128And);
  writer.simd(SIMD.v128Or);
}

/** Replaces float32 lanes (in `local`) by bfloat16 bits on the stack, 0..65535 per lane, rounded to nearest, ties to even. */
export function narrowToBfloat16(writer: FunctionWriter, local: number): void {
  writer.get(local);
  writer.splatConstant(0x7fff);
  writer.simd(SIMD.i32x4Add);
  addOddBit(writer, local, 16);
  writer.shift(SIMD.i32x4ShiftRightUnsigned, 16);
  writer.get(local);
  writer.shift(SIMD.i32x4ShiftRightUnsigned, 16);
  writer.splatConstant(0x40);
  writer.simd(SIMD.v128Or);
  writer.get(local);
  writer.get(local);
  writer.simd(SIMD.f32x4Equal);
  writer.simd(SIMD.v128Bitselect);
}

/** Adds bit `bit` of each lane of a local to the vector on the stack. */
function addOddBit(writer: FunctionWriter, local: number, bit: number): void {
  writer.get(local);
  writer.shift(SIMD.i32x4ShiftRightUnsigned, bit);
  writer.splatConstant(1);
  writer.simd(SIMD.v128And);
  writer.simd(SIMD.i32x4Add);
}
