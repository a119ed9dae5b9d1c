import type { LoadedKernel, ThreadTeam } from '@qedge/codegen';
import { elementCount, type WeightSource } from '@qedge/core';
import type { ArrayConstructor } from '../../engine/arena.ts';
import type { Lifetime } from '../../engine/bound-kernel.ts';
import { KernelCalls } from '../../engine/kernel-calls.ts';
import type { CompiledGraphParts, Runnable, TracedNode } from '../compiled-graph.ts';
import { loadConstant } from '../constant-weights.ts';
import { VALUE_ARRAYS, type ValueData } from '../operators/operator-definition.ts';
import type { Program, ProgramNode, ProgramValue } from './program.ts';

/** Where the parts of a program lie in a memory. */
export interface ProgramPlaces {
  readonly buffer: ArrayBufferLike;
  /** Of the front in the buffer, a multiple of 64. */
  readonly byteOffset: number;
  /** Of the front, for kernels. */
  readonly address: number;
  /** Where temporary bytes end. */
  readonly endAddress: number;
  /** Of each packed weights. */
  readonly weightAddresses: readonly number[];
}

/** What all parts of a memory begin at multiples of. */
const ALIGNMENT = 64;

/** Offsets from the start of the front: of weights that are copied behind it, one after the other, and of the end of all bytes. */
export interface ProgramLayout {
  readonly weightOffsets: readonly number[];
  readonly byteLength: number;
}

/** Places the front, copied weights and temporary bytes one after the other. */
export function layOutProgram(
  { frontBytes, temporaryBytes, weights }: Program,
  copiesWeights: boolean,
): ProgramLayout {
  const alignUp = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
  let at = alignUp(frontBytes);
  const weightOffsets: number[] = [];
  for (const { byteLength } of copiesWeights ? weights : []) {
    weightOffsets.push(at);
    at += alignUp(byteLength);
  }
  return { weightOffsets, byteLength: at + alignUp(temporaryBytes) };
}

/** Writes everything into the front that is there before the first run. @throws what `tensors` throws. */
export function fillFront(program: Program, places: ProgramPlaces, tensors: WeightSource): void {
  const { buffer, byteOffset } = places;
  let from = 0;
  for (const piece of program.pieces) {
    const bytes = program.image.subarray(from, from + piece.byteLength);
    new Uint8Array(buffer, byteOffset + piece.byteOffset, piece.byteLength).set(bytes);
    from += piece.byteLength;
  }
  for (const constant of program.constants) {
    valueIn(places, constant).data.set(loadConstant(tensors, constant.name, constant).data);
  }
  writeAddresses(program.relocations, places);
}

const TWO_TO_32 = 2 ** 32;

function writeAddresses(relocations: Uint32Array, places: ProgramPlaces): void {
  const { buffer, byteOffset, address, endAddress, weightAddresses } = places;
  const bases = [address, endAddress, ...weightAddresses];
  const view = new DataView(buffer, byteOffset);
  for (let index = 0; index < relocations.length; index += 2) {
    const at = relocations[index]!;
    const offset = view.getInt32(at + 4, true) * TWO_TO_32 + view.getUint32(at, true);
    const value = bases[relocations[index + 1]!]! + offset;
    view.setUint32(at, value % TWO_TO_32, true);
    view.setUint32(at + 4, Math.floor(value / TWO_TO_32), true);
  }
}

/** What runs a program. */
export interface ProgramRunner {
  readonly kernels: readonly LoadedKernel[];
  /** Null where no step is divided. */
  readonly team: ThreadTeam | null;
  readonly lifetime: Lifetime;
  /** Of the packed weights, so many bytes were copied instead of being read where they lie. */
  readonly copiedWeightBytes: number;
  /** Makes calls safe to make; default: they are. */
  guard?(calls: Runnable): Runnable;
}

/** A program whose front is filled as what a `CompiledGraph` is made of. */
export function programParts(
  program: Program,
  places: ProgramPlaces,
  { kernels, team, lifetime, copiedWeightBytes, guard = (calls) => calls }: ProgramRunner,
): Omit<CompiledGraphParts, 'verify' | 'onDispose'> {
  const callsOf = (nodes: readonly ProgramNode[]): Runnable[] => {
    const steps = nodes.flatMap((node) => node.steps);
    if (steps.length === 0) return [];
    const parts = steps.map((step) => {
      return step.map(([kernel, block]) => ({ kernel: kernels[kernel]!, block: places.address + block }));
    });
    return [guard(KernelCalls.of(team, parts))];
  };
  const named = (values: readonly ProgramValue[]) => {
    return Object.fromEntries(values.map((value) => [value.name, valueIn(places, value)]));
  };
  const traced = (node: ProgramNode): TracedNode => ({
    get outputs() {
      return node.outputs.map((value) => {
        const { dtype, shape, data } = valueIn(places, value);
        return { name: value.name, spec: { dtype, shape }, data };
      });
    },
    prepare: () => callsOf([node]),
  });
  return {
    inputs: named(program.inputs),
    outputs: named(program.outputs),
    segments: callsOf(program.nodes),
    nodes: program.nodes.map(traced),
    memory: {
      ...program.memory,
      weightBytes: program.memory.weightBytes + copiedWeightBytes,
      mappedBytes: program.memory.mappedBytes - copiedWeightBytes,
    },
    report: {
      ...program.report,
      nodes: program.nodes.map(({ report }) => report),
      kernels: 'prepared',
      reason: null,
    },
    lifetime,
  };
}

function valueIn({ buffer, byteOffset }: ProgramPlaces, value: ProgramValue): ValueData {
  const { dtype, shape } = value;
  const array: ArrayConstructor<ValueData['data']> = VALUE_ARRAYS[dtype];
  return { dtype, shape, data: new array(buffer, byteOffset + value.byteOffset, elementCount(shape)) };
}
