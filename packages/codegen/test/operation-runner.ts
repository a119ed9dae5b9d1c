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
const PLACES = { block: 64, a: 1027, b: 8193, c: 16386, halves: 65536, destination: 262_148 } as const;
const BLOCK_BYTES = 88;
const GUARD = 0xa5;
/** Every number of 16 bits, in order. */
const HALVES = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);

/** Writes data, guard values and the argument block. Returns the address of the block. */
export function prepareCase(memory: KernelMemory, { data }: OperationCase, seed: number): number {
  const { buffer, byteOffset, byteLength, address } = memory;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength).fill(GUARD);
  for (const [area, name] of (['a', 'b', 'c'] as const).entries()) {
    bytes.set(new Uint8Array(areaWords(data, area, seed).buffer), PLACES[name]);
  }
  bytes.set(HALVES, PLACES.halves);
  const view = new DataView(buffer, byteOffset, byteLength);
  const argument = (index: number, value: number) => setArgument(view, PLACES.block, index, value);
  for (const name of ['a', 'b', 'c', 'destination', 'halves'] as const)
    argument(FIELD[name], address + PLACES[name]);
  for (const name of ['zero', 'one', 'three', 'thousand'] as const) argument(FIELD[name], COUNTS[name]);
  argument(FIELD.end, address + byteLength);
  argument(FIELD.count, 0);
  return address + PLACES.block;
}

/** Everything that a program may have written, with the addresses in the block blanked: they differ between memories. */
function outcome({ buffer, byteOffset, byteLength }: KernelMemory): Uint8Array {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength).slice();
  bytes.fill(0, PLACES.block, PLACES.block + BLOCK_BYTES);
  return bytes;
}

/** What the interpreter makes of a case: one outcome, or two where the rounding of `fma` is the host's choice. */
export function interpretCase(
  traits: TargetTraits,
  entry: OperationCase,
  seed: number,
  byteLength: number,
): Uint8Array[] {
  const roundings = traits.fmaRounding === 'host' ? (['once', 'twice'] as const) : [traits.fmaRounding];
  return roundings.map((fmaRounding) => {
    const memory = { buffer: new ArrayBuffer(byteLength), byteOffset: 0, byteLength, address: 2 ** 33 };
    const block = prepareCase(memory, entry, seed);
    entry.program(new InterpreterTarget({ ...traits, fmaRounding }))(memory)(block);
    return outcome(memory);
  });
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
  const actual = outcome(memory);
  const allowed = interpretCase(backend.traits, entry, seed, memory.byteLength);
  if (allowed.some((expected) => sameBytes(actual, expected))) return null;
  const width = ELEMENT_BYTES[entry.output];
  const actualView = new DataView(actual.buffer);
  const views = allowed.map((bytes) => new DataView(bytes.buffer));
  for (let at = 0; at < actual.length; at += width) {
    if (views.some((view) => sameElement(entry, actualView, view, at))) continue;
    const expected = views.map((view) => spellElement(view, at, width)).join(' or ');
    const place = `destination + ${at - PLACES.destination}`;
    return `${place}: expected ${expected}, got ${spellElement(actualView, at, width)}`;
  }
  return null;
}

const ELEMENT_BYTES = { bits: 1, float16: 2, bfloat16: 2, float32: 4 } as const;

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
    case 'float16':
    case 'bfloat16': {
      const [a, e] = [actual.getUint16(at, true), expected.getUint16(at, true)];
      const infinity = output === 'float16' ? 0x7c00 : 0x7f80;
      return a === e || ((a & 0x7fff) > infinity && (e & 0x7fff) > infinity);
    }
  }
}

function spellElement(view: DataView, at: number, width: number): string {
  if (width === 4) return `${view.getFloat32(at, true)} (0x${view.getUint32(at, true).toString(16)})`;
  return `0x${(width === 2 ? view.getUint16(at, true) : view.getUint8(at)).toString(16)}`;
}
