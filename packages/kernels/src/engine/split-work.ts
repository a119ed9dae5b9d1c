/** Neighbouring indices along one axis. */
export interface Section {
  readonly from: number;
  readonly count: number;
}

/**
 * Divides `total` indices into at most `parts` sections of nearly equal length; each but the last starts and ends at a multiple of
 * `multiple`.
 */
export function divide(total: number, parts: number, multiple = 1): Section[] {
  const units = Math.ceil(total / multiple);
  const used = Math.max(1, Math.min(parts, units));
  return Array.from({ length: used }, (_, part) => {
    const from = Math.floor((units * part) / used) * multiple;
    const to = Math.min(total, Math.floor((units * (part + 1)) / used) * multiple);
    return { from, count: to - from };
  });
}

/** The part of a batch of products that one thread computes. */
export interface ProductPart {
  readonly batch: Section;
  readonly rows: Section;
  readonly columns: Section;
}

/** What a product can be cut along. */
export interface ProductCut {
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  /** Rows that are computed together; sections are multiples of it. */
  readonly tileRows: number;
  /** Columns that are computed together; sections are multiples of it. */
  readonly panelColumns: number;
  /** True where a row must stay whole, as for softmax. */
  readonly wholeRows: boolean;
}

/**
 * Cuts products into one part per thread: whole products where there are enough of them, else along the axis with more tiles per
 * thread. The depth is never cut, so that every sum keeps its order and its bits.
 */
export function splitProduct(cut: ProductCut, threads: number): ProductPart[] {
  const { batch, rows, columns, tileRows, panelColumns, wholeRows } = cut;
  const all = { batch: whole(batch), rows: whole(rows), columns: whole(columns) };
  if (threads === 1) return [all];
  if (batch >= threads) return divide(batch, threads).map((section) => ({ ...all, batch: section }));
  const byRows = divide(rows, threads, Math.min(tileRows, Math.ceil(rows / threads)));
  const byColumns = wholeRows ? [whole(columns)] : divide(columns, threads, panelColumns);
  // The largest part decides when all are done.
  const share = (sections: Section[], total: number) => {
    return Math.max(...sections.map(({ count }) => count)) / total;
  };
  return share(byRows, rows) <= share(byColumns, columns)
    ? byRows.map((section) => ({ ...all, rows: section }))
    : byColumns.map((section) => ({ ...all, columns: section }));
}

function whole(count: number): Section {
  return { from: 0, count };
}
