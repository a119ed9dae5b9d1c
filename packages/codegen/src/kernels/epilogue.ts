import type { GemmDescription } from '../description/kernel-description.ts';
import type { Pointer, Target, Vector } from '../target/target.ts';

/** The per-column vectors of an epilogue: each points at the value of the tile's first column. */
export interface EpiloguePointers {
  readonly scales: Pointer;
  readonly bias: Pointer;
}

/**
 * Turns accumulators (`[row][vector]`) into results in place: scale to float32 (integer forms), add the bias, clamp at 0.
 * Each step rounds once to float32, in this order. Per-column vectors are padded, so whole vectors are read.
 *
 * @param scratch a register whose content is no longer needed.
 */
export function emitEpilogue<Code>(
  target: Target<Code>,
  description: GemmDescription,
  accumulators: readonly (readonly Vector[])[],
  scratch: Vector,
  pointers: EpiloguePointers,
): void {
  const { elements, epilogue } = description;
  const perColumn = (base: Pointer, operation: 'multiply' | 'add') => {
    for (let v = 0; v < accumulators[0]!.length; v++) {
      target.load(scratch, { base, offset: v * target.traits.lanes * 4 });
      for (const row of accumulators) target.binary(operation, row[v]!, row[v]!, scratch);
    }
  };
  if (elements !== 'float32') {
    for (const vector of accumulators.flat()) target.convert('int32-to-float32', vector, vector);
    perColumn(pointers.scales, 'multiply');
  }
  if (epilogue.bias) perColumn(pointers.bias, 'add');
  if (epilogue.relu) {
    target.zero(scratch);
    for (const vector of accumulators.flat()) target.binary('max', vector, vector, scratch);
  }
}
