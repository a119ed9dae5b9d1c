import { type GemmPanelFormat, gemmPanelBytes, gemmPanelColumns, packGemmPanels } from '@qedge/codegen';
import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import type { Arena } from './arena.ts';
import type { BindingContext } from './binding.ts';
import { checkMatrix, type MatrixOperand } from './matrix-view.ts';
import { requireOneOf, requireSize, WEIGHT_FORMATS } from './operands.ts';
import { isNamed, nameOf, placePacked, type WeightOrigin } from './packed-weights.ts';

/** What `KernelWorkspace.packMatrix` packs. */
export interface PackMatrixOptions {
  /** Rows, 1 or more. */
  readonly k: number;
  /** Columns, 1 or more. */
  readonly n: number;
  /** `[k, n]`, or `[n, k]` with `transposeB`; any arrays. */
  readonly b: MatrixOperand;
  readonly transposeB?: boolean;
  /** Matrices; default 1, which every product of a batch then shares. */
  readonly batch?: number;
  /** How the numbers are stored; narrow ones round to nearest, ties to even, and are widened when they are read. Default `float32`. */
  readonly format?: GemmPanelFormat;
}

/** A matrix in the order in which kernels read it. Made by `KernelWorkspace.packMatrix`; belongs to that workspace. */
export class PackedMatrix {
  readonly k: number;
  readonly n: number;
  readonly batch: number;
  readonly format: GemmPanelFormat;
  /** Bytes that it takes. */
  readonly byteLength: number;
  /** Columns of a panel. */
  readonly panelColumns: number;
  /** Bytes from one matrix to the next; 0 when all products share one. */
  readonly batchBytes: number;
  readonly #arena: Arena;
  readonly #address: number;
  readonly #panelBytes: number;

  private constructor(
    arena: Arena,
    shape: Required<Omit<PackMatrixOptions, 'b' | 'transposeB'>>,
    layout: Layout,
  ) {
    this.k = shape.k;
    this.n = shape.n;
    this.batch = shape.batch;
    this.format = shape.format;
    this.byteLength = layout.byteLength;
    this.panelColumns = layout.panelColumns;
    this.batchBytes = shape.batch > 1 ? layout.matrixBytes : 0;
    this.#arena = arena;
    this.#address = layout.address;
    this.#panelBytes = layout.panelBytes;
  }

  /** @internal */
  static pack(
    context: BindingContext,
    options: Omit<PackMatrixOptions, 'b'> & { readonly b: WeightOrigin<MatrixOperand> },
  ): PackedMatrix {
    const { host, arena } = context;
    const { k, n, transposeB = false, batch = 1, format = 'float32' } = options;
    for (const [name, size] of Object.entries({ k, n, batch })) requireSize(name, size, 1);
    requireOneOf('format', format, WEIGHT_FORMATS);
    const check = (b: MatrixOperand) => checkMatrix('b', b, { batch, rows: k, columns: n }, transposeB);
    const checked = isNamed(options.b) ? options.b : check(options.b);
    const panelColumns = gemmPanelColumns(host.traits);
    const shape = { depth: k, columns: n, panelColumns, format };
    const matrixBytes = Math.ceil(gemmPanelBytes(shape) / 64) * 64;
    const byteLength = matrixBytes * batch;
    const origin = {
      name: nameOf(options.b),
      layout: `matrix ${batch}x${k}x${n} ${transposeB} ${format} ${panelColumns}`,
      byteLength,
    };
    const address = placePacked(context, origin, (target) => {
      const { data, layout } = 'load' in checked ? check(checked.load()) : checked;
      for (let index = 0; index < batch; index++) {
        const values = data.subarray(index * layout.batchStride);
        const start = index * matrixBytes;
        packGemmPanels(shape, { ...layout, values }, target.subarray(start, start + matrixBytes));
      }
    });
    const panelBytes = gemmPanelBytes({ ...shape, columns: panelColumns });
    return new PackedMatrix(
      arena,
      { k, n, batch, format },
      { address, byteLength, matrixBytes, panelColumns, panelBytes },
    );
  }

  /** @internal @throws InvalidArgumentError for another workspace, ShapeMismatchError for another shape. */
  requireShape(
    arena: Arena,
    { batch, k, n }: { batch: number; k: number; n: number },
    transposed: boolean,
  ): void {
    if (arena !== this.#arena) {
      throw new InvalidArgumentError('b does not lie in this workspace', {
        expected: 'a matrix that this workspace packed',
        actual: 'one of another workspace',
      });
    }
    if (transposed) {
      throw new InvalidArgumentError('A packed matrix cannot be transposed', {
        expected: 'transposeB where the matrix is packed',
        actual: 'transposeB where it is used',
      });
    }
    if (this.k === k && this.n === n && (this.batch === batch || this.batch === 1)) return;
    throw new ShapeMismatchError('The packed b does not fit the product', {
      expected: `${batch} x [${k}, ${n}]`,
      actual: `${this.batch} x [${this.k}, ${this.n}]`,
    });
  }

  /** @internal Where the panels of one matrix start from a column on, which must be the first of a panel. */
  addressOf(matrix: number, column: number): number {
    return this.#address + matrix * this.batchBytes + (column / this.panelColumns) * this.#panelBytes;
  }
}

interface Layout {
  readonly address: number;
  readonly byteLength: number;
  readonly matrixBytes: number;
  readonly panelColumns: number;
  readonly panelBytes: number;
}
