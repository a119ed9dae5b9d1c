const WORD_BYTES = 4;
const LINE_BYTES = 64;

/** Where the parts of a kernel's scratch memory lie, in bytes after its start. */
export interface ScratchLayout {
  /** A block of A: bytes between its rows and between neighbours along the depth. */
  readonly left: { readonly offset: number; readonly rowBytes: number; readonly depthBytes: number };
  readonly right: { readonly offset: number };
  /** Raw sums, row by row. */
  readonly sums: { readonly offset: number; readonly rowBytes: number };
  /** One vector of words that are collected from C. */
  readonly collected: { readonly offset: number };
  readonly byteLength: number;
}

/** What needs scratch memory, in elements. */
export interface ScratchNeeds {
  readonly packLeft: 'none' | 'rows' | 'depth';
  readonly blockRows: number;
  readonly passDepth: number;
  readonly rightRows: number;
  readonly rightColumns: number;
  readonly sumRows: number;
  readonly sumColumns: number;
}

function wholeLines(bytes: number): number {
  return Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;
}

/**
 * Lays the parts out on whole cache lines. Rows get one line more than they need, so that neighbours do not fall on one set of the
 * cache when their length is a power of two.
 */
export function planScratch(needs: ScratchNeeds): ScratchLayout {
  const { packLeft, blockRows, passDepth } = needs;
  const rowMajor = packLeft === 'rows';
  const lineOfLeft = wholeLines((rowMajor ? passDepth : blockRows) * WORD_BYTES) + LINE_BYTES;
  const leftBytes = packLeft === 'none' ? 0 : lineOfLeft * (rowMajor ? blockRows : passDepth);
  const rightBytes = wholeLines(needs.rightRows * needs.rightColumns * WORD_BYTES);
  const sumRowBytes = wholeLines(needs.sumColumns * WORD_BYTES) + LINE_BYTES;
  const sumBytes = needs.sumRows * sumRowBytes;
  const collectedBytes = needs.sumRows > 0 ? LINE_BYTES : 0;
  return {
    left: {
      offset: 0,
      rowBytes: rowMajor ? lineOfLeft : WORD_BYTES,
      depthBytes: rowMajor ? WORD_BYTES : lineOfLeft,
    },
    right: { offset: leftBytes },
    sums: { offset: leftBytes + rightBytes, rowBytes: sumRowBytes },
    collected: { offset: leftBytes + rightBytes + sumBytes },
    byteLength: leftBytes + rightBytes + sumBytes + collectedBytes,
  };
}
