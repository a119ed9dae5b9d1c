import type { StartFill } from '../planner/table-plan.ts';

type Numbers = Float32Array | Float64Array;

/** Writes a product state, given by the amplitudes `[wires, 2, 2]` of |0> and |1> on each wire. */
export function fillStart(
  { laneStart, laneWires, rowCount, factors }: StartFill,
  starts: Float64Array,
  tables: Numbers,
): void {
  writeProduct(laneWires, 2 ** laneWires.length, laneWires.length, starts, tables, laneStart);
  for (const { start, rowWires, outerWires } of factors) {
    writeProduct([...rowWires, ...outerWires], rowCount, rowWires.length, starts, tables, start);
  }
}

/**
 * Entries `[2, rows]`, real parts, then imaginary ones, for every combination of the wires behind the inner ones; the inner combinations
 * are repeated where rows are more.
 */
function writeProduct(
  wires: readonly number[],
  rows: number,
  innerBits: number,
  starts: Float64Array,
  tables: Numbers,
  start: number,
): void {
  const size = 2 ** wires.length;
  const [real, imaginary] = [new Float64Array(size), new Float64Array(size)];
  real[0] = 1;
  for (let position = 0; position < wires.length; position++) {
    const from = 4 * wires[position]!;
    // Without a wire it is |0>, and the other half stays 0.
    if (from < 0) continue;
    const half = 2 ** position;
    const a = starts[from]!;
    const b = starts[from + 1]!;
    const c = starts[from + 2]!;
    const d = starts[from + 3]!;
    for (let i = 0; i < half; i++) {
      const x = real[i]!;
      const y = imaginary[i]!;
      real[i] = x * a - y * b;
      imaginary[i] = x * b + y * a;
      real[half + i] = x * c - y * d;
      imaginary[half + i] = x * d + y * c;
    }
  }
  const inner = 2 ** innerBits;
  for (let entry = 0, to = start; entry < size; entry += inner, to += 2 * rows) {
    for (let row = 0; row < rows; row++) {
      const source = entry + (row & (inner - 1));
      tables[to + row] = real[source]!;
      tables[to + rows + row] = imaginary[source]!;
    }
  }
}
