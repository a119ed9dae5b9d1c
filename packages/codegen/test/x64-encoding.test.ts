import { CapabilityUnavailableError, InvalidArgumentError, Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { Assembler } from '../src/x64/assembler.ts';
import { enabledFeatures, type FeatureSet, featureNames, featureSetOf } from '../src/x64/features.ts';
import { INSTRUCTIONS as I } from '../src/x64/instructions.ts';
import { Memory, maskRegister, rax, rbx, rsp, type VectorLength } from '../src/x64/registers.ts';
import { Disassembler, encodeAgain, neededFeatures } from './x64-disassembly.ts';
import { ALL_FEATURES } from './x64-machine.ts';
import {
  DISPLACEMENTS,
  emitRow,
  GENERAL_32,
  GENERAL_64,
  general,
  hex,
  isMemoryOnly,
  isRegisterOnly,
  needsEvex,
  type Operands,
  PLAIN,
  place,
  ROWS,
  type Row,
} from './x64-rows.ts';

const EVERYTHING = enabledFeatures(ALL_FEATURES);
const SCALES = [1, 2, 4, 8] as const;
const SEED = 7;

/** Emits code, and compares text and boundaries of every instruction, and all bytes, with the independent tool. */
function expectSame(
  emit: (assembler: Assembler, expect: (text: string) => void) => void,
  features = EVERYTHING,
) {
  const assembler = new Assembler(features);
  const expected: { at: number; text: string }[] = [];
  let start = 0;
  emit(assembler, (text) => {
    expected.push({ at: start, text });
    start = assembler.position;
  });
  const end = assembler.position;
  const code = assembler.finish();
  let index = 0;
  for (const { at, text } of new Disassembler().decode(code, end)) {
    const wanted = expected[index++];
    if (wanted?.at !== at || wanted.text !== text) expect({ at, text }).toEqual(wanted);
  }
  expect(index).toBe(expected.length);
  // Equal bytes mean: the shortest prefix and the shortest displacement, for every instruction.
  const again = encodeAgain(code, end);
  const difference = again.findIndex((byte, at) => byte !== code[at]);
  expect(difference, differenceText(code, again, difference)).toBe(-1);
  return index;
}

function differenceText(code: Uint8Array, again: Uint8Array, at: number): string {
  const spell = (bytes: Uint8Array) => Buffer.from(bytes.slice(Math.max(0, at - 8), at + 8)).toString('hex');
  return `at ${at}: ours ${spell(code)}, theirs ${spell(again)}`;
}

function lengthsOf(row: Row): VectorLength[] {
  return ([16, 32, 64] as const).filter((length) => (row.lengths & length) !== 0);
}

const highest = (row: Row) => (row.hasEvex ? 31 : 15);

describe('every row of the instruction table', () => {
  it.each(ROWS.map((row) => [row.name, row] as const))(
    '%s with every register in every place',
    (_name, row) => {
      const count = expectSame((assembler, expectText) => {
        for (const length of lengthsOf(row)) {
          for (let operand = 0; operand < 3; operand++) {
            for (let register = 0; register <= highest(row); register++) {
              const registers: [number, number, number] = [1, 2, 3];
              registers[operand] = register;
              const at = isMemoryOnly(row) ? place(1, null, 1, 64) : null;
              expectText(emitRow(assembler, row, { ...PLAIN, length, registers, place: at }));
            }
          }
        }
      });
      expect(count).toBeGreaterThanOrEqual(3 * 16);
    },
  );

  it.each(ROWS.filter((row) => !isRegisterOnly(row)).map((row) => [row.name, row] as const))(
    '%s with displacements around the ends of one byte, from every base',
    (_name, row) => {
      expectSame((assembler, expectText) => {
        for (const length of lengthsOf(row)) {
          for (const isEvex of row.hasEvex ? [false, true] : [false]) {
            const registers = [isEvex ? 20 : 5, 6, 7] as const;
            for (const displacement of DISPLACEMENTS) {
              const base = (displacement + 0x12345678) % 16;
              for (const number of [base, 4, 5, 12, 13]) {
                const at = place(number, null, 1, displacement);
                expectText(emitRow(assembler, row, { ...PLAIN, length, registers, place: at }));
              }
            }
          }
        }
      });
    },
  );

  it.each(ROWS.map((row) => [row.name, row] as const))('%s with random operands', (_name, row) => {
    const random = new Random(SEED + ROWS.indexOf(row));
    expectSame((assembler, expectText) => {
      for (let i = 0; i < 600; i++) expectText(emitRow(assembler, row, randomOperands(row, random)));
    });
  });

  it.each(ROWS.map((row) => [row.name, row] as const))(
    '%s needs what it declares, and nothing else',
    (_name, row) => {
      for (const length of lengthsOf(row)) {
        const low: Operands = { ...PLAIN, length, place: isMemoryOnly(row) ? place(1, null, 1, 0) : null };
        const high: Operands = { ...low, registers: [20, 21, 22] };
        for (const form of row.hasEvex ? [low, high] : [low]) {
          const needed = neededBy(row, form);
          expect(featuresOf(row, form, needed)).toEqual(new Set(featureNames(needed)));
          for (const name of featureNames(needed)) {
            const fewer = (needed & ~featureSetOf([name])) as FeatureSet;
            expect(() => emitRow(new Assembler(fewer), row, form)).toThrow(CapabilityUnavailableError);
          }
        }
      }
    },
  );
});

function usesEvex(row: Row, operands: Operands): boolean {
  return !row.hasVex || needsEvex(row, operands);
}

function neededBy(row: Row, operands: Operands): FeatureSet {
  if (!usesEvex(row, operands)) return row.vexFeatures;
  return (row.evexFeatures | (operands.length < 64 ? featureSetOf(['avx512vl']) : 0)) as FeatureSet;
}

/** What the disassembler says that the instruction needs. */
function featuresOf(row: Row, operands: Operands, features: FeatureSet): Set<string> {
  const assembler = new Assembler(features);
  emitRow(assembler, row, operands);
  const [decoded] = new Disassembler().decode(assembler.finish());
  const names = new Set<string>(neededFeatures(decoded!));
  // Extensions imply what they extend; our rows name it.
  if (decoded!.isEvex) names.add('avx512f');
  else names.add('avx2');
  return names;
}

function randomOperands(row: Row, random: Random): Operands {
  const pick = (count: number) => random.uint32() % count;
  const lengths = lengthsOf(row);
  const length = lengths[pick(lengths.length)]!;
  const isEvex = row.hasEvex && (pick(2) === 0 || !row.hasVex);
  const registers = [0, 1, 2].map(() => pick(isEvex ? 32 : 16)) as [number, number, number];
  const hasPlace = isMemoryOnly(row) || (!isRegisterOnly(row) && pick(3) > 0);
  const index = pick(17);
  const displacement = DISPLACEMENTS[pick(DISPLACEMENTS.length)]!;
  const at = hasPlace
    ? place(pick(16), index === 16 || index === 4 ? null : index, SCALES[pick(4)]!, displacement)
    : null;
  const isStore = row.form === 'MR' || row.form === 'MRI';
  const mask = isEvex ? pick(8) : 0;
  return {
    length,
    registers,
    place: at,
    isBroadcast: isEvex && hasPlace && row.tuple.elementBytes > 0 && pick(2) === 0,
    mask,
    isZeroing: mask > 0 && !isStore && row.form !== 'KVMI' && pick(2) === 0,
    immediate: pick(256),
  };
}

describe('addresses', () => {
  it.each([
    ['VEX', I.vmovups, 32, 3],
    ['EVEX', I.vmovups, 64, 19],
    ['EVEX with half a vector', I.vpmovsxbw, 64, 3],
  ] as const)('of every base, index and scale (%s)', (_name, row, length, register) => {
    const count = expectSame((assembler, expectText) => {
      for (let base = 0; base < 16; base++) {
        for (let index = 0; index < 16; index++) {
          if (index === rsp) continue;
          for (const scale of SCALES) {
            for (const displacement of [0, 1, 64, 127, -128, 128, 4064, 4096, 8128, -8192, -8256]) {
              const at = place(base, index, scale, displacement);
              expectText(
                emitRow(assembler, row, { ...PLAIN, length, registers: [register, 0, 0], place: at }),
              );
            }
          }
        }
      }
    });
    expect(count).toBe(16 * 15 * 4 * 11);
  });

  it('of general instructions', () => {
    expectSame((assembler, expectText) => {
      for (let register = 0; register < 16; register++) {
        for (let base = 0; base < 16; base++) {
          for (const index of [null, 0, 5, 12, 13]) {
            for (const displacement of [0, 1, -1, 127, 128, -128, -129, 0x12345678]) {
              const { memory, text } = place(base, index, SCALES[base % 4]!, displacement);
              assembler.load64(general(register), memory);
              expectText(`mov ${GENERAL_64[register]},${text}`);
              assembler.load32(general(register), memory);
              expectText(`mov ${GENERAL_32[register]},${text}`);
              assembler.store32(memory, general(register));
              expectText(`mov ${text},${GENERAL_32[register]}`);
              assembler.lea(general(register), memory);
              expectText(`lea ${GENERAL_64[register]},${text}`);
            }
          }
          const { memory, text } = place(base, null, 1, register * 64);
          assembler.prefetcht0(memory);
          expectText(`prefetcht0 ${text}`);
          assembler.prefetchw(memory);
          expectText(`prefetchw ${text}`);
        }
      }
    });
  });
});

describe('general instructions', () => {
  const wrapped = (value: number) => `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;

  it('on every register', () => {
    expectSame((assembler, expectText) => {
      for (let x = 0; x < 16; x++) {
        const [name, name32] = [GENERAL_64[x], GENERAL_32[x]];
        for (let y = 0; y < 16; y++) {
          assembler.mov(general(x), general(y));
          expectText(`mov ${name},${GENERAL_64[y]}`);
          assembler.add(general(x), general(y));
          expectText(`add ${name},${GENERAL_64[y]}`);
          for (const value of [3, 127, 128, -128, -129, 100_000]) {
            assembler.multiplyImmediate(general(x), general(y), value);
            expectText(`imul ${name},${GENERAL_64[y]},${wrapped(value)}`);
          }
        }
        assembler.decrement32(general(x));
        expectText(`dec ${name32}`);
        assembler.testZero32(general(x));
        expectText(`test ${name32},${name32}`);
        assembler.push(general(x));
        expectText(`push ${name}`);
        assembler.pop(general(x));
        expectText(`pop ${name}`);
        for (const value of [0, 1, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) {
          assembler.movImmediate(general(x), value);
          expectText(`mov ${name32},${hex(value)}`);
        }
        for (let k = 0; k < 8; k++) {
          assembler.kmovw(maskRegister(k), general(x));
          expectText(`kmovw k${k},${name32}`);
        }
      }
      assembler.vzeroupper();
      expectText('vzeroupper');
      assembler.ret();
      expectText('ret');
    });
  });

  it('add numbers in the shortest way', () => {
    const assembler = new Assembler(EVERYTHING);
    const values = [1, -1, 127, -127, 128, -128, 129, -129, 0x12345678, -0x12345678, 2 ** 31 - 1, -(2 ** 31)];
    for (const value of values) assembler.addImmediate(rbx, value);
    const decoded = [...new Disassembler().decode(assembler.finish())];
    for (const [index, { text, byteLength }] of decoded.entries()) {
      const value = values[index]!;
      expect(text).toBe(value === 128 ? `sub rbx,${wrapped(-128)}` : `add rbx,${wrapped(value)}`);
      expect(byteLength).toBe(value >= -128 && value <= 128 ? 4 : 7);
    }
  });

  it('refuse numbers that do not fit', () => {
    const assembler = new Assembler(EVERYTHING);
    for (const value of [2 ** 31, -(2 ** 31) - 1, 0.5, Number.NaN]) {
      expect(() => assembler.addImmediate(rax, value)).toThrow(InvalidArgumentError);
      expect(() => assembler.multiplyImmediate(rax, rax, value)).toThrow(InvalidArgumentError);
      expect(() => assembler.load64(rax, Memory.at(rbx, value))).toThrow(InvalidArgumentError);
    }
    for (const value of [-1, 2 ** 32, 0.5]) {
      expect(() => assembler.movImmediate(rax, value)).toThrow(InvalidArgumentError);
    }
  });
});
