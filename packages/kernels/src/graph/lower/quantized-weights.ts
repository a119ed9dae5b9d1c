import type { CodesAndScales } from '../../engine/integer-gemm.ts';
import type { GroupedWeights } from '../../engine/nibble-gemm.ts';

/** Numbers that share a scale in 4-bit weights. */
const GROUP = 32;

/** Where the elements of a weight matrix `[depth, columns]` lie. */
export interface WeightMatrix {
  readonly values: Float32Array;
  readonly depth: number;
  readonly columns: number;
  /** Elements from one of the depth to the next, and from one column to the next. */
  readonly depthStride: number;
  readonly columnStride: number;
}

/** Largest magnitude of every column. A NaN counts as 0, an infinity as the largest float32. */
function largestOfColumns({ values, depth, columns, depthStride, columnStride }: WeightMatrix): Float32Array {
  const largest = new Float32Array(columns);
  for (let i = 0; i < depth; i++) {
    for (let j = 0; j < columns; j++) {
      const magnitude = Math.abs(values[i * depthStride + j * columnStride]!);
      if (magnitude > largest[j]!) largest[j] = magnitude;
    }
  }
  return largest;
}

/**
 * Symmetric 8-bit codes -127..127 with a scale per column, `[depth, columns]` row-major, times `factor`.
 *
 * A column of zeros gets scale 0: what it is multiplied with stays 0.
 */
export function quantizeColumns(matrix: WeightMatrix, factor: number): CodesAndScales {
  const { values, depth, columns, depthStride, columnStride } = matrix;
  const largest = largestOfColumns(matrix);
  const codes = new Int8Array(depth * columns);
  const steps = largest.map((magnitude) => magnitude / 127);
  for (let i = 0; i < depth; i++) {
    for (let j = 0; j < columns; j++) {
      const step = steps[j]!;
      if (step === 0) continue;
      const code = Math.round(values[i * depthStride + j * columnStride]! / step);
      codes[i * columns + j] = Math.max(-127, Math.min(127, code));
    }
  }
  return { codes, scales: steps.map((step) => step * factor) };
}

/**
 * 4-bit codes 0..15 with a scale per column and 32 numbers of depth; 8 stands for 0. The number of largest magnitude of a group
 * becomes code 0 exactly, as in llama.cpp's Q4_0.
 */
export function quantizeGroups(matrix: WeightMatrix, factor: number): GroupedWeights {
  const { values, depth, columns, depthStride, columnStride } = matrix;
  const groups = Math.ceil(depth / GROUP);
  const nibbles = new Uint8Array((columns * groups * GROUP) / 2);
  const scales = new Float32Array(columns * groups);
  for (let column = 0; column < columns; column++) {
    for (let group = 0; group < groups; group++) {
      const first = group * GROUP;
      const count = Math.min(GROUP, depth - first);
      const at = (index: number) => values[(first + index) * depthStride + column * columnStride]!;
      let extreme = 0;
      for (let index = 0; index < count; index++) {
        if (Math.abs(at(index)) > Math.abs(extreme)) extreme = at(index);
      }
      const scale = Math.fround(extreme / -8);
      scales[column * groups + group] = scale * factor;
      for (let index = 0; index < GROUP; index++) {
        const code = index < count && scale !== 0 ? Math.round(at(index) / scale) + 8 : 8;
        const nibble = Math.max(0, Math.min(15, code));
        nibbles[((column * groups + group) * GROUP + index) >> 1]! |= nibble << (4 * (index & 1));
      }
    }
  }
  return { nibbles, scales };
}
