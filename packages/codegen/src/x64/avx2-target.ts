import { NARROW_BYTES } from '../target/narrow-numbers.ts';
import type {
  Comparison,
  FloatElement,
  MemoryOperand,
  NarrowFormat,
  TargetTraits,
  Vector,
} from '../target/target.ts';
import type { X64Features } from './features.ts';
import { INSTRUCTIONS as I } from './instructions.ts';
import { COMPARISON_PREDICATES } from './operation-tables.ts';
import type { VectorRegister } from './registers.ts';
import { memoryOf, vectorOf } from './x64-frame.ts';
import { X64Target, type X64TargetOptions } from './x64-target.ts';

const LANES = 8;

/** Every processor with AVX2 has the other two, except for one from VIA. */
const REQUIRED = ['avx2', 'fma', 'f16c'] as const;

/** Predicates of `vcmpps`. */
const ORDERED = 7;
const UNORDERED = 3;
/** Rounding of `vcvtps2ph`. */
const NEAREST_EVEN = 0;

/** Quadwords 0 and 2 first: packing leaves its result in the low half of each 128-bit part. */
const GATHER_PARTS = 0b1000;

function avx2Id({ avxVnni }: X64Features, strict: boolean, element: FloatElement): string {
  return ['avx2', avxVnni && 'vnni', strict && 'strict', element === 'float64' && element]
    .filter(Boolean)
    .join('-');
}

/**
 * x86-64 machine code on vectors of 256 bits, with AVX-VNNI where the features have it and nothing of AVX-512. Code follows the System V
 * convention: a function of one argument, the address of the argument block. It is position-independent, holds its
 * constants, and must be placed at a multiple of 64 bytes. Partial vectors are loaded by masks or by elements and stored in pieces of
 * 16, 8, 4, 2 and 1 bytes: masked stores are slow on AMD processors.
 */
export class Avx2Target extends X64Target {
  /** @throws CapabilityUnavailableError when `features` lack AVX2, FMA or F16C. */
  constructor(features: X64Features, options: X64TargetOptions) {
    const { strict, element = 'float32', fragments = new Map() } = options;
    const traits: TargetTraits = {
      id: avx2Id(features, strict, element),
      element,
      lanes: element === 'float64' ? LANES / 2 : LANES,
      vectors: 15,
      pointers: X64Target.pointers,
      temporaries: { fma: 0, dot: 0, half: 1 },
      fmaRounding: strict ? 'twice' : 'once',
      dot: features.avxVnni ? 'bytes' : 'words',
      multiplyBytes: 8,
      dotBfloat16: false,
      hoistsLoads: false,
      unroll: 4,
    };
    // Without AVX-512 in its set, the assembler refuses every EVEX encoding.
    super(traits, withoutAvx512(features), REQUIRED, fragments);
  }

  compare(comparison: Comparison, destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('compare');
    const [left, right] = [vectorOf(a), vectorOf(b)];
    this.assembler.rvmi(I.vcmpps, 32, vectorOf(destination), left, right, COMPARISON_PREDICATES[comparison]);
  }

  zeroNaN(destination: Vector, source: Vector): void {
    this.checks.words('zeroNaN');
    const { assembler, scratch } = this;
    const register = vectorOf(source);
    assembler.rvmi(I.vcmpps, 32, scratch, register, register, ORDERED);
    assembler.rvm(I.vpand, 32, vectorOf(destination), scratch, register);
  }

  protected emitPrologue(): void {
    // Masks are constants here, and need no register that must be set up.
  }

  protected loadTail(destination: VectorRegister, memory: MemoryOperand, lanes: number): void {
    const { assembler } = this;
    const place = memoryOf(memory);
    // Shorter vectors clear what lies above.
    if (lanes === 1) assembler.rm(I.vmovd, 16, destination, place);
    else if (lanes === 2) assembler.rm(I.vmovq, 16, destination, place);
    else if (lanes === 4) assembler.rm(I.vmovups, 16, destination, place);
    else {
      const mask = Array.from({ length: LANES }, (_, lane) => (lane < lanes ? -1 : 0));
      assembler.rm(I.vmovups, 32, destination, assembler.constant(...mask));
      assembler.rvm(I.vmaskmovps, 32, destination, destination, place);
    }
  }

  protected storeTail(source: VectorRegister, memory: MemoryOperand, lanes: number): void {
    if (lanes <= 4) {
      this.#storePieces(source, memory, lanes * 4);
      return;
    }
    this.assembler.mr(I.vmovupsStore, 16, memoryOf(memory), source);
    this.assembler.mri(I.vextractf128, 32, this.scratch, source, 1);
    this.#storePieces(this.scratch, { base: memory.base, offset: memory.offset + 16 }, (lanes - 4) * 4);
  }

  protected loadWidened(
    row: typeof I.vcvtph2ps,
    destination: VectorRegister,
    memory: MemoryOperand,
    lanes: number,
  ): void {
    if (lanes === LANES) {
      this.assembler.rm(row, 32, destination, memoryOf(memory));
      return;
    }
    this.#loadPieces(destination, memory, (lanes * row.memoryBytes(32, false)) / LANES);
    this.assembler.rm(row, 32, destination, destination);
  }

  protected storeNarrowed(
    format: NarrowFormat,
    source: VectorRegister,
    memory: MemoryOperand,
    lanes: number,
  ): void {
    this.#narrow(format, source);
    this.#storePieces(this.scratch, memory, lanes * NARROW_BYTES[format]);
  }

  protected exchangeParts(destination: VectorRegister, source: VectorRegister): void {
    // There are two parts, and only one way to exchange them.
    this.assembler.rvmi(I.vperm2f128, 32, destination, source, source, 1);
  }

  /** Loads `byteLength` bytes, below 16, into the low end of a register and clears the rest. */
  #loadPieces(destination: VectorRegister, memory: MemoryOperand, byteLength: number): void {
    const { assembler } = this;
    if (byteLength < 4) assembler.clear(I.vpxor, 16, destination);
    let at = 0;
    for (const piece of piecesOf(byteLength)) {
      const place = memoryOf(memory, at);
      const element = at / piece;
      if (piece === 8) assembler.rm(I.vmovq, 16, destination, place);
      else if (piece === 4 && at === 0) assembler.rm(I.vmovd, 16, destination, place);
      else if (piece === 4) assembler.rvmi(I.vpinsrd, 16, destination, destination, place, element);
      else if (piece === 2) assembler.rvmi(I.vpinsrw, 16, destination, destination, place, element);
      else assembler.rvmi(I.vpinsrb, 16, destination, destination, place, element);
      at += piece;
    }
  }

  /** Stores the low `byteLength` bytes, at most 16, of a register. */
  #storePieces(source: VectorRegister, memory: MemoryOperand, byteLength: number): void {
    const { assembler } = this;
    let at = 0;
    for (const piece of piecesOf(byteLength)) {
      const place = memoryOf(memory, at);
      const element = at / piece;
      if (piece === 16) assembler.mr(I.vmovupsStore, 16, place, source);
      else if (piece === 8) assembler.mr(I.vmovqStore, 16, place, source);
      else if (piece === 4 && at === 0) assembler.mr(I.vmovdStore, 16, place, source);
      else if (piece === 4) assembler.mri(I.vpextrd, 16, place, source, element);
      else if (piece === 2) assembler.mri(I.vpextrw, 16, place, source, element);
      else assembler.mri(I.vpextrb, 16, place, source, element);
      at += piece;
    }
  }

  /** Brings all lanes of `source` in a narrow format to the low end of the scratch register. */
  #narrow(format: NarrowFormat, source: VectorRegister): void {
    const { assembler, scratch } = this;
    switch (format) {
      case 'float16':
        assembler.mri(I.vcvtps2ph, 32, scratch, source, NEAREST_EVEN);
        return;
      case 'bfloat16':
        this.#roundToBfloat16(scratch, source);
        assembler.rvm(I.vpackusdw, 32, scratch, scratch, scratch);
        break;
      case 'uint16':
        assembler.rvm(I.vpackusdw, 32, scratch, source, source);
        break;
      default:
        // Saturating to int16 first changes nothing for the narrower formats.
        assembler.rvm(I.vpackssdw, 32, scratch, source, source);
    }
    assembler.rmi(I.vpermq, 32, scratch, scratch, GATHER_PARTS);
    if (format === 'int8') assembler.rvm(I.vpacksswb, 16, scratch, scratch, scratch);
    if (format === 'uint8') assembler.rvm(I.vpackuswb, 16, scratch, scratch, scratch);
  }

  /**
   * Leaves bfloat16 in the low half of each lane: to nearest, ties to even. A NaN is not rounded but gets the quiet bit, or else it
   * could become an infinity.
   */
  #roundToBfloat16(destination: VectorRegister, source: VectorRegister): void {
    const { assembler } = this;
    const mask = this.halfTemporary!;
    const words = (bits: number) => assembler.constant(...Array.from({ length: LANES }, () => bits));
    assembler.vmi(I.vpsrld, 32, destination, source, 16);
    assembler.rvm(I.vpand, 32, destination, destination, words(1));
    assembler.rvm(I.vpaddd, 32, destination, destination, words(0x7fff));
    assembler.rvmi(I.vcmpps, 32, mask, source, source, UNORDERED);
    assembler.rvm(I.vpandn, 32, destination, mask, destination);
    assembler.rvm(I.vpaddd, 32, destination, destination, source);
    assembler.rvm(I.vpand, 32, mask, mask, words(0x400000));
    assembler.rvm(I.vpor, 32, destination, destination, mask);
    assembler.vmi(I.vpsrld, 32, destination, destination, 16);
  }
}

/** `byteLength` as powers of two up to 16, the largest first, so that each piece lies at a multiple of its length. */
function piecesOf(byteLength: number): number[] {
  return [16, 8, 4, 2, 1].filter((piece) => (byteLength & piece) !== 0);
}

function withoutAvx512(features: X64Features): X64Features {
  return {
    ...features,
    avx512f: false,
    avx512bw: false,
    avx512dq: false,
    avx512vl: false,
    avx512Vnni: false,
    avx512Bf16: false,
  };
}
