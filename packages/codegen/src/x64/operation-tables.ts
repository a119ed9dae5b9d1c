import type { Comparison } from '../target/target.ts';
import { INSTRUCTIONS as I } from './instructions.ts';

// Which instruction or immediate an operation of `Target` is.

/** Arithmetic of each element. */
export const FLOAT_INSTRUCTIONS = {
  float32: {
    add: I.vaddps,
    subtract: I.vsubps,
    multiply: I.vmulps,
    divide: I.vdivps,
    min: I.vminps,
    max: I.vmaxps,
    fma: I.vfmadd231ps,
    fnma: I.vfnmadd231ps,
    multiplyAdd: I.vfmadd213ps,
  },
  float64: {
    add: I.vaddpd,
    subtract: I.vsubpd,
    multiply: I.vmulpd,
    divide: I.vdivpd,
    min: I.vminpd,
    max: I.vmaxpd,
    fma: I.vfmadd231pd,
    fnma: I.vfnmadd231pd,
    multiplyAdd: I.vfmadd213pd,
  },
} as const;

/** Arithmetic on 32-bit integers, and bits. */
export const INTEGER_INSTRUCTIONS = {
  add: I.vpaddd,
  subtract: I.vpsubd,
  and: I.vpand,
  or: I.vpor,
  xor: I.vpxor,
  andNot: I.vpandn,
} as const;

/** Shifts by the bits of a lane. */
export const SHIFT_INSTRUCTIONS: Readonly<
  Record<16 | 32, Readonly<Record<'left' | 'right-signed' | 'right-unsigned', typeof I.vpsllw>>>
> = {
  16: { left: I.vpsllw, 'right-signed': I.vpsraw, 'right-unsigned': I.vpsrlw },
  32: { left: I.vpslld, 'right-signed': I.vpsrad, 'right-unsigned': I.vpsrld },
};

/** Conversions between lanes of 32 bits. */
export const CONVERT_INSTRUCTIONS = {
  'int32-to-float32': I.vcvtdq2ps,
  'float32-to-int32': I.vcvtps2dq,
} as const;

/** Immediates of `vroundps` and `vrndscaleps`, without the exception for inexact results. */
export const ROUNDING_MODES = { nearest: 8, floor: 9, ceiling: 10 } as const;

/** Loads that widen each format to 32 bits. */
export const WIDENING = {
  int8: I.vpmovsxbd,
  uint8: I.vpmovzxbd,
  int16: I.vpmovsxwd,
  uint16: I.vpmovzxwd,
  bfloat16: I.vpmovzxwd,
  float16: I.vcvtph2ps,
} as const;

/** The immediate that gives element i of four what element `i xor mask` holds. */
export function fourWay(mask: number): number {
  let immediate = 0;
  for (let element = 0; element < 4; element++) immediate |= (element ^ mask) << (2 * element);
  return immediate;
}

/** Predicates of `vcmpps`: ordered, without exceptions for quiet NaNs. */
export const COMPARISON_PREDICATES: Readonly<Record<Comparison, number>> = {
  equal: 0,
  less: 17,
  'less-or-equal': 18,
};
