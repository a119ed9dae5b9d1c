import { CapabilityUnavailableError, InvalidArgumentError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { Assembler } from '../src/x64/assembler.ts';
import { enabledFeatures, featureSetOf } from '../src/x64/features.ts';
import { INSTRUCTIONS as I, VectorInstruction } from '../src/x64/instructions.ts';
import {
  Label,
  Memory,
  maskRegister,
  merging,
  r12,
  r13,
  rax,
  rbp,
  rbx,
  rsp,
  vectorRegister,
  zeroing,
} from '../src/x64/registers.ts';
import { Disassembler } from './x64-disassembly.ts';
import { ALL_FEATURES } from './x64-machine.ts';
import { hex } from './x64-rows.ts';

const EVERYTHING = enabledFeatures(ALL_FEATURES);
const AVX2_ONLY = featureSetOf(['avx2', 'fma', 'f16c', 'avxVnni']);
const [v0, v1, v2, v9, v17] = [0, 1, 2, 9, 17].map(vectorRegister) as [never, never, never, never, never];

function hexBytes(emit: (assembler: Assembler) => void, features = EVERYTHING): string {
  const assembler = new Assembler(features);
  emit(assembler);
  return Buffer.from(assembler.finish()).toString('hex');
}

describe('known traps', () => {
  it('rbp and r13 as base need a displacement', () => {
    expect(hexBytes((a) => a.load64(rax, Memory.at(rbp, 0)))).toBe('488b4500');
    expect(hexBytes((a) => a.load64(rax, Memory.at(r13, 0)))).toBe('498b4500');
  });

  it('rsp and r12 as base need a SIB byte', () => {
    expect(hexBytes((a) => a.load64(rax, Memory.at(rsp, 8)))).toBe('488b442408');
    expect(hexBytes((a) => a.load64(rax, Memory.at(r12, 0)))).toBe('498b0424');
  });

  it('r12 can be an index and rsp cannot', () => {
    expect(hexBytes((a) => a.load64(rax, Memory.indexed(rbx, r12, 8, 0)))).toBe('4a8b04e3');
    expect(() => Memory.indexed(rbx, rsp, 1, 0)).toThrow(InvalidArgumentError);
  });

  it('a displacement of one byte counts vectors, parts of vectors or elements under EVEX, bytes under VEX', () => {
    const last = (emit: (assembler: Assembler) => void) => hexBytes(emit).slice(-2);
    expect(last((a) => a.rm(I.vmovups, 64, v1, Memory.at(rbx, 128)))).toBe('02');
    expect(last((a) => a.rm(I.vmovups, 32, v17, Memory.at(rbx, 128)))).toBe('04');
    expect(last((a) => a.rm(I.vpmovsxbw, 64, v1, Memory.at(rbx, 128)))).toBe('04');
    expect(last((a) => a.rm(I.vpmovsxbd, 64, v1, Memory.at(rbx, 128)))).toBe('08');
    expect(last((a) => a.mr(I.vpmovsdw, 64, Memory.at(rbx, 128), v1))).toBe('04');
    expect(last((a) => a.rm(I.vbroadcastss, 64, v1, Memory.at(rbx, 128)))).toBe('20');
    expect(last((a) => a.rvm(I.vpaddd, 64, v1, v2, Memory.at(rbx, 128).broadcast()))).toBe('20');
    expect(last((a) => a.rm(I.vmovups, 32, v1, Memory.at(rbx, 64)))).toBe('40');
    // Not a multiple: four bytes.
    expect(hexBytes((a) => a.rm(I.vmovups, 64, v1, Memory.at(rbx, 4)))).toMatch(/8b04000000$/);
  });

  it('a constant is addressed from the end of its instruction, the immediate included', () => {
    const assembler = new Assembler(EVERYTHING);
    const constant = assembler.constant(...Array.from({ length: 16 }, (_, i) => i));
    assembler.rvmi(I.vshuff32x4, 64, v1, v2, constant, 0x1b);
    assembler.rm(I.vmovups, 64, v1, constant);
    assembler.rvm(I.vaddps, 64, v1, v1, constant.broadcast());
    const decoded = [...new Disassembler().decode(assembler.finish(), assembler.position)].slice(0, 3);
    expect(decoded.map(({ text }) => text)).toEqual([
      'vshuff32x4 zmm1,zmm2,[0x40],0x1b',
      'vmovups zmm1,[0x40]',
      'vaddps zmm1,zmm1,[0x40]{1to16}',
    ]);
  });

  it('bit 4 of a register in ModRM.rm is X, and that of the index does not exist', () => {
    expect(hexBytes((a) => a.rvm(I.vaddps, 64, v0, v0, v17))).toBe('62b17c4858c1');
  });

  it('the VNNI dot product is VEX with AVX-VNNI and EVEX with AVX-512 alone', () => {
    const avx512 = featureSetOf(['avx2', 'avx512f', 'avx512vl', 'avx512Vnni']);
    expect(hexBytes((a) => a.rvm(I.vpdpbusd, 32, v0, v1, v2), AVX2_ONLY)).toBe('c4e27550c2');
    expect(hexBytes((a) => a.rvm(I.vpdpbusd, 32, v0, v1, v2), avx512)).toBe('62f2752850c2');
  });

  it('a VEX prefix has two bytes where it can', () => {
    expect(hexBytes((a) => a.rvm(I.vaddps, 32, v9, v9, v1))).toBe('c53458c9');
    expect(hexBytes((a) => a.rvm(I.vaddps, 32, v1, v1, v9))).toBe('c4c17458c9');
  });

  it('registers above 15, masks and 64 bytes are refused without AVX-512', () => {
    const refused: ((assembler: Assembler) => void)[] = [
      (a) => a.rvm(I.vaddps, 32, v17, v0, v0),
      (a) => a.rvm(I.vaddps, 32, v0, v17, v0),
      (a) => a.rvm(I.vaddps, 32, v0, v0, v17),
      (a) => a.rvm(I.vaddps, 64, v0, v0, v0),
      (a) => a.rvm(I.vaddps, 32, v0, v0, v0, merging(maskRegister(1))),
      (a) => a.rvm(I.vaddps, 32, v0, v0, Memory.at(rax, 0).broadcast()),
      (a) => a.kmovw(maskRegister(1), rax),
      (a) => a.prefetchw(Memory.at(rax, 0)),
    ];
    for (const emit of refused) {
      const assembler = new Assembler(AVX2_ONLY);
      expect(() => emit(assembler)).toThrow(CapabilityUnavailableError);
      expect(assembler.finish()).toHaveLength(0);
    }
  });

  it('forms that do not exist are refused', () => {
    const assembler = new Assembler(EVERYTHING);
    const refused: (() => void)[] = [
      () => assembler.rvm(I.vmaskmovps, 64, v0, v0, Memory.at(rax, 0)),
      () => assembler.rvm(I.vmaskmovps, 32, v17, v0, Memory.at(rax, 0)),
      () => assembler.rvmi(I.vperm2f128, 16, v0, v0, v0, 1),
      () => assembler.rm(I.vmovups, 64, v0, Memory.at(rax, 0).broadcast()),
      () => assembler.mr(I.vmovupsStore, 64, Memory.at(rax, 0), v0, zeroing(maskRegister(1))),
      () => assembler.mri(I.vcvtps2ph, 64, Memory.at(rax, 0), v0, 0, zeroing(maskRegister(1))),
      () => assembler.kvmi(I.vcmppsMask, 64, maskRegister(1), v0, v0, 0, zeroing(maskRegister(1))),
      () => merging(maskRegister(0)),
      () => zeroing(maskRegister(0)),
    ];
    for (const emit of refused) expect(emit).toThrow(InvalidArgumentError);
    expect(assembler.position).toBe(0);
  });

  it('operands of the wrong kind do not compile', () => {
    // Never called: the compiler is the test.
    const wrong = (assembler: Assembler) => {
      // @ts-expect-error a general register is no vector register
      assembler.rvm(I.vaddps, 32, rax, v0, v0);
      // @ts-expect-error a load has no second source
      assembler.rvm(I.vmovups, 32, v0, v0, v0);
      // @ts-expect-error this form exists with memory only
      assembler.rvm(I.vmaskmovps, 32, vectorRegister(0), vectorRegister(0), vectorRegister(0));
      // @ts-expect-error this form exists with a register only
      assembler.vmi(I.vpslld, 32, vectorRegister(0), Memory.at(rax, 0), 1);
      // @ts-expect-error an opmask is no vector register
      assembler.rm(I.vmovups, 64, maskRegister(1), Memory.at(rax, 0));
      // @ts-expect-error a mask must say what happens to the other lanes
      assembler.rm(I.vmovups, 64, vectorRegister(1), Memory.at(rax, 0), maskRegister(1));
      // @ts-expect-error a vector register is no base
      Memory.at(vectorRegister(1), 0);
    };
    expect(wrong).toBeTypeOf('function');
  });

  it('a wrong row is refused when the table is built', () => {
    const good = {
      form: 'RVM',
      encoding: '66.0F.W0',
      opcode: 1,
      vex: ['avx2'],
      evex: null,
      details: { lengths: 16 },
    } as const;
    const tuple = { fractionShift: 0, fixedBytes: 0, elementBytes: 0 } as const;
    expect(new VectorInstruction('good', { ...good, tuple }).prefix).toBe(1);
    const wrong = [
      { ...good, tuple, opcode: 256 },
      { ...good, tuple, encoding: '66.0G.W0' as '66.0F.W0' },
      { ...good, tuple, vex: null },
      { ...good, tuple, details: {} },
      { ...good, tuple, form: 'VMI' as const },
      { ...good, tuple: { ...tuple, elementBytes: 8 as const } },
      { ...good, tuple: { ...tuple, elementBytes: 4 as const }, encoding: '66.0F.W1' as const },
    ];
    for (const row of wrong) expect(() => new VectorInstruction('wrong', row)).toThrow(InvalidArgumentError);
  });
});

describe('jumps', () => {
  /** A loop whose body has `bytes` bytes; returns its last instruction. */
  function loopEnd(bytes: number) {
    const assembler = new Assembler(EVERYTHING);
    const head = new Label();
    assembler.bind(head);
    for (let i = 0; i < bytes; i++) assembler.push(rax);
    assembler.jumpIf('notZero', head);
    return [...new Disassembler().decode(assembler.finish())].at(-1)!;
  }

  it('back are short as far as one byte reaches', () => {
    expect(loopEnd(0)).toMatchObject({ text: 'jne short 0x0', byteLength: 2 });
    expect(loopEnd(126)).toMatchObject({ text: 'jne short 0x0', byteLength: 2 });
    expect(loopEnd(127)).toMatchObject({ text: 'jne 0x0', byteLength: 6 });
    expect(loopEnd(100_000)).toMatchObject({ text: 'jne 0x0', byteLength: 6 });
  });

  it('forward and calls reach their labels, past buffers that grew', () => {
    const assembler = new Assembler(EVERYTHING);
    const end = new Label();
    assembler.jump(end);
    assembler.jumpIf('zero', end);
    assembler.call(end);
    for (let i = 0; i < 20_000; i++) assembler.push(rax);
    assembler.bind(end);
    assembler.ret();
    const at = assembler.position - 1;
    const decoded = [...new Disassembler().decode(assembler.finish(), 16)];
    expect(decoded.map(({ text }) => text)).toEqual([`jmp ${hex(at)}`, `je ${hex(at)}`, `call ${hex(at)}`]);
  });

  it('need labels with exactly one place', () => {
    const assembler = new Assembler(EVERYTHING);
    const label = new Label();
    assembler.jump(label);
    expect(() => assembler.finish()).toThrow(InvalidArgumentError);
    assembler.bind(label);
    expect(() => assembler.bind(label)).toThrow(InvalidArgumentError);
  });
});

describe('alignment and constants', () => {
  it('pad with instructions that do nothing, from every position', () => {
    for (let start = 0; start <= 64; start++) {
      const assembler = new Assembler(EVERYTHING);
      for (let i = 0; i < start; i++) assembler.push(rax);
      assembler.align(64);
      expect(assembler.position).toBe(Math.ceil(start / 64) * 64);
      const padding = [...new Disassembler().decode(assembler.finish())].slice(start);
      for (const { text } of padding) expect(text).toMatch(/^(nop|xchg ax,ax)/);
      expect(padding.length).toBeLessThanOrEqual(8);
    }
  });

  it('are stored once, aligned to their length, and never cross a cache line', () => {
    const assembler = new Assembler(EVERYTHING);
    const words = [7, -1, 0x80000000, 7, 7];
    const places = words.map((word) => assembler.constant(word));
    const pair = assembler.constant(1, 2);
    const line = assembler.constant(...Array.from({ length: 16 }, (_, i) => i + 1));
    const eight = assembler.constant(...Array.from({ length: 8 }, () => 5));
    for (const constant of [...places, pair, line, eight]) assembler.rm(I.vbroadcastss, 32, v1, constant);
    const bytes = assembler.finish();
    const code = new DataView(bytes.buffer);
    expect(line.label!.position % 64).toBe(0);
    expect(eight.label!.position % 32).toBe(0);
    expect(pair.label!.position % 8).toBe(0);
    expect(code.getUint32(places[1]!.label!.position, true)).toBe(0xffffffff);
    expect(code.getUint32(places[2]!.label!.position, true)).toBe(0x80000000);
    expect(new Set(places.map(({ label }) => label)).size).toBe(3);
    expect(bytes.length - line.label!.position).toBe(64 + 32 + 8 + 3 * 4);
  });
});

describe('general instructions', () => {
  it.each([
    ['sub', (a: Assembler) => a.subtract(rbx, r12), 'sub rbx,r12'],
    ['and', (a: Assembler) => a.and(r13, rax), 'and r13,rax'],
    ['or', (a: Assembler) => a.or(rax, r13), 'or rax,r13'],
    ['and with a byte', (a: Assembler) => a.andImmediate(r12, 127), 'and r12,0x7f'],
    ['and with four bytes', (a: Assembler) => a.andImmediate(rbx, 128), 'and rbx,0x80'],
    ['shl', (a: Assembler) => a.shiftLeft(r13, 40), 'shl r13,0x28'],
    ['shr', (a: Assembler) => a.shiftRight(rax, 3), 'shr rax,0x3'],
    ['popcnt', (a: Assembler) => a.popcnt(r12, rbx), 'popcnt r12,rbx'],
    ['pext', (a: Assembler) => a.pext(r12, rbx, r13), 'pext r12,rbx,r13'],
    ['pext of low registers', (a: Assembler) => a.pext(rax, r13, rbx), 'pext rax,r13,rbx'],
    ['mov of 32 bits', (a: Assembler) => a.movWide(r12, 2 ** 32 - 1), 'mov r12d,0xffffffff'],
    ['mov of 53 bits', (a: Assembler) => a.movWide(rbx, 2 ** 52 + 2 ** 31 + 5), 'mov rbx,0x10000080000005'],
    ['store', (a: Assembler) => a.store64(Memory.at(rbp, 8), r12), 'mov [rbp+0x8],r12'],
    ['prefetcht1', (a: Assembler) => a.prefetcht1(Memory.at(r13, 64)), 'prefetcht1 [r13+0x40]'],
  ])('%s', (_name, emit, expected) => {
    const assembler = new Assembler(EVERYTHING);
    emit(assembler);
    const [decoded] = new Disassembler().decode(assembler.finish());
    expect(decoded!.text).toBe(expected);
  });

  it('refuse constants and features that do not fit', () => {
    const assembler = new Assembler(AVX2_ONLY);
    expect(() => assembler.movWide(rax, 2 ** 53)).toThrow(InvalidArgumentError);
    expect(() => assembler.pext(rax, rbx, rbp)).toThrow(CapabilityUnavailableError);
  });
});

describe('recorded code', () => {
  it('is appended again byte for byte', () => {
    const twice = new Assembler(EVERYTHING);
    const emit = () => twice.rvm(I.vaddps, 64, v1, v2, Memory.at(rbx, 64));
    const recorded = twice.record(emit);
    twice.replay(recorded);
    twice.replay(recorded);
    const once = hexBytes((a) => a.rvm(I.vaddps, 64, v1, v2, Memory.at(rbx, 64)));
    expect(Buffer.from(twice.finish()).toString('hex')).toBe(once + once);
  });

  it('is refused where it refers to a constant or a label', () => {
    const assembler = new Assembler(EVERYTHING);
    const constant = () => assembler.rm(I.vbroadcastss, 64, v1, assembler.constant(1));
    expect(() => assembler.record(constant)).toThrow(InvalidArgumentError);
    expect(() => assembler.record(() => assembler.jump(new Label()))).toThrow(InvalidArgumentError);
  });
});
