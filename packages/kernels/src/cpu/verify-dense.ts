import type { KernelMemory } from '@qedge/codegen';
import { Random, VerificationError } from '@qedge/core';
import {
  finishRows,
  multiplyCodes,
  multiplyFloat32,
  quantizeValues,
  scaleSums,
} from '../reference/dense-arithmetic.ts';
import type { DenseLayer } from './dense-layer.ts';
import type { PlannedDense } from './model-plan.ts';

/** Columns that are compared in a wide layer; narrower ones are compared whole. */
const SAMPLED_COLUMNS = 32;

/** Different rows of random input; longer batches repeat them. */
const SAMPLED_ROWS = 4;

const UNIT_ROUNDOFF = 2 ** -24;
/** The distance of subnormal numbers: rounding one errs by at most half of it, however small it is. */
const SMALLEST_SUBNORMAL = 2 ** -149;

/**
 * Runs a dense layer with its real packed weights on random rows and compares samples with the reference. Bits must be equal, except
 * for float32 where multiply-adds round once: there, sums may differ by the rounding of each term. Uses the layer's buffers.
 *
 * @param calls run the layer on a batch of `batch`.
 * @throws VerificationError naming the layer and the first wrong element. Such a kernel must not be used.
 */
export function verifyDense(
  planned: PlannedDense,
  calls: { run(): void },
  { buffer, byteOffset }: KernelMemory,
  batch: number,
  strict: boolean,
): void {
  const { step } = planned.layer;
  const { inputSize, units, name } = step;
  const random = new Random(inputSize * 65537 + units);
  const span = 'codes' in step ? step.input.scale * 300 : 2;
  const distinct = Math.min(batch, SAMPLED_ROWS);
  const rows = new Float32Array(distinct * inputSize).map(() => (random.uniform() - 0.5) * span);
  const columns = sampleColumns(units, random);
  const exact = 'codes' in step || strict;
  const { expected, bounds } = computeExpected(step, rows, distinct, columns, exact);
  const input = new Float32Array(buffer, byteOffset + planned.input, batch * inputSize);
  for (let row = 0; row < batch; row += distinct) {
    input.set(rows.subarray(0, Math.min(distinct, batch - row) * inputSize), row * inputSize);
  }
  const output = new Float32Array(buffer, byteOffset + planned.output, batch * units).fill(Number.NaN);
  calls.run();
  for (const row of sampleRows(batch)) {
    for (const [index, column] of columns.entries()) {
      const at = (row % distinct) * columns.length + index;
      const actual = output[row * units + column]!;
      const allowed = bounds[at]!;
      // Huge weights overflow the same way on both sides; an infinite bound allows whatever overflowed where.
      if (Object.is(actual, expected[at]) || allowed === Number.POSITIVE_INFINITY) continue;
      if (Math.abs(actual - expected[at]!) <= allowed) continue;
      throw new VerificationError(`A generated kernel of layer "${name}" is wrong`, {
        expected: `${expected[at]} ± ${allowed}`,
        actual,
        remedy: 'Set QEDGE_ISA=wasm-strict or QEDGE_ISA=interpreter, and report the host.',
        facts: { layer: name, batch, row, column },
      });
    }
  }
}

/** The first rows and the last ones, where tiles of other heights are. */
function sampleRows(batch: number): readonly number[] {
  const all = Array.from({ length: batch }, (_, row) => row);
  return batch <= 4 * SAMPLED_ROWS
    ? all
    : [...all.slice(0, 2 * SAMPLED_ROWS), ...all.slice(-2 * SAMPLED_ROWS)];
}

/** Every column, or a random sample that holds the last ones, where partial vectors are. */
function sampleColumns(units: number, random: Random): Uint32Array {
  const all = Uint32Array.from({ length: units }, (_, index) => index);
  if (units <= SAMPLED_COLUMNS) return all;
  const tail = all.subarray(units - 8);
  const sample = random.shuffle(all.slice(0, units - 8)).subarray(0, SAMPLED_COLUMNS - 8);
  return Uint32Array.from([...sample, ...tail]).sort();
}

interface Expected {
  readonly expected: Float32Array;
  /**
   * How far each element may be off: 0 where bits must be equal; else both sums err by at most depth + 1 roundings (Higham
   * 2002, section 3.1), or by one subnormal step where products are smaller than normal numbers.
   */
  readonly bounds: Float64Array;
}

function computeExpected(
  step: DenseLayer['step'],
  rows: Float32Array,
  rowCount: number,
  columns: Uint32Array,
  exact: boolean,
): Expected {
  const shape = { rows: rowCount, depth: step.inputSize, columns: columns.length };
  const pick = <T extends Float32Array | Int8Array>(source: T, target: T): T => {
    for (let i = 0; i < target.length; i++) {
      const k = Math.floor(i / columns.length);
      target[i] = source[k * step.units + columns[i % columns.length]!]!;
    }
    return target;
  };
  const expected = new Float32Array(rowCount * columns.length);
  const bounds = new Float64Array(expected.length);
  const bias = step.bias === null ? null : pick(step.bias, new Float32Array(columns.length));
  if ('codes' in step) {
    const codes = new Int16Array(rows.length);
    quantizeValues(rows, step.input.scale, step.input.zeroPoint, codes);
    const sums = new Int32Array(expected.length);
    multiplyCodes(shape, codes, pick(step.codes, new Int8Array(step.inputSize * columns.length)), sums);
    scaleSums(sums, pick(step.outputScales, new Float32Array(columns.length)), expected);
  } else {
    const kernel = pick(step.kernel, new Float32Array(step.inputSize * columns.length));
    multiplyFloat32(shape, rows, kernel, expected);
    if (!exact) {
      const magnitudes = new Float32Array(expected.length);
      multiplyFloat32(shape, rows.map(Math.abs), kernel.map(Math.abs), magnitudes);
      for (let i = 0; i < bounds.length; i++) {
        const magnitude = magnitudes[i]! + Math.abs(bias?.[i % columns.length] ?? 0);
        bounds[i] = 2 * (step.inputSize + 2) * (UNIT_ROUNDOFF * magnitude + SMALLEST_SUBNORMAL / 2);
      }
    }
  }
  finishRows(expected, bias, step.relu);
  return { expected, bounds };
}
