import type { Target, Vector } from '../../target/target.ts';

/** Transposes squares of as many vectors as a vector has lanes, in registers. */
export class LaneTransposition {
  readonly #target: Target<unknown>;
  /** By bit: ones in the lanes whose index has it. */
  readonly #masks: readonly Vector[];
  readonly #scratch: Vector;

  /** Claims `log2(lanes) + 1` registers and fills them; must be emitted before the loops. */
  constructor(target: Target<unknown>) {
    this.#target = target;
    const { lanes } = target.traits;
    this.#masks = target.vectors('masks of lanes', Math.log2(lanes));
    [this.#scratch] = target.vectors('scratch of a transposition', 1) as [Vector];
    for (const [bit, mask] of this.#masks.entries()) {
      target.laneIndices(mask);
      target.shift('left', 32, mask, mask, 31 - bit);
      target.shift('right-signed', 32, mask, mask, 31);
    }
  }

  /**
   * Lane c of vector r and lane r of vector c change places. Each step exchanges the quarters off the diagonal of squares of
   * twice the size of the last.
   */
  emit(rows: readonly Vector[]): void {
    const target = this.#target;
    const scratch = this.#scratch;
    for (const [bit, mask] of this.#masks.entries()) {
      const distance = 2 ** bit;
      for (const [row, low] of rows.entries()) {
        if ((row & distance) !== 0) continue;
        const high = rows[row + distance]!;
        // What differs between the two quarters, in the lanes of `low` that it goes to: xor brings it over both ways.
        target.exchange(scratch, high, distance);
        target.integer('xor', scratch, scratch, low);
        target.integer('and', scratch, scratch, mask);
        target.integer('xor', low, low, scratch);
        target.exchange(scratch, scratch, distance);
        target.integer('xor', high, high, scratch);
      }
    }
  }
}
