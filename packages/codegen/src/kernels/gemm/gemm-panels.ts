import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import type { GemmDescription } from '../../description/gemm.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { bfloat16Bits, float16Bits } from '../../target/narrow-numbers.ts';
import type { TargetTraits } from '../../target/target.ts';
import { planGemm } from './gemm-plan.ts';

/** How the numbers of packed panels are stored. */
export type GemmPanelFormat = 'float32' | 'float16' | 'bfloat16';

/**
 * A matrix B `[depth, columns]` in panels of `panelColumns` columns, `tileVectors` times the lanes of the target: panel after
 * panel, and in each, `panelColumns` numbers for every row. Columns beyond the last are 0.
 */
export interface GemmPanelShape {
  readonly depth: number;
  readonly columns: number;
  readonly panelColumns: number;
  readonly format: GemmPanelFormat;
}

/** Where B's elements lie before packing, in elements: `[k, j]` is at `k * rowStride + j * columnStride`. */
export interface GemmPanelSource {
  readonly values: Float32Array;
  readonly rowStride: number;
  readonly columnStride: number;
}

const BYTES: Readonly<Record<GemmPanelFormat, number>> = { float32: 4, float16: 2, bfloat16: 2 };

/** Bytes of the packed panels of one matrix. @throws InvalidArgumentError for impossible sizes. */
export function gemmPanelBytes({ depth, columns, panelColumns, format }: GemmPanelShape): number {
  requireInteger('depth of packed panels', depth, 1);
  requireInteger('columns of packed panels', columns, 1);
  requireInteger('panelColumns of packed panels', panelColumns, 1);
  if (!(format in BYTES)) {
    throw new InvalidArgumentError('The format of packed panels is not known', {
      expected: Object.keys(BYTES).join(', '),
      actual: String(format),
    });
  }
  return Math.ceil(columns / panelColumns) * panelColumns * depth * BYTES[format];
}

/** Bytes of scratch memory that a gemm kernel needs on a target; 0 when none. */
export function gemmScratchBytes(description: GemmDescription, traits: TargetTraits): number {
  return planGemm(description, traits).scratch.byteLength;
}

/**
 * Packs B for kernels that are described with `packed: true`. Narrow formats round to nearest, ties to even.
 *
 * @param destination at least {@link gemmPanelBytes}, aligned to the format's size; best to 64 bytes.
 * @throws ShapeMismatchError when source or destination is too small.
 */
export function packGemmPanels(
  shape: GemmPanelShape,
  source: GemmPanelSource,
  destination: Uint8Array,
): void {
  const byteLength = gemmPanelBytes(shape);
  const { depth, columns } = shape;
  const needed = (depth - 1) * source.rowStride + (columns - 1) * source.columnStride + 1;
  if (source.values.length < needed) {
    throw new ShapeMismatchError('A matrix to be packed is too short', {
      expected: `${needed} numbers`,
      actual: source.values.length,
    });
  }
  if (destination.byteLength < byteLength) {
    throw new ShapeMismatchError('The memory for packed panels is too small', {
      expected: `${byteLength} bytes`,
      actual: destination.byteLength,
    });
  }
  const { buffer, byteOffset } = destination;
  if (shape.format === 'float32') {
    packFloat32(shape, source, new Float32Array(buffer, byteOffset, byteLength / 4));
  } else packNarrow(shape, source, new Uint16Array(buffer, byteOffset, byteLength / 2));
}

function packFloat32(
  { depth, columns, panelColumns }: GemmPanelShape,
  { values, rowStride, columnStride }: GemmPanelSource,
  panels: Float32Array,
): void {
  let at = 0;
  for (let first = 0; first < columns; first += panelColumns) {
    const existing = Math.min(panelColumns, columns - first);
    for (let k = 0; k < depth; k++) {
      const start = k * rowStride + first * columnStride;
      if (columnStride === 1) panels.set(values.subarray(start, start + existing), at);
      else for (let j = 0; j < existing; j++) panels[at + j] = values[start + j * columnStride]!;
      panels.fill(0, at + existing, at + panelColumns);
      at += panelColumns;
    }
  }
}

function packNarrow(
  { depth, columns, panelColumns, format }: GemmPanelShape,
  { values, rowStride, columnStride }: GemmPanelSource,
  panels: Uint16Array,
): void {
  const bits = format === 'float16' ? float16Bits : bfloat16Bits;
  let at = 0;
  for (let first = 0; first < columns; first += panelColumns) {
    const existing = Math.min(panelColumns, columns - first);
    for (let k = 0; k < depth; k++) {
      const start = k * rowStride + first * columnStride;
      for (let j = 0; j < existing; j++) panels[at + j] = bits(values[start + j * columnStride]!);
      panels.fill(0, at + existing, at + panelColumns);
      at += panelColumns;
    }
  }
}
