import type { NibbleGemmBlocking, NibbleGemmDescription } from '../../description/nibble-gemm.ts';
import { GROUP_DEPTH, GROUP_PARAMETER_BYTES } from '../../description/quantize-rows.ts';
import type { Target, Vector } from '../../target/target.ts';
import { encodedGroupCodeBytes } from './code-form.ts';
import { type NibbleTileOperands, nibbleArithmetic, nibbleTileRegisters } from './nibble-blocking.ts';
import { CHUNKS_PER_GROUP, type NibblePanel, type NibblePanelLayout } from './nibble-panels.ts';
import type { ProductPositions } from './product-loops.ts';

/** The registers of a tile; smaller tiles of the same kernel use some of them. */
export interface NibbleTileVectors {
  readonly accumulators: readonly Vector[];
  readonly integers: readonly Vector[];
  readonly packed: readonly Vector[];
  readonly nibbles: readonly Vector[];
  readonly values: readonly Vector[];
  readonly masks: readonly Vector[];
}

/** @throws RegisterBudgetError when the tile does not fit. */
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
    packed: target.vectors('packed weights', registers.packed),
    nibbles: target.vectors('nibbles', registers.nibbles),
    values: target.vectors('values of a', registers.values),
    masks: target.vectors('masks', registers.masks),
  };
}

/** A tile while it is emitted. */
interface TileEmission {
  readonly target: Target<unknown>;
  readonly description: NibbleGemmDescription;
  readonly layout: NibblePanelLayout;
  readonly panel: NibblePanel;
  readonly registers: NibbleTileVectors;
  readonly positions: ProductPositions;
  readonly rows: number;
  readonly aRowBytes: number;
  /** float32 sums, `[row][vector]`. */
  readonly sums: readonly (readonly Vector[])[];
  /** Integer sums of a group, `[half][row][vector]`; one half unless low and high nibbles are summed apart. */
  readonly integers: readonly (readonly (readonly Vector[])[])[];
}

/** Bytes of A that one product of a lane reads. */
const PART_BYTES = 4;

/**
 * Emits the float32 sums of a tile over all groups and returns their registers, `[row][vector]`. Leaves the positions in A and the
 * parameters moved, and `b` behind the last group.
 */
export function emitNibbleSums(
  target: Target<unknown>,
  description: NibbleGemmDescription,
  layout: NibblePanelLayout,
  panel: NibblePanel,
  registers: NibbleTileVectors,
  positions: ProductPositions,
  rows: number,
): Vector[][] {
  const aRowBytes = description.aRowStride * encodedGroupCodeBytes(target.traits);
  const grid = (vectors: readonly Vector[], first: number) =>
    Array.from({ length: rows }, (_, row) => {
      return vectors.slice(first + row * panel.vectors, first + (row + 1) * panel.vectors);
    });
  const sums = grid(registers.accumulators, 0);
  const halves = nibbleArithmetic(target.traits) === 'dot-bytes' ? 2 : 1;
  const integers = Array.from({ length: halves }, (_, half) =>
    grid(registers.integers, half * rows * panel.vectors),
  );
  const emission = {
    target,
    description,
    layout,
    panel,
    registers,
    positions,
    rows,
    aRowBytes,
    sums,
    integers,
  };
  for (const sum of sums.flat()) target.zero(sum);
  emitMasks(emission);
  target.loop(layout.groups, () => {
    emitStartGroup(emission);
    emitChunks(emission);
    emitFinishGroup(emission);
  });
  return sums;
}

const LOW_NIBBLES = 0x0f0f0f0f;
const HIGH_NIBBLES = 0xf0f0f0f0;
const LOWEST_NIBBLES = 0x000f000f;
const ONE_WORDS = 0x00010001;

function emitMasks({ target, registers: { masks } }: TileEmission): void {
  const constants = {
    'dot-bytes': [LOW_NIBBLES, HIGH_NIBBLES],
    'multiply-bytes': [LOW_NIBBLES, ONE_WORDS],
    'dot-words': [LOWEST_NIBBLES],
  }[nibbleArithmetic(target.traits)];
  for (const [i, bits] of constants.entries()) target.integerConstant(masks[i]!, bits);
}

/** Sums start at -8 times the sum of the codes of A, which makes every nibble w count as w - 8; int16 sums start at 0. */
function emitStartGroup({ target, description, positions, integers, rows, layout }: TileEmission): void {
  const startsLater =
    nibbleArithmetic(target.traits) === 'multiply-bytes' || description.zeroPoints === 'given';
  for (const [half, grid] of integers.entries()) {
    for (let row = 0; row < rows; row++) {
      for (const [v, sum] of grid[row]!.entries()) {
        if (half > 0 || startsLater) target.zero(sum);
        else if (v > 0) target.copy(sum, grid[row]![0]!);
        else target.splat(sum, { base: positions.rows, offset: startOffset(row, layout) });
      }
    }
  }
}

function startOffset(row: number, { groups }: NibblePanelLayout): number {
  return row * groups * GROUP_PARAMETER_BYTES + 4;
}

/** All products of a group. Moves `a` behind its codes, and `b` behind its nibbles. */
function emitChunks(emission: TileEmission): void {
  const { target, panel, layout, positions } = emission;
  const groupCodes = GROUP_DEPTH * encodedGroupCodeBytes(target.traits);
  const chunkBytes = panel.vectors * layout.lanes * 4;
  const aChunkBytes = chunkCodeBytes(target);
  if (target.traits.unroll > 1) {
    for (let chunk = 0; chunk < CHUNKS_PER_GROUP; chunk++)
      emitChunk(emission, chunk * aChunkBytes, chunk * chunkBytes);
    target.advance(positions.a, groupCodes);
    target.advance(positions.b, CHUNKS_PER_GROUP * chunkBytes);
    return;
  }
  target.loop(CHUNKS_PER_GROUP, () => {
    emitChunk(emission, 0, 0);
    target.advance(positions.a, aChunkBytes);
    target.advance(positions.b, chunkBytes);
  });
  target.advance(positions.a, groupCodes - CHUNKS_PER_GROUP * aChunkBytes);
}

/** Bytes from the codes of one chunk to those of the next. With bytes, a chunk has codes in both halves of the group. */
function chunkCodeBytes(target: Target<unknown>): number {
  return nibbleArithmetic(target.traits) === 'dot-words' ? 4 * PART_BYTES : PART_BYTES;
}

/** The products of one vector of nibbles per vector of columns. */
function emitChunk(emission: TileEmission, aOffset: number, bOffset: number): void {
  const { target, registers, positions, panel, layout } = emission;
  for (let v = 0; v < panel.vectors; v++) {
    target.load(registers.packed[v]!, { base: positions.b, offset: bOffset + v * layout.lanes * 4 });
  }
  const words = nibbleArithmetic(target.traits) === 'dot-words';
  const parts = words ? 4 : 2;
  for (let part = 0; part < parts; part++) {
    for (let v = 0; v < panel.vectors; v++)
      emitNibbles(emission, part, registers.nibbles[v]!, registers.packed[v]!);
    emitProducts(emission, part, aOffset + part * (words ? PART_BYTES : GROUP_DEPTH / 2));
  }
}

/** The nibbles of one part of a chunk, as numbers; with `dot-bytes` the high ones stay 16 times as large. */
function emitNibbles(emission: TileEmission, part: number, destination: Vector, packed: Vector): void {
  const { target, registers } = emission;
  const [low, high] = registers.masks as [Vector, Vector];
  const arithmetic = nibbleArithmetic(target.traits);
  if (arithmetic === 'dot-bytes') {
    target.integer('and', destination, packed, part === 0 ? low : high);
    return;
  }
  if (part > 0) target.shift('right-unsigned', 16, destination, packed, 4 * part);
  const isTop = arithmetic === 'dot-words' && part === 3;
  if (!isTop) target.integer('and', destination, part > 0 ? destination : packed, low);
}

function emitProducts(
  { target, registers, integers, positions, rows, aRowBytes }: TileEmission,
  part: number,
  aOffset: number,
): void {
  const arithmetic = nibbleArithmetic(target.traits);
  const { values, nibbles } = registers;
  const product = values.at(-1)!;
  const valueCount = arithmetic === 'multiply-bytes' && values.length === 2 ? 1 : values.length;
  const sums = integers[arithmetic === 'dot-bytes' ? part : 0]!;
  for (let row = 0; row < rows; row++) {
    const value = values[(part * rows + row) % valueCount]!;
    target.splat(value, { base: positions.a, offset: aOffset + row * aRowBytes });
    for (const [v, sum] of sums[row]!.entries()) {
      if (arithmetic !== 'multiply-bytes') target.dot(sum, nibbles[v]!, value);
      else {
        target.multiplyBytes(product, nibbles[v]!, value);
        target.addWords(sum, sum, product);
      }
    }
  }
}

/** Completes the integers of a group, scales them, and adds them to the sums. Moves `b` and the parameters to the next group. */
function emitFinishGroup(emission: TileEmission): void {
  const { target, description, layout, panel, registers, positions, rows, integers, sums } = emission;
  const arithmetic = nibbleArithmetic(target.traits);
  const [first, second] = integers;
  for (const [row, group] of first!.entries()) {
    for (const [v, sum] of group.entries()) {
      if (arithmetic === 'multiply-bytes') target.multiplyWords(sum, sum, registers.masks[1]!);
      if (second === undefined) continue;
      target.shift('right-signed', 32, second[row]![v]!, second[row]![v]!, 4);
      target.integer('add', sum, sum, second[row]![v]!);
    }
  }
  emitStarts(emission);
  for (const sum of first!.flat()) target.convert('int32-to-float32', sum, sum);
  for (let v = 0; v < panel.vectors; v++) {
    const offset = panel.scalesOffset - codeBytes(emission) + v * layout.lanes * layout.scaleBytes;
    const memory = { base: positions.b, offset };
    if (description.scales === 'float32') target.load(registers.nibbles[v]!, memory);
    else target.loadNarrow('float16', registers.nibbles[v]!, memory);
  }
  for (let row = 0; row < rows; row++) {
    const value = registers.values[0]!;
    target.splat(value, { base: positions.rows, offset: startOffset(row, layout) - 4 });
    for (const [v, sum] of sums[row]!.entries()) {
      target.float('multiply', registers.packed[v]!, value, registers.nibbles[v]!);
      target.fma(sum, first![row]![v]!, registers.packed[v]!);
    }
  }
  target.advance(positions.b, panel.groupBytes - codeBytes(emission));
  target.advance(positions.rows, GROUP_PARAMETER_BYTES);
}

/** Bytes of the nibbles of one group. */
function codeBytes({ panel, layout }: TileEmission): number {
  return CHUNKS_PER_GROUP * panel.vectors * layout.lanes * 4;
}

/**
 * Adds the start values that the sums did not begin with. For a zero point z of its own, the parameter -8 s (|8 s| <= 32512 fits int16)
 * gives -z s as z * (-8 s) / 8, exactly.
 */
function emitStarts(emission: TileEmission): void {
  const { target, description, layout, panel, registers, positions, rows, integers } = emission;
  const given = description.zeroPoints === 'given';
  if (!given && nibbleArithmetic(target.traits) !== 'multiply-bytes') return;
  const value = registers.values[0]!;
  for (let v = 0; v < panel.vectors; v++) {
    const offset = panel.zeroPointsOffset - codeBytes(emission) + v * layout.lanes;
    if (given) target.loadNarrow('uint8', registers.nibbles[v]!, { base: positions.b, offset });
    for (let row = 0; row < rows; row++) {
      target.splat(value, { base: positions.rows, offset: startOffset(row, layout) });
      if (given) {
        target.multiplyWords(value, value, registers.nibbles[v]!);
        target.shift('right-signed', 32, value, value, 3);
      }
      const sum = integers[0]![row]![v]!;
      target.integer('add', sum, sum, value);
    }
  }
}
