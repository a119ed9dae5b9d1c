import { InvalidArgumentError } from '@qedge/core';
import { ConstantPool } from './constant-pool.ts';
import { requireFeatures } from './features.ts';
import { GeneralAssembler } from './general-assembler.ts';
import type { RmOperand } from './instruction-encoder.ts';
import type { VectorInstruction } from './instructions.ts';
import {
  type GeneralRegister,
  type Masking,
  type MaskRegister,
  Memory,
  UNMASKED,
  type VectorLength,
  type VectorRegister,
  ZEROING,
} from './registers.ts';

/**
 * Writes x86-64 machine code for one set of processor features. Vector instructions come from the table in
 * `instructions.ts`; there is one method per operand form. VEX is chosen over EVEX where both exist, because it is shorter.
 *
 * Every method that takes a vector instruction throws CapabilityUnavailableError when the features do not hold what the
 * instruction, its vector length, its mask or its registers need, and InvalidArgumentError when it does not exist in that form.
 */
export class Assembler extends GeneralAssembler {
  readonly #constants = new ConstantPool();

  // Vector instructions, by operand form

  /** `destination = f(source)`. */
  rm<Rm extends RmOperand>(
    row: VectorInstruction<'RM', Rm>,
    length: VectorLength,
    destination: VectorRegister,
    source: NoInfer<Rm>,
    masking: Masking = UNMASKED,
  ): void {
    this.encoder.vector(row, length, destination, 0, source, masking, 0);
  }

  /** `destination = f(source)`, the destination in ModRM.rm: stores. */
  mr<Rm extends RmOperand>(
    row: VectorInstruction<'MR', Rm>,
    length: VectorLength,
    destination: NoInfer<Rm>,
    source: VectorRegister,
    masking: Masking = UNMASKED,
  ): void {
    refuseZeroing(row, masking);
    this.encoder.vector(row, length, source, 0, destination, masking, 0);
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
    this.encoder.vector(row, length, destination, a, b, masking, 0);
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
    this.encoder.vector(row, length, destination, 0, source, masking, 1);
    this.buffer.byte(immediate);
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
    refuseZeroing(row, masking);
    this.encoder.vector(row, length, source, 0, destination, masking, 1);
    this.buffer.byte(immediate);
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
    this.encoder.vector(row, length, destination, a, b, masking, 1);
    this.buffer.byte(immediate);
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
    this.encoder.vector(row, length, row.digit, destination, source, masking, 1);
    this.buffer.byte(immediate);
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
    refuseZeroing(row, masking);
    this.encoder.vector(row, length, destination, a, b, masking, 1);
    this.buffer.byte(immediate);
  }

  /** Clears all bits of a vector register, whatever its length: a VEX instruction zeroes what lies above. */
  clear(row: VectorInstruction<'RVM'>, length: VectorLength, destination: VectorRegister): void {
    this.rvm(row, destination > 15 ? length : 16, destination, destination, destination);
  }

  /** Copies the low 16 bits of a general register (`kmovw`). */
  kmovw(destination: MaskRegister, source: GeneralRegister): void {
    requireFeatures('kmovw', ['avx512f'], this.features);
    this.buffer.reserve();
    this.encoder.vexPrefix(1, destination, 0, 0, source > 7 ? 1 : 0, 0, 0, 0);
    this.buffer.byte(0x92);
    this.encoder.modrm(destination, source, 1, 0);
  }

  /** Must end code that wrote ymm or zmm registers, or else code with legacy encodings becomes slow. */
  vzeroupper(): void {
    requireFeatures('vzeroupper', ['avx2'], this.features);
    this.buffer.reserve();
    this.bytes(0xc5, 0xf8, 0x77);
  }

  // Repetition, constants, end

  /** What `emit` would append, as bytes that may be appended anywhere. @throws InvalidArgumentError for code with labels. */
  record(emit: () => void): Uint8Array {
    const [start, references] = [this.buffer.position, this.buffer.referenceCount];
    emit();
    if (this.buffer.referenceCount === references) return this.buffer.takeFrom(start);
    throw new InvalidArgumentError('Code that is to be repeated refers to places', {
      expected: 'no constants, jumps or calls',
    });
  }

  /** Appends what {@link record} gave. */
  replay(bytes: Uint8Array): void {
    this.buffer.append(bytes);
  }

  /** The same for instructions of equal length that end with a displacement of four bytes each, which become `displacements`. */
  replayAt(bytes: Uint8Array, displacements: readonly number[]): void {
    const length = bytes.length / displacements.length;
    const start = this.buffer.position;
    this.buffer.append(bytes);
    for (let i = 0; i < displacements.length; i++) {
      this.buffer.patchInt32(start + (i + 1) * length - 4, displacements[i]!);
    }
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
    this.#constants.append(this.buffer);
    return this.buffer.finish();
  }
}

function refuseZeroing({ mnemonic }: { readonly mnemonic: string }, masking: Masking): void {
  if ((masking & ZEROING) === 0) return;
  throw new InvalidArgumentError(`${mnemonic} cannot clear what lies outside its mask`, {
    expected: 'merging',
    actual: 'zeroing',
  });
}
