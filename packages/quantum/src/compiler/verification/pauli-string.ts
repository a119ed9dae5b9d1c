import { popCount } from './pauli-expansion.ts';

/**
 * `i^quarterTurns X^x Z^z` on many wires: wire `w` is bit `w & 31` of word `w >> 5`. Hermitian where `quarterTurns - |x & z|` is even, with
 * a plus sign where that is a multiple of 4.
 */
export interface PauliString {
  readonly x: Int32Array;
  readonly z: Int32Array;
  readonly quarterTurns: number;
}

/** A single X or Z. */
export function singleLetter(letter: 'x' | 'z', wire: number, wordCount: number): PauliString {
  const string = { x: new Int32Array(wordCount), z: new Int32Array(wordCount), quarterTurns: 0 };
  string[letter][wire >> 5]! |= 1 << (wire & 31);
  return string;
}

/** `first second`, with `turns` more quarter turns. */
export function multiplyStrings(first: PauliString, second: PauliString, turns = 0): PauliString {
  const words = first.x.length;
  const [x, z] = [new Int32Array(words), new Int32Array(words)];
  let exchanges = 0;
  for (let word = 0; word < words; word++) {
    x[word] = first.x[word]! ^ second.x[word]!;
    z[word] = first.z[word]! ^ second.z[word]!;
    exchanges += popCount(first.z[word]! & second.x[word]!);
  }
  return { x, z, quarterTurns: (first.quarterTurns + second.quarterTurns + 2 * exchanges + turns) & 3 };
}

/** Whether two strings can be exchanged without a sign. */
export function doCommute(a: PauliString, b: PauliString): boolean {
  let exchanges = 0;
  for (let word = 0; word < a.x.length; word++) {
    exchanges ^= (a.z[word]! & b.x[word]!) ^ (a.x[word]! & b.z[word]!);
  }
  return (popCount(exchanges) & 1) === 0;
}

/** The sign of a Hermitian string. */
export function signOf({ x, z, quarterTurns }: PauliString): 1 | -1 {
  return ((quarterTurns - countYs(x, z)) & 3) === 0 ? 1 : -1;
}

/** The same letters with a plus sign. */
export function withoutSign({ x, z }: PauliString): PauliString {
  return { x, z, quarterTurns: countYs(x, z) & 3 };
}

/** Equal for equal letters. */
export function lettersKey({ x, z }: PauliString): string {
  return `${x.join()}|${z.join()}`;
}

function countYs(x: Int32Array, z: Int32Array): number {
  let count = 0;
  for (let word = 0; word < x.length; word++) count += popCount(x[word]! & z[word]!);
  return count;
}
