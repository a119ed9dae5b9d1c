/**
 * @file Signed sums over all entries of a table, many at once: the Walsh-Hadamard transform with every branch cut off that nobody
 * asks for. One sum for each of `k` qubits costs about two additions an entry, whatever `k` is.
 */

/** The order of additions that answers some queries. */
export interface SignPlan {
  /** Index bits: the table has `2^bits` entries. */
  readonly bits: number;
  readonly queryCount: number;
  readonly root: SignNode;
}

/** What happens to a table of `2^bits` entries. */
interface SignNode {
  readonly bits: number;
  /** Queries that want the plain sum of the whole table. */
  readonly totals: readonly number[];
  /** For the sum and the difference of the two halves. */
  readonly sum: SignNode | null;
  readonly difference: SignNode | null;
}

/**
 * Plans the sums `sum of (-1)^(|i & z|) table[i]` for tables of `2^bits` entries, at most `2^30`.
 *
 * @param masks `z` of every query.
 */
export function planSignSums(masks: readonly number[], bits: number): SignPlan {
  const queries = masks.map((z, number) => ({ z, number }));
  return { bits, queryCount: masks.length, root: planNode(queries, bits) };
}

interface Query {
  readonly z: number;
  readonly number: number;
}

function planNode(queries: readonly Query[], bits: number): SignNode {
  const totals = queries.filter(({ z }) => z === 0).map(({ number }) => number);
  const rest = queries.filter(({ z }) => z !== 0);
  const top = bits === 0 ? 0 : 1 << (bits - 1);
  const child = (chosen: readonly Query[]): SignNode | null =>
    chosen.length === 0
      ? null
      : planNode(
          chosen.map(({ z, number }) => ({ z: z & ~top, number })),
          bits - 1,
        );
  return {
    bits,
    totals,
    sum: child(rest.filter(({ z }) => (z & top) === 0)),
    difference: child(rest.filter(({ z }) => (z & top) !== 0)),
  };
}

/**
 * Answers the queries of a plan.
 *
 * @param table `[2^bits]`; overwritten.
 * @param scratch at least as long.
 * @param out `[queryCount]`; added to.
 */
export function addSignSums(
  plan: SignPlan,
  table: Float64Array,
  scratch: Float64Array,
  out: Float64Array,
): void {
  addNode(plan.root, table, 0, scratch, out);
}

function addNode(
  node: SignNode,
  table: Float64Array,
  start: number,
  scratch: Float64Array,
  out: Float64Array,
): void {
  const { bits, totals, sum, difference } = node;
  if (totals.length > 0) {
    const total = sumOf(table, start, 2 ** bits);
    for (const query of totals) out[query] = out[query]! + total;
  }
  if (bits === 0) return;
  const half = 2 ** (bits - 1);
  // The halves' difference lies in the scratch table at its own length, where no smaller one will be.
  if (difference !== null && isPlainSum(difference)) {
    const total = sum === null ? differenceOf(table, start, half) : addHalvesAndCompare(table, start, half);
    for (const query of difference.totals) out[query] = out[query]! + total;
  } else if (difference !== null) {
    if (sum !== null) splitHalves(table, start, half, scratch);
    else subtractHalves(table, start, half, scratch);
    addNode(difference, scratch, half, scratch, out);
  } else if (sum !== null) addHalves(table, start, half);
  if (sum !== null) addNode(sum, table, start, scratch, out);
}

/** True where nothing but the sum of a table is wanted. */
function isPlainSum({ sum, difference }: SignNode): boolean {
  return sum === null && difference === null;
}

/** The sum of the lower half less that of the upper one. */
function differenceOf(table: Float64Array, start: number, half: number): number {
  return sumOf(table, start, half) - sumOf(table, start + half, half);
}

/** The same, while the halves are added up in the lower one. */
function addHalvesAndCompare(table: Float64Array, start: number, half: number): number {
  let total = 0;
  for (let i = start; i < start + half; i++) {
    const low = table[i]!;
    const high = table[i + half]!;
    total += low - high;
    table[i] = low + high;
  }
  return total;
}

function sumOf(table: Float64Array, start: number, count: number): number {
  let [even, odd] = [0, 0];
  const end = start + count;
  for (let i = start; i + 1 < end; i += 2) {
    even += table[i]!;
    odd += table[i + 1]!;
  }
  return count % 2 === 1 ? even + odd + table[end - 1]! : even + odd;
}

/** The sum of the halves goes to the lower one, their difference to `scratch[half...]`. */
function splitHalves(table: Float64Array, start: number, half: number, scratch: Float64Array): void {
  for (let i = 0; i < half; i++) {
    const low = table[start + i]!;
    const high = table[start + half + i]!;
    table[start + i] = low + high;
    scratch[half + i] = low - high;
  }
}

function subtractHalves(table: Float64Array, start: number, half: number, scratch: Float64Array): void {
  for (let i = 0; i < half; i++) scratch[half + i] = table[start + i]! - table[start + half + i]!;
}

function addHalves(table: Float64Array, start: number, half: number): void {
  for (let i = 0; i < half; i++) table[start + i] = table[start + i]! + table[start + half + i]!;
}
