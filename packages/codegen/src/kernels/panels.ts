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
 * int8: two k at a time, interleaved per column. int4: four k at a time; a column's 16-bit words hold, from the low nibble up,
 * k and k + 2 of that column of the first vector, then of the second; the next word holds k + 1 and k + 3.
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
  if (layout.elements === 'int4') checkNibbles(source);
  const packPanel = layout.elements === 'int8' ? packInt8Panel : packInt4Panel;
  for (let panel = 0; panel < layout.panelCount; panel++) {
    const start = panel * layout.panelByteLength;
    packPanel(layout, source, panel, target.subarray(start, start + layout.panelByteLength));
  }
}

/** The code at row k of a column, or 0 in the padding. */
function codeAt({ depth, columns }: PanelLayout, source: Int8Array, k: number, column: number): number {
  return k < depth && column < columns ? source[k * columns + column]! : 0;
}

function packInt8Panel(layout: PanelLayout, source: Int8Array, panel: number, target: Uint8Array): void {
  const { panelColumns, paddedDepth } = layout;
  let at = 0;
  for (let k = 0; k < paddedDepth; k += 2) {
    for (let column = panel * panelColumns; column < (panel + 1) * panelColumns; column++) {
      target[at++] = codeAt(layout, source, k, column);
      target[at++] = codeAt(layout, source, k + 1, column);
    }
  }
}

function packInt4Panel(layout: PanelLayout, source: Int8Array, panel: number, target: Uint8Array): void {
  const { panelColumns, paddedDepth, lanes } = layout;
  const nibble = (k: number, column: number) => codeAt(layout, source, k, column) & 15;
  let at = 0;
  for (let k = 0; k < paddedDepth; k += 4) {
    for (let column = panel * panelColumns; column < panel * panelColumns + lanes; column++) {
      for (const first of [k, k + 1]) {
        target[at++] = nibble(first, column) | (nibble(first + 2, column) << 4);
        target[at++] = nibble(first, column + lanes) | (nibble(first + 2, column + lanes) << 4);
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
  for (let i = 0; i < source.length; i++) {
    if (source[i]! >= -8 && source[i]! <= 7) continue;
    throw new InvalidArgumentError(`Code ${i} needs more than 4 bits`, {
      expected: '-8..7',
      actual: source[i],
    });
  }
}
