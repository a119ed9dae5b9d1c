import type {
  Comparison,
  FloatElement,
  FloatOperation,
  IntegerOperation,
  Rounding,
  Shift,
} from '../target/target.ts';

// WebAssembly core specification 2.0 (binary format) and the relaxed SIMD proposal, phase 5. Only what the encoder emits.

/** Value types. */
export const VALUE_TYPE = { i32: 0x7f, v128: 0x7b } as const;

/** Control, variable, memory and integer instructions: one byte each. */
export const OPCODE = {
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  branchIf: 0x0d,
  call: 0x10,
  drop: 0x1a,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Load: 0x28,
  i32Store: 0x36,
  i32Const: 0x41,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Multiply: 0x6c,
  i32PopulationCount: 0x69,
  i32And: 0x71,
  i32Or: 0x72,
  i32ShiftLeft: 0x74,
  i32ShiftRightUnsigned: 0x76,
  emptyBlockType: 0x40,
  simdPrefix: 0xfd,
} as const;

/** Vector instructions: the prefix, then this number as unsigned LEB128. */
export const SIMD = {
  v128Load: 0x00,
  v128Load8x8Signed: 0x01,
  v128Load8x8Unsigned: 0x02,
  v128Load16x4Signed: 0x03,
  v128Load16x4Unsigned: 0x04,
  v128Load16Splat: 0x08,
  v128Load32Splat: 0x09,
  v128Load64Splat: 0x0a,
  v128Store: 0x0b,
  v128Const: 0x0c,
  i8x16Shuffle: 0x0d,
  f32x4Equal: 0x41,
  f32x4Less: 0x43,
  f32x4LessOrEqual: 0x45,
  i32x4GreaterSigned: 0x3b,
  v128Not: 0x4d,
  v128And: 0x4e,
  v128AndNot: 0x4f,
  v128Or: 0x50,
  v128Xor: 0x51,
  v128Bitselect: 0x52,
  v128Load8Lane: 0x54,
  v128Load16Lane: 0x55,
  v128Load32Lane: 0x56,
  v128Load64Lane: 0x57,
  v128Store8Lane: 0x58,
  v128Store16Lane: 0x59,
  v128Store32Lane: 0x5a,
  v128Store64Lane: 0x5b,
  v128Load32Zero: 0x5c,
  v128Load64Zero: 0x5d,
  i8x16NarrowI16x8Signed: 0x65,
  i8x16NarrowI16x8Unsigned: 0x66,
  f32x4Ceiling: 0x67,
  f32x4Floor: 0x68,
  f32x4Nearest: 0x6a,
  i16x8NarrowI32x4Signed: 0x85,
  i16x8NarrowI32x4Unsigned: 0x86,
  i16x8ExtendLowI8x16Signed: 0x87,
  i16x8ExtendLowI8x16Unsigned: 0x89,
  i16x8ShiftLeft: 0x8b,
  i16x8ShiftRightSigned: 0x8c,
  i16x8ShiftRightUnsigned: 0x8d,
  i16x8Add: 0x8e,
  i32x4ExtendLowI16x8Signed: 0xa7,
  i32x4ExtendHighI16x8Signed: 0xa8,
  i32x4ExtendLowI16x8Unsigned: 0xa9,
  i32x4ExtendHighI16x8Unsigned: 0xaa,
  i32x4ShiftLeft: 0xab,
  i32x4ShiftRightSigned: 0xac,
  i32x4ShiftRightUnsigned: 0xad,
  i32x4Add: 0xae,
  i32x4Subtract: 0xb1,
  i32x4DotI16x8Signed: 0xba,
  f32x4SquareRoot: 0xe3,
  f32x4Add: 0xe4,
  f32x4Subtract: 0xe5,
  f32x4Multiply: 0xe6,
  f32x4Divide: 0xe7,
  f32x4PseudoMin: 0xea,
  f32x4PseudoMax: 0xeb,
  f64x2Add: 0xf0,
  f64x2Subtract: 0xf1,
  f64x2Multiply: 0xf2,
  f64x2Divide: 0xf3,
  f64x2PseudoMin: 0xf6,
  f64x2PseudoMax: 0xf7,
  i32x4TruncateSaturateF32x4Signed: 0xf8,
  f32x4ConvertI32x4Signed: 0xfa,
  i32x4RelaxedTruncateF32x4Signed: 0x101,
  f32x4RelaxedMultiplyAdd: 0x105,
  f32x4RelaxedNegativeMultiplyAdd: 0x106,
  f64x2RelaxedMultiplyAdd: 0x107,
  f64x2RelaxedNegativeMultiplyAdd: 0x108,
  i16x8RelaxedDotI8x16I7x16Signed: 0x112,
} as const;

/** The instruction of each operation on floating-point lanes; the fused ones are relaxed SIMD. */
export const FLOAT: Readonly<
  Record<FloatElement, Readonly<Record<FloatOperation | 'multiplyAdd' | 'negativeMultiplyAdd', number>>>
> = {
  float32: {
    add: SIMD.f32x4Add,
    subtract: SIMD.f32x4Subtract,
    multiply: SIMD.f32x4Multiply,
    divide: SIMD.f32x4Divide,
    min: SIMD.f32x4PseudoMin,
    max: SIMD.f32x4PseudoMax,
    multiplyAdd: SIMD.f32x4RelaxedMultiplyAdd,
    negativeMultiplyAdd: SIMD.f32x4RelaxedNegativeMultiplyAdd,
  },
  float64: {
    add: SIMD.f64x2Add,
    subtract: SIMD.f64x2Subtract,
    multiply: SIMD.f64x2Multiply,
    divide: SIMD.f64x2Divide,
    min: SIMD.f64x2PseudoMin,
    max: SIMD.f64x2PseudoMax,
    multiplyAdd: SIMD.f64x2RelaxedMultiplyAdd,
    negativeMultiplyAdd: SIMD.f64x2RelaxedNegativeMultiplyAdd,
  },
};

/** The instruction of each comparison of float32. */
export const COMPARE: Readonly<Record<Comparison, number>> = {
  equal: SIMD.f32x4Equal,
  less: SIMD.f32x4Less,
  'less-or-equal': SIMD.f32x4LessOrEqual,
};

/** The instruction of each rounding to an integer within float32. */
export const ROUND: Readonly<Record<Rounding, number>> = {
  nearest: SIMD.f32x4Nearest,
  floor: SIMD.f32x4Floor,
  ceiling: SIMD.f32x4Ceiling,
};

/** The instruction of each operation on int32. `andNot` is absent: WebAssembly's negates the second operand, so that the operands change places. */
export const INTEGER: Readonly<Record<Exclude<IntegerOperation, 'andNot'>, number>> = {
  add: SIMD.i32x4Add,
  subtract: SIMD.i32x4Subtract,
  and: SIMD.v128And,
  or: SIMD.v128Or,
  xor: SIMD.v128Xor,
};

/** The instruction of each shift, by the width of the lanes. */
export const SHIFT: Readonly<Record<16 | 32, Readonly<Record<Shift, number>>>> = {
  16: {
    left: SIMD.i16x8ShiftLeft,
    'right-signed': SIMD.i16x8ShiftRightSigned,
    'right-unsigned': SIMD.i16x8ShiftRightUnsigned,
  },
  32: {
    left: SIMD.i32x4ShiftLeft,
    'right-signed': SIMD.i32x4ShiftRightSigned,
    'right-unsigned': SIMD.i32x4ShiftRightUnsigned,
  },
};
