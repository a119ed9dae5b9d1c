import type { Pointer, Target, Vector } from '@qedge/codegen';
import { elementBytes } from './state-addressing.ts';

/** Fields of the argument block of {@link emitProductSums}, with which the workspace begins. */
export const PRODUCT_SUMS_ARGUMENTS = { left: 0, right: 1 } as const;
const ARGUMENT_BLOCK_BYTES = 64;

/** What is made of some rows of vectors: sums with signs, by masks of the bits of a row's number. */
export interface SumNode {
  /** Bits of a row's number; what follows above them counts groups of rows. */
  readonly rowBits: number;
  /** Masks whose sums over all groups are wanted, with the numbers of the results. */
  readonly totals: ReadonlyMap<number, number>;
  /** Masks whose sums of each group are rows again. */
  readonly children: ReadonlyMap<number, SumNode>;
}

/**
 * Plans the sums of vectors with the signs `(-1)^(|i & mask|)`, digit by digit: results are numbered by the places of masks.
 *
 * @param masks different ones, of `bits` bits.
 * @param rowBits most bits of a digit.
 */
export function planSums(masks: readonly number[], bits: number, rowBits: number): SumNode {
  const queries = masks.map((mask, result) => ({ mask, result }));
  return planNode(queries, bits, rowBits);
}

interface Query {
  readonly mask: number;
  readonly result: number;
}

function planNode(queries: readonly Query[], bits: number, mostRowBits: number): SumNode {
  const rowBits = Math.min(bits, mostRowBits);
  const totals = new Map<number, number>();
  const deeper = new Map<number, Query[]>();
  for (const { mask, result } of queries) {
    const digit = mask & (2 ** rowBits - 1);
    const rest = mask >>> rowBits;
    if (rest === 0) totals.set(digit, result);
    else {
      const own = deeper.get(digit) ?? [];
      deeper.set(digit, [...own, { mask: rest, result }]);
    }
  }
  const children = new Map<number, SumNode>();
  for (const [digit, own] of deeper) children.set(digit, planNode(own, bits - rowBits, mostRowBits));
  return { rowBits, totals, children };
}

/** Where things lie in the workspace, in bytes: the argument block, a vector for each result, then the sums of groups, level by level. */
export interface ProductSumsLayout {
  readonly results: number;
  readonly levels: readonly number[];
  readonly byteLength: number;
}

/** Lays a workspace out for states of `2^bits` blocks, or more of them one after the other. */
export function layOutProductSums(
  vectorBytes: number,
  resultCount: number,
  bits: number,
  rowBits: number,
): ProductSumsLayout {
  const results = ARGUMENT_BLOCK_BYTES;
  let byteLength = results + resultCount * vectorBytes;
  const levels: number[] = [];
  for (let rest = bits; rest > 0; rest -= rowBits) {
    levels.push(byteLength);
    byteLength += 2 ** Math.min(rest, rowBits) * 2 ** Math.max(0, rest - rowBits) * vectorBytes;
  }
  return { results, levels, byteLength };
}

/** Multiplies amplitudes of two states, `part(conj(left) right)`, and sums the products of `2^bits` blocks up as planned. */
export function emitProductSums(
  target: Target<unknown>,
  element: 'float32' | 'float64',
  part: 'real' | 'imaginary',
  root: SumNode,
  bits: number,
  layout: ProductSumsLayout,
): void {
  new ProductSumsCode(target, element, part, root.rowBits, layout).emit(root, bits);
}

class ProductSumsCode {
  readonly #target: Target<unknown>;
  readonly #part: 'real' | 'imaginary';
  readonly #layout: ProductSumsLayout;
  readonly #vectorBytes: number;
  readonly #left: Pointer;
  readonly #right: Pointer;
  readonly #out: Pointer;
  readonly #accumulators: readonly Vector[];
  readonly #free: Vector[];
  readonly #operands: readonly [Vector, Vector];

  constructor(
    target: Target<unknown>,
    element: 'float32' | 'float64',
    part: 'real' | 'imaginary',
    rowBits: number,
    layout: ProductSumsLayout,
  ) {
    this.#target = target;
    this.#part = part;
    this.#layout = layout;
    this.#vectorBytes = elementBytes(element) * target.traits.lanes;
    this.#left = target.pointer('left');
    this.#right = target.pointer('right');
    this.#out = target.pointer('sums');
    this.#accumulators = target.vectors('totals', 2 ** rowBits);
    this.#free = target.vectors('rows', 2 ** rowBits + 1);
    this.#operands = target.vectors('amplitudes', 2) as [Vector, Vector];
  }

  emit(root: SumNode, bits: number): void {
    const target = this.#target;
    target.argument(this.#left, PRODUCT_SUMS_ARGUMENTS.left);
    target.argument(this.#right, PRODUCT_SUMS_ARGUMENTS.right);
    this.#emitNode(root, 0, bits, (row) => this.#product(row), 2, [this.#left, this.#right]);
  }

  /** Sums a node's rows up group by group, then those of its children. */
  #emitNode(
    { rowBits, totals, children }: SumNode,
    level: number,
    bits: number,
    loadRow: (row: number) => Vector,
    vectorsPerRow: number,
    sources: readonly Pointer[],
  ): void {
    const target = this.#target;
    const bytes = this.#vectorBytes;
    const groups = 2 ** (bits - rowBits);
    const rows = 2 ** rowBits;
    const masks = [...new Set([...totals.keys(), ...children.keys()])];
    const arrays = [...children.keys()];
    const sums = [...totals.keys()];
    sums.forEach((_, index) => {
      target.zero(this.#accumulators[index]!);
    });
    const place = this.#layout.levels[level] ?? 0;
    target.offsetPointer(this.#out, target.block, place);
    target.loop(groups, () => {
      const loaded = Array.from({ length: rows }, (_, row) => loadRow(row));
      this.#foldRows(loaded, masks, 0, (mask, vector) => {
        const array = arrays.indexOf(mask);
        if (array >= 0) target.store(vector, { base: this.#out, offset: array * groups * bytes });
        const sum = this.#accumulators[sums.indexOf(mask)];
        if (sum !== undefined) target.float('add', sum, sum, vector);
      });
      for (const source of sources) target.advance(source, rows * vectorsPerRow * bytes);
      target.advance(this.#out, bytes);
    });
    sums.forEach((mask, index) => {
      const offset = this.#layout.results + totals.get(mask)! * bytes;
      target.store(this.#accumulators[index]!, { base: target.block, offset });
    });
    arrays.forEach((mask, array) => {
      target.offsetPointer(this.#left, target.block, place + array * groups * bytes);
      const child = children.get(mask)!;
      this.#emitNode(child, level + 1, bits - rowBits, (row) => this.#load(row), 1, [this.#left]);
    });
  }

  #load(row: number): Vector {
    const vector = this.#free.pop()!;
    this.#target.load(vector, { base: this.#left, offset: row * this.#vectorBytes });
    return vector;
  }

  #product(row: number): Vector {
    const target = this.#target;
    const vector = this.#free.pop()!;
    const [a, b] = this.#operands;
    const isReal = this.#part === 'real';
    const [re, im] = [2 * row * this.#vectorBytes, (2 * row + 1) * this.#vectorBytes];
    target.load(a, { base: this.#left, offset: re });
    target.load(b, { base: this.#right, offset: isReal ? re : im });
    target.float('multiply', vector, a, b);
    target.load(a, { base: this.#left, offset: im });
    target.load(b, { base: this.#right, offset: isReal ? im : re });
    if (isReal) target.fma(vector, a, b);
    else target.fnma(vector, a, b);
    return vector;
  }

  /** Halves rows by sums, and by differences where a mask has the bit; consumes the rows. */
  #foldRows(
    rows: readonly Vector[],
    masks: readonly number[],
    prefix: number,
    deliver: (mask: number, vector: Vector) => void,
  ): void {
    const target = this.#target;
    if (rows.length === 1) {
      deliver(prefix, rows[0]!);
      this.#free.push(rows[0]!);
      return;
    }
    const half = rows.length / 2;
    const differing = masks.filter((mask) => (mask & half) !== 0);
    const equal = masks.filter((mask) => (mask & half) === 0);
    const sums: Vector[] = [];
    const differences: Vector[] = [];
    for (let row = 0; row < half; row++) {
      const [low, high] = [rows[row]!, rows[row + half]!];
      if (differing.length > 0 && equal.length > 0) {
        const difference = this.#free.pop()!;
        target.float('subtract', difference, low, high);
        target.float('add', low, low, high);
        this.#free.push(high);
        sums.push(low);
        differences.push(difference);
      } else {
        target.float(equal.length > 0 ? 'add' : 'subtract', low, low, high);
        this.#free.push(high);
        (equal.length > 0 ? sums : differences).push(low);
      }
    }
    if (differences.length > 0) this.#foldRows(differences, differing, prefix | half, deliver);
    if (sums.length > 0) this.#foldRows(sums, equal, prefix, deliver);
  }
}
