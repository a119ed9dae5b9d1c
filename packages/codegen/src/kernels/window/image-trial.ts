import { Random } from '@qedge/core';
import type { IndexRange } from '../../description/window.ts';
import { ARGUMENT_BYTES, setArgument } from '../../host/argument-block.ts';
import { type KernelMemory, MEMORY_ALIGNMENT } from '../../host/kernel-host.ts';
import type { OutputPlace } from '../../reference/convolution.ts';
import { type ExpectedElement, isAsExpected } from '../elements/array-trial.ts';
import { fillConstant } from '../elements/fill-operands.ts';
import type { KernelTrial } from '../kernel-family.ts';

/** A windowed kernel on random images. */
export interface ImageTrial {
  /** Of the whole input and output: images, rows, columns, channels. */
  readonly inputShape: readonly [number, number, number, number];
  readonly outputShape: readonly [number, number, number, number];
  /** The outputs that the kernel computes; it must write nothing else. */
  readonly computed: { readonly rows: IndexRange; readonly channels: IndexRange };
  readonly arguments: { readonly input: number; readonly weights?: number; readonly output: number };
  /** Surrounds input and weights: a number that shows in every output that it reaches. */
  readonly outside: number;
  /** Fills the input. */
  readonly drawInput: (input: Float32Array, random: Random) => void;
  readonly effort: 'all' | 'sample';
  readonly seed: number;
  /** Bytes that the argument `weights` points at. */
  readonly weightBytes: number;
  /** Draws and writes them. */
  readonly writeWeights: (random: Random, target: Uint8Array) => void;
  /** What the kernel writes at a computed place. `input` is what it read. */
  readonly expect: (input: Float32Array, place: OutputPlace) => ExpectedElement;
}

/** Marks output that nobody has written. A NaN that no kernel makes. */
const GUARD = 0x7fa5_a5a5;
const GUARD_WORDS = 32;
const SAMPLES = 24;
const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const align = (bytes: number) => Math.ceil(bytes / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;

/** Prepares and judges one run of a windowed kernel. */
export function imageTrial(trial: ImageTrial): KernelTrial {
  const inputWords = product(trial.inputShape);
  const outputWords = product(trial.outputShape);
  const guardBytes = GUARD_WORDS * 4;
  const inputAt = align(4 * ARGUMENT_BYTES) + guardBytes;
  const weightsAt = align(inputAt + inputWords * 4 + guardBytes) + guardBytes;
  const outputAt = align(weightsAt + trial.weightBytes + guardBytes) + guardBytes;
  const byteLength = align(outputAt + outputWords * 4 + guardBytes);
  const inputOf = ({ buffer, byteOffset }: KernelMemory) => {
    return new Float32Array(buffer, byteOffset + inputAt, inputWords);
  };
  return {
    byteLength,
    prepare(memory) {
      const { buffer, byteOffset, address } = memory;
      const random = new Random(trial.seed);
      const gaps = [
        [0, inputAt],
        [inputAt + inputWords * 4, weightsAt],
        [weightsAt + trial.weightBytes, outputAt - guardBytes],
      ] as const;
      for (const [start, end] of gaps) {
        new Float32Array(buffer, byteOffset + start, (end - start) / 4).fill(trial.outside);
      }
      trial.writeWeights(random, new Uint8Array(buffer, byteOffset + weightsAt, trial.weightBytes));
      trial.drawInput(inputOf(memory), random);
      const guarded = new Uint32Array(
        buffer,
        byteOffset + outputAt - guardBytes,
        outputWords + 2 * GUARD_WORDS,
      );
      fillConstant(guarded, GUARD);
      const view = new DataView(buffer);
      const { input, weights: weightsIndex, output } = trial.arguments;
      setArgument(view, byteOffset, input, address + inputAt);
      if (weightsIndex !== undefined) setArgument(view, byteOffset, weightsIndex, address + weightsAt);
      setArgument(view, byteOffset, output, address + outputAt);
      return address;
    },
    findError(memory) {
      const { buffer, byteOffset } = memory;
      const words = new Uint32Array(
        buffer,
        byteOffset + outputAt - guardBytes,
        outputWords + 2 * GUARD_WORDS,
      );
      for (let i = 0; i < GUARD_WORDS; i++) {
        if (words[i] !== GUARD) return `wrote ${GUARD_WORDS - i} words before the output`;
        if (words[GUARD_WORDS + outputWords + i] !== GUARD) return `wrote ${i + 1} words behind the output`;
      }
      const input = inputOf(memory);
      const output = new Float32Array(buffer, byteOffset + outputAt, outputWords);
      for (const place of checkedPlaces(trial)) {
        const index = indexOf(trial, place);
        const isGuard = words[GUARD_WORDS + index] === GUARD;
        const error = findElementError(trial, input, place, output[index]!, isGuard);
        if (error) return error;
      }
      return null;
    },
  };
}

function indexOf({ outputShape }: ImageTrial, { image, row, column, channel }: OutputPlace): number {
  const [, height, width, channels] = outputShape;
  return ((image * height + row) * width + column) * channels + channel;
}

/** Both ends of a range, and what lies next to them outside. */
function edgesOf({ from, count }: IndexRange, total: number): number[] {
  return [from - 1, from, from + count - 1, from + count].filter((index) => index >= 0 && index < total);
}

/** The outputs to compare: all, or every corner of what is computed, the places around these corners, and some within. */
function* checkedPlaces({ effort, seed, computed, outputShape }: ImageTrial): Generator<OutputPlace> {
  const [images, , width] = outputShape;
  const whole = (count: number): IndexRange => ({ from: 0, count });
  const ranges = [whole(images), computed.rows, whole(width), computed.channels] as const;
  const indicesOf = (axis: 0 | 1 | 2 | 3) => {
    if (effort === 'sample') return edgesOf(ranges[axis], outputShape[axis]);
    return Array.from({ length: outputShape[axis] }, (_, index) => index);
  };
  for (const image of indicesOf(0)) {
    for (const row of indicesOf(1)) {
      for (const column of indicesOf(2)) {
        for (const channel of indicesOf(3)) yield { image, row, column, channel };
      }
    }
  }
  if (effort === 'all') return;
  const random = new Random(seed + 1);
  for (let i = 0; i < SAMPLES; i++) {
    const [image, row, column, channel] = ranges.map(({ from, count }) => from + random.integer(count));
    yield { image: image!, row: row!, column: column!, channel: channel! };
  }
}

function findElementError(
  { computed: { rows, channels }, expect }: ImageTrial,
  input: Float32Array,
  place: OutputPlace,
  actual: number,
  isGuard: boolean,
): string | null {
  const { image, row, column, channel } = place;
  const at = `output [${image}, ${row}, ${column}, ${channel}]`;
  const isComputed = isWithin(rows, row) && isWithin(channels, channel);
  if (!isComputed) return isGuard ? null : `${at}: nothing expected, got ${actual}`;
  const expected = expect(input, place);
  if (isGuard) return `${at}: expected ${expected.value}, nothing was written`;
  if (isAsExpected(actual, expected)) return null;
  return `${at}: expected ${expected.value} with a tolerance of ${expected.tolerance}, got ${actual}`;
}

function isWithin({ from, count }: IndexRange, index: number): boolean {
  return index >= from && index < from + count;
}
