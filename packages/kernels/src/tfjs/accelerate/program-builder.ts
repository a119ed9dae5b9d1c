import {
  GEMM_ARGUMENTS,
  type GemmDescription,
  type GemmRightOperand,
  gemmScratchBytes,
  type KernelDescription,
  type KernelHost,
  type MatrixLayout,
  type ThreadTeam,
} from '@qedge/codegen';
import { worthwhileThreads } from '../../engine/binding.ts';
import { divide, splitProduct } from '../../engine/split-work.ts';
import { RULES } from '../../engine/tuner.ts';
import type { OperandField, ProgramField, ProgramPart, ProgramPlan, WeightPacking } from './program.ts';
import { offsetBy, ScratchLayout } from './scratch-layout.ts';

/** A matrix product as a step of a program: `c = activation(a * b + beta * c + bias)`. */
export interface PlannedProduct {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: PlacedMatrix;
  readonly b: PlacedMatrix | PlacedPanels;
  readonly c: PlacedMatrix;
  readonly bias?: OperandField | null;
  readonly activation?: GemmDescription['epilogue']['activation'];
  readonly beta?: 'zero' | 'one';
}

/** A matrix of an operand. */
export interface PlacedMatrix extends MatrixLayout {
  readonly at: OperandField;
}

/** A right operand in panels of all columns. */
export interface PlacedPanels {
  readonly at: OperandField;
  readonly panelColumns: number;
}

/** Gathers the steps of a program. */
export class ProgramBuilder {
  readonly host: KernelHost;
  readonly team: ThreadTeam | null;
  /**
   * What a step costs that is divided among threads which are awake, as they are between kernels that follow each other closely. Where they
   * sleep it costs `ThreadTeam.handoffMicroseconds`; that is little beside the pause that let them.
   */
  readonly divisionMicroseconds = 6;
  readonly scratch = new ScratchLayout();
  readonly #steps: (readonly ProgramPart[])[] = [];
  /** Scratch memory of products by thread: they need it one after the other. */
  readonly #productScratch: { readonly at: OperandField; readonly byteLength: number }[] = [];

  constructor({ host, team }: { readonly host: KernelHost; readonly team: ThreadTeam | null }) {
    this.host = host;
    this.team = team;
  }

  plan(packing: WeightPacking | null = null, outputShape: readonly number[] | null = null): ProgramPlan {
    return { steps: this.#steps, scratchBytes: this.scratch.byteLength, packing, outputShape };
  }

  /** Adds a step of one kernel, or of several that run at the same time. */
  add(...parts: readonly ProgramPart[]): this {
    if (parts.length > 0) this.#steps.push(parts);
    return this;
  }

  /** Adds one kernel. */
  kernel(description: KernelDescription, fields: Readonly<Record<number, ProgramField>>): this {
    return this.add({ description, fields });
  }

  /** Adds one kernel per part of `count` indices, for work of `operations` operations. */
  divided(
    count: number,
    operations: number,
    multiple: number,
    part: (from: number, count: number) => ProgramPart,
  ): this {
    const sections = divide(count, worthwhileThreads(this, operations), multiple);
    return this.add(...sections.map((section) => part(section.from, section.count)));
  }

  /** Adds a matrix product, on all threads where that pays. */
  product(product: PlannedProduct): this {
    return this.add(...this.productParts(product, worthwhileThreads(this, productOperations(product))));
  }

  /** The parts of a matrix product for `threads` threads, the first of which is `firstThread`. */
  productParts(product: PlannedProduct, threads: number, firstThread = 0): ProgramPart[] {
    const { batch, m, n } = product;
    const whole = describeProduct(this.host, product);
    const { tileRows, tileVectors } = whole.blocking;
    const panelColumns =
      'panelColumns' in product.b ? product.b.panelColumns : tileVectors * this.host.traits.lanes;
    const cut = { batch, rows: m, columns: n, tileRows, panelColumns, wholeRows: false };
    return splitProduct(cut, threads).map(({ batch: products, rows, columns }, part) => {
      const description = {
        ...whole,
        batch: products.count,
        rows: rows.count,
        columns: columns.count,
      };
      const { a, b, c, bias } = product;
      const scratchBytes = gemmScratchBytes(description, this.host.traits);
      const fields: Record<number, ProgramField> = {
        [GEMM_ARGUMENTS.a]: elementAt(a, products.from, rows.from, 0),
        [GEMM_ARGUMENTS.b]:
          'panelColumns' in b
            ? offsetBy(b.at, columns.from * product.k * 4)
            : elementAt(b, products.from, 0, columns.from),
        [GEMM_ARGUMENTS.c]: elementAt(c, products.from, rows.from, columns.from),
      };
      if (scratchBytes > 0) {
        fields[GEMM_ARGUMENTS.scratch] = this.#scratchOf(firstThread + part, scratchBytes);
      }
      if (bias) fields[GEMM_ARGUMENTS.bias] = offsetBy(bias, columns.from * 4);
      return { description, fields };
    });
  }

  #scratchOf(thread: number, byteLength: number): OperandField {
    const known = this.#productScratch[thread];
    if (known !== undefined && known.byteLength >= byteLength) return known.at;
    const at = this.scratch.take(byteLength);
    this.#productScratch[thread] = { at, byteLength };
    return at;
  }
}

export function productOperations({ batch, m, n, k }: PlannedProduct): number {
  return 2 * batch * m * n * k;
}

function elementAt(matrix: PlacedMatrix, product: number, row: number, column: number): OperandField {
  const { at, rowStride, columnStride, batchStride } = matrix;
  return offsetBy(at, (product * batchStride + row * rowStride + column * columnStride) * 4);
}

function describeProduct(host: KernelHost, product: PlannedProduct): GemmDescription {
  const { batch, m, n, k, a, b, c, bias, activation = 'none', beta = 'zero' } = product;
  const right: GemmRightOperand =
    'panelColumns' in b
      ? { packed: true, format: 'float32', panelColumns: b.panelColumns, batchBytes: 0 }
      : { packed: false, ...layoutOf(b) };
  const unblocked = {
    kind: 'gemm',
    batch,
    rows: m,
    columns: n,
    depth: k,
    a: layoutOf(a),
    b: right,
    c: layoutOf(c),
    alpha: 'one',
    beta,
    epilogue: { bias: bias != null, activation, softmax: false },
  } as const;
  return { ...unblocked, blocking: RULES.gemmBlocking(host, unblocked) };
}

function layoutOf({ rowStride, columnStride, batchStride }: PlacedMatrix): MatrixLayout {
  return { rowStride, columnStride, batchStride };
}

/** A matrix `[rows, columns]` without gaps, or (`transposed`) one whose transposition lies without gaps; matrices of a batch follow each other unless `shared`. */
export function placeMatrix(
  at: OperandField,
  rows: number,
  columns: number,
  transposed = false,
  shared = false,
): PlacedMatrix {
  const batchStride = shared ? 0 : rows * columns;
  return transposed
    ? { at, rowStride: 1, columnStride: rows, batchStride }
    : { at, rowStride: columns, columnStride: 1, batchStride };
}
