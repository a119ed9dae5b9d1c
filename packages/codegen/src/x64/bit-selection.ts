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
  let last: (typeof runs)[number] | undefined;
  for (let i = 0; i < positions.length; i++) {
    const from = positions[i]!;
    if (last !== undefined && from === last.from + last.length) {
      last.length += 1;
      continue;
    }
    last = { from, to: shift + i, length: 1 };
    runs.push(last);
  }
  return runs;
}

/** The number with these bits; exact below 2^53. */
export function bitMask(positions: readonly number[]): number {
  let mask = 0;
  for (const position of positions) mask += 2 ** position;
  return mask;
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
