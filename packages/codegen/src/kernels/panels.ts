import { InvalidArgumentError } from '@qedge/core';
import type { GemmElements } from '../description/kernel-description.ts';

/** Vectors side by side in one panel of B. */
export const PANEL_VECTORS = 2;

const BITS: Readonly<Record<GemmElements, number>> = { float32: 32, int8: 8, int4: 4 };

/** Where the packed operands of a matrix product lie. */
export interface PanelLayout {
  readonly elements: GemmElements;
  readonly depth: number;
  readonly columns: number;
  readonly lanes: number;
  /** Columns per panel. */
  readonly panelColumns: number;
  readonly panelCount: number;
  /** `depth`, rounded up so that integer code never meets half a group; the padding is zero. */
  readonly paddedDepth: number;
  /** Bytes of all panels. */
  readonly byteLength: number;
  readonly panelByteLength: number;
  /** Bytes from one row of A to the next. */
  readonly rowByteLength: number;
  /** Elements of a bias or scale vector, padded to whole panels. */
  readonly paddedColumns: number;
}

/**
 * The layout of B (`[depth, columns]`) and A (`[rows, depth]`) for a target with `lanes` lanes.
 *
 * B is cut into panels of `2 * lanes` columns; inside a panel k ascends. float32: the columns of one k, then the next k.
 * int8: two k at a time, interleaved per column. int4: four k at a time in one vector of 16-bit words; the word of a column
 * pair position holds the first vector's k pairs in its two low nibbles and the second vector's in its two high ones.
 */
export function panelLayout(
  elements: GemmElements,
  depth: number,
  columns: number,
  lanes: number,
): PanelLayout {
  const panelColumns = PANEL_VECTORS * lanes;
  const panelCount = Math.ceil(columns / panelColumns);
  const group = elements === 'float32' ? 1 : Math.max(4, lanes);
  const paddedDepth = Math.ceil(depth / group) * group;
  const panelByteLength = (paddedDepth * panelColumns * BITS[elements]) / 8;
  return {
    elements,
    depth,
    columns,
    lanes,
    panelColumns,
    panelCount,
    paddedDepth,
    byteLength: panelByteLength * panelCount,
    panelByteLength,
    rowByteLength: elements === 'float32' ? depth * 4 : paddedDepth * 2,
    paddedColumns: panelCount * panelColumns,
  };
}

/**
 * Packs float32 `source` (`[depth, columns]`, row-major) into `target` as the layout says.
 * @throws InvalidArgumentError when a length does not fit or the layout is not float32.
 */
export function packFloat32(layout: PanelLayout, source: Float32Array, target: Float32Array): void {
  checkPacking(layout, ['float32'], source.length, target.byteLength);
  const { depth, columns, panelColumns, panelCount } = layout;
  let at = 0;
  for (let panel = 0; panel < panelCount; panel++) {
    const first = panel * panelColumns;
    for (let k = 0; k < depth; k++) {
      for (let c = 0; c < panelColumns; c++) {
        const column = first + c;
        target[at++] = column < columns ? source[k * columns + column]! : 0;
      }
    }
  }
}

/**
 * Packs integer codes `source` (`[depth, columns]`, row-major, one per byte) into `target` as the layout says.
 * @throws InvalidArgumentError when a length does not fit, the layout is not int8 or int4, or a code needs more bits.
 */
export function packCodes(layout: PanelLayout, source: Int8Array, target: Uint8Array): void {
  checkPacking(layout, ['int8', 'int4'], source.length, target.byteLength);
  const { elements, depth, columns, panelColumns, panelCount, paddedDepth } = layout;
  const code = (k: number, column: number) =>
    k < depth && column < columns ? source[k * columns + column]! : 0;
  if (elements === 'int4') checkNibbles(source);
  let at = 0;
  for (let panel = 0; panel < panelCount; panel++) {
    const first = panel * panelColumns;
    if (elements === 'int8') {
      for (let k = 0; k < paddedDepth; k += 2) {
        for (let c = 0; c < panelColumns; c++) {
          target[at++] = code(k, first + c);
          target[at++] = code(k + 1, first + c);
        }
      }
    } else {
      for (let k = 0; k < paddedDepth; k += 4) {
        for (let lane = 0; lane < layout.lanes; lane++) {
          for (let half = 0; half < 2; half++) {
            // Nibble 2 * vector + pair of this 16-bit word: column of that vector, k of that pair.
            for (let vector = 0; vector < PANEL_VECTORS; vector++) {
              const column = first + vector * layout.lanes + lane;
              target[at++] = (code(k + half, column) & 15) | ((code(k + 2 + half, column) & 15) << 4);
            }
          }
        }
      }
    }
  }
}

function checkPacking(
  layout: PanelLayout,
  elements: readonly GemmElements[],
  sourceLength: number,
  targetBytes: number,
): void {
  const expected = [elements.join(' or '), layout.depth * layout.columns, layout.byteLength];
  const actual = [layout.elements, sourceLength, targetBytes];
  if (elements.includes(layout.elements) && expected[1] === actual[1] && expected[2] === actual[2]) return;
  throw new InvalidArgumentError('Weights do not fit their panels (elements, values, packed bytes)', {
    expected,
    actual,
  });
}

function checkNibbles(source: Int8Array): void {
  const bad = source.findIndex((value) => value < -8 || value > 7);
  if (bad >= 0) {
    throw new InvalidArgumentError(`Code ${bad} needs more than 4 bits`, {
      expected: '-8..7',
      actual: source[bad],
    });
  }
}
