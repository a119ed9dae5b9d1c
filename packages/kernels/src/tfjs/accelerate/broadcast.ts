import type { MapInput } from '@qedge/codegen';

/** Two operands of one shape after broadcasting, as at most three axes. */
export interface BroadcastPair {
  readonly outer: number;
  readonly rows: number;
  readonly width: number;
  readonly a: MapInput;
  readonly b: MapInput;
  /** Which axes repeat which operand, as bits. */
  readonly repeats: number;
}

/** The shape of both operands together. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    shape[axis] = left === 1 ? (b[axis - rank + b.length] ?? 1) : left;
  }
  return shape;
}

/**
 * Gathers neighbouring axes that repeat the same operands into one. Null where more than three remain, or where the shapes do not fit.
 */
export function broadcastPair(a: readonly number[], b: readonly number[]): BroadcastPair | null {
  const rank = Math.max(a.length, b.length);
  const sizes = [1, 1, 1];
  // Bit 0: a repeats; bit 1: b repeats.
  const kinds = [0, 0, 0];
  let used = 0;
  for (let axis = rank - 1; axis >= 0; axis--) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === 1 && right === 1) continue;
    if (left !== right && left !== 1 && right !== 1) return null;
    const kind = (left === 1 ? 1 : 0) + (right === 1 ? 2 : 0);
    if (used > 0 && kinds[used - 1] === kind) sizes[used - 1]! *= Math.max(left, right);
    else if (used === 3) return null;
    else {
      sizes[used] = Math.max(left, right);
      kinds[used] = kind;
      used += 1;
    }
  }
  const [width, rows, outer] = sizes as [number, number, number];
  return {
    outer,
    rows,
    width,
    a: operandStrides(sizes, kinds, 1),
    b: operandStrides(sizes, kinds, 2),
    repeats: kinds[0]! + kinds[1]! * 4 + kinds[2]! * 16,
  };
}

function operandStrides(sizes: readonly number[], kinds: readonly number[], bit: number): MapInput {
  let stride = 1;
  const strides = kinds.map((kind, axis) => {
    if ((kind & bit) !== 0) return 0;
    const own = stride;
    stride *= sizes[axis]!;
    return own;
  });
  const [columnStride, rowStride, outerStride] = strides as [0 | 1, number, number];
  return { columnStride, rowStride, outerStride };
}
