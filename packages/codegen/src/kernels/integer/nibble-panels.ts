import { InvalidArgumentError } from '@qedge/core';
import type { NibbleGemmDescription } from '../../description/nibble-gemm.ts';
import { GROUP_DEPTH } from '../../description/quantize-rows.ts';
import type { TargetTraits } from '../../target/target.ts';
import { groupCodeForm, roundUp } from './code-form.ts';

/** What of a description decides how its weights are packed. */
export type NibblePanelDescription = Pick<
  NibbleGemmDescription,
  'columns' | 'depth' | 'scales' | 'zeroPoints' | 'epilogue' | 'blocking'
>;

/** What of a target decides how nibbles are packed for it. */
export type NibblePanelTraits = Pick<TargetTraits, 'lanes' | 'dot' | 'multiplyBytes'>;

/**
 * How a group of 32 lies in vectors of nibbles, one slice of the depth after the other. Where codes of A are bytes, a slice has four
 * depths and a vector of nibbles holds two vectors of columns; where they are words, a slice has eight depths of each vector of columns.
 */
interface SliceForm {
  readonly slices: number;
  readonly columnVectors: 1 | 2;
}

function sliceForm(traits: NibblePanelTraits): SliceForm {
  return groupCodeForm(traits) === 'bytes'
    ? { slices: GROUP_DEPTH / 4, columnVectors: 2 }
    : { slices: GROUP_DEPTH / 8, columnVectors: 1 };
}

/** One panel: neighbouring columns whose weights lie together. */
export interface NibblePanel {
  readonly firstColumn: number;
  readonly columns: number;
  /** Vectors across; the last one may be partial. */
  readonly vectors: number;
  readonly byteOffset: number;
  readonly byteLength: number;
  /** Vectors of nibbles of one slice. */
  readonly sliceVectors: number;
  /** Bytes from one group to the next. */
  readonly groupBytes: number;
  /** Bytes from the start of a group to its scales and, where they are given, its zero points (one uint8 per column). */
  readonly scalesOffset: number;
  readonly zeroPointsOffset: number;
}

/**
 * The layout of packed nibbles. A panel holds its groups in ascending order, then (where there is one) the bias. A group holds its slices,
 * in each one vector of nibbles after the other, then its scales and zero points.
 *
 * Where codes of A are bytes, byte t of lane i of vector p of slice s holds depth `4 s + t`: in its low half that of column i of the
 * panel's vector 2 p, in its high half that of vector 2 p + 1. Where they are words, 16-bit number w of lane i of vector v of slice s
 * holds, from the low nibble up, depths `8 s + w`, `+ 2`, `+ 4`, `+ 6` of column i of vector v.
 */
export interface NibblePanelLayout {
  readonly groups: number;
  /** Slices of a group. */
  readonly slices: number;
  readonly lanes: number;
  /** Bytes of one float32 or float16 scale. */
  readonly scaleBytes: 2 | 4;
  /** Columns of every panel but the last. */
  readonly panelColumns: number;
  /** Bytes from one panel to the next. */
  readonly panelByteLength: number;
  readonly panels: readonly NibblePanel[];
  /** Bytes of all panels, a multiple of 64. */
  readonly byteLength: number;
}

/** Lays out nibble weights for a target. */
export function nibblePanelLayout(
  description: NibblePanelDescription,
  traits: NibblePanelTraits,
): NibblePanelLayout {
  const { columns, depth, scales, blocking } = description;
  const { lanes } = traits;
  const panelColumns = blocking.tileVectors * lanes;
  const panels: NibblePanel[] = [];
  let byteOffset = 0;
  for (let firstColumn = 0; firstColumn < columns; firstColumn += panelColumns) {
    const panelWidth = Math.min(panelColumns, columns - firstColumn);
    const panel = placePanel(description, traits, firstColumn, panelWidth, byteOffset);
    panels.push(panel);
    byteOffset += panel.byteLength;
  }
  return {
    groups: Math.ceil(depth / GROUP_DEPTH),
    slices: sliceForm(traits).slices,
    lanes,
    scaleBytes: scales === 'float32' ? 4 : 2,
    panelColumns,
    panelByteLength: panels[0]!.byteLength,
    panels,
    byteLength: byteOffset,
  };
}

function placePanel(
  { depth, scales, zeroPoints, epilogue }: NibblePanelDescription,
  traits: NibblePanelTraits,
  firstColumn: number,
  columns: number,
  byteOffset: number,
): NibblePanel {
  const { lanes } = traits;
  const { slices, columnVectors } = sliceForm(traits);
  const vectors = Math.ceil(columns / lanes);
  const sliceVectors = Math.ceil(vectors / columnVectors);
  const scalesOffset = slices * sliceVectors * lanes * 4;
  const zeroPointsOffset = scalesOffset + vectors * lanes * (scales === 'float32' ? 4 : 2);
  const parametersEnd = zeroPointsOffset + (zeroPoints === 'given' ? vectors * lanes : 0);
  const groupBytes = roundUp(parametersEnd, lanes * 4);
  const groups = Math.ceil(depth / GROUP_DEPTH);
  return {
    firstColumn,
    columns,
    vectors,
    byteOffset,
    byteLength: roundUp(groups * groupBytes + (epilogue.bias ? vectors * lanes * 4 : 0), 64),
    sliceVectors,
    groupBytes,
    scalesOffset,
    zeroPointsOffset,
  };
}

/** Weights as ONNX Runtime's `MatMulNBits` holds them, and the bias. */
export interface NibbleWeights {
  /** `[columns, groups, 16]`: 32 weights of a group, the one of lower depth in the low half of each byte. */
  readonly nibbles: Uint8Array;
  /** `[columns, groups]`: float32 numbers, or the bits of float16 numbers, as the description says. */
  readonly scales: Float32Array | Uint16Array;
  /** `[columns, ceil(groups / 2)]`, two per byte, that of the lower group in the low half; null where every zero point is 8. */
  readonly zeroPoints: Uint8Array | null;
  /** One float32 per column; needed where the epilogue adds a bias. */
  readonly bias: Float32Array | null;
}

/**
 * Packs nibble weights into `target` as {@link nibblePanelLayout} says; the padding is zero.
 *
 * @throws InvalidArgumentError when a length or the type of the scales does not fit.
 */
export function packNibblePanels(
  description: NibblePanelDescription,
  traits: NibblePanelTraits,
  source: NibbleWeights,
  target: Uint8Array,
): void {
  const layout = nibblePanelLayout(description, traits);
  checkSource(description, layout, source, target);
  target.fill(0);
  const bytes = groupCodeForm(traits) === 'bytes';
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  for (const panel of layout.panels) {
    for (let c = 0; c < panel.columns; c++) {
      const column = panel.firstColumn + c;
      for (let group = 0; group < layout.groups; group++) {
        const start = panel.byteOffset + group * panel.groupBytes;
        const from = (column * layout.groups + group) * NIBBLE_BYTES;
        const nibbles = source.nibbles.subarray(from, from + NIBBLE_BYTES);
        if (bytes) packPairedGroup(target, start, layout, panel, c, nibbles);
        else packWordGroup(target, start, layout, panel, c, nibbles);
        writeGroupParameters(view, layout, panel, { start, c, column, group }, source);
      }
      const biasAt = panel.byteOffset + layout.groups * panel.groupBytes + c * 4;
      if (description.epilogue.bias) view.setFloat32(biasAt, source.bias![column]!, true);
    }
  }
}

/** Bytes of the 32 weights of a group. */
const NIBBLE_BYTES = GROUP_DEPTH / 2;

function nibbleAt(nibbles: Uint8Array, depth: number): number {
  return (nibbles[depth >> 1]! >> (depth % 2 === 0 ? 0 : 4)) & 15;
}

function packPairedGroup(
  target: Uint8Array,
  start: number,
  { lanes }: NibblePanelLayout,
  { sliceVectors }: NibblePanel,
  c: number,
  nibbles: Uint8Array,
): void {
  const vector = Math.floor(c / lanes);
  const shift = vector % 2 === 0 ? 0 : 4;
  const at = start + ((vector >> 1) * lanes + (c % lanes)) * 4;
  for (let depth = 0; depth < GROUP_DEPTH; depth++) {
    target[at + (depth >> 2) * sliceVectors * lanes * 4 + (depth & 3)]! |= nibbleAt(nibbles, depth) << shift;
  }
}

function packWordGroup(
  target: Uint8Array,
  start: number,
  { lanes }: NibblePanelLayout,
  { sliceVectors }: NibblePanel,
  c: number,
  nibbles: Uint8Array,
): void {
  for (let depth = 0; depth < GROUP_DEPTH; depth++) {
    const within = depth % 8;
    const nibble = within >> 1;
    const byte = (within & 1) * 2 + (nibble >> 1);
    const at = start + (depth >> 3) * sliceVectors * lanes * 4 + c * 4 + byte;
    target[at]! |= nibbleAt(nibbles, depth) << (nibble % 2 === 0 ? 0 : 4);
  }
}

function writeGroupParameters(
  view: DataView,
  { groups, scaleBytes }: NibblePanelLayout,
  { scalesOffset, zeroPointsOffset }: NibblePanel,
  { start, c, column, group }: Readonly<Record<'start' | 'c' | 'column' | 'group', number>>,
  { scales, zeroPoints }: NibbleWeights,
): void {
  const scale = scales[column * groups + group]!;
  if (scaleBytes === 4) view.setFloat32(start + scalesOffset + c * 4, scale, true);
  else view.setUint16(start + scalesOffset + c * 2, scale, true);
  if (zeroPoints === null) return;
  const pair = zeroPoints[column * Math.ceil(groups / 2) + (group >> 1)]!;
  view.setUint8(start + zeroPointsOffset + c, (pair >> (group % 2 === 0 ? 0 : 4)) & 15);
}

function checkSource(
  { columns, scales: format, zeroPoints: given, epilogue }: NibblePanelDescription,
  { groups, byteLength }: NibblePanelLayout,
  { nibbles, scales, zeroPoints, bias }: NibbleWeights,
  target: Uint8Array,
): void {
  const expectLength = (what: string, actual: number, expected: number) => {
    if (expected === actual) return;
    throw new InvalidArgumentError(`${what} of nibble weights have the wrong length`, { expected, actual });
  };
  expectLength('The nibbles', nibbles.length, columns * groups * 16);
  expectLength('The scales', scales.length, columns * groups);
  expectLength('The panels', target.byteLength, byteLength);
  expectLength(
    'The zero points',
    zeroPoints?.length ?? 0,
    given === 'given' ? columns * Math.ceil(groups / 2) : 0,
  );
  if (epilogue.bias) expectLength('The bias values', bias?.length ?? 0, columns);
  if (scales instanceof (format === 'float32' ? Float32Array : Uint16Array)) return;
  throw new InvalidArgumentError('The scales of nibble weights have the wrong type', {
    expected: format === 'float32' ? 'Float32Array' : 'Uint16Array with the bits of float16 numbers',
    actual: scales.constructor.name,
  });
}
