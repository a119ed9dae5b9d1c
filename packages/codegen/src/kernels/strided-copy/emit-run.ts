import type { CopyAxis } from '../../description/strided-copy.ts';
import type { Vector } from '../../target/target.ts';
import { emitElementLoop, WORD_BYTES } from '../elements/element-loop.ts';
import { advanceAlong, type CopyEmission } from './copy-emission.ts';

/** Vector registers that {@link emitRun} needs. */
export const RUN_VECTORS = 5;

/** Elements that are moved one by one in a turn of a loop. */
const ELEMENTS_PER_TURN = 8;

/** Copies the elements of one axis. Leaves the pointers where they were. @param registers {@link RUN_VECTORS}. */
export function emitRun(emission: CopyEmission, axis: CopyAxis, registers: readonly Vector[]): void {
  const [rest, ...values] = registers as readonly [Vector, ...Vector[]];
  if (axis.outputStride !== 1 || (axis.inputStride !== 1 && axis.inputStride !== 0)) {
    emitElements(emission, axis, rest);
    return;
  }
  const { target, elementBytes, input, output } = emission;
  const isContiguous = axis.inputStride === 1;
  const bytes = axis.size * elementBytes;
  const words = Math.floor(bytes / WORD_BYTES);
  if (!isContiguous && words > 0) emitRepeatedElement(emission, values[0]!, rest);
  const streams = [{ pointer: output, elementBytes: WORD_BYTES }];
  if (isContiguous) streams.push({ pointer: input, elementBytes: WORD_BYTES });
  emitElementLoop(target, words, streams, values.length, (portions) => {
    const operands = portions.map(({ element, lanes }, v) => ({
      value: isContiguous ? values[v]! : values[0]!,
      offset: element * WORD_BYTES,
      lanes,
    }));
    if (isContiguous) {
      for (const { value, offset, lanes } of operands) target.load(value, { base: input, offset }, lanes);
    }
    for (const { value, offset, lanes } of operands) target.store(value, { base: output, offset }, lanes);
  });
  for (let at = words * WORD_BYTES; at < bytes; at++) {
    target.loadNarrow('uint8', rest, { base: input, offset: isContiguous ? at : 0 }, 1);
    target.storeNarrow('uint8', rest, { base: output, offset: at }, 1);
  }
}

/** Fills all of `value` with the element that the input is at. */
function emitRepeatedElement(
  { target, elementBytes, input }: CopyEmission,
  value: Vector,
  scratch: Vector,
): void {
  if (elementBytes === WORD_BYTES) {
    target.splat(value, { base: input, offset: 0 });
    return;
  }
  target.loadNarrow('uint8', value, { base: input, offset: 0 }, 1);
  for (const bits of [8, 16]) {
    target.shift('left', 32, scratch, value, bits);
    target.integer('or', value, value, scratch);
  }
  for (let mask = target.traits.lanes / 2; mask >= 1; mask /= 2) {
    target.exchange(scratch, value, mask);
    target.integer('or', value, value, scratch);
  }
}

/** One by one, at any distance. */
function emitElements(emission: CopyEmission, axis: CopyAxis, value: Vector): void {
  const { target } = emission;
  const turns = Math.floor(axis.size / ELEMENTS_PER_TURN);
  if (turns > 1) {
    target.loop(turns, () => {
      emitElementGroup(emission, axis, ELEMENTS_PER_TURN, value);
      advanceAlong(emission, axis, ELEMENTS_PER_TURN);
    });
  }
  const done = turns > 1 ? turns * ELEMENTS_PER_TURN : 0;
  emitElementGroup(emission, axis, axis.size - done, value);
  advanceAlong(emission, axis, -done);
}

/** `count` neighbours along an axis. Offsets count from the lowest, which is the last one where the input runs backwards. */
function emitElementGroup(
  { target, elementBytes, input, output }: CopyEmission,
  { inputStride, outputStride }: CopyAxis,
  count: number,
  value: Vector,
): void {
  const distance = inputStride * elementBytes;
  const below = Math.min(0, distance * (count - 1));
  target.advance(input, below);
  for (let i = 0; i < count; i++) {
    const from = { base: input, offset: i * distance - below };
    const to = { base: output, offset: i * outputStride * elementBytes };
    if (elementBytes === WORD_BYTES) target.moveWord(to, from);
    else {
      target.loadNarrow('uint8', value, from, 1);
      target.storeNarrow('uint8', value, to, 1);
    }
  }
  target.advance(input, -below);
}
