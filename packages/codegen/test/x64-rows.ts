import type { Assembler } from '../src/x64/assembler.ts';
import { INSTRUCTIONS, type OperandForm, type VectorInstruction } from '../src/x64/instructions.ts';
import {
  type GeneralRegister,
  type Masking,
  Memory,
  maskRegister,
  merging,
  UNMASKED,
  type VectorLength,
  vectorRegister,
  zeroing,
} from '../src/x64/registers.ts';

// Operands for rows of the instruction table, together with the text that a disassembler must give for them.

export type Row = VectorInstruction<OperandForm>;
/** The whole table. */
export const ROWS = Object.values(INSTRUCTIONS) as Row[];
/** Rows whose ModRM.rm is memory only, or a register only: what the types say, for tests that pick operands at random. */
const MEMORY_ONLY = /^(vmovd|vmovq|vmaskmov|vpinsr|vpextr)/;
export const isMemoryOnly = ({ name }: Row) => MEMORY_ONLY.test(name);
export const isRegisterOnly = ({ form }: Row) => form === 'VMI';

export const GENERAL_64 = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
export const GENERAL_32 = 'eax ecx edx ebx esp ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d'.split(' ');
export const general = (number: number) => number as GeneralRegister;

/** A memory operand with its text. */
export interface Place {
  readonly memory: Memory;
  readonly text: string;
}

export function hex(value: number): string {
  return `${value < 0 ? '-' : ''}0x${Math.abs(value).toString(16)}`;
}

/** `base + index * scale + displacement`, with its text. */
export function place(base: number, index: number | null, scale: 1 | 2 | 4 | 8, displacement: number): Place {
  const indexText = index === null ? '' : `+${GENERAL_64[index]}${scale === 1 ? '' : `*${scale}`}`;
  const sign = displacement < 0 ? '' : '+';
  const displacementText = displacement === 0 ? '' : `${sign}${hex(displacement)}`;
  const text = `[${GENERAL_64[base]}${indexText}${displacementText}]`;
  const memory =
    index === null
      ? Memory.at(general(base), displacement)
      : Memory.indexed(general(base), general(index), scale, displacement);
  return { memory, text };
}

/** Every unit N that exists, times the numbers around the ends of a signed byte. */
export const DISPLACEMENTS = [
  0,
  ...[1, 2, 4, 8, 16, 32, 64].flatMap((unit) =>
    [1, -1, 127, -127, 128, -128, 129, -129].map((times) => unit * times),
  ),
  0x12345678,
  -0x12345678,
];

/** Operands for any row; each form takes what it needs. */
export interface Operands {
  readonly length: VectorLength;
  readonly registers: readonly [number, number, number];
  readonly place: Place | null;
  readonly isBroadcast: boolean;
  readonly mask: number;
  readonly isZeroing: boolean;
  readonly immediate: number;
}

export const PLAIN: Operands = {
  length: 16,
  registers: [0, 0, 0],
  place: null,
  isBroadcast: false,
  mask: 0,
  isZeroing: false,
  immediate: 0,
};

/** Whether VEX cannot express the operands. */
export function needsEvex(row: Row, { length, registers, place, isBroadcast, mask }: Operands): boolean {
  const count = usedRegisters(row, place !== null);
  return length === 64 || isBroadcast || mask > 0 || registers.slice(0, count).some((number) => number > 15);
}

/** Operands are used in the order in which the text names them. */
function usedRegisters({ form }: Row, hasPlace: boolean): number {
  const count = { RM: 2, MR: 2, RMI: 2, MRI: 2, VMI: 2, RVM: 3, RVMI: 3, KVMI: 3 }[form];
  return hasPlace ? count - 1 : count;
}

function maskingOf({ mask, isZeroing }: Operands): Masking {
  if (mask === 0) return UNMASKED;
  return isZeroing ? zeroing(maskRegister(mask)) : merging(maskRegister(mask));
}

/** Emits the row and returns the text that must come back. */
export function emitRow(assembler: Assembler, row: Row, operands: Operands): string {
  const { length, registers, place: at, isBroadcast, mask, isZeroing, immediate } = operands;
  const [x, y, z] = registers.map(vectorRegister) as [never, never, never];
  const masking = maskingOf(operands);
  const memory = at === null ? null : isBroadcast ? at.memory.broadcast() : at.memory;
  const isEvex = !row.hasVex || needsEvex(row, operands);
  const name = isEvex ? row.evexMnemonic : row.mnemonic;
  const vector = (number: number) => `${{ 16: 'xmm', 32: 'ymm', 64: 'zmm' }[length]}${number}`;
  const { fixedBytes, fractionShift, elementBytes } = row.tuple;
  const shorter = fixedBytes > 0 ? 16 : Math.max(16, length >> fractionShift);
  const rmVector = (number: number) => `${{ 16: 'xmm', 32: 'ymm', 64: 'zmm' }[shorter]}${number}`;
  const repeated = isBroadcast ? `{1to${length / elementBytes}}` : '';
  const rm = (number: number) => (at === null ? rmVector(number) : `${at.text}${repeated}`);
  const masked = mask === 0 ? '' : `{k${mask}}${isZeroing ? '{z}' : ''}`;
  const [a, b, c] = registers;
  switch (row.form) {
    case 'RM':
      assembler.rm(row as VectorInstruction<'RM'>, length, x, memory ?? y, masking);
      return `${name} ${vector(a)}${masked},${rm(b)}`;
    case 'MR':
      assembler.mr(row as VectorInstruction<'MR'>, length, memory ?? y, x, masking);
      return `${name} ${rm(b)}${masked},${vector(a)}`;
    case 'RVM':
      assembler.rvm(row as VectorInstruction<'RVM'>, length, x, y, memory ?? z, masking);
      return `${name} ${vector(a)}${masked},${vector(b)},${rm(c)}`;
    case 'RMI':
      assembler.rmi(row as VectorInstruction<'RMI'>, length, x, memory ?? y, immediate, masking);
      return `${name} ${vector(a)}${masked},${rm(b)},${hex(immediate)}`;
    case 'MRI':
      assembler.mri(row as VectorInstruction<'MRI'>, length, memory ?? y, x, immediate, masking);
      return `${name} ${rm(b)}${masked},${vector(a)},${hex(immediate)}`;
    case 'RVMI':
      assembler.rvmi(row as VectorInstruction<'RVMI'>, length, x, y, memory ?? z, immediate, masking);
      return `${name} ${vector(a)}${masked},${vector(b)},${rm(c)},${hex(immediate)}`;
    case 'VMI':
      assembler.vmi(row as never, length, x, y, immediate, masking);
      return `${name} ${vector(a)}${masked},${vector(b)},${hex(immediate)}`;
    case 'KVMI':
      assembler.kvmi(
        row as VectorInstruction<'KVMI'>,
        length,
        maskRegister(a & 7),
        y,
        memory ?? z,
        immediate,
        masking,
      );
      return `${name} k${a & 7}${masked},${vector(b)},${rm(c)},${hex(immediate)}`;
  }
}
