import { Random } from '@qedge/core';
import { ARGUMENT_BYTES, setArgument } from '../../host/argument-block.ts';
import { type KernelMemory, MEMORY_ALIGNMENT } from '../../host/kernel-host.ts';
import type { OutputPlace } from '../../reference/convolution.ts';
import type { KernelTrial } from '../kernel-family.ts';
import type { WindowGeometry } from './window-geometry.ts';

/** What an output must be. */
export interface ExpectedOutput {
  readonly value: number;
  /** Largest difference that is right; 0 asks for the same number. */
  readonly tolerance: number;
}

/** A windowed kernel on random images. */
export interface ImageTrial {
  readonly geometry: WindowGeometry;
  /** Of the whole input and output: images, rows, columns, channels. */
  readonly inputShape: readonly [number, number, number, number];
  readonly outputShape: readonly [number, number, number, number];
  readonly arguments: { readonly input: number; readonly weights?: number; readonly output: number };
  readonly effort: 'all' | 'sample';
  readonly seed: number;
  /** Bytes that the argument `weights` points at. */
  readonly weightBytes: number;
  /** Draws and writes them. */
  readonly writeWeights: (random: Random, target: Uint8Array) => void;
  /** What the kernel writes, or null where it must write nothing. `input` is what it read. */
  readonly expect: (input: Float32Array, place: OutputPlace) => ExpectedOutput | null;
}

/** Marks output that nobody has written. A NaN that no kernel makes. */
const GUARD = 0x7fa5_a5a5;
const GUARD_WORDS = 32;
/** Around input and weights: a kernel that reads outside gives NaN. */
const OUTSIDE = Number.NaN;
const SAMPLES = 48;
/** Random numbers repeat after as many, a prime: drawing millions would take too long. */
const RANDOM_PERIOD = 4099;

/** Fills with uniform numbers in [-1, 1). */
export function fillRandom(values: Float32Array, random: Random): Float32Array {
  const drawn = Math.min(RANDOM_PERIOD, values.length);
  for (let i = 0; i < drawn; i++) values[i] = random.uniform() * 2 - 1;
  for (let filled = drawn; filled < values.length; filled *= 2) values.copyWithin(filled, 0, filled);
  return values;
}

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
        new Float32Array(buffer, byteOffset + start, (end - start) / 4).fill(OUTSIDE);
      }
      trial.writeWeights(random, new Uint8Array(buffer, byteOffset + weightsAt, trial.weightBytes));
      fillRandom(inputOf(memory), random);
      new Uint32Array(buffer, byteOffset + outputAt - guardBytes, outputWords + 2 * GUARD_WORDS).fill(GUARD);
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
      for (const index of checkedElements(trial, outputWords)) {
        const isGuard = words[GUARD_WORDS + index] === GUARD;
        const error = findElementError(trial, input, index, output[index]!, isGuard);
        if (error) return error;
      }
      return null;
    },
  };
}

/** Indices of the outputs to compare: all, or the first and last of the computed ones and some between, and their neighbours. */
function* checkedElements(
  { effort, seed, geometry, outputShape }: ImageTrial,
  total: number,
): Generator<number> {
  if (effort === 'all') {
    for (let index = 0; index < total; index++) yield index;
    return;
  }
  const random = new Random(seed + 1);
  const [, height, width, channels] = outputShape;
  const first = geometry.outputStart / 4 + geometry.outputRows.from * width * channels;
  for (const edge of [0, first, total - first]) {
    for (let i = -4; i < 4; i++) if (edge + i >= 0 && edge + i < total) yield edge + i;
  }
  for (let i = 0; i < SAMPLES; i++) yield random.integer(total);
  for (const row of [0, height - 1]) {
    for (const column of [0, width - 1])
      yield ((row * width + column) * channels + random.integer(channels)) % total;
  }
}

function findElementError(
  { outputShape, expect }: ImageTrial,
  input: Float32Array,
  index: number,
  actual: number,
  isGuard: boolean,
): string | null {
  const [, height, width, channels] = outputShape;
  const place: OutputPlace = {
    image: Math.floor(index / (height * width * channels)),
    row: Math.floor(index / (width * channels)) % height,
    column: Math.floor(index / channels) % width,
    channel: index % channels,
  };
  const at = `output [${place.image}, ${place.row}, ${place.column}, ${place.channel}]`;
  const expected = expect(input, place);
  if (expected === null) return isGuard ? null : `${at}: nothing expected, got ${actual}`;
  if (isGuard) return `${at}: expected ${expected.value}, nothing was written`;
  const { value, tolerance } = expected;
  if (actual === value || (Number.isNaN(value) && Number.isNaN(actual))) return null;
  if (Math.abs(actual - value) <= tolerance) return null;
  return `${at}: expected ${value} with a tolerance of ${tolerance}, got ${actual}`;
}
