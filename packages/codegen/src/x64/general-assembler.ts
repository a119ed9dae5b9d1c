import { InvalidArgumentError } from '@qedge/core';
import { CodeBuffer } from './code-buffer.ts';
import { type FeatureSet, requireFeatures } from './features.ts';
import { InstructionEncoder } from './instruction-encoder.ts';
import type { GeneralRegister, Label, Memory } from './registers.ts';

/** Conditions of jumps: their four bits in the opcode. */
const CONDITIONS = { zero: 4, notZero: 5 } as const;
/** When a jump is taken, judged by the last arithmetic result. */
export type Condition = keyof typeof CONDITIONS;

/** Writes the instructions of x86-64 that use no vectors: on general registers, addresses and the flow of control. */
export abstract class GeneralAssembler {
  readonly features: FeatureSet;
  protected readonly buffer: CodeBuffer;
  protected readonly encoder: InstructionEncoder;

  /** @param capacity bytes that there is room for at first: code may grow beyond. */
  constructor(features: FeatureSet, capacity = 32768) {
    this.features = features;
    this.buffer = new CodeBuffer(capacity);
    this.encoder = new InstructionEncoder(this.buffer, features);
  }

  /** Offset of the next instruction from the start of the code. */
  get position(): number {
    return this.buffer.position;
  }

  // General instructions

  /** `destination = source`, 64 bits. */
  mov(destination: GeneralRegister, source: GeneralRegister): void {
    this.encoder.general(1, 0x8b, destination, source, 0);
  }

  /** `destination = value`, an integer from 0 to 2^32 - 1. */
  movImmediate(destination: GeneralRegister, value: number): void {
    if (value >>> 0 !== value) {
      throw new InvalidArgumentError('A constant for a register is out of range', {
        expected: 'an integer from 0 to 2^32 - 1',
        actual: value,
      });
    }
    this.buffer.reserve();
    this.encoder.rex(0, 0, destination);
    this.buffer.byte(0xb8 | (destination & 7));
    this.buffer.int32(value);
  }

  /** `destination = value`, any integer from 0 to 2^53 - 1, in the shortest form. */
  movWide(destination: GeneralRegister, value: number): void {
    if (value < 2 ** 32) {
      this.movImmediate(destination, value);
      return;
    }
    if (!Number.isSafeInteger(value)) {
      throw new InvalidArgumentError('A constant for a register is out of range', {
        expected: 'an integer from 0 to 2^53 - 1',
        actual: value,
      });
    }
    this.buffer.reserve();
    this.encoder.rex(1, 0, destination);
    this.buffer.byte(0xb8 | (destination & 7));
    this.buffer.int32(value | 0);
    this.buffer.int32(Math.floor(value / 2 ** 32));
  }

  /** Loads 64 bits. */
  load64(destination: GeneralRegister, source: Memory): void {
    this.encoder.general(1, 0x8b, destination, source, 0);
  }

  /** Loads 32 bits and clears the upper half. */
  load32(destination: GeneralRegister, source: Memory): void {
    this.encoder.general(0, 0x8b, destination, source, 0);
  }

  /** Stores the lower 32 bits. */
  store32(destination: Memory, source: GeneralRegister): void {
    this.encoder.general(0, 0x89, source, destination, 0);
  }

  /** Stores 64 bits. */
  store64(destination: Memory, source: GeneralRegister): void {
    this.encoder.general(1, 0x89, source, destination, 0);
  }

  /** `destination = address of source`. */
  lea(destination: GeneralRegister, source: Memory): void {
    this.encoder.general(1, 0x8d, destination, source, 0);
  }

  /** `destination += source`, 64 bits. */
  add(destination: GeneralRegister, source: GeneralRegister): void {
    this.encoder.general(1, 0x03, destination, source, 0);
  }

  /** `destination += value`, 64 bits; any 32-bit signed value. */
  addImmediate(destination: GeneralRegister, value: number): void {
    checkImmediate(value);
    // 128 does not fit a signed byte, -128 does.
    const [digit, operand] = value === 128 ? [5, -128] : [0, value];
    const isShort = operand >= -128 && operand <= 127;
    this.encoder.general(1, isShort ? 0x83 : 0x81, digit, destination, isShort ? 1 : 4);
    if (isShort) this.buffer.byte(operand);
    else this.buffer.int32(operand);
  }

  /** `destination -= source`, 64 bits. */
  subtract(destination: GeneralRegister, source: GeneralRegister): void {
    this.encoder.general(1, 0x2b, destination, source, 0);
  }

  /** `destination &= source`, 64 bits; sets the zero flag. */
  and(destination: GeneralRegister, source: GeneralRegister): void {
    this.encoder.general(1, 0x23, destination, source, 0);
  }

  /** `destination |= source`, 64 bits. */
  or(destination: GeneralRegister, source: GeneralRegister): void {
    this.encoder.general(1, 0x0b, destination, source, 0);
  }

  /** `destination &= value`, 64 bits, `value` from 0 to 2^31 - 1; sets the zero flag. */
  andImmediate(destination: GeneralRegister, value: number): void {
    checkImmediate(value);
    const isShort = value <= 127;
    this.encoder.general(1, isShort ? 0x83 : 0x81, 4, destination, isShort ? 1 : 4);
    if (isShort) this.buffer.byte(value);
    else this.buffer.int32(value);
  }

  /** `destination <<= bits`, 64 bits; `bits` from 0 to 63. */
  shiftLeft(destination: GeneralRegister, bits: number): void {
    this.encoder.general(1, 0xc1, 4, destination, 1);
    this.buffer.byte(bits);
  }

  /** `destination >>= bits` without sign, 64 bits; `bits` from 0 to 63. */
  shiftRight(destination: GeneralRegister, bits: number): void {
    this.encoder.general(1, 0xc1, 5, destination, 1);
    this.buffer.byte(bits);
  }

  /** `destination = ` the number of bits that are set in `source`. Every processor with AVX has it. */
  popcnt(destination: GeneralRegister, source: GeneralRegister): void {
    requireFeatures('popcnt', ['avx2'], this.features);
    this.buffer.reserve();
    this.buffer.byte(0xf3);
    this.encoder.rex(1, destination, source);
    this.bytes(0x0f, 0xb8);
    this.encoder.modrm(destination, source, 1, 0);
  }

  /** `destination = ` the bits of `source` that `mask` has, side by side. */
  pext(destination: GeneralRegister, source: GeneralRegister, mask: GeneralRegister): void {
    requireFeatures('pext', ['bmi2'], this.features);
    this.buffer.reserve();
    this.encoder.vexPrefix(2, destination, source, 0, mask > 7 ? 1 : 0, 1, 0, 2);
    this.buffer.byte(0xf5);
    this.encoder.modrm(destination, mask, 1, 0);
  }

  /** `destination = source * value`, 64 bits; `value` signed, 32 bits. */
  multiplyImmediate(destination: GeneralRegister, source: GeneralRegister, value: number): void {
    checkImmediate(value);
    const isShort = value >= -128 && value <= 127;
    this.encoder.general(1, isShort ? 0x6b : 0x69, destination, source, isShort ? 1 : 4);
    if (isShort) this.buffer.byte(value);
    else this.buffer.int32(value);
  }

  /** `register -= 1`, the lower 32 bits; sets the zero flag and clears the upper half. */
  decrement32(register: GeneralRegister): void {
    this.encoder.general(0, 0xff, 1, register, 0);
  }

  /** Sets the zero flag when the lower 32 bits are zero. */
  testZero32(register: GeneralRegister): void {
    this.encoder.general(0, 0x85, register, register, 0);
  }

  push(register: GeneralRegister): void {
    this.buffer.reserve();
    this.encoder.rex(0, 0, register);
    this.buffer.byte(0x50 | (register & 7));
  }

  pop(register: GeneralRegister): void {
    this.buffer.reserve();
    this.encoder.rex(0, 0, register);
    this.buffer.byte(0x58 | (register & 7));
  }

  ret(): void {
    this.buffer.reserve();
    this.buffer.byte(0xc3);
  }

  /** A hint that a cache line will be read. Never faults. */
  prefetcht0(memory: Memory): void {
    this.buffer.reserve();
    this.encoder.rex(0, 0, memory);
    this.bytes(0x0f, 0x18);
    this.encoder.modrm(1, memory, 1, 0);
  }

  /** A hint that a cache line will be read after other work: it goes to the second cache. Never faults. */
  prefetcht1(memory: Memory): void {
    this.buffer.reserve();
    this.encoder.rex(0, 0, memory);
    this.bytes(0x0f, 0x18);
    this.encoder.modrm(2, memory, 1, 0);
  }

  /** A hint that a cache line will be written. Never faults. */
  prefetchw(memory: Memory): void {
    requireFeatures('prefetchw', ['prefetchw'], this.features);
    this.buffer.reserve();
    this.encoder.rex(0, 0, memory);
    this.bytes(0x0f, 0x0d);
    this.encoder.modrm(1, memory, 1, 0);
  }

  // Control flow

  bind(label: Label): void {
    this.buffer.bind(label);
  }

  jump(label: Label): void {
    this.buffer.reserve();
    const distance = this.#shortDistance(label);
    if (distance !== null) {
      this.bytes(0xeb, distance);
    } else {
      this.buffer.byte(0xe9);
      this.buffer.distance(label, 0);
    }
  }

  jumpIf(condition: Condition, label: Label): void {
    this.buffer.reserve();
    const distance = this.#shortDistance(label);
    if (distance !== null) {
      this.bytes(0x70 | CONDITIONS[condition], distance);
    } else {
      this.bytes(0x0f, 0x80 | CONDITIONS[condition]);
      this.buffer.distance(label, 0);
    }
  }

  call(label: Label): void {
    this.buffer.reserve();
    this.buffer.byte(0xe8);
    this.buffer.distance(label, 0);
  }

  /** Pads with instructions that do nothing up to a multiple of `alignment`, a power of two up to 64. */
  align(alignment: 16 | 32 | 64): void {
    this.buffer.align(alignment);
  }

  protected bytes(...values: readonly number[]): void {
    for (const value of values) this.buffer.byte(value);
  }

  /** Distance of a short jump, two bytes long, to a label that has a place; null when it is too far or unknown. */
  #shortDistance(label: Label): number | null {
    if (label.position < 0) return null;
    const distance = label.position - (this.buffer.position + 2);
    return distance >= -128 ? distance : null;
  }
}

function checkImmediate(value: number): void {
  if ((value | 0) === value) return;
  throw new InvalidArgumentError('An immediate does not fit its field', {
    expected: 'an integer from -2^31 to 2^31 - 1',
    actual: value,
  });
}
