import { Random } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import { encodeRecord } from '../../circuit/circuit-data.ts';
import { adjoint, applyToColumns, identityMatrix, multiplyMatrices } from '../../circuit/complex-matrix.ts';
import { expandInstruction } from '../../circuit/expand-instruction.ts';
import {
  bodiesOf,
  type Instruction,
  instructionName,
  isControlFlow,
  isUnitaryKind,
  type UnitaryKind,
} from '../../circuit/instruction.ts';
import { instructionMatrix } from '../../circuit/instruction-matrix.ts';
import { bindInstruction } from '../../circuit/place-instruction.ts';
import { gatherPairs } from './gather-pairs.ts';
import { expandMatrix, type PauliExpansion } from './pauli-expansion.ts';

/** A unitary on one or more lines. */
export interface GateOperation {
  readonly kind: 'gate';
  readonly lines: readonly number[];
  /** `[2^k, 2^k, 2]`. */
  readonly matrix: Float64Array;
  /** For each line the Bloch axis whose Pauli matrix it commutes with, null where there is none. */
  readonly axes: readonly (Float64Array | null)[];
}

/** An instruction that is no unitary. */
export interface FenceOperation {
  readonly kind: 'fence';
  readonly lines: readonly number[];
  readonly instruction: Exclude<Instruction, UnitaryKind>;
  /** The classical things that it reads or writes: `bit 3`, `control`. */
  readonly resources: readonly string[];
  /** Which of the circuit's classical steps it is, from 0; -1 for measurements, resets and preparations. */
  readonly step: number;
}

export type Operation = GateOperation | FenceOperation;

/** How operations are read from a circuit. */
export interface ReadOptions {
  /** Backwards, gates inverted. */
  readonly reversed: boolean;
  /** Where the circuit stands: one path for both circuits of a comparison. Variables have other values on other paths. */
  readonly path: string;
  readonly seed: number;
}

/** Gates on more qubits, that cannot be taken apart, are refused. */
const MOST_GATE_LINES = 5;

/** What a circuit does, one gate on each pair of lines where several follow each other; null where a gate is too large. */
export function readOperations(circuit: Circuit, options: ReadOptions): readonly Operation[] | null {
  const raw: Operation[] = [];
  let step = 0;
  for (const instruction of circuit.instructions) {
    if (isUnitaryKind(instruction)) {
      const bound = bindVariables(instruction, `${options.path}#${step}`, options.seed);
      if (!pushGates(bound, raw)) return null;
    } else {
      const fence = readFence(instruction, circuit, step);
      if (fence.step >= 0) step++;
      raw.push(fence);
    }
  }
  if (!options.reversed) return gatherPairs(mergeGates(raw));
  const backwards = mergeGates(
    raw.reverse().map((item) => (item.kind === 'gate' ? { ...item, matrix: adjoint(item.matrix) } : item)),
  );
  return gatherPairs(backwards);
}

/** Free names are classical variables: any number stands for the value that they have between two classical steps. */
function bindVariables(instruction: UnitaryKind, place: string, seed: number): UnitaryKind {
  const names = new Set<string>();
  const collect = (part: UnitaryKind): void => {
    const angles =
      part.kind === 'gate' ? part.parameters : part.kind === 'pauli-evolution' ? [part.time] : [];
    for (const angle of angles)
      if (typeof angle !== 'number') for (const name of angle.names) names.add(name);
    if (part.kind === 'controlled') collect(part.body);
  };
  collect(instruction);
  if (names.size === 0) return instruction;
  const random = new Random(seed);
  const valueFor = (name: string) => 1 + random.fork(`${place} ${name}`).uniform();
  const values = Object.fromEntries([...names].map((name) => [name, valueFor(name)]));
  return bindInstruction(instruction, values, (body) => body) as UnitaryKind;
}

function pushGates(instruction: UnitaryKind, operations: Operation[]): boolean {
  const { qubits } = instruction;
  if (qubits.length === 0) return true;
  const parts = qubits.length > 3 ? expandInstruction(instruction) : null;
  if (parts !== null) return parts.every((part) => pushGates(part as UnitaryKind, operations));
  if (qubits.length > MOST_GATE_LINES) return false;
  operations.push({ kind: 'gate', lines: qubits, matrix: instructionMatrix(instruction), axes: [] });
  return true;
}

function readFence(
  instruction: Exclude<Instruction, UnitaryKind>,
  { qubitCount, clbitCount }: Circuit,
  step: number,
): FenceOperation {
  const bits = (clbits: readonly number[]) => clbits.map((clbit) => `bit ${clbit}`);
  const fence = { kind: 'fence', instruction, step: -1, resources: [], lines: instruction.qubits } as const;
  if (instruction.kind === 'measure') return { ...fence, resources: bits([instruction.clbit]) };
  if (isControlFlow(instruction)) {
    return { ...fence, step, resources: ['control', ...bits(instruction.clbits)] };
  }
  // Assignments and jumps are rare: they wait for every bit.
  const all = {
    step,
    resources: ['control', ...bits(Array.from({ length: clbitCount }, (_, clbit) => clbit))],
  };
  if (instruction.kind === 'assign') return { ...fence, ...all };
  if (instruction.kind === 'break' || instruction.kind === 'continue') {
    return { ...fence, ...all, lines: Array.from({ length: qubitCount }, (_, line) => line) };
  }
  return fence;
}

/** True where a jump out of a loop stands in one of the bodies. */
export function hasJump(circuit: Circuit): boolean {
  return circuit.instructions.some((instruction) => {
    const name = instructionName(instruction);
    if (name === 'break' || name === 'continue') return true;
    return isControlFlow(instruction) && bodiesOf(instruction).some(hasJump);
  });
}

/** Multiplies gates on the same two lines that follow each other, with what stands between them on one line. */
function mergeGates(raw: readonly Operation[]): readonly Operation[] {
  const merged: Operation[] = [];
  /** The last gate on two lines, where nothing but gates on one line came after it. */
  const open = new Map<number, number>();
  const waiting = new Map<number, Float64Array>();
  const flush = (line: number) => {
    const matrix = waiting.get(line);
    if (matrix !== undefined) merged.push({ kind: 'gate', lines: [line], matrix, axes: [] });
    waiting.delete(line);
  };
  for (const item of raw) {
    const { lines } = item;
    if (item.kind === 'gate' && lines.length === 1) {
      const before = waiting.get(lines[0]!);
      waiting.set(lines[0]!, before ? multiplyMatrices(item.matrix, before) : item.matrix);
      continue;
    }
    const index = open.get(lines[0]!);
    if (item.kind === 'gate' && lines.length === 2 && index !== undefined && index === open.get(lines[1]!)) {
      merged[index] = joinGates(merged[index] as GateOperation, item, waiting);
      continue;
    }
    for (const line of lines) flush(line);
    const at = merged.push(item) - 1;
    const isPair = item.kind === 'gate' && lines.length === 2;
    for (const line of lines)
      if (isPair) open.set(line, at);
      else open.delete(line);
  }
  for (const line of [...waiting.keys()]) flush(line);
  return merged.flatMap((item): Operation[] => (item.kind === 'gate' ? withAxes(item) : [item]));
}

function joinGates(
  first: GateOperation,
  second: GateOperation,
  waiting: Map<number, Float64Array>,
): GateOperation {
  const matrix = first.matrix.slice();
  first.lines.forEach((line, bit) => {
    const between = waiting.get(line);
    if (between !== undefined) applyToColumns(matrix, between, [bit]);
    waiting.delete(line);
  });
  applyToColumns(
    matrix,
    second.matrix,
    second.lines.map((line) => first.lines.indexOf(line)),
  );
  return { ...first, matrix };
}

/** The gate on the lines that it does something to, with its axes; nothing for the identity. */
export function withAxes({ lines, matrix }: GateOperation): GateOperation[] {
  const expansion = expandMatrix(matrix, lines);
  const axes = lines.map((_, bit) => axisOf(expansion, bit));
  const idle = axes.map((axis) => axis === 'every');
  if (idle.every(Boolean)) return [];
  if (!idle.some(Boolean)) return [{ kind: 'gate', lines, matrix, axes: axes as (Float64Array | null)[] }];
  const kept = lines.flatMap((_, bit) => (idle[bit] ? [] : [bit]));
  return [
    {
      kind: 'gate',
      lines: kept.map((bit) => lines[bit]!),
      matrix: restrictMatrix(matrix, lines.length, kept),
      axes: kept.map((bit) => axes[bit] as Float64Array | null),
    },
  ];
}

/** The part on some bits of a matrix that leaves the others alone. */
function restrictMatrix(matrix: Float64Array, bitCount: number, kept: readonly number[]): Float64Array {
  const small = identityMatrix(2 ** kept.length);
  const size = 2 ** kept.length;
  const place = (index: number) => kept.reduce((moved, bit, i) => moved | (((index >> i) & 1) << bit), 0);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const from = 2 * (place(row) * 2 ** bitCount + place(column));
      small[2 * (row * size + column)] = matrix[from]!;
      small[2 * (row * size + column) + 1] = matrix[from + 1]!;
    }
  }
  return small;
}

/** Amplitudes below this do not count. */
const NOTHING = 1e-11;

/**
 * The axis `n` for which an operator commutes with `n.sigma` on one wire: where its parts with X, Y and Z there are all along `n`.
 * `every` where it has no such parts, null where they have no axis in common.
 */
function axisOf({ x, z, re, im }: PauliExpansion, bit: number): Float64Array | 'every' | null {
  // For each string on the other wires, the coefficients of X, Y and Z on this one.
  const parts = new Map<number, Float64Array>();
  for (let term = 0; term < x.length; term++) {
    const letter = ((x[term]! >> bit) & 1) | (((z[term]! >> bit) & 1) << 1);
    if (letter === 0) continue;
    const key = (x[term]! & ~(1 << bit)) * 1024 + (z[term]! & ~(1 << bit));
    const part = parts.get(key) ?? new Float64Array(6);
    parts.set(key, part);
    const axis = [0, 0, 2, 1][letter]!;
    part[2 * axis] = re[term]!;
    part[2 * axis + 1] = im[term]!;
  }
  const vectors = [...parts.values()];
  const largest = vectors.reduce<Float64Array | null>(
    (best, part) => (best && norm(best) >= norm(part) ? best : part),
    null,
  );
  if (largest === null || norm(largest) < NOTHING) return 'every';
  const direction = realDirection(largest);
  if (direction === null) return null;
  for (const part of vectors) {
    for (const offset of [0, 1]) {
      const along = direction.reduce((sum, value, axis) => sum + value * part[2 * axis + offset]!, 0);
      const isAlong = direction.every(
        (value, axis) => Math.abs(part[2 * axis + offset]! - along * value) < NOTHING,
      );
      if (!isAlong) return null;
    }
  }
  return direction;
}

function norm(part: Float64Array): number {
  return Math.hypot(...part);
}

/** The unit vector that a complex one is a multiple of, its first component that is not 0 positive; null when there is none. */
function realDirection(vector: Float64Array): Float64Array | null {
  const axis = [0, 1, 2].reduce((best, at) =>
    Math.hypot(vector[2 * at]!, vector[2 * at + 1]!) >
    Math.hypot(vector[2 * best]!, vector[2 * best + 1]!) + NOTHING
      ? at
      : best,
  );
  const [cr, ci] = [vector[2 * axis]!, vector[2 * axis + 1]!];
  const weight = cr * cr + ci * ci;
  const direction = new Float64Array(3);
  for (let at = 0; at < 3; at++) {
    const [re, im] = [vector[2 * at]!, vector[2 * at + 1]!];
    direction[at] = (re * cr + im * ci) / weight;
    if (Math.abs((im * cr - re * ci) / weight) > 1e-9) return null;
  }
  const length = Math.hypot(...direction);
  return direction.map((value) => value / length);
}

/** Everything about an instruction but its qubits and bodies, as text. */
export function describeFence({ instruction }: FenceOperation): string {
  const { qubits: _, ...rest } = encodeRecord(instruction) as Record<string, unknown>;
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (typeof value !== 'object' || value === null) return value;
    if ((value as { format?: unknown }).format === 'qedge-circuit') return 'body';
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, strip(inner)]));
  };
  return JSON.stringify(strip(rest));
}

/** For each operation the share of gates on several lines that come before it. */
export function sharesOf(operations: readonly Operation[]): Float64Array {
  const total = operations.reduce((count, { lines }) => count + Number(lines.length > 1), 0);
  let before = 0;
  return Float64Array.from(operations, ({ lines }) => (lines.length > 1 ? before++ : before) / total);
}
