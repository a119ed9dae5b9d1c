import type { GemmDescription, GemmElements } from '../description/kernel-description.ts';
import type { Pointer, Target, TargetTraits, Vector } from '../target/target.ts';
import { emitEpilogue } from './epilogue.ts';
import { PANEL_VECTORS, type PanelLayout, panelLayout } from './panels.ts';

/** Arguments of a gemm kernel, in order: five addresses with the number of row blocks between. */
export const GEMM_PARAMETERS = { a: 0, b: 1, c: 2, rowBlocks: 3, scales: 4, bias: 5 } as const;

/** How many arguments a gemm kernel takes. */
export const GEMM_PARAMETER_COUNT = 6;

/** How many registers a tile needs, by role. */
interface TileRegisters {
  readonly accumulators: number;
  readonly b: number;
  readonly packed: number;
  readonly splats: number;
  readonly temporaries: number;
}

function tileRegisters(
  elements: GemmElements,
  rows: number,
  panels: number,
  { hoistsLoads, temporaries }: TargetTraits,
): TileRegisters {
  const width = panels * PANEL_VECTORS;
  const splats = hoistsLoads ? rows : 1;
  // Where every row keeps its value, vectors of B pass one at a time; but a vector that is loaded may be loaded early.
  const onePasses = splats === rows && !(hoistsLoads && elements !== 'int4');
  return {
    accumulators: rows * width,
    b: onePasses ? 1 : width,
    packed: elements === 'int4' ? panels : 0,
    splats,
    temporaries: elements === 'float32' ? temporaries.fma : temporaries.dot,
  };
}

function tileFits(elements: GemmElements, rows: number, panels: number, traits: TargetTraits): boolean {
  const counts: number[] = Object.values(tileRegisters(elements, rows, panels, traits));
  return counts.reduce((sum, count) => sum + count, 0) <= traits.vectors;
}

/** The most rows that one tile of a single panel can hold on a target: tiles near it do the most work per load. */
export function maxTileRows(elements: GemmElements, traits: TargetTraits): number {
  let rows = 1;
  while (tileFits(elements, rows + 1, 1, traits)) rows++;
  return rows;
}

/**
 * Panels that are computed side by side. Few rows need several, or else each multiply-add would wait for the one before;
 * half the registers as accumulators is enough to hide that.
 */
function tilePanels({ elements, rows }: GemmDescription, traits: TargetTraits): number {
  const enough = Math.floor((traits.vectors + 1) / 2);
  let panels = 1;
  while (rows * (panels + 1) * PANEL_VECTORS <= enough && tileFits(elements, rows, panels + 1, traits)) {
    panels++;
  }
  return panels;
}

/** The registers and addresses of one kernel. */
interface TileState {
  readonly accumulators: readonly (readonly Vector[])[];
  readonly b: readonly Vector[];
  readonly packed: readonly Vector[];
  readonly splats: readonly Vector[];
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
  const { elements, depth, columns } = description;
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
}

function claimTile<Code>(
  target: Target<Code>,
  { elements, rows }: GemmDescription,
  panels: number,
): TileState {
  const registers = tileRegisters(elements, rows, panels, target.traits);
  target.vectors('temporaries', registers.temporaries);
  const parameters = GEMM_PARAMETERS;
  return {
    accumulators: Array.from({ length: rows }, (_, row) => {
      return target.vectors(`row ${row}`, registers.accumulators / rows);
    }),
    b: target.vectors('b', registers.b),
    packed: target.vectors('packed b', registers.packed),
    splats: target.vectors('splats of a', registers.splats),
    pointers: {
      aStart: target.pointerArgument(parameters.a),
      a: target.pointer(),
      b: target.pointerArgument(parameters.b),
      cStart: target.pointerArgument(parameters.c),
      c: target.pointer(),
      scales: target.pointerArgument(parameters.scales),
      bias: target.pointerArgument(parameters.bias),
    },
  };
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
    emitEpilogue(target, description, accumulators, state.b[0]!, { scales, bias });
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
 * The rank-1 update of the tile: each row's value at `aOffset`, in every lane, times the vectors of B. Either every row keeps
 * its value while the vectors pass, or the vectors stay while the rows pass.
 */
function emitRowUpdates<Code>(
  target: Target<Code>,
  layout: PanelLayout,
  { b, splats, pointers }: TileState,
  accumulators: readonly (readonly Vector[])[],
  aOffset: number,
  provide: (destination: Vector, v: number) => void,
): void {
  const width = accumulators[0]!.length;
  const loadValue = (row: number) => {
    const offset = row * layout.rowByteLength + aOffset;
    target.splat(splats[row % splats.length]!, { base: pointers.a, offset });
  };
  const update = (row: number, v: number) => {
    const [accumulator, value, vector] = [
      accumulators[row]![v]!,
      splats[row % splats.length]!,
      b[v % b.length]!,
    ];
    if (layout.elements === 'float32') target.fma(accumulator, value, vector);
    else target.dot(accumulator, vector, value);
  };
  const rows = accumulators.length;
  if (splats.length === rows) {
    for (let row = 0; row < rows; row++) loadValue(row);
    for (let v = 0; v < width; v++) {
      provide(b[v % b.length]!, v);
      for (let row = 0; row < rows; row++) update(row, v);
    }
  } else {
    for (let v = 0; v < width; v++) provide(b[v]!, v);
    for (let row = 0; row < rows; row++) {
      loadValue(row);
      for (let v = 0; v < width; v++) update(row, v);
    }
  }
}
