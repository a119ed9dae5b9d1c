import { InvalidArgumentError } from '@qedge/core';

declare const generalBrand: unique symbol;
declare const vectorBrand: unique symbol;
declare const maskBrand: unique symbol;
declare const maskingBrand: unique symbol;

/** A 64-bit general register; the value is its number in encodings. */
export type GeneralRegister = number & { readonly [generalBrand]: true };
/** A vector register 0..31; the instruction says whether xmm, ymm or zmm is meant. */
export type VectorRegister = number & { readonly [vectorBrand]: true };
/** An opmask register k0..k7. */
export type MaskRegister = number & { readonly [maskBrand]: true };
/** Which lanes an instruction writes: the fields `z` and `aaa` of an EVEX prefix. */
export type Masking = number & { readonly [maskingBrand]: true };

/** Bytes of xmm, ymm and zmm. */
export type VectorLength = 16 | 32 | 64;

const general = (number: number) => number as GeneralRegister;
export const rax = general(0);
export const rcx = general(1);
export const rdx = general(2);
export const rbx = general(3);
export const rsp = general(4);
export const rbp = general(5);
export const rsi = general(6);
export const rdi = general(7);
export const r8 = general(8);
export const r9 = general(9);
export const r10 = general(10);
export const r11 = general(11);
export const r12 = general(12);
export const r13 = general(13);
export const r14 = general(14);
export const r15 = general(15);

/** Vector register `number`, 0..31. */
export function vectorRegister(number: number): VectorRegister {
  return number as VectorRegister;
}

/** Opmask register `number`, 0..7. k0 can hold a comparison but cannot mask. */
export function maskRegister(number: number): MaskRegister {
  return number as MaskRegister;
}

/** The bit of a {@link Masking} that clears lanes. */
export const ZEROING = 0x80;

/** All lanes are written. */
export const UNMASKED = 0 as Masking;

/**
 * Lanes outside the mask keep what they hold; memory lanes outside are not touched.
 *
 * @throws InvalidArgumentError for k0, which encodings read as no mask.
 */
export function merging(mask: MaskRegister): Masking {
  if (mask === 0) throw new InvalidArgumentError('k0 cannot be a mask');
  return mask as number as Masking;
}

/**
 * Lanes outside the mask become zero. Not for stores and comparisons.
 *
 * @throws InvalidArgumentError for k0, which encodings read as no mask.
 */
export function zeroing(mask: MaskRegister): Masking {
  return (merging(mask) | ZEROING) as Masking;
}

/** A place in the code that jumps, calls and constants refer to. */
export class Label {
  /** Offset in the code, -1 until it is bound. */
  position = -1;
}

/** `index` of a {@link Memory} that has none. */
export const NO_REGISTER = -1;

/**
 * A memory operand: `base + index * scale + displacement`, or the place of a label.
 * `isBroadcast`: one 32- or 64-bit element is repeated to all lanes (EVEX only).
 */
export class Memory {
  private constructor(
    readonly base: number,
    readonly displacement: number,
    readonly index: number,
    readonly scale: 1 | 2 | 4 | 8,
    readonly label: Label | null,
    readonly isBroadcast: boolean,
  ) {}

  static at(base: GeneralRegister, displacement: number): Memory {
    return new Memory(base, displacement, NO_REGISTER, 1, null, false);
  }

  /** @throws InvalidArgumentError for index rsp, which encodings cannot express. */
  static indexed(base: GeneralRegister, index: GeneralRegister, scale: 1 | 2 | 4 | 8, displacement: number) {
    if (index === rsp) throw new InvalidArgumentError('rsp cannot be an index register');
    return new Memory(base, displacement, index, scale, null, false);
  }

  static atLabel(label: Label): Memory {
    return new Memory(NO_REGISTER, 0, NO_REGISTER, 1, label, false);
  }

  /** The same place, one element of it repeated to all lanes. */
  broadcast(): Memory {
    return new Memory(this.base, this.displacement, this.index, this.scale, this.label, true);
  }
}
