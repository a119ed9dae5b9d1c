import { Random } from '@qedge/core';
import { ROW_PARAMETER_BYTES } from '../../description/integer-gemm.ts';
import {
  GROUP_DEPTH,
  GROUP_PARAMETER_BYTES,
  QUANTIZE_ROWS_ARGUMENTS,
  type QuantizeRowsDescription,
} from '../../description/quantize-rows.ts';
import { ARGUMENT_BYTES, setArgument, setFloatArgument } from '../../host/argument-block.ts';
import type { KernelMemory } from '../../host/kernel-host.ts';
import {
  referenceQuantize,
  referenceQuantizeAsymmetric,
  referenceQuantizeSymmetric,
} from '../../reference/quantize.ts';
import type { TargetTraits } from '../../target/target.ts';
import type { KernelTrial } from '../kernel-family.ts';
import {
  encodedCodeBytes,
  encodedGroupCodeBytes,
  encodeRowZeroPoint,
  integerArithmetic,
  paddedCodeDepth,
} from './code-form.ts';
import { type TrialRegion, TrialRegions } from './trial-regions.ts';

/** Rows of a trial: ordinary numbers, zeros, special numbers, NaN among ordinary ones, ties, the largest and the smallest numbers. */
const ROW_DRAWS: readonly ((random: Random) => number)[] = [
  (random) => random.normal() * 3,
  () => 0,
  (random) => SPECIALS[random.integer(SPECIALS.length)]!,
  (random) => (random.integer(3) === 0 ? Number.NaN : random.normal()),
  (random) => (random.integer(512) - 256.5) * TRIAL_SCALE,
  (random) => random.normal() * 2e38,
  (random) => random.normal() * 2 ** -140,
];
const TRIAL_SCALE = 0.03125;
const SPECIALS = [0, -0, 1, -2.5, 1e-45, -1e-40, Number.NaN, Infinity, -Infinity, 3e38, -3e38, 0.015625];

/** What the numbers of one row become. */
interface ExpectedRow {
  readonly codes: ArrayLike<number>;
  /** A float32 and an int32 for the row, or for each group. */
  readonly parameters: readonly (readonly [scale: number, word: number])[];
}

/** A run on rows of all kinds, every code compared. */
export function quantizeRowsTrial(
  description: QuantizeRowsDescription,
  traits: TargetTraits,
  _effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  return new QuantizeRowsTrial(description, traits, seed);
}

class QuantizeRowsTrial implements KernelTrial {
  readonly #description: QuantizeRowsDescription;
  readonly #codeBytes: 1 | 2;
  /** What is added to codes where they are stored. */
  readonly #offset: -128 | 0;
  /** Codes that are written for a row, the start value that may follow counted as four. */
  readonly #rowCodes: number;
  readonly #random: Random;
  readonly #zeroPoint: number;
  readonly #regions = new TrialRegions();
  readonly #block: TrialRegion;
  readonly #source: TrialRegion;
  readonly #codes: TrialRegion;
  readonly #parameters: TrialRegion;

  constructor(description: QuantizeRowsDescription, traits: TargetTraits, seed: number) {
    this.#description = description;
    this.#random = new Random(seed);
    this.#zeroPoint = this.#random.integer(256);
    const { mode, weights, depth, sourceRowStride, codeRowStride } = description;
    const groups = mode === 'group-symmetric';
    this.#codeBytes = groups ? encodedGroupCodeBytes(traits) : encodedCodeBytes(weights, traits);
    this.#offset = !groups && integerArithmetic(weights, traits) === 'multiply-bytes' ? -128 : 0;
    this.#rowCodes = paddedCodeDepth(mode, depth) + (this.#offset === 0 ? 0 : 4);
    const last = ROW_DRAWS.length - 1;
    const sourceElements = last * sourceRowStride + depth;
    const codeElements = last * codeRowStride + this.#rowCodes;
    this.#block = this.#regions.place('the argument block', ARGUMENT_BYTES * 6);
    this.#source = this.#regions.place('the source', sourceElements * (this.#isBytes() ? 1 : 4));
    this.#codes = this.#regions.place('the codes', codeElements * this.#codeBytes);
    this.#parameters = this.#regions.place('the parameters', parameterBytes(description));
  }

  get byteLength(): number {
    return this.#regions.byteLength;
  }

  prepare(memory: KernelMemory): number {
    const { depth, sourceRowStride } = this.#description;
    const regions = this.#regions;
    regions.fillGuards(memory, [this.#codes, this.#parameters]);
    if (this.#isBytes()) {
      const bytes = regions.bytes(memory, this.#source);
      for (let i = 0; i < bytes.length; i++) bytes[i] = this.#random.integer(256);
    } else {
      const numbers = regions.floats(memory, this.#source);
      for (const [row, draw] of ROW_DRAWS.entries()) {
        for (let k = 0; k < depth; k++) numbers[row * sourceRowStride + k] = draw(this.#random);
      }
    }
    const block = regions.view(memory, this.#block);
    const fields = QUANTIZE_ROWS_ARGUMENTS;
    setArgument(block, 0, fields.source, regions.address(memory, this.#source));
    setArgument(block, 0, fields.codes, regions.address(memory, this.#codes));
    setArgument(block, 0, fields.rows, ROW_DRAWS.length);
    setArgument(block, 0, fields.parameters, regions.address(memory, this.#parameters));
    setFloatArgument(block, 0, fields.scale, TRIAL_SCALE);
    setFloatArgument(block, 0, fields.zeroPoint, this.#zeroPoint);
    return regions.address(memory, this.#block);
  }

  findError(memory: KernelMemory): string | null {
    for (const row of ROW_DRAWS.keys()) {
      const error = this.#findRowError(memory, row);
      if (error !== null) return `row ${row}: ${error}`;
    }
    return this.#regions.findGuardError(memory);
  }

  #findRowError(memory: KernelMemory, row: number): string | null {
    const { mode, depth, codeRowStride } = this.#description;
    const expected = this.#expectedRow(memory, row);
    const codes = this.#readCodes(memory);
    for (let k = 0; k < paddedCodeDepth(mode, depth); k++) {
      const [code, actual] = [
        k < depth ? expected.codes[k]! + this.#offset : 0,
        codes[row * codeRowStride + k]!,
      ];
      if (actual !== code) return `code ${k}: expected ${code}, got ${actual}`;
    }
    const start = this.#offset === 0 ? null : this.#findStartError(memory, row, expected.codes);
    if (start !== null) return start;
    const parameters = this.#regions.view(memory, this.#parameters);
    const first = row * expected.parameters.length * 8;
    for (const [i, [scale, word]] of expected.parameters.entries()) {
      const actual = [
        parameters.getFloat32(first + i * 8, true),
        parameters.getInt32(first + i * 8 + 4, true),
      ];
      if (actual[0] !== scale || actual[1] !== word)
        return `parameters ${i}: expected ${scale}, ${word}, got ${actual}`;
    }
    if (row === ROW_DRAWS.length - 1) return null;
    const [from, end] = [row * codeRowStride + this.#rowCodes, (row + 1) * codeRowStride];
    return this.#regions.findGapError(memory, this.#codes, from * this.#codeBytes, end * this.#codeBytes);
  }

  /** What is wrong with the start value behind the codes of a row. */
  #findStartError(memory: KernelMemory, row: number, codes: ArrayLike<number>): string | null {
    const { mode, depth, codeRowStride } = this.#description;
    let sum = 0;
    for (let k = 0; k < depth; k++) sum += codes[k]! + this.#offset;
    const at = row * codeRowStride + paddedCodeDepth(mode, depth);
    const actual = this.#regions.view(memory, this.#codes).getInt32(at, true);
    return actual === -8 * sum + 0 ? null : `start value: expected ${-8 * sum}, got ${actual}`;
  }

  #expectedRow(memory: KernelMemory, row: number): ExpectedRow {
    const { mode, depth, sourceRowStride } = this.#description;
    const start = row * sourceRowStride;
    if (this.#isBytes()) {
      const bytes = this.#regions.bytes(memory, this.#source).subarray(start, start + depth);
      const codes = mode === 'uint8' ? bytes : bytes.map((byte) => byte ^ 0x80);
      return { codes, parameters: [] };
    }
    const x = this.#regions.floats(memory, this.#source).subarray(start, start + depth);
    if (mode === 'static')
      return { codes: referenceQuantize(x, TRIAL_SCALE, this.#zeroPoint), parameters: [] };
    if (mode === 'row-asymmetric') {
      const { scale, zeroPoint, codes } = referenceQuantizeAsymmetric(x);
      return { codes, parameters: [[scale, encodeRowZeroPoint(zeroPoint)]] };
    }
    if (mode === 'row-symmetric') {
      const { scale, codes } = referenceQuantizeSymmetric(x);
      return {
        codes: Array.from(codes, (code) => code + 128),
        parameters: [[scale, encodeRowZeroPoint(128)]],
      };
    }
    return expectedGroups(x);
  }

  #isBytes(): boolean {
    return this.#description.mode === 'uint8' || this.#description.mode === 'int8';
  }

  #readCodes(memory: KernelMemory): Int8Array | Uint8Array | Int16Array {
    const bytes = this.#regions.bytes(memory, this.#codes);
    if (this.#codeBytes === 2) return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    return this.#description.mode === 'group-symmetric' || this.#offset !== 0
      ? new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)
      : bytes;
  }
}

function expectedGroups(x: Float32Array): ExpectedRow {
  const codes: number[] = [];
  const parameters: [number, number][] = [];
  for (let first = 0; first < x.length; first += GROUP_DEPTH) {
    const group = referenceQuantizeSymmetric(x.subarray(first, first + GROUP_DEPTH));
    const sum = group.codes.reduce((total, code) => total + code, 0);
    codes.push(...group.codes);
    parameters.push([group.scale, -8 * sum + 0]);
  }
  return { codes, parameters };
}

function parameterBytes({ mode, depth }: QuantizeRowsDescription): number {
  if (mode === 'group-symmetric')
    return ROW_DRAWS.length * Math.ceil(depth / GROUP_DEPTH) * GROUP_PARAMETER_BYTES;
  return mode === 'row-symmetric' || mode === 'row-asymmetric' ? ROW_DRAWS.length * ROW_PARAMETER_BYTES : 0;
}
