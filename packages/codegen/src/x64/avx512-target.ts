import type {
  Comparison,
  FloatElement,
  MemoryOperand,
  NarrowFormat,
  TargetTraits,
  Vector,
} from '../target/target.ts';
import type { Assembler } from './assembler.ts';
import type { X64Features } from './features.ts';
import { INSTRUCTIONS as I } from './instructions.ts';
import { COMPARISON_PREDICATES, fourWay } from './operation-tables.ts';
import {
  type Masking,
  type MaskRegister,
  maskRegister,
  merging,
  UNMASKED,
  type VectorLength,
  type VectorRegister,
  zeroing,
} from './registers.ts';
import { memoryOf, vectorOf } from './x64-frame.ts';
import { X64Target, type X64TargetOptions } from './x64-target.ts';

/** Registers that instructions from before AVX-512 can name. */
const LOW_REGISTERS = 16;
const LANES = 16;

/** Every processor with AVX-512 has these, except for the Xeon Phi; a hypervisor may hide some. */
const REQUIRED = ['avx2', 'fma', 'f16c', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl'] as const;

/** Whether {@link Avx512Target} accepts these features. */
export function supportsAvx512(features: X64Features): boolean {
  return REQUIRED.every((name) => features[name]);
}

/** For masks that are needed only for a moment; the other registers k1 to k6 keep the tails of a kernel. */
const SCRATCH_MASK = maskRegister(7);
const TAIL_MASKS = 6;

/**
 * Tails that are vectors themselves: loads clear what lies above, and what such a store has written can be loaded again at once, which is
 * not so after a store with a mask.
 */
const SHORTER_VECTORS: Readonly<Record<number, VectorLength>> = { 4: 16, 8: 32 };

/** Predicates of `vcmpps`. */
const ORDERED = 7;
const UNORDERED = 3;
/** Rounding of `vcvtps2ph`. */
const NEAREST_EVEN = 0;

const STORE_SIGNED = { int8: I.vpmovsdb, int16: I.vpmovsdw } as const;
const STORE_UNSIGNED = { uint8: I.vpmovusdb, uint16: I.vpmovusdw } as const;

function avx512Id({ avx512Vnni, avx512Bf16 }: X64Features, strict: boolean, element: FloatElement): string {
  return [
    'avx512',
    avx512Vnni && 'vnni',
    avx512Bf16 && 'bf16',
    strict && 'strict',
    element === 'float64' && element,
  ]
    .filter(Boolean)
    .join('-');
}

/**
 * x86-64 machine code on vectors of 512 bits, with VNNI and BF16 where the features have them. Code follows the System V convention:
 * a function of one argument, the address of the argument block. It is position-independent, holds its constants, and must be
 * placed at a multiple of 64 bytes. Partial vectors use masks, which never touch memory outside.
 */
export class Avx512Target extends X64Target {
  /** The tail lengths that own the mask registers k1, k2, ... */
  readonly #tails: number[] = [];

  /** @throws CapabilityUnavailableError when `features` lack the foundation, BW, DQ or VL. */
  constructor(features: X64Features, options: X64TargetOptions) {
    const { strict, element = 'float32', fragments = new Map() } = options;
    const traits: TargetTraits = {
      id: avx512Id(features, strict, element),
      element,
      lanes: element === 'float64' ? LANES / 2 : LANES,
      vectors: 31,
      pointers: X64Target.pointers,
      temporaries: { fma: 0, dot: 0, half: 0 },
      fmaRounding: strict ? 'twice' : 'once',
      dot: features.avx512Vnni ? 'bytes' : 'words',
      multiplyBytes: 8,
      dotBfloat16: features.avx512Bf16,
      hoistsLoads: false,
      unroll: 4,
    };
    super(traits, features, REQUIRED, fragments);
  }

  compare(comparison: Comparison, destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('compare');
    const { assembler } = this;
    const predicate = COMPARISON_PREDICATES[comparison];
    assembler.kvmi(I.vcmppsMask, 64, SCRATCH_MASK, vectorOf(a), vectorOf(b), predicate);
    const ones = assembler.constant(0xffff_ffff);
    assembler.rm(I.vbroadcastss, 64, vectorOf(destination), ones, zeroing(SCRATCH_MASK));
  }

  zeroNaN(destination: Vector, source: Vector): void {
    this.checks.words('zeroNaN');
    const { assembler } = this;
    const register = vectorOf(source);
    assembler.kvmi(I.vcmppsMask, 64, SCRATCH_MASK, register, register, ORDERED);
    assembler.rm(I.vmovaps, 64, vectorOf(destination), register, zeroing(SCRATCH_MASK));
  }

  /** Processors that have two units of 256 bits for a vector of 512 (Zen 4) multiply half a vector in half the time; others lose nothing. */
  protected override productLength(lanes: number): VectorLength {
    return lanes <= LANES / 2 ? 32 : 64;
  }

  protected emitPrologue(prologue: Assembler): void {
    this.#tails.forEach((lanes, index) => {
      this.#setMask(prologue, maskRegister(index + 1), lanes);
    });
  }

  protected loadTail(destination: VectorRegister, memory: MemoryOperand, lanes: number): void {
    const { assembler } = this;
    const shorter = SHORTER_VECTORS[lanes];
    if (shorter !== undefined) assembler.rm(I.vmovups, shorter, destination, memoryOf(memory));
    // One lane is a load of its own, which clears the others and waits for no mask; it reaches half of the registers.
    else if (lanes === 1 && destination < LOW_REGISTERS)
      assembler.rm(I.vmovd, 16, destination, memoryOf(memory));
    else assembler.rm(I.vmovups, 64, destination, memoryOf(memory), zeroing(this.#tailMask(lanes)));
  }

  protected storeTail(source: VectorRegister, memory: MemoryOperand, lanes: number): void {
    const { assembler } = this;
    const shorter = SHORTER_VECTORS[lanes];
    if (shorter !== undefined) assembler.mr(I.vmovupsStore, shorter, memoryOf(memory), source);
    else assembler.mr(I.vmovupsStore, 64, memoryOf(memory), source, merging(this.#tailMask(lanes)));
  }

  protected loadWidened(
    row: typeof I.vcvtph2ps,
    destination: VectorRegister,
    memory: MemoryOperand,
    lanes: number,
  ): void {
    const masking = lanes === LANES ? UNMASKED : zeroing(this.#tailMask(lanes));
    this.assembler.rm(row, 64, destination, memoryOf(memory), masking);
  }

  protected storeNarrowed(
    format: NarrowFormat,
    source: VectorRegister,
    memory: MemoryOperand,
    lanes: number,
  ): void {
    const { assembler, scratch } = this;
    const place = memoryOf(memory);
    switch (format) {
      case 'int8':
      case 'int16':
        assembler.mr(STORE_SIGNED[format], 64, place, source, this.#storeMasking(lanes));
        return;
      case 'uint8':
      case 'uint16':
        // The narrowing takes its source as unsigned, so that -1 would become the largest number.
        assembler.clear(I.vpxor, 64, scratch);
        assembler.rvm(I.vpmaxsd, 64, scratch, scratch, source);
        assembler.mr(STORE_UNSIGNED[format], 64, place, scratch, this.#storeMasking(lanes));
        return;
      case 'float16':
        assembler.mri(I.vcvtps2ph, 64, place, source, NEAREST_EVEN, this.#storeMasking(lanes));
        return;
      case 'bfloat16':
        this.#roundToBfloat16(scratch, source);
        assembler.mr(I.vpmovdw, 64, place, scratch, this.#storeMasking(lanes));
    }
  }

  protected exchangeParts(destination: VectorRegister, source: VectorRegister, mask: number): void {
    this.assembler.rvmi(I.vshuff32x4, 64, destination, source, source, fourWay(mask));
  }

  /** Must be asked for right before the store: a mask register that tails share is also scratch. */
  #storeMasking(lanes: number): Masking {
    return lanes === LANES ? UNMASKED : merging(this.#tailMask(lanes));
  }

  /** A mask of the first `lanes` lanes. The first few lengths have registers of their own, the rest share one. */
  #tailMask(lanes: number): MaskRegister {
    let index = this.#tails.indexOf(lanes);
    if (index < 0 && this.#tails.length < TAIL_MASKS) index = this.#tails.push(lanes) - 1;
    if (index >= 0) return maskRegister(index + 1);
    this.#setMask(this.assembler, SCRATCH_MASK, lanes);
    return SCRATCH_MASK;
  }

  #setMask(assembler: Assembler, mask: MaskRegister, lanes: number): void {
    assembler.movImmediate(this.scratchGeneral, 2 ** lanes - 1);
    assembler.kmovw(mask, this.scratchGeneral);
  }

  /**
   * Leaves bfloat16 in the low half of each lane: to nearest, ties to even, in integers, because `vcvtneps2bf16` would turn
   * subnormals into 0. A NaN gets the quiet bit, or else truncation could leave an infinity.
   */
  #roundToBfloat16(destination: VectorRegister, source: VectorRegister): void {
    const { assembler } = this;
    const word = (bits: number) => assembler.constant(bits).broadcast();
    assembler.vmi(I.vpsrld, 64, destination, source, 16);
    assembler.rvm(I.vpand, 64, destination, destination, word(1));
    assembler.rvm(I.vpaddd, 64, destination, destination, word(0x7fff));
    assembler.rvm(I.vpaddd, 64, destination, destination, source);
    assembler.kvmi(I.vcmppsMask, 64, SCRATCH_MASK, source, source, UNORDERED);
    assembler.rvm(I.vpor, 64, destination, source, word(0x400000), merging(SCRATCH_MASK));
    assembler.vmi(I.vpsrld, 64, destination, destination, 16);
  }
}
