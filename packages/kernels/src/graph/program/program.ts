import type { EncodedKernels, Isa } from '@qedge/codegen';
import type { Precision, Shape, ValueDType } from '@qedge/core';
import type { CompiledGraphMemory, CompiledGraphReport, NodeReport } from '../compiled-graph.ts';

/** Changes with every change of what the bytes of a program mean, of argument blocks included. */
export const PROGRAM_VERSION = 1;

/** What a program was generated for. */
export interface ProgramTarget {
  readonly isa: Isa;
  /** Whether multiply-adds round twice. */
  readonly strict: boolean;
  readonly threads: number;
  readonly precision: Precision;
}

/** The key of a program in a model file. */
export function programKey(target: ProgramTarget, version: number = PROGRAM_VERSION): string {
  const { isa, strict, threads, precision } = target;
  return `program ${version} ${isa} ${strict ? 'strict' : 'fast'} ${threads} ${precision}`;
}

/** The target and version of a key, or null for the key of something else. */
export function parseProgramKey(
  key: string,
): { readonly target: ProgramTarget; readonly version: number } | null {
  const found = /^program (\d+) ([\w-]+) (strict|fast) (\d+) (\w+)$/.exec(key);
  if (found === null) return null;
  const [, version, isa, rounding, threads, precision] = found;
  return {
    version: Number(version),
    target: {
      isa: isa as Isa,
      strict: rounding === 'strict',
      threads: Number(threads),
      precision: precision as Precision,
    },
  };
}

/** A value and where it begins in the front. */
export interface ProgramValue {
  readonly name: string;
  readonly dtype: ValueDType;
  readonly shape: Shape;
  readonly byteOffset: number;
}

/** A kernel by its index, and where its argument block begins in the front. */
export type ProgramPart = readonly [kernel: number, block: number];

/** A node: its steps follow each other; the parts of one step run at the same time, on one thread each. */
export interface ProgramNode {
  readonly report: NodeReport;
  readonly outputs: readonly ProgramValue[];
  readonly steps: readonly (readonly ProgramPart[])[];
}

/** What {@link Program.relocations} count from. A number from 2 on is packed weights of that index, less 2. */
export const RELOCATION_BASE = { front: 0, end: 1, weights: 2 } as const;

/**
 * A compiled graph as data: everything that a process needs to run it but weights. Memory begins with the *front*: the values of
 * the graph, then constants and argument blocks, whose content is the image. Temporary bytes end with the memory.
 */
export interface Program {
  readonly inputs: readonly ProgramValue[];
  readonly outputs: readonly ProgramValue[];
  readonly nodes: readonly ProgramNode[];
  readonly memory: CompiledGraphMemory;
  readonly report: Pick<CompiledGraphReport, 'precision' | 'threads' | 'steps'>;
  readonly frontBytes: number;
  readonly temporaryBytes: number;
  /** Places in the front that the bytes of {@link image} fill, one after the other; all else is zero or a constant. */
  readonly pieces: readonly { readonly byteOffset: number; readonly byteLength: number }[];
  readonly image: Uint8Array;
  /** Large constants, which the file holds as tensors, and where they begin in the front. */
  readonly constants: readonly ProgramValue[];
  /** Packed weights, by their key. */
  readonly weights: readonly { readonly key: string; readonly byteLength: number }[];
  /**
   * Pairs: where in the front a signed 64-bit number lies that counts from a base, and which base ({@link RELOCATION_BASE}). It becomes an
   * address when the base is added.
   */
  readonly relocations: Uint32Array;
  readonly kernels: EncodedKernels;
}
