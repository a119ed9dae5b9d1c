import { compareAxes } from './axis.ts';
import { InteractionKind } from './interaction.ts';
import type { StepTable } from './step-table.ts';
import type { WireLists } from './wire-lists.ts';

const NONE = -1;
/** How many steps of a wire a step is moved across. */
export const FARTHEST = 40;

/** Finds earlier steps that a step on the same pair of wires can be brought together with. */
export class PartnerSearch {
  readonly #table: StepTable;
  readonly #lists: WireLists;

  constructor(table: StepTable, lists: WireLists) {
    this.#table = table;
    this.#lists = lists;
  }

  /** The last step on the pair of step `i` that it can be moved back to along one of its wires. */
  behind(i: number, place: number, adjacentOnly: boolean): number {
    const table = this.#table;
    const lists = this.#lists;
    const wire = table.wires[3 * i + place]!;
    const other = table.wires[3 * i + 1 - place]!;
    let at = lists.top(wire);
    for (let steps = 0; at >= 0 && steps < FARTHEST; steps++) {
      if (table.kinds[at] === InteractionKind.fence) return NONE;
      const own = table.placeOf(at, wire);
      if (table.kinds[at] !== InteractionKind.ccz && table.placeOf(at, other) >= 0) return at;
      if (adjacentOnly || !table.hasAxes(i) || !table.hasAxes(at)) return NONE;
      if (compareAxes(table.axes, 9 * at + 3 * own, table.axes, 9 * i + 3 * place) === 0) return NONE;
      at = lists.before(at, own);
    }
    return NONE;
  }

  /** The last step on the pair of step `i` if it can be moved forward to it. */
  ahead(i: number): number {
    const table = this.#table;
    const lists = this.#lists;
    const [a, b] = [table.wires[3 * i]!, table.wires[3 * i + 1]!];
    let at = lists.top(a);
    for (let steps = 0; at >= 0 && steps < FARTHEST; steps++) {
      if (table.kinds[at] === InteractionKind.fence) return NONE;
      if (table.kinds[at] !== InteractionKind.ccz && table.placeOf(at, b) >= 0) {
        return table.hasAxes(at) && this.#isFreeAbove(at, a) && this.#isFreeAbove(at, b) ? at : NONE;
      }
      at = lists.before(at, table.placeOf(at, a));
    }
    return NONE;
  }

  /** Whether a step commutes with all later ones on one of its wires. */
  #isFreeAbove(i: number, wire: number): boolean {
    const table = this.#table;
    const lists = this.#lists;
    const axis = 9 * i + 3 * table.placeOf(i, wire);
    for (let at = lists.top(wire), steps = 0; at !== i; steps++) {
      if (at < 0 || steps >= FARTHEST || !table.hasAxes(at)) return false;
      const place = table.placeOf(at, wire);
      if (compareAxes(table.axes, 9 * at + 3 * place, table.axes, axis) === 0) return false;
      at = lists.before(at, place);
    }
    return true;
  }

  /**
   * False where merging step `i` with the earlier step `p` surely gains nothing: two cores of pi/4 need two gates together, unless
   * their axes are parallel on one wire and perpendicular on the other. (Two cores never need more than two gates: both can be made
   * symmetric matrices by one-qubit gates, which leaves the third Weyl coordinate 0.)
   *
   * @param exchanged whether the wires of both stand in another order.
   */
  mayGain(p: number, i: number, exchanged: boolean): boolean {
    const table = this.#table;
    const sum = table.costs[p]! + table.costs[i]!;
    if (table.kinds[p] !== InteractionKind.core || table.kinds[i] !== InteractionKind.core) return true;
    if (sum > 2) return true;
    const own = exchanged ? 3 : 0;
    const first = this.#cosine(9 * p, 9 * i + own);
    const second = this.#cosine(9 * p + 3, 9 * i + 3 - own);
    const limit = 1e-6;
    return (first < limit && second > 1 - limit) || (second < limit && first > 1 - limit);
  }

  #cosine(p: number, q: number): number {
    const { axes } = this.#table;
    return Math.abs(axes[p]! * axes[q]! + axes[p + 1]! * axes[q + 1]! + axes[p + 2]! * axes[q + 2]!);
  }
}
