// One file for all rows: a table is read as a whole, next to the manual.
import { InvalidArgumentError } from '@qedge/core';
import { type FeatureSet, featureSetOf, type X64Feature } from './features.ts';
import type { Memory, VectorLength, VectorRegister } from './registers.ts';

/**
 * Where operands go in the encoding, as the manuals call it. R: ModRM.reg, V: vvvv, M: ModRM.rm, I: a byte behind it,
 * K: ModRM.reg names an opmask register. In `VMI` ModRM.reg holds a digit of the opcode.
 */
export type OperandForm = 'RM' | 'MR' | 'RVM' | 'RMI' | 'MRI' | 'RVMI' | 'VMI' | 'KVMI';

type Prefix = 'NP' | '66' | 'F3' | 'F2';
type OpcodeMap = '0F' | '0F38' | '0F3A';
/** Mandatory prefix, opcode map and the W bit, as in the manuals. */
type EncodingText = `${Prefix}.${OpcodeMap}.${'W0' | 'W1'}`;

const PREFIXES: readonly string[] = ['NP', '66', 'F3', 'F2'];
const MAPS: readonly string[] = ['', '0F', '0F38', '0F3A'];

/**
 * How much memory an instruction touches, which is the unit of the one-byte displacement in EVEX: a fraction of the vector,
 * or a number of bytes whatever the vector length. `elementBytes`: what embedded broadcast repeats; 0 where it does not exist.
 */
export interface MemoryTuple {
  readonly fractionShift: number;
  readonly fixedBytes: number;
  readonly elementBytes: 0 | 4 | 8;
}

const fraction = (fractionShift: number, elementBytes: 0 | 4 | 8 = 0): MemoryTuple => {
  return { fractionShift, fixedBytes: 0, elementBytes };
};
const fixed = (fixedBytes: number): MemoryTuple => ({ fractionShift: 0, fixedBytes, elementBytes: 0 });

const FULL = fraction(0);
const FULL_32 = fraction(0, 4);
const FULL_64 = fraction(0, 8);
const HALF = fraction(1);
const QUARTER = fraction(2);

const ANY_LENGTH = 16 | 32 | 64;

interface InstructionSpecification<Form extends OperandForm, Rm> {
  readonly form: Form;
  readonly encoding: EncodingText;
  readonly opcode: number;
  readonly tuple: MemoryTuple;
  /** What the VEX encoding needs; null: there is none. */
  readonly vex: readonly X64Feature[] | null;
  /** What the EVEX encoding needs besides `avx512vl` for xmm and ymm; null: there is none. */
  readonly evex: readonly X64Feature[] | null;
  readonly details: InstructionDetails;
  readonly rm?: (rm: Rm) => void;
}

interface InstructionDetails {
  /** The manual's name where it differs from the key. */
  readonly mnemonic?: string;
  /** The manual's name of the EVEX encoding where it differs. */
  readonly evexMnemonic?: string;
  /** Sum of the {@link VectorLength}s that exist. */
  readonly lengths?: number;
  /** The opcode digit in ModRM.reg. */
  readonly digit?: number;
  /** W of the VEX encoding where it differs from that of the EVEX encoding, or is ignored. */
  readonly vexW?: 0;
}

/**
 * One row: everything the assembler must know to encode an instruction. `Rm` is what its ModRM.rm operand may be.
 */
export class VectorInstruction<Form extends OperandForm, Rm = VectorRegister | Memory> {
  readonly name: string;
  readonly mnemonic: string;
  readonly evexMnemonic: string;
  readonly form: Form;
  /** 0..3 as in the field `pp`. */
  readonly prefix: number;
  /** 1..3 as in the field `mmm`. */
  readonly map: number;
  readonly opcode: number;
  readonly w: 0 | 1;
  readonly vexW: 0 | 1;
  readonly digit: number;
  readonly tuple: MemoryTuple;
  readonly lengths: number;
  readonly hasVex: boolean;
  readonly hasEvex: boolean;
  readonly vexFeatures: FeatureSet;
  readonly evexFeatures: FeatureSet;
  /** Exists for the compiler only: an operand of the wrong kind is a type error. */
  declare readonly rm?: (rm: Rm) => void;

  constructor(name: string, specification: InstructionSpecification<Form, Rm>) {
    const { encoding, details } = specification;
    const [prefix, map, w] = encoding.split('.') as [string, string, string];
    this.name = name;
    this.mnemonic = details.mnemonic ?? name;
    this.evexMnemonic = details.evexMnemonic ?? this.mnemonic;
    this.form = specification.form;
    this.prefix = PREFIXES.indexOf(prefix);
    this.map = MAPS.indexOf(map);
    this.opcode = specification.opcode;
    this.w = w === 'W1' ? 1 : 0;
    this.vexW = details.vexW ?? this.w;
    this.digit = details.digit ?? 0;
    this.tuple = specification.tuple;
    this.lengths = details.lengths ?? ANY_LENGTH;
    this.hasVex = specification.vex !== null;
    this.hasEvex = specification.evex !== null;
    this.vexFeatures = featureSetOf(specification.vex ?? []);
    this.evexFeatures = featureSetOf(specification.evex ?? []);
    this.#check();
  }

  /** Bytes of memory that one operand covers, and the unit of its one-byte displacement under EVEX. */
  memoryBytes(length: VectorLength, isBroadcast: boolean): number {
    const { fractionShift, fixedBytes, elementBytes } = this.tuple;
    if (isBroadcast) return elementBytes;
    return fixedBytes === 0 ? length >> fractionShift : fixedBytes;
  }

  #check(): void {
    const faults = [
      [this.prefix >= 0 && this.map > 0, 'prefix and map'],
      [Number.isInteger(this.opcode) && this.opcode >= 0 && this.opcode <= 255, 'an opcode of one byte'],
      [this.hasVex || this.hasEvex, 'a VEX or an EVEX encoding'],
      [(this.lengths & ~ANY_LENGTH) === 0 && this.lengths !== 0, 'vector lengths 16, 32, 64'],
      [(this.lengths & 64) === 0 || this.hasEvex, 'EVEX for 64 bytes'],
      [this.form === 'VMI' ? this.digit > 0 : this.digit === 0, 'a digit exactly in form VMI'],
      [this.tuple.elementBytes !== 8 || this.w === 1, 'W1 for elements of 64 bits'],
      [this.tuple.elementBytes !== 4 || this.w === 0, 'W0 for elements of 32 bits'],
    ] as const;
    const fault = faults.find(([holds]) => !holds);
    if (fault !== undefined) {
      throw new InvalidArgumentError(`Row ${this.name} of the instruction table is wrong`, {
        expected: fault[1],
      });
    }
  }
}

type Builder<Form extends OperandForm, Rm> = (
  encoding: EncodingText,
  opcode: number,
  tuple: MemoryTuple,
  vex: readonly X64Feature[] | null,
  evex: readonly X64Feature[] | null,
  details?: InstructionDetails,
) => InstructionSpecification<Form, Rm>;

function builder<Form extends OperandForm, Rm>(form: Form): Builder<Form, Rm> {
  return (encoding, opcode, tuple, vex, evex, details = {}) => {
    return { form, encoding, opcode, tuple, vex, evex, details };
  };
}

const rm = builder<'RM', VectorRegister | Memory>('RM');
const rmMemory = builder<'RM', Memory>('RM');
const mrMemory = builder<'MR', Memory>('MR');
const mr = builder<'MR', VectorRegister | Memory>('MR');
const rvm = builder<'RVM', VectorRegister | Memory>('RVM');
const rvmMemory = builder<'RVM', Memory>('RVM');
const rmi = builder<'RMI', VectorRegister | Memory>('RMI');
const mri = builder<'MRI', VectorRegister | Memory>('MRI');
const mriMemory = builder<'MRI', Memory>('MRI');
const rvmi = builder<'RVMI', VectorRegister | Memory>('RVMI');
const rvmiMemory = builder<'RVMI', Memory>('RVMI');
const vmi = builder<'VMI', VectorRegister>('VMI');
const kvmi = builder<'KVMI', VectorRegister | Memory>('KVMI');

type Rows<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends InstructionSpecification<infer Form, infer Rm>
    ? VectorInstruction<Form, Rm>
    : never;
};

function rows<const Table extends Readonly<Record<string, object>>>(table: Table): Rows<Table> {
  const entries = Object.entries(table).map(([name, specification]) => {
    const row = new VectorInstruction(name, specification as InstructionSpecification<OperandForm, never>);
    return [name, Object.freeze(row)] as const;
  });
  return Object.freeze(Object.fromEntries(entries)) as Rows<Table>;
}

const AVX2 = ['avx2'] as const;
const FMA = ['avx2', 'fma'] as const;
const F16C = ['avx2', 'f16c'] as const;
const AVX_VNNI = ['avx2', 'avxVnni'] as const;
const F = ['avx512f'] as const;
const BW = ['avx512f', 'avx512bw'] as const;
const VNNI = ['avx512f', 'avx512Vnni'] as const;
const BF16 = ['avx512f', 'avx512Bf16'] as const;

/**
 * The vector instructions that targets use. Sources: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2;
 * AMD64 Architecture Programmer's Manual, volumes 4 and 5. Encodings that ignore W are given with W0, which is shorter.
 */
export const INSTRUCTIONS = rows({
  // Moves and broadcasts
  vmovups: rm('NP.0F.W0', 0x10, FULL, AVX2, F),
  vmovupsStore: mr('NP.0F.W0', 0x11, FULL, AVX2, F, { mnemonic: 'vmovups' }),
  vmovaps: rm('NP.0F.W0', 0x28, FULL, AVX2, F),
  vmovd: rmMemory('66.0F.W0', 0x6e, fixed(4), AVX2, null, { lengths: 16 }),
  vmovdStore: mrMemory('66.0F.W0', 0x7e, fixed(4), AVX2, null, { lengths: 16, mnemonic: 'vmovd' }),
  vmovq: rmMemory('F3.0F.W0', 0x7e, fixed(8), AVX2, null, { lengths: 16 }),
  vmovqStore: mrMemory('66.0F.W0', 0xd6, fixed(8), AVX2, null, { lengths: 16, mnemonic: 'vmovq' }),
  vmaskmovps: rvmMemory('66.0F38.W0', 0x2c, FULL, AVX2, null, { lengths: 16 | 32 }),
  vbroadcastss: rm('66.0F38.W0', 0x18, fixed(4), AVX2, F),
  vbroadcastsd: rm('66.0F38.W1', 0x19, fixed(8), AVX2, F, { lengths: 32 | 64, vexW: 0 }),
  vpbroadcastw: rm('66.0F38.W0', 0x79, fixed(2), AVX2, BW),
  // Single elements between memory and xmm
  vpinsrb: rvmiMemory('66.0F3A.W0', 0x20, fixed(1), AVX2, null, { lengths: 16 }),
  vpinsrw: rvmiMemory('66.0F.W0', 0xc4, fixed(2), AVX2, null, { lengths: 16 }),
  vpinsrd: rvmiMemory('66.0F3A.W0', 0x22, fixed(4), AVX2, null, { lengths: 16 }),
  vpextrb: mriMemory('66.0F3A.W0', 0x14, fixed(1), AVX2, null, { lengths: 16 }),
  vpextrw: mriMemory('66.0F3A.W0', 0x15, fixed(2), AVX2, null, { lengths: 16 }),
  vpextrd: mriMemory('66.0F3A.W0', 0x16, fixed(4), AVX2, null, { lengths: 16 }),
  // Widening and narrowing
  vpmovsxbd: rm('66.0F38.W0', 0x21, QUARTER, AVX2, F),
  vpmovzxbd: rm('66.0F38.W0', 0x31, QUARTER, AVX2, F),
  vpmovsxwd: rm('66.0F38.W0', 0x23, HALF, AVX2, F),
  vpmovzxwd: rm('66.0F38.W0', 0x33, HALF, AVX2, F),
  vpmovsxbw: rm('66.0F38.W0', 0x20, HALF, AVX2, BW),
  vpmovzxbw: rm('66.0F38.W0', 0x30, HALF, AVX2, BW),
  vpmovsdb: mr('F3.0F38.W0', 0x21, QUARTER, null, F),
  vpmovusdb: mr('F3.0F38.W0', 0x11, QUARTER, null, F),
  vpmovsdw: mr('F3.0F38.W0', 0x23, HALF, null, F),
  vpmovusdw: mr('F3.0F38.W0', 0x13, HALF, null, F),
  vpmovdw: mr('F3.0F38.W0', 0x33, HALF, null, F),
  vpackssdw: rvm('66.0F.W0', 0x6b, FULL_32, AVX2, BW),
  vpackusdw: rvm('66.0F38.W0', 0x2b, FULL_32, AVX2, BW),
  vpacksswb: rvm('66.0F.W0', 0x63, FULL, AVX2, BW),
  vpackuswb: rvm('66.0F.W0', 0x67, FULL, AVX2, BW),
  vcvtph2ps: rm('66.0F38.W0', 0x13, HALF, F16C, F),
  vcvtps2ph: mri('66.0F3A.W0', 0x1d, HALF, F16C, F),
  vcvtdq2ps: rm('NP.0F.W0', 0x5b, FULL_32, AVX2, F),
  vcvtps2dq: rm('66.0F.W0', 0x5b, FULL_32, AVX2, F),
  // Arithmetic on float32
  vaddps: rvm('NP.0F.W0', 0x58, FULL_32, AVX2, F),
  vsubps: rvm('NP.0F.W0', 0x5c, FULL_32, AVX2, F),
  vmulps: rvm('NP.0F.W0', 0x59, FULL_32, AVX2, F),
  vdivps: rvm('NP.0F.W0', 0x5e, FULL_32, AVX2, F),
  vminps: rvm('NP.0F.W0', 0x5d, FULL_32, AVX2, F),
  vmaxps: rvm('NP.0F.W0', 0x5f, FULL_32, AVX2, F),
  vsqrtps: rm('NP.0F.W0', 0x51, FULL_32, AVX2, F),
  vroundps: rmi('66.0F3A.W0', 0x08, FULL_32, AVX2, F, { evexMnemonic: 'vrndscaleps' }),
  vfmadd231ps: rvm('66.0F38.W0', 0xb8, FULL_32, FMA, F),
  vfnmadd231ps: rvm('66.0F38.W0', 0xbc, FULL_32, FMA, F),
  vfmadd213ps: rvm('66.0F38.W0', 0xa8, FULL_32, FMA, F),
  vdpbf16ps: rvm('F3.0F38.W0', 0x52, FULL_32, null, BF16),
  vcmpps: rvmi('NP.0F.W0', 0xc2, FULL_32, AVX2, null, { lengths: 16 | 32 }),
  vcmppsMask: kvmi('NP.0F.W0', 0xc2, FULL_32, null, F, { mnemonic: 'vcmpps' }),
  // Arithmetic on float64
  vaddpd: rvm('66.0F.W1', 0x58, FULL_64, AVX2, F, { vexW: 0 }),
  vsubpd: rvm('66.0F.W1', 0x5c, FULL_64, AVX2, F, { vexW: 0 }),
  vmulpd: rvm('66.0F.W1', 0x59, FULL_64, AVX2, F, { vexW: 0 }),
  vdivpd: rvm('66.0F.W1', 0x5e, FULL_64, AVX2, F, { vexW: 0 }),
  vminpd: rvm('66.0F.W1', 0x5d, FULL_64, AVX2, F, { vexW: 0 }),
  vmaxpd: rvm('66.0F.W1', 0x5f, FULL_64, AVX2, F, { vexW: 0 }),
  vfmadd231pd: rvm('66.0F38.W1', 0xb8, FULL_64, FMA, F),
  vfnmadd231pd: rvm('66.0F38.W1', 0xbc, FULL_64, FMA, F),
  vfmadd213pd: rvm('66.0F38.W1', 0xa8, FULL_64, FMA, F),
  // Arithmetic and logic on integers
  vpaddd: rvm('66.0F.W0', 0xfe, FULL_32, AVX2, F),
  vpsubd: rvm('66.0F.W0', 0xfa, FULL_32, AVX2, F),
  vpmaxsd: rvm('66.0F38.W0', 0x3d, FULL_32, AVX2, F),
  vpand: rvm('66.0F.W0', 0xdb, FULL_32, AVX2, F, { evexMnemonic: 'vpandd' }),
  vpandn: rvm('66.0F.W0', 0xdf, FULL_32, AVX2, F, { evexMnemonic: 'vpandnd' }),
  vpor: rvm('66.0F.W0', 0xeb, FULL_32, AVX2, F, { evexMnemonic: 'vpord' }),
  vpxor: rvm('66.0F.W0', 0xef, FULL_32, AVX2, F, { evexMnemonic: 'vpxord' }),
  vpaddw: rvm('66.0F.W0', 0xfd, FULL, AVX2, BW),
  vpmaddwd: rvm('66.0F.W0', 0xf5, FULL, AVX2, BW),
  vpmaddubsw: rvm('66.0F38.W0', 0x04, FULL, AVX2, BW),
  vpdpbusd: rvm('66.0F38.W0', 0x50, FULL_32, AVX_VNNI, VNNI),
  vpsrlw: vmi('66.0F.W0', 0x71, FULL, AVX2, BW, { digit: 2 }),
  vpsraw: vmi('66.0F.W0', 0x71, FULL, AVX2, BW, { digit: 4 }),
  vpsllw: vmi('66.0F.W0', 0x71, FULL, AVX2, BW, { digit: 6 }),
  vpsrld: vmi('66.0F.W0', 0x72, FULL_32, AVX2, F, { digit: 2 }),
  vpsrad: vmi('66.0F.W0', 0x72, FULL_32, AVX2, F, { digit: 4 }),
  vpslld: vmi('66.0F.W0', 0x72, FULL_32, AVX2, F, { digit: 6 }),
  // Permutations
  vpermilps: rmi('66.0F3A.W0', 0x04, FULL_32, AVX2, F),
  vpermq: rmi('66.0F3A.W1', 0x00, FULL_64, AVX2, F, { lengths: 32 | 64 }),
  vshuff32x4: rvmi('66.0F3A.W0', 0x23, FULL_32, null, F, { lengths: 32 | 64 }),
  vperm2f128: rvmi('66.0F3A.W0', 0x06, FULL, AVX2, null, { lengths: 32 }),
  vextractf128: mri('66.0F3A.W0', 0x19, fixed(16), AVX2, null, { lengths: 32 }),
});
