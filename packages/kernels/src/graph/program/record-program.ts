import {
  type KernelDescription,
  type KernelHost,
  type KernelMemory,
  kernelKey,
  MEMORY_ALIGNMENT,
} from '@qedge/codegen';
import { CapabilityUnavailableError, type OperatorModel, UnsupportedError } from '@qedge/core';
import type { KernelEngine } from '../../engine/kernel-engine.ts';
import {
  type CompileGraphOptions,
  compilationOf,
  contextOf,
  type PreparedCompilation,
  prepareCompilation,
  withEnoughBytes,
} from '../compile-graph.ts';
import type { PlannedGraph } from '../lower/graph-compilation.ts';
import type { ValueData } from '../operators/operator-definition.ts';
import type { RecordedWeights } from '../prepared-weights.ts';
import { differingWords } from './differing-words.ts';
import { ImagedWeights } from './imaged-weights.ts';
import { type Program, type ProgramPart, type ProgramValue, RELOCATION_BASE } from './program.ts';

/**
 * A graph is planned twice, in memory at two addresses that nothing lies at: what differs in the two results by as much as the addresses do is an
 * address, what does not differ is none. So nobody has to tell addresses from counts, and what is neither is found out.
 */
interface ImagedPlaces {
  readonly address: number;
  readonly moreBytes: number;
  readonly weightsAddress: number;
}

// The low halves of all differences are different as well, so that an address that was cut to 32 bits does not pass for a number.
const PLACES: readonly [ImagedPlaces, ImagedPlaces] = [
  { address: 2 ** 40, moreBytes: 0, weightsAddress: 2 ** 46 },
  { address: 2 ** 41 + 2 ** 24, moreBytes: 2 ** 21, weightsAddress: 2 ** 46 + 2 ** 45 + 2 ** 27 },
];
const [FIRST, SECOND] = PLACES;

/** Constants from this size on are read from the tensors of the file, where they lie anyway. */
const LARGE_CONSTANT_BYTES = 65_536;

/** A program, or why there is none. */
export type RecordedProgram =
  | { readonly program: Program; readonly reason: null }
  | { readonly program: null; readonly reason: string };

/**
 * Records what `compileGraph` does for a model and an engine as a program; generates and checks its code.
 *
 * @param model optimised, as it is saved.
 * @param recorded the weights that were packed for the same engine and precision.
 * @returns no program for graphs that call functions between kernels (operators of the user, checks of indices), and for the interpreter.
 * @throws as `compileGraph`.
 */
export function recordProgram(
  model: OperatorModel,
  engine: KernelEngine,
  recorded: RecordedWeights,
  options: Pick<CompileGraphOptions, 'precision' | 'customs'>,
): RecordedProgram {
  const prepared = prepareCompilation(model, { ...options, optimize: false });
  return withEnoughBytes(prepared, (byteLength) => {
    const [first, second] = PLACES.map((places) =>
      planAt(engine, prepared, recorded, byteLength, places),
    ) as [ImagedPlan, ImagedPlan];
    const caller = first.graph.nodes.findIndex(({ call }) => call !== null);
    if (caller >= 0) {
      const { name, kind } = first.graph.report.nodes[caller]!;
      return { program: null, reason: `the ${kind} "${name}" calls a function between kernels` };
    }
    try {
      return { program: composeProgram(model, first, second), reason: null };
    } catch (error) {
      if (!(error instanceof CapabilityUnavailableError || error instanceof UnsupportedError)) throw error;
      return { program: null, reason: error.message };
    }
  });
}

/** A plan in memory that is nowhere. */
interface ImagedPlan {
  readonly host: KernelHost;
  readonly graph: PlannedGraph;
  readonly places: ImagedPlaces;
  /** After the last byte of the memory, in whole lines. */
  readonly end: number;
  readonly bytes: Uint8Array;
  readonly weights: ImagedWeights;
  readonly temporaryBytes: number;
}

function planAt(
  engine: KernelEngine,
  prepared: PreparedCompilation,
  recorded: RecordedWeights,
  planBytes: number,
  places: ImagedPlaces,
): ImagedPlan {
  const byteLength = planBytes + places.moreBytes;
  const { address } = places;
  const memory: KernelMemory = { buffer: new ArrayBuffer(byteLength), byteOffset: 0, byteLength, address };
  const weights = new ImagedWeights(recorded, places.weightsAddress);
  const context = { ...contextOf(engine, memory, prepared), packedWeights: weights };
  const graph = compilationOf(context, prepared).plan();
  const { usedBytes, temporaryBytes } = context.arena;
  const end = address + Math.floor(byteLength / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
  const bytes = new Uint8Array(memory.buffer, 0, usedBytes);
  return { host: context.host, graph, places, end, bytes, weights, temporaryBytes };
}

function composeProgram(model: OperatorModel, first: ImagedPlan, second: ImagedPlan): Program {
  const { graph, bytes, temporaryBytes } = first;
  const kernels = new Map<string, KernelDescription>();
  const indices = new Map<string, number>();
  const partOf = ({ description, block }: { description: KernelDescription; block: number }): ProgramPart => {
    const key = kernelKey(description);
    if (!indices.has(key)) indices.set(key, kernels.size);
    kernels.set(key, description);
    return [indices.get(key)!, block - first.places.address];
  };
  const nodes = graph.nodes.map(({ steps, outputs }, index) => ({
    report: graph.report.nodes[index]!,
    outputs: outputs.map((value) => valueAt(value.name, value)),
    steps: steps.map((parts) => parts.map(partOf)),
  }));
  requireSamePlan(first, second);
  const { relocations, image } = relocate(first, second);
  if (bytes.subarray(0, graph.memory.arenaBytes).some((byte) => byte !== 0)) {
    throw new UnsupportedError('Values are written when the graph is planned');
  }
  const constants = graph.constants
    .filter(({ name, data }) => data.byteLength >= LARGE_CONSTANT_BYTES && isTensor(model, name, data))
    .map(({ name, data }) => valueAt(name, { ...model.weights.spec(name), data } as ValueData));
  const pieces = piecesBetween(graph, bytes.byteLength, constants, model);
  const { precision, threads, steps } = graph.report;
  return {
    inputs: Object.entries(graph.inputs).map(([name, value]) => valueAt(name, value)),
    outputs: Object.entries(graph.outputs).map(([name, value]) => valueAt(name, value)),
    nodes,
    memory: graph.memory,
    report: { precision, threads, steps },
    frontBytes: bytes.byteLength,
    temporaryBytes,
    pieces,
    image: concatenate(
      pieces.map(({ byteOffset, byteLength }) => image.subarray(byteOffset, byteOffset + byteLength)),
    ),
    constants,
    weights: first.weights.used,
    relocations,
    kernels: first.host.encode([...kernels.values()]),
  };
}

function valueAt(name: string, { dtype, shape, data }: ValueData): ProgramValue {
  return { name, dtype, shape, byteOffset: data.byteOffset };
}

/** Whether the file has these very numbers under this name. */
function isTensor({ weights }: OperatorModel, name: string, data: ValueData['data']): boolean {
  if (!weights.has(name)) return false;
  const stored = weights.load(name).data;
  const bytesOf = (array: ArrayBufferView) =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const [left, right] = [bytesOf(data), bytesOf(stored)];
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** All of the front behind the values, without the constants that the file holds elsewhere. */
function piecesBetween(
  { memory }: PlannedGraph,
  frontBytes: number,
  constants: readonly ProgramValue[],
  { weights }: OperatorModel,
): Program['pieces'] {
  const pieces: { byteOffset: number; byteLength: number }[] = [];
  let from = memory.arenaBytes;
  const add = (to: number) => {
    if (to > from) pieces.push({ byteOffset: from, byteLength: to - from });
  };
  for (const { name, byteOffset } of [...constants].sort((a, b) => a.byteOffset - b.byteOffset)) {
    add(byteOffset);
    from = byteOffset + weights.load(name).data.byteLength;
  }
  add(frontBytes);
  return pieces;
}

/** The kernels and the blocks of both plans are the same. */
function requireSamePlan(first: ImagedPlan, second: ImagedPlan): void {
  const outline = ({ graph, places }: ImagedPlan) => {
    const steps = graph.nodes.flatMap((node) => node.steps.flat());
    return steps
      .map(({ description, block }) => `${block - places.address} ${kernelKey(description)}`)
      .join();
  };
  if (first.bytes.byteLength === second.bytes.byteLength && outline(first) === outline(second)) return;
  throw new UnsupportedError('Kernels depend on where their memory is');
}

/** Finds all addresses. The image is the front with addresses that count from their base. */
function relocate(
  first: ImagedPlan,
  second: ImagedPlan,
): { readonly relocations: Uint32Array; readonly image: Uint8Array } {
  const image = first.bytes.slice();
  const [view, moved] = [new DataView(image.buffer), new DataView(second.bytes.buffer)];
  const relocations: number[] = [];
  for (const at of differingWords(first.bytes, second.bytes)) {
    const [one, other] = [Number(view.getBigUint64(at, true)), Number(moved.getBigUint64(at, true))];
    const { base, offset } = baseOf(first, second, one, other);
    view.setBigInt64(at, BigInt(offset), true);
    relocations.push(at, base);
  }
  return { relocations: Uint32Array.from(relocations), image };
}

function baseOf(
  first: ImagedPlan,
  second: ImagedPlan,
  one: number,
  other: number,
): { readonly base: number; readonly offset: number } {
  const moved = other - one;
  if (moved === SECOND.address - FIRST.address) {
    return { base: RELOCATION_BASE.front, offset: one - first.places.address };
  }
  if (moved === second.end - first.end) return { base: RELOCATION_BASE.end, offset: one - first.end };
  const found = moved === SECOND.weightsAddress - FIRST.weightsAddress ? first.weights.locate(one) : null;
  if (found !== null) return { base: RELOCATION_BASE.weights + found.index, offset: found.offset };
  throw new UnsupportedError('A kernel has an argument that is made of an address');
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}
