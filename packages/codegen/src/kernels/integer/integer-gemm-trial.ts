import { Random } from '@qedge/core';
import {
  INTEGER_GEMM_ARGUMENTS,
  type IntegerGemmDescription,
  ROW_PARAMETER_BYTES,
} from '../../description/integer-gemm.ts';
import { ARGUMENT_BYTES, setArgument } from '../../host/argument-block.ts';
import type { KernelMemory } from '../../host/kernel-host.ts';
import { referenceIntegerSum, referenceScaledSum } from '../../reference/integer-gemm.ts';
import type { TargetTraits } from '../../target/target.ts';
import type { KernelTrial } from '../kernel-family.ts';
import { findActivatedError } from './activated-error.ts';
import { encodedCodeBytes, encodeRowZeroPoint, integerArithmetic, paddedCodeDepth } from './code-form.ts';
import {
  type IntegerPanel,
  type IntegerPanelLayout,
  type IntegerWeightColumns,
  integerPanelLayout,
  packIntegerPanels,
} from './integer-panels.ts';
import { drawCodes, fillPeriodic, samplePlaces } from './random-operands.ts';
import { type TrialRegion, TrialRegions } from './trial-regions.ts';

const SAMPLED_ROWS = 8;
const SAMPLED_COLUMNS = 8;
const SAMPLED_PANELS = 3;
/** Of all panels but the first, whose sums are as large as sums can be. */
const TRIAL_ZERO_POINT = 131;

/** Of a byte: 128 is added, or taken away, by changing it. */
const SIGN_BIT = 0x80;

type Operand = keyof typeof INTEGER_GEMM_ARGUMENTS;

/** The weights of one panel that a trial looks at. */
interface PanelWeights extends IntegerWeightColumns {
  readonly panel: IntegerPanel;
  readonly scales: Float32Array;
  readonly bias: Float32Array;
}

/**
 * A run of an integer product. Row 0 of A is all 255, and row 1 of several all 0; column 0 of each panel is all -128 (or -8), and column 1
 * of several all 127 (or 7): the largest sums that can be, in every arithmetic. With `sample`, only some panels have weights of their own; the others repeat the first.
 */
export function integerGemmTrial(
  description: IntegerGemmDescription,
  traits: TargetTraits,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  return new IntegerGemmTrial(description, traits, effort, seed);
}

class IntegerGemmTrial implements KernelTrial {
  readonly #description: IntegerGemmDescription;
  readonly #traits: TargetTraits;
  readonly #effort: 'all' | 'sample';
  readonly #seed: number;
  readonly #regions = new TrialRegions();
  readonly #block: TrialRegion;
  readonly #operands: Readonly<Record<Operand, TrialRegion>>;
  readonly #layout: IntegerPanelLayout;
  readonly #weights: readonly PanelWeights[];

  constructor(
    description: IntegerGemmDescription,
    traits: TargetTraits,
    effort: 'all' | 'sample',
    seed: number,
  ) {
    this.#description = description;
    this.#traits = traits;
    this.#effort = effort;
    this.#seed = seed;
    this.#layout = integerPanelLayout(description, traits);
    const { rows, columns, aRowStride, cRowStride } = description;
    this.#block = this.#regions.place('the argument block', ARGUMENT_BYTES * 4);
    this.#operands = {
      a: this.#regions.place('A', rows * aRowStride * encodedCodeBytes(description.weights, traits)),
      b: this.#regions.place('B', this.#layout.byteLength),
      rowParameters: this.#regions.place('the row parameters', rows * ROW_PARAMETER_BYTES),
      c: this.#regions.place('C', ((rows - 1) * cRowStride + columns) * 4),
    };
    const random = new Random(seed);
    this.#weights = this.#places(random, this.#layout.panels.length, SAMPLED_PANELS, []).map((index) =>
      drawWeights(description, this.#layout.panels[index]!, random),
    );
  }

  get byteLength(): number {
    return this.#regions.byteLength;
  }

  prepare(memory: KernelMemory): number {
    const { rows, aRowStride } = this.#description;
    const random = new Random(this.#seed + 1);
    this.#regions.fillGuards(memory, [this.#operands.c]);
    const a = this.#codes(memory);
    fillPeriodic(a, drawCodes(random, 0, 255));
    a.fill(255, 0, aRowStride);
    if (rows > 2) a.fill(0, aRowStride, 2 * aRowStride);
    if (this.#inSignedBytes) this.#signCodes(memory);
    this.#packWeights(this.#regions.bytes(memory, this.#operands.b));
    const parameters = this.#regions.view(memory, this.#operands.rowParameters);
    for (let row = 0; row < rows; row++) {
      const zeroPoint = row === 0 ? 0 : random.integer(256);
      parameters.setFloat32(row * ROW_PARAMETER_BYTES, 0.001 + random.uniform(), true);
      parameters.setInt32(row * ROW_PARAMETER_BYTES + 4, encodeRowZeroPoint(zeroPoint), true);
    }
    const block = this.#regions.view(memory, this.#block);
    for (const [name, region] of Object.entries(this.#operands)) {
      setArgument(block, 0, INTEGER_GEMM_ARGUMENTS[name as Operand], this.#regions.address(memory, region));
    }
    return this.#regions.address(memory, this.#block);
  }

  findError(memory: KernelMemory): string | null {
    const { rows, columns, cRowStride, blocking } = this.#description;
    const random = new Random(this.#seed + 2);
    const edges = [1, blocking.tileRows - 1, blocking.tileRows, rows - 2];
    for (const row of this.#places(random, rows, SAMPLED_ROWS, edges)) {
      for (const weights of this.#weights) {
        const error = this.#findRowError(memory, row, weights, random);
        if (error !== null) return error;
      }
      if (row === rows - 1) continue;
      const [start, end] = [(row * cRowStride + columns) * 4, (row + 1) * cRowStride * 4];
      const gap = this.#regions.findGapError(memory, this.#operands.c, start, end);
      if (gap !== null) return gap;
    }
    return this.#regions.findGuardError(memory);
  }

  /** What is wrong in one row of C, in the columns of one panel. */
  #findRowError(memory: KernelMemory, row: number, weights: PanelWeights, random: Random): string | null {
    const { depth, output, aRowStride, cRowStride, rowScales, rowZeroPoints, epilogue } = this.#description;
    const stored = this.#codes(memory).subarray(row * aRowStride, row * aRowStride + depth);
    const codes = this.#inSignedBytes ? stored.map((code) => code ^ SIGN_BIT) : stored;
    const parameters = this.#regions.view(memory, this.#operands.rowParameters);
    const rowScale = rowScales ? parameters.getFloat32(row * ROW_PARAMETER_BYTES, true) : null;
    const rowZeroPoint = rowZeroPoints ? parameters.getInt32(row * ROW_PARAMETER_BYTES + 4, true) & 255 : 0;
    const { lanes } = this.#traits;
    const { panel } = weights;
    for (const column of this.#places(random, panel.columns, SAMPLED_COLUMNS, [1, lanes - 1, lanes])) {
      const index = row * cRowStride + panel.firstColumn + column;
      const codesOfColumn = weights.codes.subarray(column * depth, (column + 1) * depth);
      const sum = referenceIntegerSum(codes, rowZeroPoint + weights.zeroPoint, codesOfColumn);
      const place = `C[${row}, ${panel.firstColumn + column}]`;
      if (output === 'int32') {
        const actual = this.#regions.integers(memory, this.#operands.c)[index]!;
        if (actual !== sum) return `${place}: expected ${sum}, got ${actual}`;
        continue;
      }
      const bias = epilogue.bias ? weights.bias[column]! : null;
      const value = referenceScaledSum(sum, rowScale, weights.scales[column]!, bias);
      const actual = this.#regions.floats(memory, this.#operands.c)[index]!;
      const error = findActivatedError(epilogue.activation, value, 0, actual);
      if (error !== null) return `${place}: ${error}`;
    }
    return null;
  }

  /** Takes 128 from all codes of A, and writes the start value behind each row. */
  #signCodes(memory: KernelMemory): void {
    const { rows, depth, aRowStride } = this.#description;
    const codes = this.#regions.bytes(memory, this.#operands.a);
    for (let i = 0; i < codes.length; i++) codes[i]! ^= SIGN_BIT;
    const view = this.#regions.view(memory, this.#operands.a);
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let k = 0; k < depth; k++) sum += view.getInt8(row * aRowStride + k);
      view.setInt32(row * aRowStride + paddedCodeDepth('static', depth), -8 * sum, true);
    }
  }

  /** Whether codes of A lie less 128 in memory. */
  get #inSignedBytes(): boolean {
    return integerArithmetic(this.#description.weights, this.#traits) === 'multiply-bytes';
  }

  #codes(memory: KernelMemory): Uint8Array | Uint16Array {
    const { a } = this.#operands;
    if (encodedCodeBytes(this.#description.weights, this.#traits) === 1)
      return this.#regions.bytes(memory, a);
    return new Uint16Array(memory.buffer, memory.byteOffset + a.offset, a.byteLength / 2);
  }

  /** Packs the panels that are looked at; the others, none of them the first or the last, repeat the first. */
  #packWeights(target: Uint8Array): void {
    for (const weights of this.#weights) {
      const { byteOffset, byteLength, columns } = weights.panel;
      const part = { ...this.#description, columns };
      packIntegerPanels(part, this.#traits, weights, target.subarray(byteOffset, byteOffset + byteLength));
    }
    const known = new Set(this.#weights.map(({ panel }) => panel));
    for (const panel of this.#layout.panels) {
      if (!known.has(panel)) target.copyWithin(panel.byteOffset, 0, panel.byteLength);
    }
  }

  #places(random: Random, limit: number, count: number, wanted: readonly number[]): readonly number[] {
    return samplePlaces(random, limit, this.#effort === 'all' ? limit : count, wanted);
  }
}

function drawWeights(
  { depth, weights }: IntegerGemmDescription,
  panel: IntegerPanel,
  random: Random,
): PanelWeights {
  const codes = new Int8Array(depth * panel.columns);
  const [low, high] = weights === 'int8' ? [-128, 127] : [-8, 7];
  fillPeriodic(codes, drawCodes(random, low, high));
  codes.fill(low, 0, depth);
  if (panel.columns > 2) codes.fill(high, depth, 2 * depth);
  return {
    panel,
    codes,
    rowStride: 1,
    columnStride: depth,
    zeroPoint: panel.firstColumn === 0 ? 0 : TRIAL_ZERO_POINT,
    scales: new Float32Array(panel.columns).map(() => 0.001 + random.uniform()),
    bias: new Float32Array(panel.columns).map(() => 100 * random.normal()),
  };
}
