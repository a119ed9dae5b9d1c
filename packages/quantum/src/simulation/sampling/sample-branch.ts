import type { Random } from '@qedge/core';
import type { Branch } from '../program/branch.ts';
import { circuitFrame, type ProgramLayout } from '../program/program-layout.ts';
import { drawIndices } from './draw-indices.ts';
import { mapOutcomes } from './map-outcomes.ts';
import { Sample, wordCount } from './sample.ts';

/** Outcomes that one branch gave, with repetitions. */
export interface SamplePart {
  /** `[count, words]`. */
  readonly outcomes: Uint32Array;
  /** `[count]`. */
  readonly frequencies: Uint32Array;
}

/** What the shots of a finished branch give: its classical bits and its measurements at the end, or all qubits. */
export function sampleBranch(
  branch: Branch,
  layout: ProgramLayout,
  bitCount: number,
  random: Random,
): SamplePart {
  const { final, measures } = layout;
  const fixed = new Uint32Array(wordCount(bitCount));
  const frame = circuitFrame(layout, branch.frame);
  const bitsOfQubit: number[][] = Array.from(frame.qubits, () => []);
  if (measures) {
    branch.memory.bits.forEach((bit, clbit) => {
      if (bit === 1) fixed[clbit >>> 5] = (fixed[clbit >>> 5]! | (1 << (clbit & 31))) >>> 0;
    });
    for (const { qubit, clbit } of final) {
      bitsOfQubit[qubit]!.push(clbit);
      // Whatever an initial value wrote there is overwritten.
      fixed[clbit >>> 5] = (fixed[clbit >>> 5]! & ~(1 << (clbit & 31))) >>> 0;
    }
    if (final.length === 0) return { outcomes: fixed, frequencies: Uint32Array.of(branch.shots) };
  } else for (const [qubit, bits] of bitsOfQubit.entries()) bits.push(qubit);
  const drawn = drawIndices(branch.state, frame, branch.shots, random);
  return {
    outcomes: mapOutcomes(drawn, frame, bitsOfQubit, bitCount, fixed),
    frequencies: drawn.frequencies,
  };
}

/** All outcomes of all branches. */
export function joinParts(bitCount: number, parts: readonly SamplePart[]): Sample {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) {
    return Sample.fromOutcomes(bitCount, only.outcomes, only.frequencies);
  }
  const length = (key: keyof SamplePart) => parts.reduce((sum, part) => sum + part[key].length, 0);
  const outcomes = new Uint32Array(length('outcomes'));
  const frequencies = new Uint32Array(length('frequencies'));
  let [outcomeStart, frequencyStart] = [0, 0];
  for (const part of parts) {
    outcomes.set(part.outcomes, outcomeStart);
    frequencies.set(part.frequencies, frequencyStart);
    outcomeStart += part.outcomes.length;
    frequencyStart += part.frequencies.length;
  }
  return Sample.fromOutcomes(bitCount, outcomes, frequencies);
}
