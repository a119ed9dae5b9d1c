import { InvalidArgumentError } from '@qedge/core';
import { PEAK_ARGUMENTS, type PeakDescription } from '../../description/peak.ts';
import { requireKnown } from '../../description/require-known.ts';
import { setArgument } from '../../host/argument-block.ts';
import type { Target, TargetTraits, Vector } from '../../target/target.ts';
import type { KernelFamily, KernelTrial } from '../kernel-family.ts';

/** Accumulators in flight: more than any core needs to hide the latency of two units, no more than the registers hold. */
function accumulatorCount(description: PeakDescription, { vectors, temporaries }: TargetTraits): number {
  return Math.min(16, vectors - 2 - temporaries[description.operation]);
}

/** Multiplications and additions that one call does. */
export function peakOperations(description: PeakDescription, traits: TargetTraits): number {
  const perLane = description.operation === 'fma' ? 1 : traits.dot === 'bytes' ? 4 : 2;
  return 2 * perLane * traits.lanes * accumulatorCount(description, traits) * description.turns;
}

function emitPeak(target: Target<unknown>, description: PeakDescription): void {
  const [a, b] = target.vectors('operands', 2) as [Vector, Vector];
  const accumulators = target.vectors('accumulators', accumulatorCount(description, target.traits));
  const pointer = target.pointer('operands and result');
  for (const [operand, index] of [
    [a, PEAK_ARGUMENTS.a],
    [b, PEAK_ARGUMENTS.b],
  ] as const) {
    target.argument(pointer, index);
    target.load(operand, { base: pointer, offset: 0 });
  }
  for (const accumulator of accumulators) target.zero(accumulator);
  target.loop(description.turns, () => {
    for (const accumulator of accumulators) target[description.operation](accumulator, a, b);
  });
  const [sum, ...others] = accumulators as [Vector, ...Vector[]];
  for (const other of others) {
    if (description.operation === 'fma') target.float('add', sum, sum, other);
    else target.integer('add', sum, sum, other);
  }
  target.argument(pointer, PEAK_ARGUMENTS.result);
  target.store(sum, { base: pointer, offset: 0 });
}

/** Ones, so that the sum is the number of products: exact in float32 up to 2^24. */
function peakTrial(description: PeakDescription, traits: TargetTraits): KernelTrial {
  const [a, b, result, block] = [0, 64, 128, 192];
  const expected = peakOperations(description, traits) / 2 / traits.lanes;
  const isFloat = description.operation === 'fma';
  return {
    byteLength: 256,
    prepare({ buffer, byteOffset, address }) {
      const words = new Int32Array(buffer, byteOffset, 64).fill(-1);
      if (isFloat) new Float32Array(buffer, byteOffset, 2 * traits.lanes + 16).fill(1);
      else words.fill(traits.dot === 'bytes' ? 0x01010101 : 0x00010001, 0, 32);
      const view = new DataView(buffer);
      for (const [index, offset] of [a, b, result].entries()) {
        setArgument(view, byteOffset + block, index, address + offset);
      }
      return address + block;
    },
    findError({ buffer, byteOffset }) {
      const place = [buffer, byteOffset + result, traits.lanes] as const;
      const results = isFloat ? new Float32Array(...place) : new Int32Array(...place);
      const lane = results.findIndex((value) => value !== expected);
      return lane < 0 ? null : `lane ${lane}: expected ${expected}, got ${results[lane]}`;
    },
  };
}

/** {@link PeakDescription}. */
export const PEAK: KernelFamily<PeakDescription> = {
  kind: 'peak',
  validate({ operation, turns }) {
    const [least, most] = [1, 2 ** 18];
    requireKnown('operation of a peak kernel', operation, ['fma', 'dot']);
    if (Number.isSafeInteger(turns) && turns >= least && turns <= most) return;
    throw new InvalidArgumentError('The turns of a peak kernel are out of range', {
      expected: `an integer from ${least} to ${most}`,
      actual: turns,
    });
  },
  key: ({ operation, turns }) => `peak-${operation}-${turns}`,
  emit: emitPeak,
  trial: peakTrial,
};
