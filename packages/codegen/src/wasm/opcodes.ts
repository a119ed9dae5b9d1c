// WebAssembly core specification 2.0 (binary format) and the relaxed SIMD proposal, phase 5. Only what the encoder emits.

/** Value types. */
export const VALUE_TYPE = { i32: 0x7f, v128: 0x7b } as const;

/** Control, variable and integer instructions: one byte each. */
export const OPCODE = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  branchIf: 0x0d,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Const: 0x41,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  emptyBlockType: 0x40,
  simdPrefix: 0xfd,
} as const;

/** Vector instructions: the prefix, then this number as unsigned LEB128. */
export const SIMD = {
  v128Load: 0x00,
  v128Load8x8Signed: 0x01,
  v128Load32Splat: 0x09,
  v128Store: 0x0b,
  v128Const: 0x0c,
  v128Load32Lane: 0x56,
  v128Store32Lane: 0x5a,
  v128Store64Lane: 0x5b,
  v128Load32Zero: 0x5c,
  v128Load64Zero: 0x5d,
  i16x8NarrowI32x4Signed: 0x85,
  i16x8ShiftLeft: 0x8b,
  i16x8ShiftRightSigned: 0x8c,
  f32x4Nearest: 0x6a,
  i32x4Add: 0xae,
  i32x4DotI16x8Signed: 0xba,
  f32x4Add: 0xe4,
  f32x4Multiply: 0xe6,
  f32x4Divide: 0xe7,
  f32x4PseudoMin: 0xea,
  f32x4PseudoMax: 0xeb,
  i32x4TruncateSaturateF32x4Signed: 0xf8,
  f32x4ConvertI32x4Signed: 0xfa,
  f32x4RelaxedMultiplyAdd: 0x105,
} as const;
