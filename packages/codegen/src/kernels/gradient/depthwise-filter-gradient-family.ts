import { Random } from '@qedge/core';
import {
  DEPTHWISE_FILTER_GRADIENT_ARGUMENT_COUNT,
  DEPTHWISE_FILTER_GRADIENT_ARGUMENTS,
  type DepthwiseFilterGradientDescription,
} from '../../description/gradient.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireWindow, windowKey, windowOutput } from '../../description/window.ts';
import { referenceDepthwiseFilterGradient } from '../../reference/gradient.ts';
import type { Target, Vector } from '../../target/target.ts';
import { UNIT_ROUNDOFF } from '../../target/unit-roundoff.ts';
import { arrayTrial, drawFloats, readFloat32 } from '../elements/array-trial.ts';
import { WORD_BYTES } from '../elements/element-loop.ts';
import type { KernelFamily, KernelTrial } from '../kernel-family.ts';
import { Cursor, emitRepeated } from '../window/cursor.ts';
import { windowGeometry } from '../window/window-geometry.ts';
import { emitWindowWalk, type MetTap } from './walk-windows.ts';

/** A vector for the gradient, and one for cells. */
const OPERAND_VECTORS = 2;

function emitDepthwiseFilterGradient(
  target: Target<unknown>,
  { batch, input, window }: DepthwiseFilterGradientDescription,
): void {
  const { traits } = target;
  const { lanes } = traits;
  const taps = window.height * window.width;
  const together = Math.min(taps, traits.vectors - OPERAND_VECTORS - traits.temporaries.fma);
  const output = windowOutput(input, window);
  const geometry = windowGeometry(batch, input, window, input.channels, { from: 0, count: output.height });
  const claim = (name: keyof typeof DEPTHWISE_FILTER_GRADIENT_ARGUMENTS) => {
    const cursor = new Cursor(target, target.pointer(name));
    target.argument(cursor.pointer, DEPTHWISE_FILTER_GRADIENT_ARGUMENTS[name]);
    return cursor;
  };
  const [cells, gradient, result] = [claim('input'), claim('gradient'), claim('output')];
  const [passed, cell] = target.vectors('operands', OPERAND_VECTORS) as [Vector, Vector];
  const sums = target.vectors('sums', together);
  const emitTaps = (firstTap: number, width: number) => {
    const group = sums.slice(0, Math.min(together, taps - firstTap));
    for (const sum of group) target.zero(sum);
    const starts = [cells.position, gradient.position];
    const steps = [
      [cells, geometry.inputImageBytes],
      [gradient, geometry.outputImageBytes],
    ] as const;
    emitRepeated(target, batch, steps, () => {
      emitWindowWalk(target, geometry, { inputs: [cells], outputs: [gradient] }, (met) => {
        const own = met.filter(({ tap }) => tap >= firstTap && tap < firstTap + group.length);
        if (own.length === 0) return;
        target.load(passed, { base: gradient.pointer, offset: 0 }, width);
        emitProducts(target, cells, own, width, cell, passed, (tap) => group[tap - firstTap]!);
      });
    });
    cells.moveTo(starts[0]!);
    gradient.moveTo(starts[1]!);
    for (const [i, sum] of group.entries()) {
      const offset = (firstTap + i) * input.channels * WORD_BYTES;
      target.store(sum, { base: result.pointer, offset }, width);
    }
  };
  const emitChannels = (width: number) => {
    for (let firstTap = 0; firstTap < taps; firstTap += together) emitTaps(firstTap, width);
  };
  const [vectors, rest] = [Math.floor(input.channels / lanes), input.channels % lanes];
  const steps = [cells, gradient, result].map((cursor) => [cursor, lanes * WORD_BYTES] as const);
  if (vectors > 0) emitRepeated(target, vectors, steps, () => emitChannels(lanes));
  if (rest > 0) emitChannels(rest);
}

/** Adds the products of one output. The first tap that is met is the base of the others. */
function emitProducts(
  target: Target<unknown>,
  cells: Cursor,
  met: readonly MetTap[],
  width: number,
  cell: Vector,
  passed: Vector,
  sumOf: (tap: number) => Vector,
): void {
  const start = cells.position;
  const [{ position: base }] = met as readonly [MetTap, ...MetTap[]];
  cells.moveTo(start + base);
  for (const { tap, position } of met) {
    target.load(cell, { base: cells.pointer, offset: position - base }, width);
    target.fma(sumOf(tap), cell, passed);
  }
  cells.moveTo(start);
}

function depthwiseFilterGradientTrial(
  description: DepthwiseFilterGradientDescription,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  const { batch, input, window } = description;
  const output = windowOutput(input, window);
  const random = new Random(seed);
  const x = drawFloats(random, batch * input.height * input.width * input.channels, false);
  const gradient = drawFloats(random, batch * output.height * output.width * input.channels, false);
  const result = {
    argument: DEPTHWISE_FILTER_GRADIENT_ARGUMENTS.output,
    rows: window.height * window.width,
    width: input.channels,
    stride: input.channels,
    elementBytes: WORD_BYTES,
    read: readFloat32,
    expectRow: (tap: number) => (channel: number) => {
      const { sum, magnitude, terms } = referenceDepthwiseFilterGradient(
        description,
        x,
        gradient,
        tap,
        channel,
      );
      return { value: sum, tolerance: (terms + 2) * UNIT_ROUNDOFF * magnitude };
    },
  };
  const operands = [
    { argument: DEPTHWISE_FILTER_GRADIENT_ARGUMENTS.input, content: x },
    { argument: DEPTHWISE_FILTER_GRADIENT_ARGUMENTS.gradient, content: gradient },
  ];
  return arrayTrial(
    { argumentCount: DEPTHWISE_FILTER_GRADIENT_ARGUMENT_COUNT, operands, scalars: [], result },
    effort,
    seed,
  );
}

/** {@link DepthwiseFilterGradientDescription}. */
export const DEPTHWISE_FILTER_GRADIENT: KernelFamily<DepthwiseFilterGradientDescription> = {
  kind: 'depthwise-filter-gradient',
  validate({ batch, input, window }) {
    requireInteger('batch of images', batch, 1);
    requireWindow(input, window, input.channels);
  },
  key: ({ batch, input, window }) => `depthwise-filter-gradient-${batch}x${windowKey(input, window)}`,
  emit: emitDepthwiseFilterGradient,
  trial: (description, _traits, effort, seed) => depthwiseFilterGradientTrial(description, effort, seed),
};
