import type { KernelMemory } from '../host/kernel-host.ts';
import type { Target, TargetTraits } from '../target/target.ts';

/**
 * One run of a kernel on random data with a known answer. `all` compares every output element, which a test can afford; `sample`
 * compares those of the edges and a few dozen others: the first use of a kernel costs one run of it, writing its operands, and a few
 * milliseconds.
 */
export interface KernelTrial {
  /** Bytes of memory that the trial needs. */
  readonly byteLength: number;
  /** Writes operands, guard values around every output, and the argument block. Returns the block's address. */
  prepare(memory: KernelMemory): number;
  /** What is wrong with the outputs and guards after the run, with place, expected and actual value; null when nothing is. */
  findError(memory: KernelMemory): string | null;
}

/** Everything this package knows about one kind of kernel. */
export interface KernelFamily<Description extends { readonly kind: string }> {
  readonly kind: Description['kind'];
  /** @throws InvalidArgumentError for names that are not known, impossible sizes, or an integer sum that could overflow. */
  validate(description: Description): void;
  /** Canonical text: equal for equal descriptions, different for different ones. An export name and a cache key. */
  key(description: Description): string;
  /** Emits the whole kernel, without calling `finish`. @throws RegisterBudgetError when the target has too few registers. */
  emit(target: Target<unknown>, description: Description): void;
  trial(description: Description, traits: TargetTraits, effort: 'all' | 'sample', seed: number): KernelTrial;
}
