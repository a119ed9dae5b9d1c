import { InvalidArgumentError } from '@qedge/core';
import type { IntegerGemmDescription } from '../../description/integer-gemm.ts';
import type { TargetTraits } from '../../target/target.ts';
import { type IntegerArithmetic, integerArithmetic, roundUp } from './code-form.ts';

/** What of a description decides how its weights are packed. */
export type IntegerPanelDescription = Pick<
  IntegerGemmDescription,
  'columns' | 'depth' | 'weights' | 'output' | 'rowZeroPoints' | 'epilogue' | 'blocking'
>;

/** What of a target decides how weights are packed for it. */
export type PanelTraits = Pick<TargetTraits, 'lanes' | 'dot' | 'multiplyBytes'>;

/** Where the numbers of each column lie behind the codes of a panel: bytes from the panel's start; -1 for those that are not stored. */
export interface ColumnParameterOffsets {
  /** int32 numbers that are added to the sums. */
  readonly starts: number;
  /** Column sums as int16 pairs: the lowest 7 bits, and the rest. */
  readonly columnSums: number;
  /** float32. */
  readonly scales: number;
  /** float32. */
  readonly bias: number;
}

/** One panel: neighbouring columns whose codes lie together. */
export interface IntegerPanel {
  readonly firstColumn: number;
  readonly columns: number;
  /** Vectors across; the last one may be partial. */
  readonly vectors: number;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly parameters: ColumnParameterOffsets;
}

/**
 * The layout of packed weights. A panel holds `stepCount` steps of the depth; in each, one vector of codes after the other:
 * - int8 where the dot product takes bytes: four codes of neighbouring depth per column;
 * - int8 where it takes words: two codes of neighbouring depth per column, widened when they are loaded;
 * - int4: eight codes per column. Where bytes are multiplied, byte t holds depth t in its low half and 4 + t in its high half (for
 *   `multiply-bytes` each code plus 8, and nothing in the padding); for words, the 16-bit number w (0 or 1) holds, from the low nibble
 *   up, depths w, w + 2, w + 4, w + 6.
 */
export interface IntegerPanelLayout {
  /** Depth per step: 2, 4 or 8. */
  readonly stepDepth: number;
  readonly stepCount: number;
  /** Bytes of one vector of one step. */
  readonly vectorBytes: number;
  readonly lanes: number;
  /** Columns of every panel but the last. */
  readonly panelColumns: number;
  /** Bytes from one panel to the next. */
  readonly panelByteLength: number;
  readonly panels: readonly IntegerPanel[];
  /** Bytes of all panels, a multiple of 64. */
  readonly byteLength: number;
}

/** Lays out the weights of a product for a target. */
export function integerPanelLayout(
  description: IntegerPanelDescription,
  traits: PanelTraits,
): IntegerPanelLayout {
  const { lanes, dot } = traits;
  const { columns, depth, weights, blocking } = description;
  const stepDepth = weights === 'int4' ? 8 : dot === 'bytes' ? 4 : 2;
  const stepCount = Math.ceil(depth / stepDepth);
  const vectorBytes = lanes * (weights === 'int8' && dot === 'words' ? 2 : 4);
  const panelColumns = blocking.tileVectors * lanes;
  const panels: IntegerPanel[] = [];
  let byteOffset = 0;
  for (let firstColumn = 0; firstColumn < columns; firstColumn += panelColumns) {
    const panelWidth = Math.min(panelColumns, columns - firstColumn);
    const vectors = Math.ceil(panelWidth / lanes);
    const { parameters, end } = placeParameters(
      description,
      stepCount * vectors * vectorBytes,
      vectors * lanes * 4,
    );
    const byteLength = roundUp(end, 64);
    panels.push({ firstColumn, columns: panelWidth, vectors, byteOffset, byteLength, parameters });
    byteOffset += byteLength;
  }
  const panelByteLength = panels[0]!.byteLength;
  return {
    stepDepth,
    stepCount,
    vectorBytes,
    lanes,
    panelColumns,
    panelByteLength,
    panels,
    byteLength: byteOffset,
  };
}

function placeParameters(
  { output, rowZeroPoints, epilogue }: IntegerPanelDescription,
  codesEnd: number,
  arrayBytes: number,
): { parameters: ColumnParameterOffsets; end: number } {
  let end = roundUp(codesEnd, 64);
  const place = (present: boolean) => {
    if (!present) return -1;
    const offset = end;
    end += arrayBytes;
    return offset;
  };
  const parameters = {
    starts: place(true),
    columnSums: place(rowZeroPoints),
    scales: place(output === 'float32'),
    bias: place(epilogue.bias),
  };
  return { parameters, end };
}

/** Weights and everything else that belongs to a column. */
export interface IntegerWeightColumns {
  /** Codes; element `[k, column]` is `k * rowStride + column * columnStride` after the first. */
  readonly codes: Int8Array;
  readonly rowStride: number;
  readonly columnStride: number;
  /** The zero point of all codes of A, an integer 0..255: 0 with zero points per row, 128 for codes that came from int8. */
  readonly zeroPoint: number;
  /** One float32 per column, or one for all; needed for float32 output. */
  readonly scales: Float32Array | null;
  /** One float32 per column; needed where the epilogue adds a bias. */
  readonly bias: Float32Array | null;
}

/**
 * Packs weights into `target` as {@link integerPanelLayout} says; the padding is zero.
 *
 * @throws InvalidArgumentError when a length does not fit, a code is out of the range of `weights`, or the zero point is none.
 */
export function packIntegerPanels(
  description: IntegerPanelDescription,
  traits: PanelTraits,
  source: IntegerWeightColumns,
  target: Uint8Array,
): void {
  const layout = integerPanelLayout(description, traits);
  checkSource(description, layout, source, target);
  target.fill(0);
  const arithmetic = integerArithmetic(description.weights, traits);
  const places = codePlaces(description.weights, arithmetic);
  const startPerWeight = (arithmetic === 'multiply-bytes' ? SIGNED_CODE_OFFSET : 0) - source.zeroPoint;
  for (const panel of layout.panels) {
    const sums = packPanelCodes(description, layout, panel, places, source, target);
    const view = new DataView(target.buffer, target.byteOffset + panel.byteOffset, panel.byteLength);
    for (let c = 0; c < panel.columns; c++) writeParameters(panel, c, sums[c]!, startPerWeight, source, view);
  }
}

/** What `multiply-bytes` takes from the codes of A: with c - 128 for each code c, a sum lacks 128 times the sum of the weights. */
const SIGNED_CODE_OFFSET = 128;
/** What `multiply-bytes` adds to the codes of int4 weights. */
const NIBBLE_OFFSET = 8;

/** Where the codes of one step lie within the bytes of a column: which byte, how far a code is shifted in it, and what is added. */
interface CodePlaces {
  readonly bytesPerColumn: number;
  readonly byteOf: readonly number[];
  readonly shiftOf: readonly number[];
  readonly offset: number;
}

function codePlaces(weights: IntegerGemmDescription['weights'], arithmetic: IntegerArithmetic): CodePlaces {
  if (weights === 'int8') {
    const byteOf = arithmetic === 'dot-bytes' ? [0, 1, 2, 3] : [0, 1];
    return { bytesPerColumn: byteOf.length, byteOf, shiftOf: byteOf.map(() => 0), offset: 0 };
  }
  const [byteOf, shiftOf] =
    arithmetic === 'dot-words'
      ? [
          [0, 2, 0, 2, 1, 3, 1, 3],
          [0, 0, 4, 4, 0, 0, 4, 4],
        ]
      : [
          [0, 1, 2, 3, 0, 1, 2, 3],
          [0, 0, 0, 0, 4, 4, 4, 4],
        ];
  return { bytesPerColumn: 4, byteOf, shiftOf, offset: arithmetic === 'multiply-bytes' ? NIBBLE_OFFSET : 0 };
}

/** Packs the codes of one panel and returns the sums of its columns. */
function packPanelCodes(
  { depth, weights }: IntegerPanelDescription,
  { stepDepth, vectorBytes }: IntegerPanelLayout,
  { byteOffset, vectors, firstColumn, columns }: IntegerPanel,
  { bytesPerColumn, byteOf, shiftOf, offset }: CodePlaces,
  { codes, rowStride, columnStride }: IntegerWeightColumns,
  target: Uint8Array,
): Int32Array {
  const sums = new Int32Array(columns);
  const mask = weights === 'int8' ? 255 : 15;
  for (let k = 0; k < depth; k++) {
    const place = k % stepDepth;
    const shift = shiftOf[place]!;
    let to = byteOffset + ((k - place) / stepDepth) * vectors * vectorBytes + byteOf[place]!;
    let from = k * rowStride + firstColumn * columnStride;
    for (let c = 0; c < columns; c++) {
      const code = codes[from]!;
      sums[c]! += code;
      target[to]! |= ((code + offset) & mask) << shift;
      from += columnStride;
      to += bytesPerColumn;
    }
  }
  return sums;
}

function writeParameters(
  { parameters, firstColumn }: IntegerPanel,
  c: number,
  sum: number,
  startPerWeight: number,
  { scales, bias }: IntegerWeightColumns,
  view: DataView,
): void {
  view.setInt32(parameters.starts + c * 4, startPerWeight * sum, true);
  if (parameters.columnSums >= 0) {
    view.setInt16(parameters.columnSums + c * 4, sum & 127, true);
    view.setInt16(parameters.columnSums + c * 4 + 2, sum >> 7, true);
  }
  const at = firstColumn + c;
  if (parameters.scales >= 0) {
    view.setFloat32(parameters.scales + c * 4, scales!.length === 1 ? scales![0]! : scales![at]!, true);
  }
  if (parameters.bias >= 0) view.setFloat32(parameters.bias + c * 4, bias![at]!, true);
}

function checkSource(
  { columns, depth, weights, output, epilogue }: IntegerPanelDescription,
  { byteLength }: IntegerPanelLayout,
  { codes, rowStride, columnStride, zeroPoint, scales, bias }: IntegerWeightColumns,
  target: Uint8Array,
): void {
  const needed = (depth - 1) * rowStride + (columns - 1) * columnStride + 1;
  const expectLength = (what: string, actual: number, allowed: readonly number[]) => {
    if (allowed.includes(actual)) return;
    throw new InvalidArgumentError(`${what} of integer weights have the wrong length`, {
      expected: allowed.join(' or '),
      actual,
    });
  };
  if (codes.length < needed) {
    throw new InvalidArgumentError('Integer weights are too short for their strides', {
      expected: `at least ${needed} codes`,
      actual: codes.length,
    });
  }
  expectLength('The panels', target.byteLength, [byteLength]);
  if (output === 'float32') expectLength('The scales', scales?.length ?? 0, [columns, 1]);
  if (epilogue.bias) expectLength('The bias values', bias?.length ?? 0, [columns]);
  if (!Number.isInteger(zeroPoint) || zeroPoint < 0 || zeroPoint > 255) {
    throw new InvalidArgumentError('A zero point is no uint8 code', {
      expected: '0..255',
      actual: zeroPoint,
    });
  }
  if (weights === 'int4') checkNibbles(codes, { columns, depth, rowStride, columnStride });
}

function checkNibbles(
  codes: Int8Array,
  {
    columns,
    depth,
    rowStride,
    columnStride,
  }: Record<'columns' | 'depth' | 'rowStride' | 'columnStride', number>,
): void {
  for (let k = 0; k < depth; k++) {
    for (let column = 0; column < columns; column++) {
      const code = codes[k * rowStride + column * columnStride]!;
      if (code >= -8 && code <= 7) continue;
      throw new InvalidArgumentError(`The weight code [${k}, ${column}] needs more than 4 bits`, {
        expected: '-8..7',
        actual: code,
      });
    }
  }
}
