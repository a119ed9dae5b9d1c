import { VerificationError } from '@qedge/core';
import { type KernelDescription, kernelKey, kernelTrial } from '../kernels/families.ts';
import type { TargetTraits } from '../target/target.ts';
import type { Isa } from './isa.ts';
import type { KernelMemory } from './kernel-host.ts';

/** Scratch memory above this is not kept when a list of kernels was loaded. */
const KEPT_SCRATCH_BYTES = 4 * 2 ** 20;
/** What is made first, and the most that is made beyond what a trial asks for. */
const FIRST_SCRATCH_BYTES = 2 ** 20;
const MOST_SPARE_SCRATCH_BYTES = 64 * 2 ** 20;
const SEED = 0x5eed;

/** What a host tells about itself, so that its kernels can be checked. */
export interface VerifiedHost {
  readonly isa: Isa;
  readonly traits: TargetTraits;
  createMemory(byteLength: number): KernelMemory;
}

/**
 * Checks each kernel once per host, before its first use: runs it on scratch memory with random operands and compares edges and
 * samples of the result, and the guard values around it, with the reference. Costs one run of the kernel plus what its trial
 * needs to write operands and to compute some dozens of elements; a kernel that was checked costs one look-up.
 *
 * The check is for a host that does not do what the tests have seen elsewhere: code that computes wrongly, skips an edge, writes outside or
 * stops is found; a fault in a few elements far from all edges is left to the tests, which compare every element. The kernel that is
 * checked is the one that is used, at its own size: no smaller stand-in. Operands are cut from one pool of random numbers and repeat
 * with a prime period.
 */
export class VerifiedKernels {
  readonly #host: VerifiedHost;
  readonly #verified = new Set<string>();
  #scratch: KernelMemory | null = null;

  constructor(host: VerifiedHost) {
    this.#host = host;
  }

  has(key: string): boolean {
    return this.#verified.has(key);
  }

  /**
   * @param bind makes the described kernel's code callable on a memory.
   * @throws VerificationError when the result is wrong or the code stops, every time it is tried.
   */
  verify(description: KernelDescription, bind: (memory: KernelMemory) => (block: number) => void): void {
    const key = kernelKey(description);
    if (this.#verified.has(key)) return;
    const trial = kernelTrial(description, this.#host.traits, 'sample', SEED);
    const memory = this.#scratchOf(trial.byteLength);
    const block = trial.prepare(memory);
    const run = bind(memory);
    try {
      run(block);
    } catch (cause) {
      throw this.#failure(key, `it stops with ${String(cause)}`, cause);
    }
    const error = trial.findError(memory);
    if (error !== null) throw this.#failure(key, error);
    this.#verified.add(key);
  }

  /** Lets go of scratch memory that is too large to be kept; called when a list of kernels was checked. */
  releaseLargeScratch(): void {
    if (this.#scratch !== null && this.#scratch.byteLength > KEPT_SCRATCH_BYTES) this.#scratch = null;
  }

  /** Lets go of the scratch memory and of what is known. */
  dispose(): void {
    this.#scratch = null;
    this.#verified.clear();
  }

  #scratchOf(byteLength: number): KernelMemory {
    const scratch = this.#scratch;
    if (scratch !== null && scratch.byteLength >= byteLength) return scratch;
    // Fresh pages cost more than what is written to them: memory that grows for many kernels grows in few steps.
    const grown = Math.min(2 * (scratch?.byteLength ?? FIRST_SCRATCH_BYTES / 2), MOST_SPARE_SCRATCH_BYTES);
    this.#scratch = null;
    this.#scratch = this.#host.createMemory(Math.max(byteLength, grown));
    return this.#scratch;
  }

  #failure(key: string, place: string, cause?: unknown): VerificationError {
    const { isa } = this.#host;
    return new VerificationError(`The generated kernel ${key} is wrong on ${isa}`, {
      expected: 'the result of the reference',
      actual: place,
      remedy: `It was not used. Set QEDGE_ISA to something other than "${isa}", and report the kernel's name.`,
      facts: { key, isa, target: this.#host.traits.id, place },
      cause,
    });
  }
}
