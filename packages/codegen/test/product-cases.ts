import fc from 'fast-check';
import {
  defaultGemmBlocking,
  type GemmDescription,
  type GemmPanelFormat,
  type GemmProduct,
  gemmPanelBytes,
  type MatrixLayout,
  NO_EPILOGUE,
  type TargetTraits,
} from '../src/index.ts';

/** Sizes of a product: rows, columns, depth. */
export type Sizes = readonly [rows: number, columns: number, depth: number];

export function rowMajor(rows: number, columns: number, gap = 0): MatrixLayout {
  const rowStride = columns + gap;
  return { rowStride, columnStride: 1, batchStride: rows * rowStride };
}

export function columnMajor(rows: number, columns: number, gap = 0): MatrixLayout {
  const columnStride = rows + gap;
  return { rowStride: 1, columnStride, batchStride: columns * columnStride };
}

/** A layout in which neither rows nor columns are contiguous. */
export function scattered(rows: number, columns: number): MatrixLayout {
  const rowStride = columns * 2 + 1;
  return { rowStride, columnStride: 2, batchStride: rows * rowStride };
}

/** A product with rows contiguous everywhere, and the blocking that a target is given by default. */
export function product(
  [rows, columns, depth]: Sizes,
  traits: TargetTraits,
  others: Partial<GemmDescription> = {},
): GemmDescription {
  const described: GemmProduct = {
    kind: 'gemm',
    batch: 1,
    rows,
    columns,
    depth,
    a: rowMajor(rows, depth),
    b: { packed: false, ...rowMajor(depth, columns) },
    c: rowMajor(rows, columns),
    alpha: 'one',
    beta: 'zero',
    epilogue: NO_EPILOGUE,
    ...others,
  };
  return { ...described, blocking: others.blocking ?? defaultGemmBlocking(described, traits) };
}

/** B packed in panels of `vectors` vectors. */
export function packedRight(
  [, columns, depth]: Sizes,
  { lanes }: TargetTraits,
  vectors: number,
  format: GemmPanelFormat,
) {
  const panelColumns = vectors * lanes;
  const batchBytes = gemmPanelBytes({ depth, columns, panelColumns, format });
  return { packed: true as const, panelColumns, format, batchBytes };
}

const size = fc.integer({ min: 1, max: 80 });
const layoutKind = fc.constantFrom('rows', 'rows with gaps', 'columns', 'columns with gaps', 'scattered');

/** A random product for a target. */
export interface ProductCase {
  describe(traits: TargetTraits): GemmDescription;
  readonly seed: number;
}

type LayoutKind = typeof layoutKind extends fc.Arbitrary<infer Kind> ? Kind : never;

function layoutOf(kind: LayoutKind, rows: number, columns: number): MatrixLayout {
  if (kind === 'scattered') return scattered(rows, columns);
  const gap = kind.endsWith('gaps') ? 3 : 0;
  return kind.startsWith('rows') ? rowMajor(rows, columns, gap) : columnMajor(rows, columns, gap);
}

/** Every kind of product: sizes with every tail, layouts, batches, panels, factors, epilogues, and blockings that force several blocks. */
export const productCases: fc.Arbitrary<ProductCase> = fc
  .record({
    sizes: fc.tuple(size, size, size),
    batch: fc.constantFrom(1, 1, 1, 2, 3),
    layouts: fc.tuple(layoutKind, layoutKind, layoutKind),
    panels: fc.constantFrom(null, null, 'float32', 'float16', 'bfloat16'),
    tileVectors: fc.integer({ min: 1, max: 4 }),
    tileRows: fc.integer({ min: 1, max: 30 }),
    depthBlock: fc.constantFrom(1, 8, 33, 1000),
    rowBlock: fc.constantFrom(1, 7, 30, 1000),
    packA: fc.boolean(),
    packB: fc.boolean(),
    alpha: fc.constantFrom('one', 'argument'),
    beta: fc.constantFrom('zero', 'one', 'argument'),
    bias: fc.boolean(),
    activation: fc.constantFrom('none', 'none', 'relu', 'relu6', 'sigmoid', 'tanh', 'gelu', 'silu'),
    softmax: fc.constantFrom(false, false, false, true),
    seed: fc.nat(),
  })
  .map((choice) => ({
    seed: choice.seed,
    describe(traits) {
      const [rows, columns, depth] = choice.sizes;
      const narrow = choice.panels !== null && choice.panels !== 'float32';
      // As wide and tall as the registers allow, up to what was drawn.
      const free = traits.vectors - traits.temporaries.fma - (narrow ? traits.temporaries.half : 0);
      const fits = (height: number, width: number) => {
        const held = Math.min(height, width);
        const passing = traits.hoistsLoads ? Math.max(height, width) : 1;
        return height * width + held + Math.max(passing, 2 - held) <= free;
      };
      let tileVectors = choice.tileVectors;
      while (tileVectors > 1 && !fits(1, tileVectors)) tileVectors--;
      let tileRows = choice.tileRows;
      while (tileRows > 1 && !fits(tileRows, tileVectors)) tileRows--;
      return {
        kind: 'gemm',
        batch: choice.batch,
        rows,
        columns,
        depth,
        a: layoutOf(choice.layouts[0], rows, depth),
        b: choice.panels
          ? packedRight(
              choice.sizes,
              traits,
              tileVectors % 2 === 0 ? tileVectors / 2 : tileVectors,
              choice.panels,
            )
          : { packed: false, ...layoutOf(choice.layouts[1], depth, columns) },
        c: layoutOf(choice.layouts[2], rows, columns),
        alpha: choice.alpha,
        beta: choice.beta,
        epilogue: { bias: choice.bias, activation: choice.activation, softmax: choice.softmax },
        blocking: {
          tileRows,
          tileVectors,
          depthBlock: choice.depthBlock,
          rowBlock: choice.rowBlock,
          packA: choice.packA,
          packB: choice.packB,
        },
      } satisfies GemmDescription;
    },
  }));
