import type { KernelDescription, KernelHost, KernelMemory, TeamPart, ThreadTeam } from '@qedge/codegen';

/** A kernel that one thread runs, with the address of its argument block. */
export interface PlacedKernel {
  readonly description: KernelDescription;
  readonly block: number;
}

/** Steps that follow each other; the kernels of one step run at the same time, on one thread each. */
export type PlacedSteps = readonly (readonly PlacedKernel[])[];

/** Loaded code with its argument blocks, run in order. Keeps code and memory alive. */
export class KernelCalls {
  readonly #functions: readonly ((block: number) => void)[];
  /**
   * The block of function i is element i + 1. The null in front keeps this an array of objects: an address of machine code is too
   * large for a small integer, and reading one from an array of numbers would allocate.
   */
  readonly #blocks: readonly (number | null)[];

  private constructor(functions: readonly ((block: number) => void)[], blocks: readonly number[]) {
    this.#functions = functions;
    this.#blocks = [null, ...blocks];
  }

  /**
   * Loads the kernels of all steps.
   *
   * @param team where a step has more than one kernel.
   * @throws as `KernelHost.load` and `ThreadTeam.prepareSteps`.
   */
  static load(
    host: KernelHost,
    team: ThreadTeam | null,
    steps: PlacedSteps,
    memory: KernelMemory,
  ): KernelCalls {
    const kernels = host.load(
      steps.flat().map(({ description }) => description),
      memory,
    );
    let next = 0;
    const parts = steps.map((step) => step.map(({ block }) => ({ kernel: kernels[next++]!, block })));
    return KernelCalls.of(team, parts);
  }

  /**
   * Calls of kernels that are loaded.
   *
   * @param team where a step has more than one kernel.
   * @throws as `ThreadTeam.prepareSteps`.
   */
  static of(team: ThreadTeam | null, parts: readonly (readonly TeamPart[])[]): KernelCalls {
    if (parts.some(({ length }) => length > 1)) return new KernelCalls([team!.prepareSteps(parts)], [0]);
    return new KernelCalls(
      parts.map(([part]) => part!.kernel.run),
      parts.map(([part]) => part!.block),
    );
  }

  /** Allocates nothing. */
  run(): void {
    const functions = this.#functions;
    const blocks = this.#blocks;
    for (let index = 0; index < functions.length; index++) functions[index]!(blocks[index + 1]!);
  }
}
