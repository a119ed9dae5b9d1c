import { type ArgExtremumDescription, AXIS_REDUCTION_ARGUMENTS } from '../../description/axis-reduction.ts';
import type { Pointer, Target, Vector } from '../../target/target.ts';
import {
  emitElementLoop,
  emitRowLoop,
  emitStore,
  type Portion,
  WORD_BYTES,
} from '../elements/element-loop.ts';

interface SearchRegisters {
  readonly best: Vector;
  /** Of the best so far, as float32. */
  readonly found: Vector;
  /** Of what is looked at, as float32. */
  readonly index: Vector;
  readonly step: Vector;
  readonly value: Vector;
  readonly mask: Vector;
  readonly sign: Vector;
}

const SIGN_BIT = 0x8000_0000;

/** Takes what is looked at where it is larger than the best. */
function emitCompare(target: Target<unknown>, { best, found, index, value, mask }: SearchRegisters): void {
  target.compare('less', mask, best, value);
  emitTake(target, best, value, mask);
  target.integer('xor', value, found, index);
  target.integer('and', value, value, mask);
  target.integer('xor', found, found, value);
}

/** `destination = source` in the lanes of `mask`; overwrites `source`. */
function emitTake(target: Target<unknown>, destination: Vector, source: Vector, mask: Vector): void {
  target.integer('xor', source, source, destination);
  target.integer('and', source, source, mask);
  target.integer('xor', destination, destination, source);
}

/** Many inner indices at a time. */
function emitColumns(
  target: Target<unknown>,
  { operation, length, axisStride }: ArgExtremumDescription,
  input: Pointer,
  { element, lanes }: Portion,
  registers: SearchRegisters,
): void {
  const { best, found, index, step, value, sign } = registers;
  target.constant(best, Number.NEGATIVE_INFINITY);
  target.zero(found);
  target.zero(index);
  target.constant(step, 1);
  target.loop(length, () => {
    target.load(value, { base: input, offset: element * WORD_BYTES }, lanes);
    if (operation === 'minimum') target.integer('xor', value, value, sign);
    emitCompare(target, registers);
    target.float('add', index, index, step);
    target.advance(input, axisStride * WORD_BYTES);
  });
  target.advance(input, -length * axisStride * WORD_BYTES);
}

/** A row of at least one vector: every lane searches its own elements, then the lanes are compared. */
function emitRow(
  target: Target<unknown>,
  { operation, length }: ArgExtremumDescription,
  input: Pointer,
  registers: SearchRegisters,
): void {
  const { best, found, index, step, value, mask, sign } = registers;
  const { lanes } = target.traits;
  const turns = Math.floor(length / lanes);
  const look = () => {
    target.load(value, { base: input, offset: 0 });
    if (operation === 'minimum') target.integer('xor', value, value, sign);
    emitCompare(target, registers);
  };
  target.constant(best, Number.NEGATIVE_INFINITY);
  target.zero(found);
  target.laneIndices(index);
  target.convert('int32-to-float32', index, index);
  target.constant(step, lanes);
  target.loop(turns, () => {
    look();
    target.float('add', index, index, step);
    target.advance(input, lanes * WORD_BYTES);
  });
  const rest = length - turns * lanes;
  if (rest > 0) {
    // The last vector again, which ends with the row: what was seen before is not larger than the best.
    target.constant(step, lanes - rest);
    target.float('subtract', index, index, step);
    target.advance(input, (rest - lanes) * WORD_BYTES);
    look();
    target.advance(input, (lanes - rest) * WORD_BYTES);
  }
  target.advance(input, -turns * lanes * WORD_BYTES);
  for (let distance = lanes / 2; distance >= 1; distance /= 2) {
    // Larger, or as large and earlier.
    target.exchange(value, best, distance);
    target.exchange(index, found, distance);
    target.compare('equal', mask, best, value);
    target.compare('less', step, index, found);
    target.integer('and', step, step, mask);
    target.compare('less', mask, best, value);
    target.integer('or', mask, mask, step);
    emitTake(target, best, value, mask);
    emitTake(target, found, index, mask);
  }
}

/** Emits a search along an axis. */
export function emitArgExtremum(target: Target<unknown>, description: ArgExtremumDescription): void {
  const { outer, length, inner, outerStride, axisStride } = description;
  const [best, found, index, step, value, mask, sign] = target.vectors('search', 7) as [
    Vector,
    Vector,
    Vector,
    Vector,
    Vector,
    Vector,
    Vector,
  ];
  const registers = { best, found, index, step, value, mask, sign };
  const [input, output] = [target.pointer('input'), target.pointer('output')];
  target.argument(input, AXIS_REDUCTION_ARGUMENTS.input);
  target.argument(output, AXIS_REDUCTION_ARGUMENTS.output);
  target.integerConstant(sign, SIGN_BIT);
  const strides = [
    { pointer: input, bytes: outerStride * WORD_BYTES },
    { pointer: output, bytes: inner * WORD_BYTES },
  ];
  const streams = [input, output].map((pointer) => ({ pointer, elementBytes: WORD_BYTES }));
  const inLanes = inner === 1 && axisStride === 1 && length >= target.traits.lanes;
  emitRowLoop(target, outer, strides, () => {
    emitElementLoop(target, inner, streams, 1, ([portion]) => {
      if (inLanes) emitRow(target, description, input, registers);
      else emitColumns(target, description, input, portion!, registers);
      target.convert('float32-to-int32', found, found);
      emitStore(target, found, output, portion!);
    });
  });
}
