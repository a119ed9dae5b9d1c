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

/** Vectors of nibbles that hold one group of 32 for as many columns as there are lanes. */
export const CHUNKS_PER_GROUP = 4;
/** Depth of one such vector. */
const CHUNK_DEPTH = 8;

/** One panel: neighbouring columns whose weights lie together. */
export interface NibblePanel {
  readonly firstColumn: number;
  readonly columns: number;
  /** Vectors across; the last one may be partial. */
  readonly vectors: number;
  readonly byteOffset: number;
  readonly byteLength: number;
  /** Bytes from one group to the next. */
  readonly groupBytes: number;
  /** Bytes from the start of a group to its scales and, where they are given, its zero points (one uint8 per column). */
  readonly scalesOffset: number;
  readonly zeroPointsOffset: number;
}

/**
 * The layout of packed nibbles. A panel holds its groups in ascending order, then (where there is one) the bias. A group holds four
 * chunks, in each one vector of nibbles after the other, then its scales and zero points. A lane of a chunk holds eight weights of
 * its column. Where codes of A are bytes, byte t of chunk p holds depth `4 p + t` in its low half and `16 + 4 p + t` in its high half; where
 * they are words, 16-bit number w of chunk p holds, from the low nibble up, depths `8 p + w`, `+ 2`, `+ 4`, `+ 6`.
 */
export interface NibblePanelLayout {
  readonly groups: number;
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
  { lanes }: NibblePanelTraits,
): NibblePanelLayout {
  const { columns, depth, scales, zeroPoints, epilogue, blocking } = description;
  const groups = Math.ceil(depth / GROUP_DEPTH);
  const scaleBytes = scales === 'float32' ? 4 : 2;
  const panelColumns = blocking.tileVectors * lanes;
  const panels: NibblePanel[] = [];
  let byteOffset = 0;
  for (let firstColumn = 0; firstColumn < columns; firstColumn += panelColumns) {
    const panelWidth = Math.min(panelColumns, columns - firstColumn);
    const vectors = Math.ceil(panelWidth / lanes);
    const scalesOffset = vectors * lanes * 4 * CHUNKS_PER_GROUP;
    const zeroPointsOffset = scalesOffset + vectors * lanes * scaleBytes;
    const groupBytes = roundUp(zeroPointsOffset + (zeroPoints === 'given' ? vectors * lanes : 0), lanes * 4);
    const byteLength = roundUp(groups * groupBytes + (epilogue.bias ? vectors * lanes * 4 : 0), 64);
    panels.push({
      firstColumn,
      columns: panelWidth,
      vectors,
      byteOffset,
      byteLength,
      groupBytes,
      scalesOffset,
      zeroPointsOffset,
    });
    byteOffset += byteLength;
  }
  const panelByteLength = panels[0]!.byteLength;
  return { groups, lanes, scaleBytes, panelColumns, panelByteLength, panels, byteLength: byteOffset };
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
  const places = nibblePlaces(traits);
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  for (const panel of layout.panels) {
    for (let c = 0; c < panel.columns; c++) {
      const column = panel.firstColumn + c;
      for (let group = 0; group < layout.groups; group++) {
        const start = panel.byteOffset + group * panel.groupBytes;
        const nibbles = source.nibbles.subarray(
          (column * layout.groups + group) * 16,
          (column * layout.groups + group + 1) * 16,
        );
        packGroup(target, start + c * 4, panel.vectors * layout.lanes * 4, nibbles, places);
        writeGroupParameters(view, layout, panel, { start, c, column, group }, source);
      }
      const biasAt = panel.byteOffset + layout.groups * panel.groupBytes + c * 4;
      if (description.epilogue.bias) view.setFloat32(biasAt, source.bias![column]!, true);
    }
  }
}

/** Where the weight of each depth of a group lies: chunk, byte within the lane, and shift within the byte. */
interface NibblePlace {
  readonly chunk: number;
  readonly byte: number;
  readonly shift: 0 | 4;
}

function nibblePlaces(traits: NibblePanelTraits): readonly NibblePlace[] {
  const bytes = groupCodeForm(traits) === 'bytes';
  return Array.from({ length: GROUP_DEPTH }, (_, depth) => {
    if (bytes) {
      const half = GROUP_DEPTH / 2;
      const within = depth % half;
      return { chunk: Math.floor(within / 4), byte: within % 4, shift: depth < half ? 0 : 4 };
    }
    const within = depth % CHUNK_DEPTH;
    const nibble = Math.floor(within / 2);
    const byte = (within % 2) * 2 + Math.floor(nibble / 2);
    return { chunk: Math.floor(depth / CHUNK_DEPTH), byte, shift: nibble % 2 === 0 ? 0 : 4 };
  });
}

function packGroup(
  target: Uint8Array,
  start: number,
  chunkBytes: number,
  nibbles: Uint8Array,
  places: readonly NibblePlace[],
): void {
  for (let depth = 0; depth < GROUP_DEPTH; depth++) {
    const { chunk, byte, shift } = places[depth]!;
    const nibble = (nibbles[depth >> 1]! >> (depth % 2 === 0 ? 0 : 4)) & 15;
    target[start + chunk * chunkBytes + byte]! |= nibble << shift;
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
