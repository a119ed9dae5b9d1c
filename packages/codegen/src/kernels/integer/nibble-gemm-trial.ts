import { Random } from '@qedge/core';
import { NIBBLE_GEMM_ARGUMENTS, type NibbleGemmDescription } from '../../description/nibble-gemm.ts';
import { GROUP_DEPTH, GROUP_PARAMETER_BYTES } from '../../description/quantize-rows.ts';
import { ARGUMENT_BYTES, setArgument } from '../../host/argument-block.ts';
import type { KernelMemory } from '../../host/kernel-host.ts';
import { type NibbleElement, referenceNibbleSum } from '../../reference/nibble-gemm.ts';
import { float16Value } from '../../target/narrow-numbers.ts';
import type { TargetTraits } from '../../target/target.ts';
import { UNIT_ROUNDOFF } from '../../target/unit-roundoff.ts';
import type { KernelTrial } from '../kernel-family.ts';
import { findActivatedError } from './activated-error.ts';
import { encodedGroupCodeBytes } from './code-form.ts';
import {
  type NibblePanel,
  type NibblePanelLayout,
  type NibbleWeights,
  nibblePanelLayout,
  packNibblePanels,
} from './nibble-panels.ts';
import { drawCodes, fillPeriodic, samplePlaces } from './random-operands.ts';
import { type TrialRegion, TrialRegions } from './trial-regions.ts';

const SAMPLED_ROWS = 6;
const SAMPLED_COLUMNS = 8;
const SAMPLED_PANELS = 3;
/** Bits of random float16 scales: 2^-8 to 2^-7. */
const HALF_SCALE_BITS = 0x1c00;

type Operand = keyof typeof NIBBLE_GEMM_ARGUMENTS;

/** The weights of one panel that a trial looks at. */
interface PanelWeights extends NibbleWeights {
  readonly panel: NibblePanel;
  readonly bias: Float32Array;
}

/**
 * A run of a product with nibble weights. Row 0 of A is all 127 and column 0 of each panel all 15: the largest integers that can be. With
 * `sample`, only some panels have weights of their own; the others repeat the first.
 */
export function nibbleGemmTrial(
  description: NibbleGemmDescription,
  traits: TargetTraits,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  return new NibbleGemmTrial(description, traits, effort, seed);
}

class NibbleGemmTrial implements KernelTrial {
  readonly #description: NibbleGemmDescription;
  readonly #traits: TargetTraits;
  readonly #effort: 'all' | 'sample';
  readonly #seed: number;
  readonly #regions = new TrialRegions();
  readonly #block: TrialRegion;
  readonly #operands: Readonly<Record<Operand, TrialRegion>>;
  readonly #layout: NibblePanelLayout;
  readonly #weights: readonly PanelWeights[];

  constructor(
    description: NibbleGemmDescription,
    traits: TargetTraits,
    effort: 'all' | 'sample',
    seed: number,
  ) {
    this.#description = description;
    this.#traits = traits;
    this.#effort = effort;
    this.#seed = seed;
    this.#layout = nibblePanelLayout(description, traits);
    const { rows, columns, aRowStride, cRowStride } = description;
    this.#block = this.#regions.place('the argument block', ARGUMENT_BYTES * 4);
    this.#operands = {
      a: this.#regions.place('A', rows * aRowStride * encodedGroupCodeBytes(traits)),
      b: this.#regions.place('B', this.#layout.byteLength),
      groupParameters: this.#regions.place(
        'the group parameters',
        rows * this.#layout.groups * GROUP_PARAMETER_BYTES,
      ),
      c: this.#regions.place('C', ((rows - 1) * cRowStride + columns) * 4),
    };
    const random = new Random(seed);
    this.#weights = this.#places(random, this.#layout.panels.length, SAMPLED_PANELS, []).map((index) =>
      drawWeights(description, this.#layout, this.#layout.panels[index]!, random),
    );
  }

  get byteLength(): number {
    return this.#regions.byteLength;
  }

  prepare(memory: KernelMemory): number {
    const random = new Random(this.#seed + 1);
    this.#regions.fillGuards(memory, [this.#operands.c]);
    this.#writeCodes(memory, random);
    this.#packWeights(this.#regions.bytes(memory, this.#operands.b));
    const block = this.#regions.view(memory, this.#block);
    for (const [name, region] of Object.entries(this.#operands)) {
      setArgument(block, 0, NIBBLE_GEMM_ARGUMENTS[name as Operand], this.#regions.address(memory, region));
    }
    return this.#regions.address(memory, this.#block);
  }

  findError(memory: KernelMemory): string | null {
    const { rows, columns, cRowStride, blocking } = this.#description;
    const random = new Random(this.#seed + 2);
    const edges = [1, blocking.tileRows - 1, blocking.tileRows];
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

  /** Packs the panels that are looked at; the others, none of them the first or the last, repeat the first. */
  #packWeights(target: Uint8Array): void {
    for (const weights of this.#weights) {
      const { byteOffset, byteLength, columns } = weights.panel;
      const part = { ...this.#description, columns };
      packNibblePanels(part, this.#traits, weights, target.subarray(byteOffset, byteOffset + byteLength));
    }
    const known = new Set(this.#weights.map(({ panel }) => panel));
    for (const panel of this.#layout.panels) {
      if (!known.has(panel)) target.copyWithin(panel.byteOffset, 0, panel.byteLength);
    }
  }

  /** Codes, zeros behind the depth, a scale and a start value for each group. */
  #writeCodes(memory: KernelMemory, random: Random): void {
    const { rows, depth, aRowStride } = this.#description;
    const { groups } = this.#layout;
    const codes = this.#codes(memory);
    fillPeriodic(codes as Int8Array, drawCodes(random, -127, 127));
    const parameters = this.#regions.view(memory, this.#operands.groupParameters);
    for (let row = 0; row < rows; row++) {
      const ofRow = codes.subarray(row * aRowStride, row * aRowStride + groups * GROUP_DEPTH);
      if (row === 0) ofRow.fill(127);
      ofRow.fill(0, depth);
      for (let group = 0; group < groups; group++) {
        let sum = 0;
        for (let k = 0; k < GROUP_DEPTH; k++) sum += ofRow[group * GROUP_DEPTH + k]!;
        const at = (row * groups + group) * GROUP_PARAMETER_BYTES;
        parameters.setFloat32(at, 0.001 + random.uniform(), true);
        parameters.setInt32(at + 4, -8 * sum, true);
      }
    }
  }

  /** What is wrong in one row of C, in the columns of one panel. */
  #findRowError(memory: KernelMemory, row: number, weights: PanelWeights, random: Random): string | null {
    const { depth, aRowStride, cRowStride, epilogue } = this.#description;
    const { groups } = this.#layout;
    const codes = this.#codes(memory).subarray(row * aRowStride, row * aRowStride + depth);
    const parameters = this.#regions.view(memory, this.#operands.groupParameters);
    const rowScales = Array.from({ length: groups }, (_, group) => {
      return parameters.getFloat32((row * groups + group) * GROUP_PARAMETER_BYTES, true);
    });
    const results = this.#regions.floats(memory, this.#operands.c);
    const { panel } = weights;
    const { lanes } = this.#traits;
    for (const column of this.#places(random, panel.columns, SAMPLED_COLUMNS, [1, lanes - 1, lanes])) {
      const sum = referenceNibbleSum({ codes, rowScales, ...columnOf(weights, column, depth, groups) });
      const bias = epilogue.bias ? weights.bias[column]! : 0;
      const exact = this.#traits.fmaRounding === 'twice';
      const tolerance = exact ? 0 : (groups + 3) * UNIT_ROUNDOFF * (sum.magnitude + Math.abs(bias));
      const value = epilogue.bias ? Math.fround(sum.value + bias) : sum.value;
      const actual = results[row * cRowStride + panel.firstColumn + column]!;
      const error = findActivatedError(epilogue.activation, value, tolerance, actual);
      if (error !== null) return `C[${row}, ${panel.firstColumn + column}]: ${error}`;
    }
    return null;
  }

  #codes(memory: KernelMemory): Int8Array | Int16Array {
    const { offset, byteLength } = this.#operands.a;
    const start = memory.byteOffset + offset;
    return encodedGroupCodeBytes(this.#traits) === 1
      ? new Int8Array(memory.buffer, start, byteLength)
      : new Int16Array(memory.buffer, start, byteLength / 2);
  }

  #places(random: Random, limit: number, count: number, wanted: readonly number[]): readonly number[] {
    return samplePlaces(random, limit, this.#effort === 'all' ? limit : count, wanted);
  }
}

function drawWeights(
  { scales, zeroPoints }: NibbleGemmDescription,
  { groups }: NibblePanelLayout,
  panel: NibblePanel,
  random: Random,
): PanelWeights {
  const nibbles = new Uint8Array(panel.columns * groups * 16);
  fillPeriodic(nibbles, () => random.integer(256));
  nibbles.fill(0xff, 0, groups * 16);
  const count = panel.columns * groups;
  const given = new Uint8Array(panel.columns * Math.ceil(groups / 2));
  fillPeriodic(given, () => random.integer(256));
  return {
    panel,
    nibbles,
    scales:
      scales === 'float32'
        ? new Float32Array(count).map(() => 0.001 + random.uniform())
        : new Uint16Array(count).map(() => HALF_SCALE_BITS + random.integer(0x400)),
    zeroPoints: zeroPoints === 'given' ? given : null,
    bias: new Float32Array(panel.columns).map(() => random.normal()),
  };
}

/** The weights of one column, read as ONNX Runtime's layout says. */
function columnOf(
  { nibbles, scales, zeroPoints }: PanelWeights,
  column: number,
  depth: number,
  groups: number,
): Pick<NibbleElement, 'nibbles' | 'columnScales' | 'zeroPoints'> {
  const ofColumn = scales.subarray(column * groups, (column + 1) * groups);
  return {
    nibbles: Array.from({ length: depth }, (_, k) => {
      return (nibbles[column * groups * 16 + (k >> 1)]! >> (k % 2 === 0 ? 0 : 4)) & 15;
    }),
    columnScales: ofColumn instanceof Float32Array ? ofColumn : Array.from(ofColumn, float16Value),
    zeroPoints: Array.from({ length: groups }, (_, group) => {
      if (zeroPoints === null) return 8;
      return (zeroPoints[column * Math.ceil(groups / 2) + (group >> 1)]! >> (group % 2 === 0 ? 0 : 4)) & 15;
    }),
  };
}
