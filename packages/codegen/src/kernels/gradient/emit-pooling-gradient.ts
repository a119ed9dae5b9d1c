import { POOLING_GRADIENT_ARGUMENTS, type PoolingGradientDescription } from '../../description/gradient.ts';
import { windowOutput } from '../../description/window.ts';
import type { Target, Vector } from '../../target/target.ts';
import { emitElementLoop, emitStore, WORD_BYTES } from '../elements/element-loop.ts';
import { Cursor, emitRepeated } from '../window/cursor.ts';
import { windowGeometry } from '../window/window-geometry.ts';
import { emitWindowWalk, type MetTap } from './walk-windows.ts';

/** Vectors of zeros that are stored per turn. */
const ZERO_PORTIONS = 4;

interface GradientRegisters {
  readonly gradient: Vector;
  readonly largest: Vector;
  readonly found: Vector;
  readonly cell: Vector;
  readonly mask: Vector;
}

/** Emits the kernel that `description` states. Arguments: {@link POOLING_GRADIENT_ARGUMENTS}. */
export function emitPoolingGradient(target: Target<unknown>, description: PoolingGradientDescription): void {
  const { operation, batch, input, window } = description;
  const { lanes } = target.traits;
  const output = windowOutput(input, window);
  const geometry = windowGeometry(batch, input, window, input.channels, { from: 0, count: output.height });
  const claim = (name: keyof typeof POOLING_GRADIENT_ARGUMENTS) => {
    const cursor = new Cursor(target, target.pointer(name));
    target.argument(cursor.pointer, POOLING_GRADIENT_ARGUMENTS[name]);
    return cursor;
  };
  const cells = operation === 'max' ? claim('input') : null;
  const gradient = claim('gradient');
  const result = claim('output');
  const [zero, scale, ...others] = target.vectors('gradient', 7) as [Vector, Vector, ...Vector[]];
  const [value, largest, found, cell, mask] = others as [Vector, Vector, Vector, Vector, Vector];
  const registers = { gradient: value, largest, found, cell, mask };
  target.zero(zero);
  target.constant(scale, 1 / (window.height * window.width));
  const inputs = cells === null ? [result] : [result, cells];
  const images = [
    ...inputs.map((cursor) => [cursor, geometry.inputImageBytes] as const),
    [gradient, geometry.outputImageBytes] as const,
  ];
  emitRepeated(target, batch, images, () => {
    emitZeros(target, result, input.height * input.width * input.channels, zero);
    emitWindowWalk(target, geometry, { inputs, outputs: [gradient] }, (taps) => {
      const all = [...inputs, gradient];
      const [vectors, rest] = [Math.floor(input.channels / lanes), input.channels % lanes];
      const starts = all.map((cursor) => cursor.position);
      const steps = all.map((cursor) => [cursor, lanes * WORD_BYTES] as const);
      const emit = (width: number) => {
        target.load(value, { base: gradient.pointer, offset: 0 }, width);
        if (cells === null) {
          target.float('multiply', value, value, scale);
          emitAddEverywhere(target, result, taps, width, registers);
        } else emitAddToLargest(target, cells, result, taps, width, registers);
      };
      if (vectors > 0) emitRepeated(target, vectors, steps, () => emit(lanes));
      if (rest > 0) emit(rest);
      for (const [i, cursor] of all.entries()) cursor.moveTo(starts[i]!);
    });
  });
}

function emitZeros(target: Target<unknown>, { pointer }: Cursor, length: number, zero: Vector): void {
  const streams = [{ pointer, elementBytes: WORD_BYTES }];
  emitElementLoop(target, length, streams, ZERO_PORTIONS, (portions) => {
    for (const portion of portions) emitStore(target, zero, pointer, portion);
  });
}

/** Emits `body` at each tap with the cursors moved there, then moves them back. */
function atTaps(cursors: readonly Cursor[], taps: readonly MetTap[], body: (isFirst: boolean) => void): void {
  const starts = cursors.map((cursor) => cursor.position);
  for (const [index, { position }] of taps.entries()) {
    for (const [i, cursor] of cursors.entries()) cursor.moveTo(starts[i]! + position);
    body(index === 0);
  }
  for (const [i, cursor] of cursors.entries()) cursor.moveTo(starts[i]!);
}

function emitAddEverywhere(
  target: Target<unknown>,
  result: Cursor,
  taps: readonly MetTap[],
  width: number,
  { gradient, cell }: GradientRegisters,
): void {
  const place = { base: result.pointer, offset: 0 };
  atTaps([result], taps, () => {
    target.load(cell, place, width);
    target.float('add', cell, cell, gradient);
    target.store(cell, place, width);
  });
}

/** Finds the largest number first, then adds at the first cell that holds it. */
function emitAddToLargest(
  target: Target<unknown>,
  cells: Cursor,
  result: Cursor,
  taps: readonly MetTap[],
  width: number,
  { gradient, largest, found, cell, mask }: GradientRegisters,
): void {
  const source = { base: cells.pointer, offset: 0 };
  const place = { base: result.pointer, offset: 0 };
  target.constant(largest, Number.NEGATIVE_INFINITY);
  atTaps([cells], taps, () => {
    target.load(cell, source, width);
    target.float('max', largest, largest, cell);
  });
  target.zero(found);
  atTaps([cells, result], taps, () => {
    target.load(cell, source, width);
    target.compare('equal', mask, cell, largest);
    target.integer('andNot', mask, found, mask);
    target.integer('or', found, found, mask);
    target.integer('and', mask, mask, gradient);
    target.load(cell, place, width);
    target.float('add', cell, cell, mask);
    target.store(cell, place, width);
  });
}
