import { GEMM_ARGUMENTS, type GemmDescription } from '../../description/gemm.ts';
import type { Pointer, Routine, Target, Vector } from '../../target/target.ts';
import { emitFinishRows, emitTileActivation, finishVectors } from './gemm-finish.ts';
import { chooseLoops, type LoopChoice, movingPositions } from './gemm-loop-choice.ts';
import { emitPackLeft, emitPackPanel, type PackingRegisters } from './gemm-packing.ts';
import { type DepthPass, type GemmPlan, planGemm, type RowBlocks, WORD_BYTES } from './gemm-plan.ts';
import { emitFinishSums, emitLoadSums, emitStoreSums, emitZeroSums } from './gemm-result.ts';
import { emitDepth, type Tile, type TileOperands, tileRegisters } from './gemm-tile.ts';
import { OperandPosition } from './operand-position.ts';

/** The address registers that a tile may change. */
interface TilePointers {
  readonly a: Pointer;
  readonly b: Pointer;
  readonly c: Pointer;
  /** Null when there is no bias. */
  readonly bias: Pointer | null;
}

/** Positions in the operands. Without packing, `leftTile` is `left` itself, and so on. */
interface Positions {
  readonly left: OperandPosition;
  readonly leftTile: OperandPosition;
  readonly right: OperandPosition;
  readonly rightTile: OperandPosition;
  /** Where tiles write: C, or the raw sums in scratch. */
  readonly sums: OperandPosition;
  readonly result: OperandPosition;
  readonly bias: OperandPosition | null;
}

/** A tile body: equal variants are the same code. */
interface TileVariant {
  readonly rows: number;
  readonly columns: number;
  readonly pass: DepthPass;
}

/** Everything that is fixed while one kernel is emitted. */
interface Emission {
  readonly target: Target<unknown>;
  readonly plan: GemmPlan;
  readonly loops: LoopChoice;
  /** Vector registers, claimed once; tiles, copies and the finish take theirs from the front. */
  readonly vectors: readonly Vector[];
  readonly pointers: TilePointers;
  readonly positions: Positions;
  readonly routines: ReadonlyMap<string, Routine>;
}

/** Emits a whole product, or batch of products. @throws RegisterBudgetError when a tile does not fit. */
export function emitGemm(target: Target<unknown>, description: GemmDescription): void {
  const plan = planGemm(description, target.traits);
  const loops = chooseLoops(plan);
  const vectors = claimVectors(target, plan, loops);
  const pointers = claimTilePointers(target, plan);
  const positions = claimPositions(target, plan, loops);
  const routines = new Map<string, Routine>();
  const emission: Emission = { target, plan, loops, vectors, pointers, positions, routines };
  defineRoutines(emission, routines);
  for (const position of new Set(Object.values(positions))) position?.start();
  emitRepeated(target, loops.batch, description.batch, () => {
    emitProduct(emission);
    positions.left.move(plan.left.batchBytes);
    positions.right.move(plan.right.batchBytes);
    positions.result.move(plan.result.batchBytes);
  });
}

function emitRepeated(target: Target<unknown>, rolled: boolean, times: number, body: () => void): void {
  if (rolled && times > 1) target.loop(times, body);
  else for (let turn = 0; turn < times; turn++) body();
}

/** As many registers as the largest tile and the finish need. Tiles are limited by what `tileRegisters` allows. */
function claimVectors(target: Target<unknown>, plan: GemmPlan, loops: LoopChoice): Vector[] {
  const narrow = plan.right.kind === 'panels' && plan.right.format !== 'float32';
  const sums = { rows: 0, vectors: 0 };
  let needed = finishVectors(plan);
  for (const { variant } of tilePlaces(plan, loops).values()) {
    const { rows, columns } = variant;
    const vectors = Math.ceil(columns / target.traits.lanes);
    const registers = tileRegisters({ rows, vectors, narrow }, target.traits);
    // Without room the claim below fails, and says what was asked for.
    const others = registers ? registers.heldCount + registers.passingCount : target.traits.vectors;
    needed = Math.max(needed, rows * vectors + others);
    if (rows * vectors > sums.rows * sums.vectors) Object.assign(sums, { rows, vectors });
  }
  return target.vectors(`${sums.rows} rows of ${sums.vectors} vectors and their operands`, needed);
}

function claimTilePointers(target: Target<unknown>, plan: GemmPlan): TilePointers {
  const [a, b, c] = [target.pointer('a'), target.pointer('b'), target.pointer('c')];
  return { a, b, c, bias: plan.biasAxis === null ? null : target.pointer('bias') };
}

function claimPositions(target: Target<unknown>, plan: GemmPlan, loops: LoopChoice): Positions {
  const moving = movingPositions(plan, loops);
  const { a, b, c, bias, scratch } = { ...GEMM_ARGUMENTS, a: plan.left.argument, b: plan.right.argument };
  const position = (role: string, argument: number, offset: number, moves: boolean) => {
    return new OperandPosition(target, argument, offset, moves ? target.pointer(role) : null);
  };
  const left = position('position in a', a, 0, moving.left);
  const right = position('position in b', b, 0, moving.right);
  const result = position('position in c', c, 0, moving.result);
  const { left: packedLeft, right: packedRight, sums } = plan.scratch;
  return {
    left,
    leftTile:
      plan.packLeft === 'none' ? left : position('packed a', scratch, packedLeft.offset, moving.leftTile),
    right,
    rightTile:
      plan.packRight === 'none'
        ? right
        : position('packed b', scratch, packedRight.offset, moving.rightTile && plan.packRight === 'block'),
    result,
    sums: plan.result.direct ? result : position('position in sums', scratch, sums.offset, moving.sums),
    bias: plan.biasAxis === null ? null : position('position in bias', bias, 0, moving.bias),
  };
}

/** Columns of full tiles, and of the last one. */
function tileWidths({ fullTiles, tileColumns, tailColumns }: GemmPlan): number[] {
  return [...(fullTiles > 0 ? [tileColumns] : []), ...(tailColumns > 0 ? [tailColumns] : [])];
}

/** Every tile body that the kernel needs, and how many places in the code call it, by {@link variantKey}. */
function tilePlaces(
  plan: GemmPlan,
  loops: LoopChoice,
): ReadonlyMap<string, { readonly variant: TileVariant; readonly count: number }> {
  const places = new Map<string, { variant: TileVariant; count: number }>();
  const copies = (rolled: boolean, count: number) => (rolled ? 1 : count);
  for (const pass of plan.depthPasses) {
    for (const block of plan.rowBlocks) {
      for (const { rows, count } of block.runs) {
        const added =
          copies(loops.passes, pass.count) * copies(loops.blocks, block.count) * copies(loops.runs, count);
        for (const columns of tileWidths(plan)) {
          const variant = { rows, columns, pass };
          const key = variantKey(variant);
          places.set(key, { variant, count: (places.get(key)?.count ?? 0) + added });
        }
      }
    }
  }
  return places;
}

function variantKey({ rows, columns, pass }: TileVariant): string {
  return [rows, columns, pass.depth, pass.first, pass.last].join();
}

/** Packing a panel is a routine; so are tile bodies that are called from several places, the others are written where they are needed. */
function defineRoutines(emission: Emission, routines: Map<string, Routine>): void {
  const { target, plan, loops, pointers } = emission;
  for (const { depth } of plan.packRight === 'none' ? [] : plan.depthPasses) {
    for (const columns of tileWidths(plan)) {
      const key = packKey(columns, depth);
      const pack = () => emitPackPanel(target, plan, packingRegisters(emission), columns, depth);
      if (!routines.has(key)) routines.set(key, target.routine([pointers.a, pointers.b], pack));
    }
  }
  for (const [key, { variant, count }] of tilePlaces(plan, loops)) {
    if (count < 2) continue;
    const { a, b, c, bias } = pointers;
    const given = bias !== null && variant.pass.last ? [a, b, c, bias] : [a, b, c];
    routines.set(
      key,
      target.routine(given, () => emitTile(emission, variant)),
    );
  }
}

function emitProduct(emission: Emission): void {
  const { target, plan, loops, positions } = emission;
  for (const pass of plan.depthPasses) {
    emitRepeated(target, loops.passes, pass.count, () => {
      emitPass(emission, pass);
      positions.left.move(pass.depth * plan.left.depthBytes);
      positions.right.move(pass.depth * rightDepthBytes(plan));
    });
  }
  positions.left.move(-plan.depth * plan.left.depthBytes);
  positions.right.move(-plan.depth * rightDepthBytes(plan));
  if (plan.result.direct && !plan.description.epilogue.softmax) return;
  const { a, b, c } = emission.pointers;
  positions.sums.copyTo(a);
  positions.result.copyTo(b);
  emitFinishRows(
    target,
    plan,
    { sums: a, result: b, collected: c, bias: emission.pointers.bias },
    emission.vectors,
  );
}

/** Bytes from one element of the depth to the next in B as the caller provides it. */
function rightDepthBytes({ right, panelRowBytes }: GemmPlan): number {
  return right.kind === 'panels' ? panelRowBytes : right.depthBytes;
}

/** Bytes from one tile's columns to the next tile's in B as the caller provides it. */
function rightTileBytes({ right, panelRowBytes, tileColumns, depth }: GemmPlan): number {
  if (right.kind === 'matrix') return tileColumns * right.columnBytes;
  return (tileColumns / right.panelColumns) * depth * panelRowBytes;
}

function emitPass(emission: Emission, pass: DepthPass): void {
  const { target, plan, loops, positions } = emission;
  if (plan.packRight === 'block') emitPackAllPanels(emission, pass);
  const sumRowBytes = tileRowBytes(plan);
  for (const block of plan.rowBlocks) {
    emitRepeated(target, loops.blocks, block.count, () => {
      emitBlock(emission, pass, block);
      positions.left.move(block.rows * plan.left.rowBytes);
      positions.sums.move(block.rows * sumRowBytes);
      if (plan.biasAxis === 'row') positions.bias?.move(block.rows * WORD_BYTES);
    });
  }
  positions.left.move(-plan.rows * plan.left.rowBytes);
  positions.sums.move(-plan.rows * sumRowBytes);
  if (plan.biasAxis === 'row') positions.bias?.move(-plan.rows * WORD_BYTES);
}

/** Bytes from row to row where the tiles write. */
function tileRowBytes({ result, scratch }: GemmPlan): number {
  return result.direct ? result.rowBytes : scratch.sums.rowBytes;
}

function packingRegisters({ pointers, vectors }: Emission): PackingRegisters {
  return { source: pointers.a, destination: pointers.b, vectors };
}

/** Packs all panels of a pass. While it does, the pointer to C is free to walk through B. */
function emitPackAllPanels(emission: Emission, pass: DepthPass): void {
  const { target, plan, positions, pointers } = emission;
  const panelBytes = pass.depth * plan.panelRowBytes;
  positions.right.copyTo(pointers.c);
  const packPanel = (columns: number) => {
    target.copyPointer(pointers.a, pointers.c);
    positions.rightTile.copyTo(pointers.b);
    callPack(emission, columns, pass.depth);
  };
  emitRepeated(target, true, plan.fullTiles, () => {
    packPanel(plan.tileColumns);
    target.advance(pointers.c, rightTileBytes(plan));
    positions.rightTile.move(panelBytes);
  });
  if (plan.tailColumns > 0) packPanel(plan.tailColumns);
  positions.rightTile.move(-plan.fullTiles * panelBytes);
}

function packKey(columns: number, depth: number): string {
  return `pack ${columns},${depth}`;
}

/** Packs the panel at `a` to `b`. */
function callPack({ target, routines }: Emission, columns: number, depth: number): void {
  target.call(routines.get(packKey(columns, depth))!);
}

function emitBlock(emission: Emission, pass: DepthPass, block: RowBlocks): void {
  const { target, plan, positions } = emission;
  if (plan.packLeft !== 'none') {
    const registers = packingRegisters(emission);
    positions.left.copyTo(registers.source);
    emitPackLeft(target, plan, registers, block.rows, pass.depth);
  }
  const panelBytes = plan.packRight === 'block' ? pass.depth * plan.panelRowBytes : rightTileBytes(plan);
  // A panel that is packed just before its use lies always at the same place; then the position in B itself moves on.
  const right = plan.packRight === 'panel' ? positions.right : positions.rightTile;
  emitRepeated(target, plan.fullTiles > 1, plan.fullTiles, () => {
    emitPanel(emission, pass, block, plan.tileColumns);
    right.move(panelBytes);
    positions.sums.move(plan.tileColumns * WORD_BYTES);
    if (plan.biasAxis === 'column') positions.bias?.move(plan.tileColumns * WORD_BYTES);
  });
  if (plan.tailColumns > 0) emitPanel(emission, pass, block, plan.tailColumns);
  right.move(-plan.fullTiles * panelBytes);
  positions.sums.move(-plan.fullTiles * plan.tileColumns * WORD_BYTES);
  if (plan.biasAxis === 'column') positions.bias?.move(-plan.fullTiles * plan.tileColumns * WORD_BYTES);
}

/** All rows of a block times one panel of `columns` columns. */
function emitPanel(emission: Emission, pass: DepthPass, block: RowBlocks, columns: number): void {
  const { target, plan, loops, positions, pointers } = emission;
  if (plan.packRight === 'panel') {
    positions.right.copyTo(pointers.a);
    positions.rightTile.copyTo(pointers.b);
    callPack(emission, columns, pass.depth);
  }
  const leftRowBytes = tileOperands(plan, columns).left.rowBytes;
  const move = (rows: number) => {
    positions.leftTile.move(rows * leftRowBytes);
    positions.sums.move(rows * tileRowBytes(plan));
    if (plan.biasAxis === 'row') positions.bias?.move(rows * WORD_BYTES);
  };
  for (const { rows, count } of block.runs) {
    emitRepeated(target, loops.runs && count > 1, count, () => {
      callTile(emission, { rows, columns, pass });
      move(rows);
    });
  }
  move(-block.rows);
}

function callTile(emission: Emission, variant: TileVariant): void {
  const { target, positions, pointers, routines } = emission;
  positions.leftTile.copyTo(pointers.a);
  positions.rightTile.copyTo(pointers.b);
  positions.sums.copyTo(pointers.c);
  if (pointers.bias !== null && variant.pass.last) positions.bias?.copyTo(pointers.bias);
  const routine = routines.get(variantKey(variant));
  if (routine === undefined) emitTile(emission, variant);
  else target.call(routine);
}

function tileOperands(plan: GemmPlan, columns: number): TileOperands {
  const { right, packRight, packLeft, left, scratch, traits } = plan;
  const inPlace = right.kind === 'matrix' && packRight === 'none';
  const { rowBytes, depthBytes } = packLeft === 'none' ? left : scratch.left;
  return {
    left: { rowBytes, depthBytes },
    right: {
      format: right.kind === 'panels' ? right.format : 'float32',
      depthBytes: inPlace ? right.depthBytes : plan.panelRowBytes,
      tailLanes: inPlace ? lanesOfTail(columns, traits.lanes) : traits.lanes,
      usedLanes: lanesOfTail(columns, traits.lanes),
      panelVectors:
        right.kind === 'panels' ? right.panelColumns / traits.lanes : plan.description.blocking.tileVectors,
      panelBytes: plan.depth * plan.panelRowBytes,
    },
  };
}

/** Lanes in use in the last vector of `columns` columns. */
function lanesOfTail(columns: number, lanes: number): number {
  return ((columns - 1) % lanes) + 1;
}

/** The body of a tile: at the pointers of the emission, which it changes. */
function emitTile({ target, plan, vectors, pointers }: Emission, { rows, columns, pass }: TileVariant): void {
  const { lanes } = target.traits;
  const width = Math.ceil(columns / lanes);
  const operands = tileOperands(plan, columns);
  const narrow = operands.right.format !== 'float32';
  const registers = tileRegisters({ rows, vectors: width, narrow }, target.traits)!;
  const others = vectors.slice(rows * width);
  const tile: Tile = {
    accumulators: Array.from({ length: rows }, (_, row) => vectors.slice(row * width, (row + 1) * width)),
    held: registers.held,
    heldVectors: others.slice(0, registers.heldCount),
    passingVectors: others.slice(registers.heldCount, registers.heldCount + registers.passingCount),
    a: pointers.a,
    b: pointers.b,
  };
  const result = { c: pointers.c, rowBytes: tileRowBytes(plan), tailLanes: lanesOfTail(columns, lanes) };
  if (pass.first) emitZeroSums(target, tile);
  else emitLoadSums(target, tile, result);
  emitDepth(target, tile, operands, pass.depth);
  const finishes = pass.last && plan.result.direct;
  if (finishes) emitFinishSums(target, plan, tile, result, pointers.bias);
  emitStoreSums(target, tile, result);
  if (finishes) emitTileActivation(target, plan, result, { rows, width }, vectors);
}
