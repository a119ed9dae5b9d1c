import type { NibbleGemmBlocking, NibbleGemmDescription } from '../../description/nibble-gemm.ts';
import { GROUP_DEPTH, GROUP_PARAMETER_BYTES } from '../../description/quantize-rows.ts';
import type { Target, Vector } from '../../target/target.ts';
import { encodedGroupCodeBytes } from './code-form.ts';
import {
  type NibbleArithmetic,
  type NibbleTileOperands,
  nibbleArithmetic,
  nibbleTileRegisters,
} from './nibble-blocking.ts';
import type { NibblePanel, NibblePanelLayout } from './nibble-panels.ts';
import type { ProductPositions } from './product-loops.ts';

/** The registers of a tile; smaller tiles of the same kernel use some of them. */
export interface NibbleTileVectors {
  readonly accumulators: readonly Vector[];
  readonly integers: readonly Vector[];
  readonly weights: readonly Vector[];
  readonly values: readonly Vector[];
  readonly masks: readonly Vector[];
}

/**
 * @param spare accumulators beyond those of the tile.
 * @throws RegisterBudgetError when the tile does not fit.
 */
export function claimNibbleTile(
  target: Target<unknown>,
  operands: NibbleTileOperands,
  tile: NibbleGemmBlocking,
  spare: number,
): NibbleTileVectors {
  const registers = nibbleTileRegisters(operands, tile, target.traits);
  return {
    accumulators: target.vectors('sums', registers.accumulators + spare),
    integers: target.vectors('sums of a group', registers.integers),
    weights: target.vectors('weights', registers.weights),
    values: target.vectors('values of a', registers.values),
    masks: target.vectors('masks', registers.masks),
  };
}

/** A tile of a product: where it is, and what it works with. */
export interface NibbleTile {
  readonly target: Target<unknown>;
  readonly description: NibbleGemmDescription;
  readonly layout: NibblePanelLayout;
  readonly panel: NibblePanel;
  readonly registers: NibbleTileVectors;
  readonly positions: ProductPositions;
  readonly rows: number;
}

interface TileEmission extends NibbleTile {
  readonly arithmetic: NibbleArithmetic;
  /** float32 sums, `[row][vector]`. */
  readonly sums: readonly (readonly Vector[])[];
  /** Integer sums of a group, `[row][vector]`. */
  readonly integers: readonly (readonly Vector[])[];
}

/** Bytes of A that one product of a lane reads. */
const PART_BYTES = 4;
const LOW_NIBBLES_OF_BYTES = 0x0f0f0f0f;
const LOW_NIBBLES_OF_WORDS = 0x000f000f;
const ONE_WORDS = 0x00010001;

/**
 * Emits the float32 sums of a tile over all groups and returns their registers, `[row][vector]`. Leaves the positions in A and the
 * parameters moved, and `b` behind the last group.
 */
export function emitNibbleSums(tile: NibbleTile): readonly (readonly Vector[])[] {
  const { target, layout, panel, registers, rows } = tile;
  const grid = (vectors: readonly Vector[]) =>
    Array.from({ length: rows }, (_, row) => vectors.slice(row * panel.vectors, (row + 1) * panel.vectors));
  const arithmetic = nibbleArithmetic(target.traits);
  const [sums, integers] = [grid(registers.accumulators), grid(registers.integers)];
  const emission = { ...tile, arithmetic, sums, integers };
  for (const sum of sums.flat()) target.zero(sum);
  const mask = arithmetic === 'dot-words' ? LOW_NIBBLES_OF_WORDS : LOW_NIBBLES_OF_BYTES;
  target.integerConstant(registers.masks[0]!, mask);
  target.loop(layout.groups, () => {
    emitStartGroup(emission);
    emitSlices(emission);
    emitFinishIntegers(emission);
    emitScale(emission);
    target.advance(tile.positions.b, panel.groupBytes - codeBytes(tile));
    target.advance(tile.positions.rows, GROUP_PARAMETER_BYTES);
  });
  return sums;
}

/** Bytes of the nibbles of one group. */
function codeBytes({ panel }: NibbleTile): number {
  return panel.scalesOffset;
}

/** The start value of a row's sums in the current group. */
function startPlace({ positions, layout }: NibbleTile, row: number) {
  return { base: positions.rows, offset: row * layout.groups * GROUP_PARAMETER_BYTES + 4 };
}

/**
 * Sums start at s, -8 times the sum of the codes of A, which makes every nibble w count as w - 8. The sum of whole bytes starts at 17 s:
 * after the sum of the low nibbles is taken from it, 16 s is left. Sums in int16, or with zero points of their own, start at 0.
 */
function emitStartGroup(emission: TileEmission): void {
  const { target, description, integers, arithmetic } = emission;
  const startsAtZero = arithmetic === 'multiply-bytes' || description.zeroPoints === 'given';
  for (const [row, sums] of integers.entries()) {
    const [low, whole] = sums as [Vector, Vector | undefined];
    if (!startsAtZero) target.splat(low, startPlace(emission, row));
    if (!startsAtZero && arithmetic === 'dot-bytes' && whole !== undefined) {
      target.shift('left', 32, whole, low, 4);
      target.integer('add', whole, whole, low);
    }
    for (const [v, sum] of sums.entries()) {
      if (startsAtZero) target.zero(sum);
      else if (arithmetic === 'dot-words' && v > 0) target.copy(sum, low);
      else if (v > 1) target.copy(sum, v % 2 === 0 ? low : whole!);
    }
  }
}

/** All products of a group. Moves `a` behind its codes, and `b` behind its nibbles. */
function emitSlices(emission: TileEmission): void {
  const { target, panel, layout, positions, arithmetic } = emission;
  const sliceBytes = panel.sliceVectors * layout.lanes * 4;
  const aSliceBytes = (GROUP_DEPTH * encodedGroupCodeBytes(target.traits)) / layout.slices;
  const perTurn = target.traits.unroll > 1 ? layout.slices : 1;
  target.loop(layout.slices / perTurn, () => {
    for (let slice = 0; slice < perTurn; slice++) {
      const emitSlice = arithmetic === 'dot-words' ? emitWordSlice : emitPairedSlice;
      emitSlice(emission, slice * aSliceBytes, slice * sliceBytes);
    }
    target.advance(positions.a, perTurn * aSliceBytes);
    target.advance(positions.b, perTurn * sliceBytes);
  });
}

/** Loads a value of A of one row into every lane. */
function emitValue(
  { target, description, positions }: NibbleTile,
  value: Vector,
  row: number,
  offset: number,
): void {
  const rowBytes = description.aRowStride * encodedGroupCodeBytes(target.traits);
  target.splat(value, { base: positions.a, offset: offset + row * rowBytes });
}

/** Four depths of pairs of vectors of columns, in bytes. */
function emitPairedSlice(emission: TileEmission, aOffset: number, bOffset: number): void {
  const { target, registers, positions, panel, layout, arithmetic, integers } = emission;
  const { weights, values } = registers;
  const mask = registers.masks[0]!;
  for (let v = 0; v < panel.vectors; v += 2) {
    const [low, whole] = weights.slice(v, Math.min(v + 2, panel.vectors)) as [Vector, Vector | undefined];
    target.load(whole ?? low, { base: positions.b, offset: bOffset + (v / 2) * layout.lanes * 4 });
    target.integer('and', low, whole ?? low, mask);
    if (whole === undefined || arithmetic === 'dot-bytes') continue;
    target.shift('right-unsigned', 16, whole, whole, 4);
    target.integer('and', whole, whole, mask);
  }
  const [value, product] = values as [Vector, Vector | undefined];
  for (const [row, sums] of integers.entries()) {
    emitValue(emission, value, row, aOffset);
    for (const [v, sum] of sums.entries()) {
      if (arithmetic === 'dot-bytes') target.dot(sum, weights[v]!, value);
      else {
        target.multiplyBytes(product!, weights[v]!, value);
        target.addWords(sum, sum, product!);
      }
    }
  }
}

/** Eight depths of each vector of columns, as 16-bit numbers. */
function emitWordSlice(emission: TileEmission, aOffset: number, bOffset: number): void {
  const { target, registers, positions, panel, layout, integers } = emission;
  const packed = registers.weights.slice(0, panel.vectors);
  const nibbles = registers.weights.slice(panel.vectors, 2 * panel.vectors);
  for (const [v, vector] of packed.entries()) {
    target.load(vector, { base: positions.b, offset: bOffset + v * layout.lanes * 4 });
  }
  for (let part = 0; part < 4; part++) {
    for (const [v, vector] of packed.entries()) {
      const nibble = nibbles[v]!;
      if (part > 0) target.shift('right-unsigned', 16, nibble, vector, 4 * part);
      if (part < 3) target.integer('and', nibble, part > 0 ? nibble : vector, registers.masks[0]!);
    }
    for (const [row, sums] of integers.entries()) {
      const value = registers.values[(part * integers.length + row) % registers.values.length]!;
      emitValue(emission, value, row, aOffset + part * PART_BYTES);
      for (const [v, sum] of sums.entries()) target.dot(sum, nibbles[v]!, value);
    }
  }
}

/** Turns the sums of a group into the int32 sums of `code * (nibble - zero point)`. */
function emitFinishIntegers(emission: TileEmission): void {
  const { target, registers, integers, arithmetic } = emission;
  if (arithmetic === 'multiply-bytes') {
    const ones = registers.values[1]!;
    target.integerConstant(ones, ONE_WORDS);
    for (const sum of integers.flat()) target.multiplyWords(sum, sum, ones);
  }
  if (arithmetic === 'dot-bytes') {
    for (const sums of integers) {
      for (let v = 1; v < sums.length; v += 2) {
        target.integer('subtract', sums[v]!, sums[v]!, sums[v - 1]!);
        target.shift('right-signed', 32, sums[v]!, sums[v]!, 4);
      }
    }
  }
  emitStarts(emission);
}

/**
 * Adds the start values that the sums did not begin with. For a zero point z of its own, the parameter -8 s (|8 s| <= 32512 fits int16)
 * gives -z s as z * (-8 s) / 8, exactly.
 */
function emitStarts(emission: TileEmission): void {
  const { target, description, layout, panel, registers, positions, integers, arithmetic } = emission;
  const given = description.zeroPoints === 'given';
  if (!given && arithmetic !== 'multiply-bytes') return;
  const [value, zeroPoint] = [registers.values[0]!, registers.weights[0]!];
  for (let v = 0; v < panel.vectors; v++) {
    const offset = panel.zeroPointsOffset - codeBytes(emission) + v * layout.lanes;
    if (given) target.loadNarrow('uint8', zeroPoint, { base: positions.b, offset });
    for (const [row, sums] of integers.entries()) {
      target.splat(value, startPlace(emission, row));
      if (given) {
        target.multiplyWords(value, value, zeroPoint);
        target.shift('right-signed', 32, value, value, 3);
      }
      target.integer('add', sums[v]!, sums[v]!, value);
    }
  }
}

/** Converts the integers of a group to float32, scales them, and adds them to the sums. */
function emitScale(emission: TileEmission): void {
  const { target, description, layout, panel, registers, positions, integers, sums, rows } = emission;
  for (const sum of integers.flat()) target.convert('int32-to-float32', sum, sum);
  const [value, scale] = [registers.values[0]!, registers.weights[0]!];
  for (let v = 0; v < panel.vectors; v++) {
    const offset = panel.scalesOffset - codeBytes(emission) + v * layout.lanes * layout.scaleBytes;
    if (description.scales === 'float32') target.load(scale, { base: positions.b, offset });
    else target.loadNarrow('float16', scale, { base: positions.b, offset });
    for (let row = 0; row < rows; row++) {
      const { base, offset: start } = startPlace(emission, row);
      // A single row keeps its scale; several take turns.
      if (rows > 1 || v === 0) target.splat(value, { base, offset: start - 4 });
      const product = rows > 1 ? value : scale;
      target.float('multiply', product, value, scale);
      target.fma(sums[row]![v]!, integers[row]![v]!, product);
    }
  }
}
