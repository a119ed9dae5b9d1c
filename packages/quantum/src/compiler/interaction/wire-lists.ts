import type { StepTable } from './step-table.ts';

const NONE = -1;

/** For each wire the steps on it so far, as lists from the last one back: grown and cut while a pass runs over a table. */
export class WireLists {
  readonly #table: StepTable;
  /** The last step on each wire, -1 for none. */
  #top = new Int32Array(0);
  /** `[steps, 3]`: before each step the previous one on each of its wires. */
  #previous = new Int32Array(0);

  constructor(table: StepTable) {
    this.#table = table;
  }

  /** Begins with no steps on so many wires. */
  clear(wireCount: number): void {
    if (wireCount > this.#top.length) this.#top = new Int32Array(wireCount);
    if (this.#table.wires.length !== this.#previous.length) {
      this.#previous = new Int32Array(this.#table.wires.length);
    }
    this.#top.fill(NONE, 0, wireCount);
  }

  /** The last step on a wire, -1 for none. */
  top(wire: number): number {
    return this.#top[wire]!;
  }

  /** The step before step `i` on the wire at a place of its wires. */
  before(i: number, place: number): number {
    return this.#previous[3 * i + place]!;
  }

  /** Puts a fence on top of a wire: nothing asks for what was before it. */
  close(wire: number, fence: number): void {
    this.#top[wire] = fence;
  }

  /** Puts a step on top of all its wires. */
  push(i: number): void {
    const { wires } = this.#table;
    for (let at = 3 * i; at < 3 * i + 3; at++) {
      const wire = wires[at]!;
      if (wire < 0) break;
      this.#previous[at] = this.#top[wire]!;
      this.#top[wire] = i;
    }
  }

  /** Whether a step on two wires is the last one on both. */
  isOnTop(i: number): boolean {
    const { wires } = this.#table;
    return this.#top[wires[3 * i]!] === i && this.#top[wires[3 * i + 1]!] === i;
  }

  /** Takes a step out of the list of the wire at one of its places. */
  remove(i: number, place: number): void {
    const wire = this.#table.wires[3 * i + place]!;
    const below = this.#previous[3 * i + place]!;
    if (this.#top[wire] === i) {
      this.#top[wire] = below;
      return;
    }
    let above = this.#top[wire]!;
    for (;;) {
      const at = 3 * above + this.#table.placeOf(above, wire);
      const next = this.#previous[at]!;
      if (next === i) {
        this.#previous[at] = below;
        return;
      }
      above = next;
    }
  }

  /** `3 step + place` of a wire in every step after step `i` on it, the last one first. */
  above(i: number, wire: number): number[] {
    const places: number[] = [];
    for (let step = this.#top[wire]!; step !== i; ) {
      const at = 3 * step + this.#table.placeOf(step, wire);
      places.push(at);
      step = this.#previous[at]!;
    }
    return places;
  }

  /**
   * Takes out step `i` on two wires and exchanges what comes after it on both, the wires in the table too.
   *
   * @returns what {@link above} was on its first and on its second wire.
   */
  crossOver(i: number): readonly [readonly number[], readonly number[]] {
    const { wires } = this.#table;
    const a = wires[3 * i]!;
    const b = wires[3 * i + 1]!;
    const [aboveA, aboveB] = [this.above(i, a), this.above(i, b)];
    const [belowA, belowB] = [this.#previous[3 * i]!, this.#previous[3 * i + 1]!];
    const [topA, topB] = [this.#top[a]!, this.#top[b]!];
    for (const at of aboveA) wires[at] = b;
    for (const at of aboveB) wires[at] = a;
    this.#top[b] = aboveA.length > 0 ? topA : belowB;
    this.#top[a] = aboveB.length > 0 ? topB : belowA;
    if (aboveA.length > 0) this.#previous[aboveA.at(-1)!] = belowB;
    if (aboveB.length > 0) this.#previous[aboveB.at(-1)!] = belowA;
    return [aboveA, aboveB];
  }
}
