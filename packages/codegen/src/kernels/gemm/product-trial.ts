import { Random } from '@qedge/core';
import type { Epilogue } from '../../description/epilogue.ts';
import type { GemmDescription } from '../../description/gemm.ts';
import type { KernelMemory } from '../../host/kernel-host.ts';
import { ACTIVATION_ERROR_ULPS } from '../../reference/activation.ts';
import {
  type ElementReader,
  elementIndex,
  type ReferenceProduct,
  readElements,
  referenceElement,
  referenceSoftmaxRow,
} from '../../reference/gemm.ts';
import { bfloat16Value, float16Value } from '../../target/narrow-numbers.ts';
import { UNIT_ROUNDOFF } from '../../target/unit-roundoff.ts';
import type { KernelTrial } from '../kernel-family.ts';
import type { GemmPanelShape } from './gemm-panels.ts';
import { TrialMemory, type TrialOperands } from './trial-memory.ts';

const WORD_BYTES = 4;
const SAMPLED_ROWS = 8;
const SAMPLED_COLUMNS = 7;
const SMALLEST_NUMBER = 2 ** -149;
/** The largest slope of any activation is that of gelu, 1.129. */
const STEEPEST_ACTIVATION = 1.13;
const ALPHA = 0.75;
const BETA = -1.25;

/** A product to be tried: gemm and gemv differ in what they read and how they round. */
export interface ProductTrial extends Omit<TrialOperands, 'alpha' | 'beta' | 'readsC' | 'biasLength'> {
  readonly alpha: GemmDescription['alpha'];
  readonly beta: GemmDescription['beta'];
  readonly epilogue: Epilogue;
  readonly biasAxis: 'row' | 'column';
  /** Roundings that the error of one sum can add up to. */
  readonly roundings: number;
  /** The exact bits of an element, where the kernel's rounding is known; else null. */
  readonly exactElement:
    | ((product: ReferenceProduct, index: number, row: number, column: number) => number)
    | null;
}

/** Everything that comparing needs. */
interface Comparison {
  readonly trial: ProductTrial;
  readonly product: ReferenceProduct;
  readonly results: Float32Array;
  readonly before: (index: number) => number;
  /** Read rows of A and columns of B into arrays that the next call overwrites. */
  readonly readRow: (index: number, row: number) => Float32Array;
  readonly readColumn: (index: number, column: number) => Float32Array;
  /** Chooses what is compared; null for everything. */
  readonly random: Random | null;
}

/** A run of a product on random operands, with guards around every range. */
export function productTrial(trial: ProductTrial, effort: 'all' | 'sample', seed: number): KernelTrial {
  const alpha = trial.alpha === 'one' ? 1 : ALPHA;
  const beta = { zero: 0, one: 1, argument: BETA }[trial.beta];
  const biasLength = trial.biasAxis === 'row' ? trial.rows : trial.columns;
  const operands = { ...trial, alpha, beta, biasLength, readsC: trial.beta !== 'zero' };
  const layout = new TrialMemory(operands, seed);
  return {
    byteLength: layout.byteLength,
    prepare: (memory) => layout.prepare(memory),
    findError(memory) {
      const outside = layout.findWriteOutside(memory);
      if (outside !== null) return outside;
      const before = layout.resultBefore();
      const comparison: Comparison = {
        trial,
        product: referenceOf(trial, { alpha, beta }, layout, memory, before),
        results: layout.floats(memory, 'c'),
        before,
        readRow: rowReader(trial, layout.floats(memory, 'a')),
        readColumn: columnReader(trial, layout, memory),
        random: effort === 'all' ? null : new Random(seed + 2),
      };
      const gap = effort === 'all' ? findChangedGap(comparison) : null;
      if (gap !== null) return gap;
      return trial.epilogue.softmax ? findSoftmaxError(comparison) : findElementError(comparison);
    },
  };
}

function referenceOf(
  { depth, epilogue, a, b, c, biasAxis }: ProductTrial,
  { alpha, beta }: { readonly alpha: number; readonly beta: number },
  layout: TrialMemory,
  memory: KernelMemory,
  before: (index: number) => number,
): ReferenceProduct {
  const bias = layout.floats(memory, 'bias');
  return {
    depth,
    epilogue,
    alpha,
    beta,
    a: readElements(layout.floats(memory, 'a'), a),
    b: b.packed
      ? readPanels(b.shape, b.batchBytes, layout.bytesOfRight(memory))
      : readElements(layout.floats(memory, 'b'), b),
    c: (index, row, column) => before(elementIndex(c, index, row, column)),
    bias: (row, column) => bias[biasAxis === 'row' ? row : column]!,
  };
}

function rowReader({ a, depth }: ProductTrial, values: Float32Array): Comparison['readRow'] {
  const read = new Float32Array(depth);
  return (index, row) => {
    const start = elementIndex(a, index, row, 0);
    for (let k = 0; k < depth; k++) read[k] = values[start + k * a.columnStride]!;
    return read;
  };
}

function columnReader(
  { b, depth }: ProductTrial,
  layout: TrialMemory,
  memory: KernelMemory,
): Comparison['readColumn'] {
  const read = new Float32Array(depth);
  if (b.packed && b.shape.format === 'float32') {
    const { panelColumns } = b.shape;
    const values = layout.floats(memory, 'b');
    return (index, column) => {
      const panel = Math.floor(column / panelColumns);
      const start =
        (index * b.batchBytes) / WORD_BYTES + panel * depth * panelColumns + (column % panelColumns);
      for (let k = 0; k < depth; k++) read[k] = values[start + k * panelColumns]!;
      return read;
    };
  }
  if (b.packed) {
    const element = readPanels(b.shape, b.batchBytes, layout.bytesOfRight(memory));
    return (index, column) => {
      for (let k = 0; k < depth; k++) read[k] = element(index, k, column);
      return read;
    };
  }
  const values = layout.floats(memory, 'b');
  return (index, column) => {
    const start = elementIndex(b, index, 0, column);
    for (let k = 0; k < depth; k++) read[k] = values[start + k * b.rowStride]!;
    return read;
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
function findChangedGap({ trial, results, before }: Comparison): string | null {
  const { batch, rows, columns, c } = trial;
  const own = new Uint8Array(results.length);
  for (let index = 0; index < batch; index++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) own[elementIndex(c, index, row, column)] = 1;
    }
  }
  const changed = results.findIndex((value, at) => own[at] === 0 && !Object.is(value, before(at)));
  return changed < 0 ? null : `element ${changed} of C's memory is not part of C and was written`;
}

/** Indices to be compared: all, or the first and last two and some between. */
function* chosen(count: number, most: number, random: Random | null): Generator<number> {
  if (random === null || count <= most) {
    for (let i = 0; i < count; i++) yield i;
    return;
  }
  yield* [0, 1, count - 2, count - 1];
  for (let i = 4; i < most; i++) yield random.integer(count);
}

/**
 * How far a float32 result may be from the exact one: `roundings` of products and sums, alpha, beta and bias once each (Higham 2002,
 * section 3.1), as steep as the activation makes them, and the activation's own error.
 */
function tolerance({ roundings, epilogue }: ProductTrial, magnitude: number, value: number): number {
  const ulps = ACTIVATION_ERROR_ULPS[epilogue.activation] + 1;
  const rounding = (roundings + 4) * magnitude * STEEPEST_ACTIVATION + 2 * ulps * Math.abs(value);
  return rounding * UNIT_ROUNDOFF + (ulps + 1) * SMALLEST_NUMBER;
}

function findElementError(comparison: Comparison): string | null {
  const { trial, product, results, random } = comparison;
  const { batch, rows, columns, c } = trial;
  const exact = ['none', 'relu', 'relu6'].includes(trial.epilogue.activation) ? trial.exactElement : null;
  for (const index of chosen(batch, 4, random)) {
    for (const row of chosen(rows, SAMPLED_ROWS, random)) {
      const left = comparison.readRow(index, row);
      for (const column of chosen(columns, SAMPLED_COLUMNS, random)) {
        const actual = results[elementIndex(c, index, row, column)]!;
        const lines = { left, right: comparison.readColumn(index, column) };
        const { value, magnitude } = referenceElement(product, lines, index, row, column);
        const expected = exact?.(product, index, row, column) ?? value;
        const matches = exact
          ? Object.is(actual, expected)
          : Math.abs(actual - value) <= tolerance(trial, magnitude, value);
        if (!matches) return `C[${index}, ${row}, ${column}]: expected ${expected}, got ${actual}`;
      }
    }
  }
  return null;
}

/** Softmax depends on differences of a row: an error d of its inputs makes one of 2 d, relative to each output. */
function findSoftmaxError(comparison: Comparison): string | null {
  const { trial, product, results, random } = comparison;
  const { batch, rows, columns, c } = trial;
  for (const index of chosen(batch, 2, random)) {
    for (const row of chosen(rows, 4, random)) {
      const left = comparison.readRow(index, row);
      const elements = Array.from({ length: columns }, (_, column) => {
        const lines = { left, right: comparison.readColumn(index, column) };
        return referenceElement(product, lines, index, row, column);
      });
      const expected = referenceSoftmaxRow(elements.map(({ value }) => value));
      const inputError = Math.max(
        ...elements.map(({ value, magnitude }) => tolerance(trial, magnitude, value)),
      );
      for (const [column, value] of expected.entries()) {
        const actual = results[elementIndex(c, index, row, column)]!;
        const allowed = value * Math.expm1(2 * inputError + (columns + 16) * UNIT_ROUNDOFF) + SMALLEST_NUMBER;
        if (!(Math.abs(actual - value) <= allowed)) {
          return `softmax C[${index}, ${row}, ${column}]: expected ${value}, got ${actual}`;
        }
      }
    }
  }
  return null;
}
