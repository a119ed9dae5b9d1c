import { setArgument } from '../src/host/argument-block.ts';
import type { KernelMemory } from '../src/host/kernel-host.ts';
import { InterpreterTarget } from '../src/target/interpreter.ts';
import type { Target, TargetTraits } from '../src/target/target.ts';
import { areaWords, COUNTS, FIELD, type OperationCase } from './operation-cases.ts';

/** A target with everything that it takes to run code on it. */
export interface OperationBackend<Code> {
  readonly name: string;
  readonly traits: TargetTraits;
  /** A new target, for one program. */
  createTarget(): Target<Code>;
  /** Memory that programs can work on, at least `byteLength` bytes. Called once per suite. */
  createMemory(byteLength: number): KernelMemory;
  /** Runs finished code once on the memory. */
  run(code: Code, memory: KernelMemory, block: number): void;
}

/** Bytes of memory that a case needs. */
export const CASE_BYTES = 2 ** 20;

// Odd places, because addresses need no alignment; but results lie at whole multiples of their size, where the comparison looks.
const PLACES = { block: 64, a: 1027, b: 8193, c: 16386, halves: 65536, destination: 196_616 } as const;
const BLOCK_BYTES = 88;
const GUARD = 0xa5;
const SMALL_REACH = 320 * 1024;
const END_BYTES = 4096;
/** Every number of 16 bits, in order. */
const HALVES = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);

/** Writes data, guard values and the argument block. Returns the address of the block. */
export function prepareCase(memory: KernelMemory, entry: OperationCase, seed: number): number {
  const { buffer, byteOffset, byteLength, address } = memory;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  bytes.fill(GUARD, 0, reachOf(entry));
  bytes.fill(GUARD, byteLength - END_BYTES);
  for (const [area, name] of (['a', 'b', 'c'] as const).entries()) {
    bytes.set(new Uint8Array(areaWords(entry.data, area, seed).buffer), PLACES[name]);
  }
  bytes.set(HALVES, PLACES.halves);
  const view = new DataView(buffer, byteOffset, byteLength);
  const argument = (index: number, value: number) => setArgument(view, PLACES.block, index, value);
  for (const name of ['a', 'b', 'c', 'destination', 'halves'] as const) {
    argument(FIELD[name], address + PLACES[name]);
  }
  for (const name of ['zero', 'one', 'three', 'thousand'] as const) argument(FIELD[name], COUNTS[name]);
  argument(FIELD.end, address + byteLength);
  argument(FIELD.count, 0);
  return address + PLACES.block;
}

/** Where the part of the memory ends that the case may write, apart from the last bytes of all. */
function reachOf({ hasManyResults = false }: OperationCase): number {
  return hasManyResults ? CASE_BYTES - END_BYTES : SMALL_REACH;
}

/**
 * What a program may have written, and the last bytes of the memory behind it; with the addresses in the block blanked, because they
 * differ between memories.
 */
function outcome({ buffer, byteOffset, byteLength }: KernelMemory, entry: OperationCase): Uint8Array {
  const reach = reachOf(entry);
  const bytes = new Uint8Array(reach + END_BYTES);
  bytes.set(new Uint8Array(buffer, byteOffset, reach));
  bytes.set(new Uint8Array(buffer, byteOffset + byteLength - END_BYTES, END_BYTES), reach);
  bytes.fill(0, PLACES.block, PLACES.block + BLOCK_BYTES);
  return bytes;
}

/** What the interpreter makes of a case with one way to round `fma`. */
function interpretCase(
  traits: TargetTraits,
  fmaRounding: 'once' | 'twice',
  entry: OperationCase,
  seed: number,
  byteLength: number,
): Uint8Array {
  const memory = { buffer: new ArrayBuffer(byteLength), byteOffset: 0, byteLength, address: 2 ** 33 };
  const block = prepareCase(memory, entry, seed);
  entry.program(new InterpreterTarget({ ...traits, fmaRounding }))(memory)(block);
  return outcome(memory, entry);
}

/** Runs a case on a backend. Returns what differs from the interpreter, with place, expected and actual value; null when nothing. */
export function findDifference<Code>(
  backend: OperationBackend<Code>,
  memory: KernelMemory,
  entry: OperationCase,
  seed: number,
): string | null {
  const block = prepareCase(memory, entry, seed);
  backend.run(entry.program(backend.createTarget()), memory, block);
  const actual = outcome(memory, entry);
  const { fmaRounding } = backend.traits;
  // Where the rounding is the host's choice, each lane may have one or the other.
  const { element } = backend.traits;
  const roundings = roundingsOf(fmaRounding, element);
  const allowed: Uint8Array[] = [];
  for (const rounding of roundings) {
    const expected = interpretCase(backend.traits, rounding, entry, seed, memory.byteLength);
    if (sameBytes(actual, expected)) return null;
    allowed.push(expected);
  }
  return firstDifference(entry, actual, allowed);
}

function firstDifference(
  entry: OperationCase,
  actual: Uint8Array,
  allowed: readonly Uint8Array[],
): string | null {
  const width = ELEMENT_BYTES[entry.output];
  const actualView = new DataView(actual.buffer);
  const views = allowed.map((bytes) => new DataView(bytes.buffer));
  for (let at = 0; at < actual.length; at += width) {
    if (views.some((view) => sameElement(entry, actualView, view, at))) continue;
    const expected = views.map((view) => spellElement(view, at, width)).join(' or ');
    const place =
      at < reachOf(entry) ? `destination + ${at - PLACES.destination}` : `end - ${actual.length - at}`;
    return `${place}: expected ${expected}, got ${spellElement(actualView, at, width)}`;
  }
  return null;
}

/** What the interpreter is asked to do: it rounds once on float32 only. */
function roundingsOf(
  fmaRounding: TargetTraits['fmaRounding'],
  element: TargetTraits['element'],
): readonly ('once' | 'twice')[] {
  if (element === 'float64') return ['twice'];
  return fmaRounding === 'host' ? ['twice', 'once'] : [fmaRounding];
}

const ELEMENT_BYTES = { bits: 1, float16: 2, bfloat16: 2, float32: 4, float64: 8 } as const;

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  const [left, right] = [new Uint32Array(a.buffer), new Uint32Array(b.buffer)];
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

function sameElement(
  { output, tolerance = 0 }: OperationCase,
  actual: DataView,
  expected: DataView,
  at: number,
): boolean {
  switch (output) {
    case 'bits':
      return actual.getUint8(at) === expected.getUint8(at);
    case 'float32': {
      const [a, e] = [actual.getFloat32(at, true), expected.getFloat32(at, true)];
      return Object.is(a, e) || Math.abs(a - e) <= tolerance;
    }
    case 'float64': {
      const [a, e] = [actual.getFloat64(at, true), expected.getFloat64(at, true)];
      return Object.is(a, e) || Math.abs(a - e) <= tolerance;
    }
    case 'float16':
    case 'bfloat16': {
      const [a, e] = [actual.getUint16(at, true), expected.getUint16(at, true)];
      const infinity = output === 'float16' ? 0x7c00 : 0x7f80;
      return a === e || ((a & 0x7fff) > infinity && (e & 0x7fff) > infinity);
    }
  }
}

function spellElement(view: DataView, at: number, width: number): string {
  if (width === 8) return String(view.getFloat64(at, true));
  if (width === 4) return `${view.getFloat32(at, true)} (0x${view.getUint32(at, true).toString(16)})`;
  return `0x${(width === 2 ? view.getUint16(at, true) : view.getUint8(at)).toString(16)}`;
}
