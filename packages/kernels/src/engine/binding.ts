import {
  type KernelDescription,
  type KernelHost,
  setArgument,
  setFloatArgument,
  type ThreadTeam,
} from '@qedge/codegen';
import type { Arena, Place } from './arena.ts';
import { BoundKernel, type Lifetime } from './bound-kernel.ts';
import { KernelCalls } from './kernel-calls.ts';
import type { PackedWeights } from './packed-weights.ts';
import type { Tuner } from './tuner.ts';

/** What kernels are bound with: one workspace of one engine. */
export interface BindingContext {
  readonly host: KernelHost;
  readonly arena: Arena;
  readonly lifetime: Lifetime;
  /** Null where there is one thread. */
  readonly team: ThreadTeam | null;
  readonly tuner: Tuner;
  /** What a step costs that is divided among threads, in microseconds; default: a handoff to the team. */
  readonly divisionMicroseconds?: number;
  /** Weights that were packed before. */
  readonly packedWeights?: PackedWeights;
}

/** The fields of an argument block by index: addresses and counts, or float32 numbers. */
export type BlockFields = readonly (number | { readonly float32: number })[];

/** A kernel that one thread runs, and its arguments. */
export interface KernelPart {
  readonly description: KernelDescription;
  readonly fields: BlockFields;
}

/** Steps that follow each other; the parts of one step run at the same time. Work that is empty has none. */
export type KernelSteps = readonly (readonly KernelPart[])[];

/** How many times its costs a handoff must save: estimates are rough, and other work wants the cores too. */
const WORTHWHILE_GAIN = 2;

/** Operations per lane and microsecond of a core with two multiply-add units at 3 GHz: an upper bound, so that threads start late. */
const OPERATIONS_PER_LANE = 12_000;

/** What so many operations take on one thread at least. */
export function fewestMicroseconds({ traits }: Pick<KernelHost, 'traits'>, operations: number): number {
  return operations / (traits.lanes * OPERATIONS_PER_LANE);
}

/** How many threads a work of so many operations is worth: all of the team, or one where handing over would take too long. */
export function worthwhileThreads(
  { host, team, divisionMicroseconds }: Pick<BindingContext, 'host' | 'team' | 'divisionMicroseconds'>,
  operations: number,
): number {
  if (team === null) return 1;
  const saved = fewestMicroseconds(host, operations) * (1 - 1 / team.size);
  return saved > WORTHWHILE_GAIN * (divisionMicroseconds ?? team.handoffMicroseconds) ? team.size : 1;
}

/** Writes the argument blocks of all steps and loads their kernels. */
export function bindSteps(context: BindingContext, steps: KernelSteps): BoundKernel {
  const { host, team, arena, lifetime } = context;
  const placed = steps.map((parts) => {
    return parts.map(({ description, fields }) => {
      return { description, block: writeBlock(arena, fields).address };
    });
  });
  return new BoundKernel(KernelCalls.load(host, team, placed, arena.memory), lifetime);
}

/** The fields of a block by index; those not named are 0. */
export function blockFields(
  count: number,
  named: Readonly<Record<number, BlockFields[number]>>,
): BlockFields {
  return Array.from({ length: count }, (_, index) => named[index] ?? 0);
}

/** Writes an argument block. */
export function writeBlock(arena: Arena, fields: BlockFields): Place {
  const place = arena.block(fields.length);
  for (const [index, field] of fields.entries()) {
    if (typeof field === 'number') setArgument(arena.view, place.byteOffset, index, field);
    else setFloatArgument(arena.view, place.byteOffset, index, field.float32);
  }
  return place;
}
