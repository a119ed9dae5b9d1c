import { CapabilityUnavailableError, InvalidArgumentError } from '@qedge/core';
import { CodeBuffer } from './code-buffer.ts';
import { ConstantPool } from './constant-pool.ts';
import { type FeatureSet, featureNames, requireFeatures } from './features.ts';
import type { OperandForm, VectorInstruction } from './instructions.ts';
import {
  type GeneralRegister,
  type Label,
  type Masking,
  type MaskRegister,
  Memory,
  NO_REGISTER,
  rbp,
  rsp,
  UNMASKED,
  type VectorLength,
  type VectorRegister,
} from './registers.ts';

/** What ModRM.rm names: a register number or memory. */
type RmOperand = number | Memory;
type AnyInstruction = VectorInstruction<OperandForm, never>;

/** Conditions of jumps: their four bits in the opcode. */
const CONDITIONS = { zero: 4, notZero: 5 } as const;
/** When a jump is taken, judged by the last arithmetic result. */
export type Condition = keyof typeof CONDITIONS;

/** log2 of the scale of an index register. */
const SCALE_BITS = { 1: 0, 2: 1, 4: 2, 8: 3 } as const;

const TWO_TO_31 = 2 ** 31;
const TWO_TO_32 = 2 ** 32;

/**
 * Writes x86-64 machine code for one set of processor features. Vector instructions come from the table in
 * `instructions.ts`; there is one method per operand form. VEX is chosen over EVEX where both exist, because it is shorter.
 *
 * Every method that takes a vector instruction throws CapabilityUnavailableError when the features do not hold what the
 * instruction, its vector length, its mask or its registers need, and InvalidArgumentError when it does not exist in that form.
 */
export class Assembler {
  readonly features: FeatureSet;
  readonly #buffer = new CodeBuffer();
  readonly #constants = new ConstantPool();

  constructor(features: FeatureSet) {
    this.features = features;
  }

  /** Offset of the next instruction from the start of the code. */
  get position(): number {
    return this.#buffer.position;
  }

  // Vector instructions, by operand form

  /** `destination = f(source)`. */
  rm<Rm extends RmOperand>(
    row: VectorInstruction<'RM', Rm>,
    length: VectorLength,
    destination: VectorRegister,
    source: NoInfer<Rm>,
    masking: Masking = UNMASKED,
  ): void {
    this.#vector(row, length, destination, 0, source, masking, 0);
  }

  /** `destination = f(source)`, the destination in ModRM.rm: stores. */
  mr<Rm extends RmOperand>(
    row: VectorInstruction<'MR', Rm>,
    length: VectorLength,
    destination: NoInfer<Rm>,
    source: VectorRegister,
    masking: Masking = UNMASKED,
  ): void {
    this.#vector(row, length, source, 0, destination, masking, 0);
  }

  /** `destination = f(a, b)`; instructions that accumulate read `destination` too. */
  rvm<Rm extends RmOperand>(
    row: VectorInstruction<'RVM', Rm>,
    length: VectorLength,
    destination: VectorRegister,
    a: VectorRegister,
    b: NoInfer<Rm>,
    masking: Masking = UNMASKED,
  ): void {
    this.#vector(row, length, destination, a, b, masking, 0);
  }

  /** `destination = f(source, immediate)`. */
  rmi<Rm extends RmOperand>(
    row: VectorInstruction<'RMI', Rm>,
    length: VectorLength,
    destination: VectorRegister,
    source: NoInfer<Rm>,
    immediate: number,
    masking: Masking = UNMASKED,
  ): void {
    this.#vector(row, length, destination, 0, source, masking, 1);
    this.#buffer.byte(immediate);
  }

  /** `destination = f(source, immediate)`, the destination in ModRM.rm. */
  mri<Rm extends RmOperand>(
    row: VectorInstruction<'MRI', Rm>,
    length: VectorLength,
    destination: NoInfer<Rm>,
    source: VectorRegister,
    immediate: number,
    masking: Masking = UNMASKED,
  ): void {
    this.#vector(row, length, source, 0, destination, masking, 1);
    this.#buffer.byte(immediate);
  }

  /** `destination = f(a, b, immediate)`. */
  rvmi<Rm extends RmOperand>(
    row: VectorInstruction<'RVMI', Rm>,
    length: VectorLength,
    destination: VectorRegister,
    a: VectorRegister,
    b: NoInfer<Rm>,
    immediate: number,
    masking: Masking = UNMASKED,
  ): void {
    this.#vector(row, length, destination, a, b, masking, 1);
    this.#buffer.byte(immediate);
  }

  /** `destination = f(source, immediate)`, the destination in vvvv: shifts. */
  vmi(
    row: VectorInstruction<'VMI', VectorRegister>,
    length: VectorLength,
    destination: VectorRegister,
    source: VectorRegister,
    immediate: number,
    masking: Masking = UNMASKED,
  ): void {
    this.#vector(row, length, row.digit, destination, source, masking, 1);
    this.#buffer.byte(immediate);
  }

  /** `destination = f(a, b, immediate)`, the destination an opmask. */
  kvmi<Rm extends RmOperand>(
    row: VectorInstruction<'KVMI', Rm>,
    length: VectorLength,
    destination: MaskRegister,
    a: VectorRegister,
    b: NoInfer<Rm>,
    immediate: number,
    masking: Masking = UNMASKED,
  ): void {
    this.#vector(row, length, destination, a, b, masking, 1);
    this.#buffer.byte(immediate);
  }

  /** Clears all bits of a vector register, whatever its length: a VEX instruction zeroes what lies above. */
  clear(row: VectorInstruction<'RVM'>, length: VectorLength, destination: VectorRegister): void {
    this.rvm(row, destination > 15 ? length : 16, destination, destination, destination);
  }

  /** Copies the low 16 bits of a general register (`kmovw`). */
  kmovw(destination: MaskRegister, source: GeneralRegister): void {
    requireFeatures('kmovw', ['avx512f'], this.features);
    this.#start();
    this.#vexPrefix(1, destination, 0, 0, source > 7 ? 1 : 0, 0, 0, 0);
    this.#buffer.byte(0x92);
    this.#modrm(destination, source, 1, 0);
  }

  /** Must end code that wrote ymm or zmm registers, or else code with legacy encodings becomes slow. */
  vzeroupper(): void {
    requireFeatures('vzeroupper', ['avx2'], this.features);
    this.#start();
    this.#bytes(0xc5, 0xf8, 0x77);
  }

  // General instructions

  /** `destination = source`, 64 bits. */
  mov(destination: GeneralRegister, source: GeneralRegister): void {
    this.#general(1, 0x8b, destination, source, 0);
  }

  /** `destination = value`, an integer from 0 to 2^53 - 1, or down to -2^31. */
  movImmediate(destination: GeneralRegister, value: number): void {
    if (!Number.isSafeInteger(value) || value < -TWO_TO_31) {
      throw new InvalidArgumentError('A constant for a register is out of range', {
        expected: 'an integer from -2^31 to 2^53 - 1',
        actual: value,
      });
    }
    this.#start();
    if (value < 0) {
      this.#rex(1, 0, destination);
      this.#buffer.byte(0xc7);
      this.#modrm(0, destination, 1, 4);
      this.#buffer.int32(value);
      return;
    }
    const isLong = value >= TWO_TO_32;
    this.#rex(isLong ? 1 : 0, 0, destination);
    this.#buffer.byte(0xb8 | (destination & 7));
    this.#buffer.int32((value % TWO_TO_32) | 0);
    if (isLong) this.#buffer.int32(Math.floor(value / TWO_TO_32));
  }

  /** Loads 64 bits. */
  load64(destination: GeneralRegister, source: Memory): void {
    this.#general(1, 0x8b, destination, source, 0);
  }

  /** Loads 32 bits and clears the upper half. */
  load32(destination: GeneralRegister, source: Memory): void {
    this.#general(0, 0x8b, destination, source, 0);
  }

  /** Stores the lower 32 bits. */
  store32(destination: Memory, source: GeneralRegister): void {
    this.#general(0, 0x89, source, destination, 0);
  }

  /** `destination = address of source`. */
  lea(destination: GeneralRegister, source: Memory): void {
    this.#general(1, 0x8d, destination, source, 0);
  }

  /** `destination += source`, 64 bits. */
  add(destination: GeneralRegister, source: GeneralRegister): void {
    this.#general(1, 0x03, destination, source, 0);
  }

  /** `destination += value`, 64 bits; any 32-bit signed value. */
  addImmediate(destination: GeneralRegister, value: number): void {
    if (!Number.isInteger(value) || value < -TWO_TO_31 || value >= TWO_TO_31) {
      throw new InvalidArgumentError('An addend does not fit its field', {
        expected: 'an integer from -2^31 to 2^31 - 1',
        actual: value,
      });
    }
    // 128 does not fit a signed byte, -128 does.
    const [digit, operand] = value === 128 ? [5, -128] : [0, value];
    const isShort = operand >= -128 && operand <= 127;
    this.#general(1, isShort ? 0x83 : 0x81, digit, destination, isShort ? 1 : 4);
    if (isShort) this.#buffer.byte(operand);
    else this.#buffer.int32(operand);
  }

  /** `destination = source * value`, 64 bits; `value` signed, 32 bits. */
  multiplyImmediate(destination: GeneralRegister, source: GeneralRegister, value: number): void {
    this.#general(1, 0x69, destination, source, 4);
    this.#buffer.int32(value);
  }

  /** `register -= 1`, the lower 32 bits; sets the zero flag and clears the upper half. */
  decrement32(register: GeneralRegister): void {
    this.#general(0, 0xff, 1, register, 0);
  }

  /** Sets the zero flag when the lower 32 bits are zero. */
  testZero32(register: GeneralRegister): void {
    this.#general(0, 0x85, register, register, 0);
  }

  push(register: GeneralRegister): void {
    this.#start();
    this.#rex(0, 0, register);
    this.#buffer.byte(0x50 | (register & 7));
  }

  pop(register: GeneralRegister): void {
    this.#start();
    this.#rex(0, 0, register);
    this.#buffer.byte(0x58 | (register & 7));
  }

  ret(): void {
    this.#start();
    this.#buffer.byte(0xc3);
  }

  /** A hint that a cache line will be read. Never faults. */
  prefetcht0(memory: Memory): void {
    this.#start();
    this.#rex(0, 0, memory);
    this.#bytes(0x0f, 0x18);
    this.#modrm(1, memory, 1, 0);
  }

  /** A hint that a cache line will be written. Never faults. */
  prefetchw(memory: Memory): void {
    requireFeatures('prefetchw', ['prefetchw'], this.features);
    this.#start();
    this.#rex(0, 0, memory);
    this.#bytes(0x0f, 0x0d);
    this.#modrm(1, memory, 1, 0);
  }

  // Control flow, constants, end

  bind(label: Label): void {
    this.#buffer.bind(label);
  }

  jump(label: Label): void {
    this.#start();
    const distance = this.#shortDistance(label);
    if (distance !== null) {
      this.#bytes(0xeb, distance);
    } else {
      this.#buffer.byte(0xe9);
      this.#buffer.distance(label, 0);
    }
  }

  jumpIf(condition: Condition, label: Label): void {
    this.#start();
    const distance = this.#shortDistance(label);
    if (distance !== null) {
      this.#bytes(0x70 | CONDITIONS[condition], distance);
    } else {
      this.#bytes(0x0f, 0x80 | CONDITIONS[condition]);
      this.#buffer.distance(label, 0);
    }
  }

  call(label: Label): void {
    this.#start();
    this.#buffer.byte(0xe8);
    this.#buffer.distance(label, 0);
  }

  /** Pads with instructions that do nothing up to a multiple of `alignment`, a power of two up to 64. */
  align(alignment: 16 | 32 | 64): void {
    this.#buffer.align(alignment);
  }

  /** Memory behind the code that holds `words`, 32 bits each; their number is a power of two up to 16, which is their alignment. */
  constant(...words: readonly number[]): Memory {
    return Memory.atLabel(this.#constants.place(words));
  }

  /**
   * The code with its constants; position-independent. Alignments hold when it lies at a multiple of 64.
   *
   * @throws InvalidArgumentError for a label that is used but bound nowhere.
   */
  finish(): Uint8Array<ArrayBuffer> {
    this.#constants.append(this.#buffer);
    return this.#buffer.finish();
  }

  // Encoding

  #start(): void {
    this.#buffer.reserve();
  }

  #bytes(...values: readonly number[]): void {
    for (const value of values) this.#buffer.byte(value);
  }

  /** Distance of a short jump, two bytes long, to a label that has a place; null when it is too far or unknown. */
  #shortDistance(label: Label): number | null {
    if (label.position < 0) return null;
    const distance = label.position - (this.#buffer.position + 2);
    return distance >= -128 ? distance : null;
  }

  #general(w: 0 | 1, opcode: number, reg: number, rm: RmOperand, trailing: number): void {
    this.#start();
    this.#rex(w, reg, rm);
    this.#buffer.byte(opcode);
    this.#modrm(reg, rm, 1, trailing);
  }

  #rex(w: 0 | 1, reg: number, rm: RmOperand): void {
    const rex = (w << 3) | ((reg >> 3) << 2) | (indexBit(rm) << 1) | baseBit(rm);
    if (rex !== 0) this.#buffer.byte(0x40 | rex);
  }

  #vector(
    row: AnyInstruction,
    length: VectorLength,
    reg: number,
    second: number,
    rm: RmOperand,
    masking: Masking,
    trailing: number,
  ): void {
    const isMemory = typeof rm === 'object';
    const isBroadcast = isMemory && rm.isBroadcast;
    const needsEvex =
      length === 64 || masking !== 0 || reg > 15 || second > 15 || isBroadcast || (!isMemory && rm > 15);
    if ((row.lengths & length) === 0) refuseForm(row, `vectors of ${length} bytes`);
    this.#start();
    if (!needsEvex && row.hasVex && (row.vexFeatures & ~this.features) === 0) {
      this.#vexPrefix(
        row.map,
        reg,
        second,
        indexBit(rm),
        baseBit(rm),
        row.w,
        length === 32 ? 1 : 0,
        row.prefix,
      );
      this.#buffer.byte(row.opcode);
      this.#modrm(reg, rm, 1, trailing);
      return;
    }
    this.#checkEvex(row, length, isBroadcast, needsEvex);
    const { w, prefix, map } = row;
    const lowBits = ((reg >> 3) & 1 ? 0 : 0x80) | (indexBit(rm) ? 0 : 0x40) | (baseBit(rm) ? 0 : 0x20);
    const lengthBits = length === 64 ? 0x40 : length === 32 ? 0x20 : 0;
    this.#buffer.byte(0x62);
    this.#buffer.byte(lowBits | (reg > 15 ? 0 : 0x10) | map);
    this.#buffer.byte((w << 7) | ((~second & 15) << 3) | 4 | prefix);
    this.#buffer.byte(masking | lengthBits | (isBroadcast ? 0x10 : 0) | (second > 15 ? 0 : 8));
    this.#buffer.byte(row.opcode);
    this.#modrm(reg, rm, isMemory ? row.memoryBytes(length, isBroadcast) : 1, trailing);
  }

  #vexPrefix(
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
    if ((required & ~this.features) !== 0 || !row.hasEvex) this.#refuseFeatures(row, required);
    if (length !== 64) requireFeatures(`${row.mnemonic} on ${length} bytes`, ['avx512vl'], this.features);
  }

  #refuseFeatures(row: AnyInstruction, required: FeatureSet): never {
    requireFeatures(row.mnemonic, featureNames(required), this.features);
    throw new CapabilityUnavailableError(`${row.mnemonic} cannot be encoded`);
  }

  /** ModRM, SIB and displacement; `unit` divides a displacement of one byte, `trailing` bytes of immediate follow. */
  #modrm(reg: number, rm: RmOperand, unit: number, trailing: number): void {
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
