import { Random } from '@qedge/core';
import {
  GEMM_ARGUMENT_COUNT,
  GEMM_ARGUMENTS,
  type GemmDescription,
  type MatrixLayout,
} from '../../description/gemm.ts';
import { ARGUMENT_BYTES, setArgument, setFloatArgument } from '../../host/argument-block.ts';
import { type KernelMemory, MEMORY_ALIGNMENT } from '../../host/kernel-host.ts';
import { ACTIVATION_ERROR_ULPS } from '../../reference/activation.ts';
import {
  type ElementReader,
  elementIndex,
  type ReferenceProduct,
  readElements,
  referenceElement,
  referenceSoftmaxRow,
  referenceStrictElement,
} from '../../reference/gemm.ts';
import { bfloat16Value, float16Value } from '../../target/narrow-numbers.ts';
import type { TargetTraits } from '../../target/target.ts';
import type { KernelTrial } from '../kernel-family.ts';
import { type GemmPanelShape, gemmPanelBytes, gemmScratchBytes } from './gemm-panels.ts';

const WORD_BYTES = 4;
/** Around every output. Four of these bytes are -1.6e38 as a float32. */
const GUARD_BYTE = 0xfe;
const GUARD_BYTES = 128;
/** Random numbers are repeated with this period, a prime, so that no stride meets the same number twice in a row. */
const PERIOD = 8191;
const SAMPLED_ROWS = 9;
const SAMPLED_COLUMNS = 9;
/** Rounding of one float32 operation, relative to its result. */
const UNIT_ROUNDOFF = 2 ** -24;
const SMALLEST_NUMBER = 2 ** -149;
/** The largest slope of any activation is that of gelu, 1.129. */
const STEEPEST_ACTIVATION = 1.13;
const ALPHA = 0.75;
const BETA = -1.25;

/** Byte ranges of the trial's memory, in the order in which they lie. */
interface TrialLayout {
  readonly block: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly scratch: number;
  readonly bias: number;
  readonly aElements: number;
  readonly bBytes: number;
  readonly cElements: number;
  readonly scratchBytes: number;
  readonly byteLength: number;
}

/** Elements from the first to the last of a batch of matrices. */
function spanElements(layout: MatrixLayout, batch: number, rows: number, columns: number): number {
  return elementIndex(layout, batch - 1, rows - 1, columns - 1) + 1;
}

function panelShape({ depth, columns, b }: GemmDescription): GemmPanelShape | null {
  if (!b.packed) return null;
  return { depth, columns, format: b.format, panelColumns: b.panelColumns };
}

function layOut(description: GemmDescription, traits: TargetTraits): TrialLayout {
  const { batch, rows, columns, depth, a, b, c } = description;
  let top = 0;
  const place = (byteLength: number) => {
    const start = Math.ceil((top + GUARD_BYTES) / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
    top = start + byteLength + GUARD_BYTES;
    return start;
  };
  const shape = panelShape(description);
  const aElements = spanElements(a, batch, rows, depth);
  const cElements = spanElements(c, batch, rows, columns);
  const bBytes =
    b.packed && shape
      ? (batch - 1) * b.batchBytes + gemmPanelBytes(shape)
      : spanElements(b as MatrixLayout, batch, depth, columns) * WORD_BYTES;
  const scratchBytes = gemmScratchBytes(description, traits);
  return {
    block: place(GEMM_ARGUMENT_COUNT * ARGUMENT_BYTES),
    a: place(aElements * WORD_BYTES),
    b: place(bBytes),
    c: place(cElements * WORD_BYTES),
    scratch: place(scratchBytes),
    bias: place(columns * WORD_BYTES),
    aElements,
    bBytes,
    cElements,
    scratchBytes,
    byteLength: top,
  };
}

/** Fills with random numbers from `draw`, the first {@link PERIOD} repeated. */
function fillPeriodic(values: Float32Array | Uint16Array, draw: () => number): void {
  const first = Math.min(PERIOD, values.length);
  for (let i = 0; i < first; i++) values[i] = draw();
  for (let filled = first; filled < values.length; filled *= 2) values.copyWithin(filled, 0, filled);
}

/** Random 16-bit numbers between 2^-3 and 2 in magnitude. */
function drawNarrow(random: Random, format: 'float16' | 'bfloat16'): number {
  const sign = random.integer(2) * 0x8000;
  return format === 'float16'
    ? sign | (0x3000 + random.integer(0x1000))
    : sign | (0x3e00 + random.integer(0x200));
}

/** A run of a gemm kernel on random operands: NaN in scratch and in a C that must not be read, guards around every range. */
export function gemmTrial(
  description: GemmDescription,
  traits: TargetTraits,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  const layout = layOut(description, traits);
  return {
    byteLength: layout.byteLength,
    prepare: (memory) => prepare(description, layout, memory, seed),
    findError: (memory) => findError(description, traits, layout, memory, effort, seed),
  };
}

function prepare(
  description: GemmDescription,
  layout: TrialLayout,
  memory: KernelMemory,
  seed: number,
): number {
  const { buffer, byteOffset, address } = memory;
  const random = new Random(seed);
  const floats = (start: number, length: number) => new Float32Array(buffer, byteOffset + start, length);
  const normal = () => random.normal();
  for (const [start, length] of ranges(description, layout)) {
    new Uint8Array(buffer, byteOffset + start - GUARD_BYTES, GUARD_BYTES).fill(GUARD_BYTE);
    new Uint8Array(buffer, byteOffset + start + length, GUARD_BYTES).fill(GUARD_BYTE);
  }
  fillPeriodic(floats(layout.a, layout.aElements), normal);
  const { b } = description;
  if (b.packed && b.format !== 'float32') {
    const { format } = b;
    const words = new Uint16Array(buffer, byteOffset + layout.b, layout.bBytes / 2);
    fillPeriodic(words, () => drawNarrow(random, format));
  } else fillPeriodic(floats(layout.b, layout.bBytes / WORD_BYTES), normal);
  fillPeriodic(floats(layout.c, layout.cElements), resultBefore(description, seed));
  new Uint8Array(buffer, byteOffset + layout.scratch, layout.scratchBytes).fill(0xff);
  fillPeriodic(floats(layout.bias, description.columns), normal);
  const view = new DataView(buffer);
  for (const name of ['a', 'b', 'c', 'scratch', 'bias'] as const) {
    setArgument(view, byteOffset + layout.block, GEMM_ARGUMENTS[name], address + layout[name]);
  }
  setFloatArgument(view, byteOffset + layout.block, GEMM_ARGUMENTS.alpha, ALPHA);
  setFloatArgument(view, byteOffset + layout.block, GEMM_ARGUMENTS.beta, BETA);
  return address + layout.block;
}

/** Every range with guards around it: start and length in bytes. */
function ranges({ columns }: GemmDescription, layout: TrialLayout): readonly (readonly [number, number])[] {
  return [
    [layout.a, layout.aElements * WORD_BYTES],
    [layout.b, layout.bBytes],
    [layout.c, layout.cElements * WORD_BYTES],
    [layout.scratch, layout.scratchBytes],
    [layout.bias, columns * WORD_BYTES],
  ];
}

/** What C holds before the run: NaN where it must not be read. */
function resultBefore({ beta }: GemmDescription, seed: number): () => number {
  if (beta === 'zero') return () => Number.NaN;
  const random = new Random(seed + 1);
  return () => random.normal();
}

function findError(
  description: GemmDescription,
  traits: TargetTraits,
  layout: TrialLayout,
  memory: KernelMemory,
  effort: 'all' | 'sample',
  seed: number,
): string | null {
  const { buffer, byteOffset } = memory;
  for (const [start, length] of ranges(description, layout)) {
    for (const guard of [start - GUARD_BYTES, start + length]) {
      const bytes = new Uint8Array(buffer, byteOffset + guard, GUARD_BYTES);
      const written = bytes.findIndex((byte) => byte !== GUARD_BYTE);
      if (written >= 0)
        return `a write outside, ${guard + written - start} bytes after the start of a range of ${length}`;
    }
  }
  const before = new Float32Array(Math.min(PERIOD, layout.cElements));
  fillPeriodic(before, resultBefore(description, seed));
  const results = new Float32Array(buffer, byteOffset + layout.c, layout.cElements);
  const product = referenceOf(description, layout, memory, before);
  if (effort === 'all') {
    const gap = findChangedGap(description, results, before);
    if (gap !== null) return gap;
  }
  const check = description.epilogue.softmax ? findSoftmaxError : findElementError;
  return check(description, traits, product, results, effort, seed);
}

function referenceOf(
  description: GemmDescription,
  layout: TrialLayout,
  { buffer, byteOffset }: KernelMemory,
  before: Float32Array,
): ReferenceProduct {
  const { a, b, c, depth, alpha, beta, epilogue } = description;
  const floats = (start: number, length: number) => new Float32Array(buffer, byteOffset + start, length);
  const bias = floats(layout.bias, description.columns);
  const shape = panelShape(description);
  return {
    depth,
    epilogue,
    alpha: alpha === 'one' ? 1 : ALPHA,
    beta: { zero: 0, one: 1, argument: BETA }[beta],
    a: readElements(floats(layout.a, layout.aElements), a),
    b:
      b.packed && shape
        ? readPanels(shape, b.batchBytes, new DataView(buffer, byteOffset + layout.b, layout.bBytes))
        : readElements(floats(layout.b, layout.bBytes / WORD_BYTES), b as MatrixLayout),
    c: (index, row, column) => before[elementIndex(c, index, row, column) % PERIOD]!,
    bias: (column) => bias[column]!,
  };
}

/** Reads B from panels as their documentation describes them. */
function readPanels(
  { depth, panelColumns, format }: GemmPanelShape,
  batchBytes: number,
  view: DataView,
): ElementReader {
  return (index, k, column) => {
    const panel = Math.floor(column / panelColumns);
    const element = (panel * depth + k) * panelColumns + (column % panelColumns);
    const start = index * batchBytes;
    if (format === 'float32') return view.getFloat32(start + element * WORD_BYTES, true);
    const bits = view.getUint16(start + element * 2, true);
    return format === 'float16' ? float16Value(bits) : bfloat16Value(bits);
  };
}

/** An element between those of C that is no longer what it was. */
function findChangedGap(
  { batch, rows, columns, c }: GemmDescription,
  results: Float32Array,
  before: Float32Array,
): string | null {
  const own = new Uint8Array(results.length);
  for (let index = 0; index < batch; index++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) own[elementIndex(c, index, row, column)] = 1;
    }
  }
  const changed = results.findIndex((value, at) => own[at] === 0 && !Object.is(value, before[at % PERIOD]));
  return changed < 0 ? null : `element ${changed} of C's memory is not part of C and was written`;
}

/** Rows or columns to be checked: all, or the first and last two and some between. */
function* chosen(count: number, most: number, random: Random | null): Generator<number> {
  if (random === null || count <= most) {
    for (let i = 0; i < count; i++) yield i;
    return;
  }
  yield* [0, 1, count - 2, count - 1];
  for (let i = 4; i < most; i++) yield random.integer(count);
}

function randomFor(effort: 'all' | 'sample', seed: number): Random | null {
  return effort === 'all' ? null : new Random(seed + 2);
}

/**
 * How far a float32 result may be from the exact one, before the activation: `depth` products and sums, alpha, beta and bias round
 * once each (Higham 2002, section 3.1); steepness of the activation and its own error come on top.
 */
function tolerance({ depth, epilogue }: GemmDescription, magnitude: number, value: number): number {
  const ulps = ACTIVATION_ERROR_ULPS[epilogue.activation] + 1;
  const rounding = (depth + 4) * magnitude * STEEPEST_ACTIVATION + 2 * ulps * Math.abs(value);
  return rounding * UNIT_ROUNDOFF + (ulps + 1) * SMALLEST_NUMBER;
}

function isExact({ epilogue }: GemmDescription, { fmaRounding }: TargetTraits): boolean {
  return fmaRounding === 'twice' && ['none', 'relu', 'relu6'].includes(epilogue.activation);
}

function findElementError(
  description: GemmDescription,
  traits: TargetTraits,
  product: ReferenceProduct,
  results: Float32Array,
  effort: 'all' | 'sample',
  seed: number,
): string | null {
  const { batch, rows, columns, c } = description;
  const random = randomFor(effort, seed);
  const exact = isExact(description, traits);
  for (const index of chosen(batch, 4, random)) {
    for (const row of chosen(rows, SAMPLED_ROWS, random)) {
      for (const column of chosen(columns, SAMPLED_COLUMNS, random)) {
        const actual = results[elementIndex(c, index, row, column)]!;
        const { value, magnitude } = referenceElement(product, index, row, column);
        const strict = exact ? referenceStrictElement(product, index, row, column) : value;
        const wrong = exact
          ? !Object.is(actual, strict)
          : !(Math.abs(actual - value) <= tolerance(description, magnitude, value));
        if (wrong) return `C[${index}, ${row}, ${column}]: expected ${strict}, got ${actual}`;
      }
    }
  }
  return null;
}

/** Softmax depends on differences of a row: an error d of its inputs makes one of 2 d, relative to each output. */
function findSoftmaxError(
  description: GemmDescription,
  _traits: TargetTraits,
  product: ReferenceProduct,
  results: Float32Array,
  effort: 'all' | 'sample',
  seed: number,
): string | null {
  const { batch, rows, columns, c } = description;
  const random = randomFor(effort, seed);
  for (const index of chosen(batch, 2, random)) {
    for (const row of chosen(rows, 4, random)) {
      const elements = Array.from({ length: columns }, (_, column) =>
        referenceElement(product, index, row, column),
      );
      const expected = referenceSoftmaxRow(elements.map(({ value }) => value));
      const inputError = Math.max(
        ...elements.map(({ value, magnitude }) => tolerance(description, magnitude, value)),
      );
      for (const [column, value] of expected.entries()) {
        const actual = results[elementIndex(c, index, row, column)]!;
        const allowed = value * Math.expm1(2 * inputError + (columns + 16) * UNIT_ROUNDOFF) + 2 ** -149;
        if (!(Math.abs(actual - value) <= allowed)) {
          return `softmax C[${index}, ${row}, ${column}]: expected ${value}, got ${actual}`;
        }
      }
    }
  }
  return null;
}
