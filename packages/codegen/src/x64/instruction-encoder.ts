import { CapabilityUnavailableError, InvalidArgumentError } from '@qedge/core';
import type { CodeBuffer } from './code-buffer.ts';
import { type FeatureSet, featureNames, featureSetOf, requireFeatures } from './features.ts';
import type { OperandForm, VectorInstruction } from './instructions.ts';
import {
  type Masking,
  type Memory,
  NO_REGISTER,
  rbp,
  rsp,
  UNMASKED,
  type VectorLength,
} from './registers.ts';

/** What ModRM.rm names: a register number or memory. */
export type RmOperand = number | Memory;
const AVX512VL = featureSetOf(['avx512vl']);
type AnyInstruction = VectorInstruction<OperandForm, never>;

/** log2 of the scale of an index register. */
const SCALE_BITS = { 1: 0, 2: 1, 4: 2, 8: 3 } as const;

/**
 * Turns operands into the bytes of one instruction: legacy encodings with REX, VEX, and EVEX. Knows nothing of what instructions
 * do. Sources: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, chapter 2.
 */
export class InstructionEncoder {
  readonly #buffer: CodeBuffer;
  readonly #features: FeatureSet;

  constructor(buffer: CodeBuffer, features: FeatureSet) {
    this.#buffer = buffer;
    this.#features = features;
  }

  /**
   * An instruction on general registers with an opcode of one byte. `w` selects 64 bits; `trailing` bytes of immediate follow, which
   * the caller appends.
   */
  general(w: 0 | 1, opcode: number, reg: number, rm: RmOperand, trailing: number): void {
    this.#buffer.reserve();
    this.rex(w, reg, rm);
    this.#buffer.byte(opcode);
    this.modrm(reg, rm, 1, trailing);
  }

  /** The REX prefix, where one is needed. */
  rex(w: 0 | 1, reg: number, rm: RmOperand): void {
    const rex = (w << 3) | ((reg >> 3) << 2) | (indexBit(rm) << 1) | baseBit(rm);
    if (rex !== 0) this.#buffer.byte(0x40 | rex);
  }

  /**
   * A vector instruction: VEX where that exists and suffices, else EVEX. `second` goes to vvvv; `trailing` bytes of immediate follow,
   * which the caller appends.
   *
   * @throws CapabilityUnavailableError when the features lack something, InvalidArgumentError when there is no such form.
   */
  vector(
    row: AnyInstruction,
    length: VectorLength,
    reg: number,
    second: number,
    rm: RmOperand,
    masking: Masking,
    trailing: number,
  ): void {
    const isBroadcast = typeof rm === 'object' && rm.isBroadcast;
    const needsEvex =
      length === 64 ||
      masking !== UNMASKED ||
      isBroadcast ||
      reg > 15 ||
      second > 15 ||
      (typeof rm === 'number' && rm > 15);
    if ((row.lengths & length) === 0) refuseForm(row, `vectors of ${length} bytes`);
    this.#buffer.reserve();
    if (!needsEvex && row.hasVex && (row.vexFeatures & ~this.#features) === 0) {
      const { map, vexW, prefix } = row;
      this.vexPrefix(map, reg, second, indexBit(rm), baseBit(rm), vexW, length === 32 ? 1 : 0, prefix);
      this.#buffer.byte(row.opcode);
      this.modrm(reg, rm, 1, trailing);
    } else {
      this.#checkEvex(row, length, isBroadcast, needsEvex);
      this.#evexPrefix(row, length, reg, second, rm, masking, isBroadcast);
      this.#buffer.byte(row.opcode);
      this.modrm(reg, rm, row.memoryBytes(length, isBroadcast), trailing);
    }
  }

  /** R, X, B, R', vvvv and V' are stored inverted. */
  #evexPrefix(
    { map, w, prefix }: AnyInstruction,
    length: VectorLength,
    reg: number,
    second: number,
    rm: RmOperand,
    masking: Masking,
    isBroadcast: boolean,
  ): void {
    const r = (reg & 8 ? 0 : 0x80) | (reg & 16 ? 0 : 0x10);
    const xb = (indexBit(rm) ? 0 : 0x40) | (baseBit(rm) ? 0 : 0x20);
    // Length 16, 32, 64 is 0, 1, 2 in bits 5 and 6.
    const lengthBits = length & 0x60;
    this.#buffer.byte(0x62);
    this.#buffer.byte(r | xb | map);
    this.#buffer.byte((w << 7) | ((~second & 15) << 3) | 4 | prefix);
    this.#buffer.byte(masking | lengthBits | (isBroadcast ? 0x10 : 0) | (second & 16 ? 0 : 8));
  }

  /** The shorter VEX prefix where it can say the same. Fields as in the manuals, not inverted. */
  vexPrefix(
    map: number,
    reg: number,
    second: number,
    index: number,
    base: number,
    w: number,
    l: number,
    prefix: number,
  ): void {
    const r = reg > 7 ? 0 : 0x80;
    const rest = ((~second & 15) << 3) | (l << 2) | prefix;
    if (map === 1 && w === 0 && index === 0 && base === 0) {
      this.#buffer.byte(0xc5);
      this.#buffer.byte(r | rest);
    } else {
      this.#buffer.byte(0xc4);
      this.#buffer.byte(r | (index ? 0 : 0x40) | (base ? 0 : 0x20) | map);
      this.#buffer.byte((w << 7) | rest);
    }
  }

  #checkEvex(row: AnyInstruction, length: VectorLength, isBroadcast: boolean, needsEvex: boolean): void {
    if (!row.hasEvex && needsEvex) {
      refuseForm(row, 'masks, embedded broadcast, vectors of 64 bytes or registers above 15');
    }
    if (isBroadcast && row.tuple.elementBytes === 0) refuseForm(row, 'embedded broadcast');
    const required = row.hasEvex ? row.evexFeatures : row.vexFeatures;
    if ((required & ~this.#features) !== 0 || !row.hasEvex) this.#refuseFeatures(row, required);
    if (length !== 64 && (this.#features & AVX512VL) === 0) {
      requireFeatures(`${row.mnemonic} on ${length} bytes`, ['avx512vl'], this.#features);
    }
  }

  #refuseFeatures(row: AnyInstruction, required: FeatureSet): never {
    requireFeatures(row.mnemonic, featureNames(required), this.#features);
    throw new CapabilityUnavailableError(`${row.mnemonic} cannot be encoded`);
  }

  /** ModRM, SIB and displacement; `unit` divides a displacement of one byte, `trailing` bytes of immediate follow. */
  modrm(reg: number, rm: RmOperand, unit: number, trailing: number): void {
    const buffer = this.#buffer;
    const regBits = (reg & 7) << 3;
    if (typeof rm === 'number') {
      buffer.byte(0xc0 | regBits | (rm & 7));
      return;
    }
    if (rm.label !== null) {
      buffer.byte(regBits | 5);
      buffer.distance(rm.label, trailing);
      return;
    }
    const { base, index, displacement } = rm;
    if ((displacement | 0) !== displacement) {
      throw new InvalidArgumentError('A displacement does not fit its field', {
        expected: 'an integer from -2^31 to 2^31 - 1',
        actual: displacement,
      });
    }
    const low = base & 7;
    const short = displacement / unit;
    const isShort = Number.isInteger(short) && short >= -128 && short <= 127;
    // Without displacement, base rbp or r13 would mean something else.
    const mod = displacement === 0 && low !== rbp ? 0 : isShort ? 0x40 : 0x80;
    // Base rsp or r12 in ModRM means that a SIB byte follows.
    if (index !== NO_REGISTER || low === rsp) {
      buffer.byte(mod | regBits | 4);
      const indexBits = index === NO_REGISTER ? 4 : index & 7;
      buffer.byte((SCALE_BITS[rm.scale] << 6) | (indexBits << 3) | low);
    } else {
      buffer.byte(mod | regBits | low);
    }
    if (mod === 0x40) buffer.byte(short);
    else if (mod === 0x80) buffer.int32(displacement);
  }
}

/** Bit 3 of the index register; for a vector register in ModRM.rm, bit 4 of its number. */
function indexBit(rm: RmOperand): number {
  if (typeof rm === 'number') return (rm >> 4) & 1;
  return rm.index === NO_REGISTER ? 0 : rm.index >> 3;
}

/** Bit 3 of the base register or of the register in ModRM.rm. */
function baseBit(rm: RmOperand): number {
  if (typeof rm === 'number') return (rm >> 3) & 1;
  return rm.label === null ? rm.base >> 3 : 0;
}

function refuseForm(row: AnyInstruction, form: string): never {
  throw new InvalidArgumentError(`${row.mnemonic} does not exist with ${form}`, {
    facts: { instruction: row.name },
  });
}
