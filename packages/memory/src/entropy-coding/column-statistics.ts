/** Where the neighbours of a code are in its line, and how much room they need around it. */
export interface Neighbours {
  /** Codes of an image's row; 0 when the line is not an image. */
  readonly lineLength: number;
  /** Distance of the code above; without an image the third one before. */
  readonly up: number;
  /** Empty places before and after the codes of a line. */
  readonly margin: number;
}

/** @param lineLength 0 for none. */
export function neighboursOf(lineLength: number): Neighbours {
  return {
    lineLength,
    up: lineLength === 0 ? 4 : lineLength,
    margin: lineLength === 0 ? 8 : 2 * lineLength + 4,
  };
}

/** What the lines before say of each column. Arrays have a margin on either side. */
export class ColumnStatistics {
  /** Codes other than 0. */
  readonly counts: Int32Array;
  /** Those of the columns around it. */
  readonly around: Int32Array;
  /** Sum of magnitudes, and how many more codes were positive than negative. */
  readonly magnitudes: Int32Array;
  readonly signs: Int32Array;
  /** 1 for columns without any code other than 0, in all lines. */
  readonly empty: Uint8Array;
  /** Columns that are not empty. */
  occupied = 0;
  /** Sums over all columns. */
  totalCount = 0;
  totalMagnitude = 0;
  readonly #neighbours: Neighbours;

  constructor(columns: number, neighbours: Neighbours) {
    const length = columns + 2 * neighbours.margin;
    this.counts = new Int32Array(length);
    this.around = new Int32Array(length);
    this.magnitudes = new Int32Array(length);
    this.signs = new Int32Array(length);
    this.empty = new Uint8Array(columns);
    this.#neighbours = neighbours;
  }

  /** Counts a line, once it is complete. @param line with margins. */
  add(line: Int16Array): void {
    const { margin } = this.#neighbours;
    for (let at = margin; at < line.length - margin; at++) {
      const value = line[at]!;
      if (value === 0) continue;
      const magnitude = value < 0 ? -value : value;
      this.counts[at] = this.counts[at]! + 1;
      this.magnitudes[at] = this.magnitudes[at]! + magnitude;
      this.signs[at] = this.signs[at]! + (value < 0 ? -1 : 1);
      this.totalCount++;
      this.totalMagnitude += magnitude;
      this.#countAround(at);
    }
  }

  #countAround(at: number): void {
    const { around } = this;
    const { lineLength } = this.#neighbours;
    around[at - 1] = around[at - 1]! + 1;
    around[at + 1] = around[at + 1]! + 1;
    if (lineLength === 0) return;
    for (let distance = lineLength - 1; distance <= lineLength + 1; distance++) {
      around[at - distance] = around[at - distance]! + 1;
      around[at + distance] = around[at + distance]! + 1;
    }
  }
}
