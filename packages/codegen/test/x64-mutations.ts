import { Assembler } from '../src/x64/assembler.ts';
import { Avx512Target } from '../src/x64/avx512-target.ts';
import { CodeBuffer } from '../src/x64/code-buffer.ts';
import { InstructionEncoder } from '../src/x64/instruction-encoder.ts';
import { INSTRUCTIONS as I } from '../src/x64/instructions.ts';
import { Memory, maskRegister, merging, r14, rbx, UNMASKED, ZEROING } from '../src/x64/registers.ts';
import { X64Frame } from '../src/x64/x64-frame.ts';
import { X64Target } from '../src/x64/x64-target.ts';
import {
  type AnyMethod,
  type AnyRow,
  both,
  exchangedRows,
  replaced,
  withConstant,
  withImmediate,
  withMasking,
  withRow,
  type X64Mutation,
} from './x64-mutation.ts';

const [AVX512, AVX2, AVX2_STRICT] = ['avx512-vnni-bf16', 'avx2', 'avx2-strict'];
const EVERY_POINTER = 'access through every pointer with offsets of every length';
const ROUTINE = 'a routine that is called from several places';

const ARITHMETIC: readonly X64Mutation[] = [
  {
    name: 'one bit of an opcode is wrong: addition multiplies',
    profile: AVX2,
    cases: ['float add into another register'],
    apply: withRow(I.vaddps, { opcode: I.vaddps.opcode ^ 1 }),
  },
  {
    name: 'fma and fnma are swapped',
    profile: AVX512,
    cases: ['fma of a and b', 'fnma of a and b'],
    apply: exchangedRows([
      [I.vfmadd231ps, I.vfnmadd231ps],
      [I.vfnmadd231ps, I.vfmadd231ps],
    ]),
  },
  {
    name: 'fma takes the 132 form: accumulator and factor change places',
    profile: AVX2,
    cases: ['fma of a and b'],
    apply: withRow(I.vfmadd231ps, { opcode: 0x98 }),
  },
  {
    name: 'strict code rounds once',
    profile: AVX2_STRICT,
    cases: ['fma of a and b'],
    apply: replaced(X64Target.prototype, 'fma', () => {
      return function (this: X64Target, accumulator, a, b) {
        const { assembler } = this as unknown as { assembler: Assembler };
        assembler.rvm(I.vfmadd231ps, 32, accumulator as never, a as never, b as never);
      };
    }),
  },
  {
    name: 'half a vector is multiplied where one lane more is wanted',
    profile: AVX512,
    cases: ['fma of 9 lanes'],
    apply: replaced(
      Avx512Target.prototype as unknown as { productLength(lanes: number): number },
      'productLength',
      () => {
        return (lanes) => (lanes <= 9 ? 32 : 64);
      },
    ),
  },
  {
    name: 'max takes its operands in the other order, which only NaN and zeros show',
    profile: AVX512,
    cases: ['float max into another register'],
    apply: replaced(X64Target.prototype, 'float', (original) => {
      return function (this: X64Target, operation, destination, a, b) {
        if (operation === 'max') original.call(this, operation, destination, b, a);
        else original.call(this, operation, destination, a, b);
      };
    }),
  },
  {
    name: 'the dot product takes the signed bytes as unsigned',
    profile: AVX512,
    cases: ['dot of a and b', 'dot of b and a'],
    apply: replaced(X64Target.prototype, 'dot', (original) => {
      return function (this: X64Target, accumulator, a, b) {
        original.call(this, accumulator, b, a);
      };
    }),
  },
  {
    name: 'a signed shift forgets the sign: the digit in ModRM.reg is wrong',
    profile: AVX2,
    cases: ['shift right-signed of 32 bits by 1 into another register'],
    apply: withRow(I.vpsrad, { digit: I.vpsrld.digit }),
  },
  {
    name: 'NaN is kept and the rest is zeroed',
    profile: AVX2,
    cases: ['NaN to zero in place'],
    apply: withImmediate('rvmi', I.vcmpps, (predicate) => predicate ^ 4),
  },
  {
    name: 'an exchange inside 128 bits always swaps neighbours',
    profile: AVX512,
    cases: ['exchange with mask 2 into another register', 'exchange with mask 7 in place'],
    apply: withImmediate('rmi', I.vpermilps, () => 0xb1),
  },
  {
    name: 'an exchange keeps the halves where they are',
    profile: AVX2,
    cases: ['exchange with mask 4 into another register', 'exchange with mask 5 in place'],
    apply: withImmediate('rvmi', I.vperm2f128, () => 0x30),
  },
];

const MEMORY: readonly X64Mutation[] = [
  {
    name: 'the unit of the one-byte displacement is a whole vector where a quarter is loaded',
    profile: AVX512,
    cases: ['load of 16 lanes from int8', 'load of 3 lanes from int8'],
    apply: withRow(I.vpmovsxbd, { tuple: I.vmovups.tuple }),
  },
  {
    name: 'a tail stores whole vectors',
    profile: AVX512,
    cases: ['store of 1 lanes', 'store of 15 lanes'],
    mayCrash: true,
    apply: withMasking('mr', I.vmovupsStore, () => UNMASKED),
  },
  {
    name: 'a tail loads whole vectors',
    profile: AVX512,
    cases: ['load of 3 lanes', 'load of 15 lanes'],
    mayCrash: true,
    apply: withMasking('rm', I.vmovups, () => UNMASKED),
  },
  {
    name: 'a tail keeps what was in the other lanes',
    profile: AVX512,
    cases: ['load of 3 lanes'],
    apply: withMasking('rm', I.vmovups, (masking) => masking & ~ZEROING),
  },
  {
    name: 'a mask holds one lane too many',
    profile: AVX512,
    cases: ['store of 3 lanes', 'load of 3 lanes', 'store of 3 lanes as int8'],
    mayCrash: true,
    apply: replaced(Assembler.prototype, 'movImmediate', (original) => {
      return function (this: Assembler, destination, value) {
        // Masks are the only constants that are one below a power of two and go to rax.
        original.call(this, destination, destination === 0 ? 2 * value + 1 : value);
      };
    }),
  },
  {
    name: 'a tail takes a mask register that nobody set up',
    profile: AVX512,
    cases: ['load of 3 lanes'],
    fault: 'a mask without content',
    apply: withMasking('rm', I.vmovups, (masking) => (masking & ZEROING) | merging(maskRegister(6))),
  },
  {
    name: 'the last piece of a partial vector is dropped',
    profile: AVX2,
    cases: ['store of 3 lanes', 'store of 7 lanes'],
    apply: withImmediate('mri', I.vpextrd, () => 0),
  },
  {
    name: 'a byte is inserted at the wrong place',
    profile: AVX2,
    cases: ['load of 3 lanes from int8', 'load of 7 lanes from uint8'],
    apply: withImmediate('rvmi', I.vpinsrb, (element) => element ^ 1),
  },
  {
    name: 'an advance by 128 goes back',
    profile: AVX2,
    cases: ['advances by every distance'],
    apply: replaced(Assembler.prototype, 'addImmediate', (original) => {
      return function (this: Assembler, destination, value) {
        original.call(this, destination, value === 128 ? -128 : value);
      };
    }),
  },
  {
    name: 'the scale of an index is lost',
    profile: AVX512,
    cases: ['advances by an argument times a scale'],
    apply: replaced(Memory, 'indexed', (original) => (base, index, _scale, displacement) => {
      return original.call(Memory, base, index, 1, displacement);
    }),
  },
  {
    name: 'addresses are loaded with 32 bits',
    profile: AVX2,
    cases: ['load of 8 lanes'],
    mayCrash: true,
    apply: replaced(Assembler.prototype, 'load64', () => {
      return function (this: Assembler, destination, source) {
        this.load32(destination, source);
      };
    }),
  },
  {
    name: 'constants are addressed four bytes too far',
    profile: AVX2,
    cases: ['constant 1', 'load of 3 lanes'],
    apply: replaced(CodeBuffer.prototype, 'distance', (original) => {
      return function (this: CodeBuffer, label, trailing) {
        original.call(this, label, trailing - 4);
      };
    }),
  },
];

const NARROWING: readonly X64Mutation[] = [
  {
    name: 'int8 wraps instead of saturating',
    profile: AVX512,
    cases: ['store of 16 lanes as int8', 'store of 3 lanes as int8'],
    apply: withRow(I.vpmovsdb, { opcode: 0x31 }),
  },
  {
    name: 'negative numbers become the largest uint8',
    profile: AVX512,
    cases: ['store of 16 lanes as uint8', 'store of 5 lanes as uint16'],
    apply: exchangedRows([[I.vpmaxsd, I.vpor]]),
  },
  {
    name: 'int8 saturates as unsigned',
    profile: AVX2,
    cases: ['store of 8 lanes as int8', 'store of 3 lanes as int8'],
    apply: exchangedRows([[I.vpacksswb, I.vpackuswb]]),
  },
  {
    name: 'the upper half of a narrowed vector is forgotten',
    profile: AVX2,
    cases: ['store of 8 lanes as int16', 'store of 7 lanes as uint8'],
    apply: withImmediate('rmi', I.vpermq, () => 0b11_10_01_00),
  },
  {
    name: 'float16 is cut off instead of rounded',
    profile: AVX512,
    cases: ['narrowing to float16 around every number'],
    apply: withImmediate('mri', I.vcvtps2ph, () => 3),
  },
  {
    name: 'bfloat16 rounds ties up',
    profile: AVX512,
    cases: ['narrowing to bfloat16 around every number'],
    apply: withConstant(0x7fff, 0x8000),
  },
  {
    name: 'a NaN becomes an infinity in bfloat16',
    profile: AVX2,
    cases: ['narrowing to bfloat16 around every number'],
    apply: withConstant(0x400000, 0),
  },
  {
    name: 'bfloat16 lands in the low half',
    profile: AVX2,
    cases: ['widening of every bfloat16', 'load of 8 lanes from bfloat16'],
    apply: withRow(I.vpslld, { digit: I.vpsrld.digit }),
  },
];

const CONTROL: readonly X64Mutation[] = [
  {
    name: 'a preserved register is forgotten',
    profile: AVX512,
    cases: [EVERY_POINTER],
    fault: 'rbx is written but not saved',
    apply: both(
      replaced(Assembler.prototype, 'push', (original) => {
        return function (this: Assembler, register) {
          if (register !== rbx) original.call(this, register);
        };
      }),
      replaced(Assembler.prototype, 'pop', (original) => {
        return function (this: Assembler, register) {
          if (register !== rbx) original.call(this, register);
        };
      }),
    ),
  },
  {
    name: 'two preserved registers are restored in the wrong order',
    profile: AVX2,
    cases: [EVERY_POINTER],
    fault: 'is restored to',
    apply: replaced(Assembler.prototype, 'pop', (original) => {
      return function (this: Assembler, register) {
        original.call(this, register === rbx ? r14 : register === r14 ? rbx : register);
      };
    }),
  },
  {
    name: 'a preserved register stays on the stack',
    profile: AVX2,
    cases: [EVERY_POINTER],
    fault: 'on the stack',
    apply: replaced(Assembler.prototype, 'pop', (original) => {
      return function (this: Assembler, register) {
        if (register !== rbx) original.call(this, register);
      };
    }),
  },
  {
    name: 'vzeroupper is forgotten',
    profile: AVX2,
    cases: ['load of 8 lanes'],
    fault: 'returns without vzeroupper',
    apply: replaced(Assembler.prototype, 'vzeroupper', () => () => {}),
  },
  {
    name: 'the masks of tails are not set up',
    profile: AVX512,
    cases: ['store of 3 lanes'],
    fault: 'a mask without content',
    apply: replaced(
      Avx512Target.prototype as unknown as Record<'emitPrologue', () => void>,
      'emitPrologue',
      () => () => {},
    ),
  },
  {
    name: 'AVX2 code has an instruction of AVX-512',
    profile: AVX2,
    cases: ['integer xor into another register'],
    fault: 'EVEX in',
    apply: both(
      withRow(I.vpxor, { hasVex: false, evexFeatures: 0 }),
      replaced(
        InstructionEncoder.prototype as unknown as Record<'vector', AnyMethod>,
        'vector',
        (original) => {
          return function (this: InstructionEncoder, row: AnyRow, _length: number, ...rest: never[]) {
            // 64 bytes: what the check of the vector length does not see.
            return original.call(this, row as never, (row.hasVex ? _length : 64) as never, ...rest);
          } as AnyMethod;
        },
      ),
    ),
  },
  {
    name: 'a loop runs to its first turn only',
    profile: AVX512,
    cases: ['loop of 2 turns', 'loop of three turns from the argument block'],
    apply: replaced(Assembler.prototype, 'jumpIf', (original) => {
      return function (this: Assembler, _condition, label) {
        original.call(this, 'zero', label);
      };
    }),
  },
  {
    name: 'a loop of no turns is entered',
    profile: AVX2,
    cases: ['loop of zero turns from the argument block'],
    mayCrash: true,
    apply: replaced(Assembler.prototype, 'testZero32', () => () => {}),
  },
  {
    name: 'a loop does not count',
    profile: AVX2,
    cases: ['loop of 2 turns'],
    mayCrash: true,
    apply: replaced(Assembler.prototype, 'decrement32', () => () => {}),
  },
  {
    name: 'a routine does not keep the counter of its caller',
    profile: AVX512,
    cases: [ROUTINE],
    mayCrash: true,
    apply: both(
      replaced(Assembler.prototype, 'push', () => () => {}),
      replaced(Assembler.prototype, 'pop', () => () => {}),
    ),
  },
  {
    name: 'a routine runs into the code behind it',
    profile: AVX512,
    cases: ['a routine that counts its calls'],
    mayCrash: true,
    apply: replaced(X64Frame.prototype, 'routine', (original) => {
      return function (this: X64Frame, pointers, body) {
        const { assembler } = this as unknown as { assembler: Assembler };
        const ret = assembler.ret;
        assembler.ret = () => {};
        try {
          return original.call(this, pointers, body);
        } finally {
          assembler.ret = ret;
        }
      };
    }),
  },
];

/** One list, for the test and for the processes that it starts. */
export const X64_MUTATIONS: readonly X64Mutation[] = [...ARITHMETIC, ...MEMORY, ...NARROWING, ...CONTROL];
