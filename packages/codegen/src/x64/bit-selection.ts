import type { Assembler } from './assembler.ts';
import { hasFeature } from './features.ts';
import type { GeneralRegister } from './registers.ts';

/** Bits that stay side by side: `length` bits from `from` go to `to` and above. */
export interface BitRun {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** Selected bits as runs: bit i of the result is bit `positions[i]`, moved up by `shift`. */
export function bitRuns(positions: readonly number[], shift: number): BitRun[] {
  const runs: { from: number; to: number; length: number }[] = [];
  positions.forEach((from, i) => {
    const last = runs.at(-1);
    if (last !== undefined && from === last.from + last.length) last.length += 1;
    else runs.push({ from, to: shift + i, length: 1 });
  });
  return runs;
}

/** The number with these bits; exact below 2^53. */
export function bitMask(positions: readonly number[]): number {
  return positions.reduce((sum, position) => sum + 2 ** position, 0);
}

/** `destination = ` the bits of `source` at `positions`, moved up by `shift`. */
export function selectBits(
  assembler: Assembler,
  destination: GeneralRegister,
  source: GeneralRegister,
  positions: readonly number[],
  shift: number,
  scratch: GeneralRegister,
): void {
  const runs = bitRuns(positions, shift);
  const isAscending = positions.every((position, i) => i === 0 || position > positions[i - 1]!);
  if (runs.length > 1 && isAscending && hasFeature(assembler.features, 'bmi2')) {
    assembler.movWide(scratch, bitMask(positions));
    assembler.pext(destination, source, scratch);
    if (shift > 0) assembler.shiftLeft(destination, shift);
    return;
  }
  runs.forEach(({ from, to, length }, i) => {
    const part = i === 0 ? destination : scratch;
    assembler.mov(part, source);
    if (from > to) assembler.shiftRight(part, from - to);
    else if (to > from) assembler.shiftLeft(part, to - from);
    assembler.andImmediate(part, (2 ** length - 1) * 2 ** to);
    if (i > 0) assembler.or(destination, scratch);
  });
}
