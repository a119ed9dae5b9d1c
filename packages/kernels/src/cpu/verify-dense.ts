import {
  referenceEpilogue,
  referenceGemmFloat32,
  referenceGemmInteger,
  referenceQuantize,
  referenceScale,
  type WasmDialect,
} from '@qedge/codegen';
import { Random, VerificationError } from '@qedge/core';
import type { DensePlan } from './model-plan.ts';

/** Columns that are compared in a wide layer; narrower ones are compared whole. */
const SAMPLED_COLUMNS = 64;

const UNIT_ROUNDOFF = 2 ** -24;
/** The distance of subnormal numbers: rounding one errs by at most half of it, however small it is. */
const SMALLEST_SUBNORMAL = 2 ** -149;

/**
 * Runs a dense layer's generated kernels, with its real packed weights, on random rows and compares with the reference:
 * every tile height, and a batch that needs two heights. Bits must be equal, except for float32 in relaxed arithmetic, whose
 * sums may differ by the rounding of each term. Uses the layer's buffers in the arena.
 *
 * @throws VerificationError naming the layer and the first wrong element. Such a kernel must not be used.
 */
export function verifyDense(
  plan: DensePlan,
  kernels: { execute(batch: number): void },
  buffer: ArrayBufferLike,
  maxBatch: number,
  dialect: WasmDialect,
): void {
  const { inputSize, units, name } = plan.step;
  const tallest = Math.min(maxBatch, plan.gemms.length + 1);
  const random = new Random(inputSize * 65537 + units);
  const span = plan.quantize ? plan.quantize.input.scale * 300 : 2;
  const rows = new Float32Array(tallest * inputSize).map(() => (random.uniform() - 0.5) * span);
  const columns = sampleColumns(units, random);
  const exact = plan.quantize !== null || dialect === 'strict';
  const { expected, bounds } = computeExpected(plan, rows, tallest, columns, exact);
  for (let batch = 1; batch <= tallest; batch++) {
    new Float32Array(buffer, plan.inputAddress, batch * inputSize).set(rows.subarray(0, batch * inputSize));
    const output = new Float32Array(buffer, plan.outputAddress, batch * units).fill(Number.NaN);
    kernels.execute(batch);
    for (let i = 0; i < batch * columns.length; i++) {
      const row = Math.floor(i / columns.length);
      const column = columns[i % columns.length]!;
      const actual = output[row * units + column]!;
      const allowed = bounds[i]!;
      // Huge weights overflow the same way on both sides; an infinite bound allows whatever overflowed where.
      if (Object.is(actual, expected[i]) || allowed === Number.POSITIVE_INFINITY) continue;
      if (Math.abs(actual - expected[i]!) <= allowed) continue;
      throw new VerificationError(`A generated kernel of layer "${name}" is wrong`, {
        expected: `${expected[i]} ± ${allowed}`,
        actual,
        remedy: 'Set QEDGE_ISA=wasm-strict or QEDGE_ISA=reference, and report the host.',
        facts: { layer: name, batch, row, column, kernel: plan.gemms[0]! },
      });
    }
  }
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
  { step, quantize }: DensePlan,
  rows: Float32Array,
  batch: number,
  columns: Uint32Array,
  exact: boolean,
): Expected {
  const shape = { rows: batch, depth: step.inputSize, columns: columns.length };
  const pick = <T extends Float32Array | Int8Array>(source: T, target: T): T => {
    for (let i = 0; i < target.length; i++) {
      const k = Math.floor(i / columns.length);
      target[i] = source[k * step.units + columns[i % columns.length]!]!;
    }
    return target;
  };
  const expected = new Float32Array(batch * columns.length);
  const bounds = new Float64Array(expected.length);
  const bias = step.bias === null ? null : pick(step.bias, new Float32Array(columns.length));
  if ('codes' in step) {
    const codes = new Int16Array(rows.length);
    referenceQuantize(rows, quantize!.input.scale, quantize!.input.zeroPoint, codes);
    const sums = new Int32Array(expected.length);
    referenceGemmInteger(
      shape,
      codes,
      pick(step.codes, new Int8Array(step.inputSize * columns.length)),
      sums,
    );
    referenceScale(sums, pick(step.outputScales, new Float32Array(columns.length)), expected);
  } else {
    const kernel = pick(step.kernel, new Float32Array(step.inputSize * columns.length));
    referenceGemmFloat32(shape, rows, kernel, expected);
    if (!exact) {
      const magnitudes = new Float32Array(expected.length);
      referenceGemmFloat32(shape, rows.map(Math.abs), kernel.map(Math.abs), magnitudes);
      for (let i = 0; i < bounds.length; i++) {
        const magnitude = magnitudes[i]! + Math.abs(bias?.[i % columns.length] ?? 0);
        bounds[i] = 2 * (step.inputSize + 2) * (UNIT_ROUNDOFF * magnitude + SMALLEST_SUBNORMAL / 2);
      }
    }
  }
  referenceEpilogue(expected, bias, step.relu);
  return { expected, bounds };
}
