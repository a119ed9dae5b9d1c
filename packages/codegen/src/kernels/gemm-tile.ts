import type { GemmDescription, GemmElements } from '../description/kernel-description.ts';
import type { Pointer, Target, TargetTraits, Vector } from '../target/target.ts';
import { EPILOGUE_SCRATCH, emitEpilogue } from './epilogue.ts';
import { PANEL_VECTORS, type PanelLayout, panelLayout } from './panels.ts';

/** Arguments of a gemm kernel, in order: five addresses with the number of row blocks between. */
export const GEMM_PARAMETERS = { a: 0, b: 1, c: 2, rowBlocks: 3, scales: 4, bias: 5 } as const;

/** How many arguments a gemm kernel takes. */
export const GEMM_PARAMETER_COUNT = 6;

/** Registers beside the accumulators for a tile of `rows` rows and `panels` panels. */
function operandRegisters(elements: GemmElements, rows: number, panels: number): number {
  const b = rows === 1 ? 1 : panels * PANEL_VECTORS;
  return b + 1 + (elements === 'int4' ? panels : 0) + EPILOGUE_SCRATCH;
}

function tileFits(elements: GemmElements, rows: number, panels: number, vectors: number): boolean {
  return rows * panels * PANEL_VECTORS + operandRegisters(elements, rows, panels) <= vectors;
}

/** The most rows that one tile of a single panel can hold on a target: tiles near it do the most work per load. */
export function maxTileRows(elements: GemmElements, traits: TargetTraits): number {
  let rows = 1;
  while (tileFits(elements, rows + 1, 1, traits.vectors)) rows++;
  return rows;
}

/**
 * Panels that are computed side by side. Few rows need several, or else each multiply-add would wait for the one before;
 * half the registers as accumulators is enough to hide that.
 */
function tilePanels(description: GemmDescription, traits: TargetTraits): number {
  const { elements, rows } = description;
  let panels = 1;
  while (
    rows * panels * 2 * PANEL_VECTORS <= traits.vectors / 2 + 1 &&
    tileFits(elements, rows, panels * 2, traits.vectors)
  ) {
    panels *= 2;
  }
  return panels;
}

/** The registers and addresses of one kernel. */
interface TileState {
  readonly accumulators: readonly (readonly Vector[])[];
  readonly b: readonly Vector[];
  readonly packed: readonly Vector[];
  readonly splat: Vector;
  readonly scratch: Vector;
  readonly pointers: {
    readonly aStart: Pointer;
    readonly a: Pointer;
    readonly b: Pointer;
    readonly cStart: Pointer;
    readonly c: Pointer;
    readonly scales: Pointer;
    readonly bias: Pointer;
  };
}

/**
 * Emits `C = epilogue(A * B)` over all columns and `rowBlocks * rows` rows. Arguments: {@link GEMM_PARAMETERS}; `scales`
 * and `bias` are ignored where the description has none. The panel stays in the fastest cache while the rows pass by.
 *
 * @throws RegisterBudgetError when a tile of `rows` rows does not fit.
 */
export function emitGemmTile<Code>(target: Target<Code>, description: GemmDescription): Code {
  const { traits } = target;
  const { elements, rows, depth, columns } = description;
  const layout = panelLayout(elements, depth, columns, traits.lanes);
  const panels = Math.min(tilePanels(description, traits), layout.panelCount);
  const state = claimTile(target, description, panels);
  const groups = Math.floor(columns / (panels * layout.panelColumns));
  target.loop(groups, () => {
    emitColumnGroup(target, description, layout, state, panels * layout.panelColumns);
    const { b, cStart, scales, bias } = state.pointers;
    target.advance(b, panels * layout.panelByteLength);
    for (const pointer of [cStart, scales, bias]) target.advance(pointer, panels * layout.panelColumns * 4);
  });
  const rest = columns - groups * panels * layout.panelColumns;
  if (rest > 0) emitColumnGroup(target, description, layout, state, rest);
  return target.finish();

  function claimTile(
    owner: Target<Code>,
    { rows: rowCount }: GemmDescription,
    panelCount: number,
  ): TileState {
    const width = panelCount * PANEL_VECTORS;
    const p = GEMM_PARAMETERS;
    return {
      accumulators: Array.from({ length: rowCount }, (_, row) => owner.vectors(`row ${row}`, width)),
      b: owner.vectors('b', rows === 1 ? 1 : width),
      packed: owner.vectors('packed b', elements === 'int4' ? panelCount : 0),
      splat: owner.vectors('splat', 1)[0]!,
      scratch: owner.vectors('epilogue', EPILOGUE_SCRATCH)[0]!,
      pointers: {
        aStart: owner.pointerArgument(p.a),
        a: owner.pointer(),
        b: owner.pointerArgument(p.b),
        cStart: owner.pointerArgument(p.c),
        c: owner.pointer(),
        scales: owner.pointerArgument(p.scales),
        bias: owner.pointerArgument(p.bias),
      },
    };
  }
}

/** All row blocks of `columnCount` neighbouring columns (at most the tile's width; the last vector may be partial). */
function emitColumnGroup<Code>(
  target: Target<Code>,
  description: GemmDescription,
  layout: PanelLayout,
  state: TileState,
  columnCount: number,
): void {
  const { rows, columns } = description;
  const { lanes } = target.traits;
  const width = Math.ceil(columnCount / lanes);
  const accumulators = state.accumulators.map((row) => row.slice(0, width));
  const { aStart, a, cStart, c, scales, bias } = state.pointers;
  target.copyPointer(a, aStart);
  target.copyPointer(c, cStart);
  target.loopCount(target.countArgument(GEMM_PARAMETERS.rowBlocks), () => {
    for (const vector of accumulators.flat()) target.zero(vector);
    emitDepthLoop(target, layout, state, accumulators);
    emitEpilogue(target, description, accumulators, state.scratch, { scales, bias });
    for (const [row, vectors] of accumulators.entries()) {
      for (const [v, vector] of vectors.entries()) {
        const memory = { base: c, offset: (row * columns + v * lanes) * 4 };
        target.store(vector, memory, Math.min(lanes, columnCount - v * lanes));
      }
    }
    target.advance(a, (rows - 1) * layout.rowByteLength);
    target.advance(c, rows * columns * 4);
  });
}

/** Accumulates over the whole depth. Leaves `a` one row further and `b` where it was. */
function emitDepthLoop<Code>(
  target: Target<Code>,
  layout: PanelLayout,
  state: TileState,
  accumulators: readonly (readonly Vector[])[],
): void {
  const { a, b } = state.pointers;
  const step = { float32: 1, int8: 2, int4: 4 }[layout.elements];
  const bStep = (layout.panelByteLength / layout.paddedDepth) * step;
  const aStep = (layout.rowByteLength / layout.paddedDepth) * step;
  const turns = layout.paddedDepth / step;
  target.loop(turns, () => {
    if (layout.elements === 'int4') emitInt4Step(target, layout, state, accumulators);
    else emitWholeStep(target, layout, state, accumulators);
    target.advance(a, aStep);
    target.advance(b, bStep);
  });
  target.advance(b, -bStep * turns);
}

function panelOffset(layout: PanelLayout, v: number): number {
  return Math.floor(v / PANEL_VECTORS) * layout.panelByteLength;
}

/** One k of float32 or one pair of k of int8. */
function emitWholeStep<Code>(
  target: Target<Code>,
  layout: PanelLayout,
  state: TileState,
  accumulators: readonly (readonly Vector[])[],
): void {
  const isFloat = layout.elements === 'float32';
  const vectorBytes = layout.lanes * (isFloat ? 4 : 2);
  emitRowUpdates(target, layout, state, accumulators, 0, (destination, v) => {
    const offset = panelOffset(layout, v) + (v % PANEL_VECTORS) * vectorBytes;
    const memory = { base: state.pointers.b, offset };
    if (isFloat) target.load(destination, memory);
    else target.loadWidened(destination, memory);
  });
}

/** Two pairs of k from one load per panel: shifts bring each nibble, sign-extended, into 16 bits. */
function emitInt4Step<Code>(
  target: Target<Code>,
  layout: PanelLayout,
  state: TileState,
  accumulators: readonly (readonly Vector[])[],
): void {
  const width = accumulators[0]!.length;
  for (let v = 0; v < width; v += PANEL_VECTORS) {
    const memory = { base: state.pointers.b, offset: panelOffset(layout, v) };
    target.load(state.packed[v / PANEL_VECTORS]!, memory);
  }
  for (let pair = 0; pair < 2; pair++) {
    emitRowUpdates(target, layout, state, accumulators, pair * 4, (destination, v) => {
      const packed = state.packed[Math.floor(v / PANEL_VECTORS)]!;
      const nibble = (v % PANEL_VECTORS) * 2 + pair;
      if (nibble < 3) target.shift('left', destination, packed, 12 - 4 * nibble);
      target.shift('right-signed', destination, nibble < 3 ? destination : packed, 12);
    });
  }
}

/**
 * The rank-1 update of the tile: each row's value at `aOffset`, in every lane, times the vectors of B.
 * A single row takes each vector as it is loaded; several rows share vectors that are loaded once.
 */
function emitRowUpdates<Code>(
  target: Target<Code>,
  layout: PanelLayout,
  state: TileState,
  accumulators: readonly (readonly Vector[])[],
  aOffset: number,
  provide: (destination: Vector, v: number) => void,
): void {
  const { b, splat, pointers } = state;
  const shared = accumulators.length > 1;
  const update = (row: readonly Vector[], v: number) => {
    const vector = b[shared ? v : 0]!;
    if (layout.elements === 'float32') target.fma(row[v]!, splat, vector);
    else target.dot(row[v]!, vector, splat);
  };
  if (shared) for (let v = 0; v < accumulators[0]!.length; v++) provide(b[v]!, v);
  for (const [index, row] of accumulators.entries()) {
    target.splat(splat, { base: pointers.a, offset: index * layout.rowByteLength + aOffset });
    for (let v = 0; v < row.length; v++) {
      if (!shared) provide(b[0]!, v);
      update(row, v);
    }
  }
}
