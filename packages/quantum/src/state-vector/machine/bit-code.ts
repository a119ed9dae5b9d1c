import type { Pointer, Target, Vector } from '@qedge/codegen';
import { elementBytes } from './state-addressing.ts';

/** Fields of the argument block of {@link emitBitWeights}. */
export const BIT_WEIGHTS_ARGUMENTS = {
  state: 0,
  /** `[groups, 2, lanes]`: for each group the sums over the blocks with bit 0 and over those with bit 1. */
  sums: 1,
  groupCount: 2,
  /** Runs of blocks with bit 0, each followed by one with bit 1, in a group. */
  runCount: 3,
  /** Blocks of a run with bit 0, and of one with bit 1. */
  zeroBlocks: 4,
  oneBlocks: 5,
} as const;

/** Sums the squares of all numbers, lane by lane, apart for two kinds of blocks that take turns. */
export function emitBitWeights(target: Target<unknown>, element: 'float32' | 'float64'): void {
  const vectorBytes = elementBytes(element) * target.traits.lanes;
  const [state, sums] = ['state', 'sums'].map((role) => target.pointer(role)) as [Pointer, Pointer];
  const [zeroRe, zeroIm, oneRe, oneIm, number] = target.vectors('sums', 5) as [
    ...[Vector, Vector, Vector, Vector, Vector],
  ];
  target.argument(state, BIT_WEIGHTS_ARGUMENTS.state);
  target.argument(sums, BIT_WEIGHTS_ARGUMENTS.sums);
  // Real and imaginary parts have sums of their own, so that additions wait less for each other.
  const addBlocks = (count: number, re: Vector, im: Vector) => {
    target.loopArgument(count, () => {
      target.load(number, { base: state, offset: 0 });
      target.fma(re, number, number);
      target.load(number, { base: state, offset: vectorBytes });
      target.fma(im, number, number);
      target.advance(state, 2 * vectorBytes);
    });
  };
  target.loopArgument(BIT_WEIGHTS_ARGUMENTS.groupCount, () => {
    for (const sum of [zeroRe, zeroIm, oneRe, oneIm]) target.zero(sum);
    target.loopArgument(BIT_WEIGHTS_ARGUMENTS.runCount, () => {
      addBlocks(BIT_WEIGHTS_ARGUMENTS.zeroBlocks, zeroRe, zeroIm);
      addBlocks(BIT_WEIGHTS_ARGUMENTS.oneBlocks, oneRe, oneIm);
    });
    target.float('add', zeroRe, zeroRe, zeroIm);
    target.float('add', oneRe, oneRe, oneIm);
    target.store(zeroRe, { base: sums, offset: 0 });
    target.store(oneRe, { base: sums, offset: vectorBytes });
    target.advance(sums, 2 * vectorBytes);
  });
}

/** Fields of the argument block of {@link emitProjectBlocks}. */
export const PROJECT_BLOCKS_ARGUMENTS = {
  /** The first block that stays, where it is read and where it is written, and the first one that is cleared. */
  kept: 0,
  out: 1,
  cleared: 2,
  runCount: 3,
  /** Blocks of a run; as many lie between two runs. */
  runBlocks: 4,
  /** The factor of every lane. */
  factors: 5,
} as const;

/** Copies runs of blocks, times a factor, and clears as many others. */
export function emitProjectBlocks(target: Target<unknown>, element: 'float32' | 'float64'): void {
  const vectorBytes = elementBytes(element) * target.traits.lanes;
  const pointers = ['kept', 'out', 'cleared'].map((role) => target.pointer(role)) as [
    ...[Pointer, Pointer, Pointer],
  ];
  const [kept, out, cleared] = pointers;
  const [factor, zero, re, im] = target.vectors('numbers', 4) as [Vector, Vector, Vector, Vector];
  target.argument(kept, PROJECT_BLOCKS_ARGUMENTS.factors);
  target.load(factor, { base: kept, offset: 0 });
  target.zero(zero);
  target.argument(kept, PROJECT_BLOCKS_ARGUMENTS.kept);
  target.argument(out, PROJECT_BLOCKS_ARGUMENTS.out);
  target.argument(cleared, PROJECT_BLOCKS_ARGUMENTS.cleared);
  target.loopArgument(PROJECT_BLOCKS_ARGUMENTS.runCount, () => {
    target.loopArgument(PROJECT_BLOCKS_ARGUMENTS.runBlocks, () => {
      emitScaledBlock(target, { from: kept, to: out, re, im, factor, vectorBytes });
      target.store(zero, { base: cleared, offset: 0 });
      target.store(zero, { base: cleared, offset: vectorBytes });
      for (const pointer of pointers) target.advance(pointer, 2 * vectorBytes);
    });
    for (const pointer of pointers) {
      target.advanceByArgument(pointer, PROJECT_BLOCKS_ARGUMENTS.runBlocks, 2 * vectorBytes);
    }
  });
}

/** Copies the real and the imaginary part of one block, times a factor. */
function emitScaledBlock(
  target: Target<unknown>,
  block: {
    readonly from: Pointer;
    readonly to: Pointer;
    readonly re: Vector;
    readonly im: Vector;
    readonly factor: Vector;
    readonly vectorBytes: number;
  },
): void {
  [block.re, block.im].forEach((part, k) => {
    target.load(part, { base: block.from, offset: k * block.vectorBytes });
    target.float('multiply', part, part, block.factor);
    target.store(part, { base: block.to, offset: k * block.vectorBytes });
  });
}

/** Fields of the argument block of {@link emitScaleLanes}. */
export const SCALE_LANES_ARGUMENTS = { state: 0, out: 1, blockCount: 2, factors: 3 } as const;

/** Copies blocks, each lane times a factor of its own. */
export function emitScaleLanes(target: Target<unknown>, element: 'float32' | 'float64'): void {
  const vectorBytes = elementBytes(element) * target.traits.lanes;
  const [state, out] = ['state', 'out'].map((role) => target.pointer(role)) as [Pointer, Pointer];
  const [factors, re, im] = target.vectors('numbers', 3) as [Vector, Vector, Vector];
  target.argument(state, SCALE_LANES_ARGUMENTS.factors);
  target.load(factors, { base: state, offset: 0 });
  target.argument(state, SCALE_LANES_ARGUMENTS.state);
  target.argument(out, SCALE_LANES_ARGUMENTS.out);
  target.loopArgument(SCALE_LANES_ARGUMENTS.blockCount, () => {
    emitScaledBlock(target, { from: state, to: out, re, im, factor: factors, vectorBytes });
    target.advance(state, 2 * vectorBytes);
    target.advance(out, 2 * vectorBytes);
  });
}

/** Fields of the argument block of {@link emitExtractBlocks}. */
export const EXTRACT_BLOCKS_ARGUMENTS = { kept: 0, out: 1, runCount: 2, runBlocks: 3, factors: 4 } as const;

/** Copies every second run of blocks, times a factor, one behind the other. */
export function emitExtractBlocks(target: Target<unknown>, element: 'float32' | 'float64'): void {
  const vectorBytes = elementBytes(element) * target.traits.lanes;
  const [kept, out] = ['kept', 'out'].map((role) => target.pointer(role)) as [Pointer, Pointer];
  const [factor, re, im] = target.vectors('numbers', 3) as [Vector, Vector, Vector];
  target.argument(kept, EXTRACT_BLOCKS_ARGUMENTS.factors);
  target.load(factor, { base: kept, offset: 0 });
  target.argument(kept, EXTRACT_BLOCKS_ARGUMENTS.kept);
  target.argument(out, EXTRACT_BLOCKS_ARGUMENTS.out);
  target.loopArgument(EXTRACT_BLOCKS_ARGUMENTS.runCount, () => {
    target.loopArgument(EXTRACT_BLOCKS_ARGUMENTS.runBlocks, () => {
      emitScaledBlock(target, { from: kept, to: out, re, im, factor, vectorBytes });
      target.advance(kept, 2 * vectorBytes);
      target.advance(out, 2 * vectorBytes);
    });
    target.advanceByArgument(kept, EXTRACT_BLOCKS_ARGUMENTS.runBlocks, 2 * vectorBytes);
  });
}

/** Fields of the argument block of {@link emitExtractLanes}. */
export const EXTRACT_LANES_ARGUMENTS = { state: 0, out: 1, blockCount: 2, factors: 3 } as const;

/**
 * Makes one block of two neighbours: of each the lanes whose bit `lane` has a value. Those of the first one go to the lanes where that bit is
 * 0, those of the second one to the others.
 */
export function emitExtractLanes(
  target: Target<unknown>,
  element: 'float32' | 'float64',
  lane: number,
  bit: 0 | 1,
): void {
  const vectorBytes = elementBytes(element) * target.traits.lanes;
  const [state, out] = ['state', 'out'].map((role) => target.pointer(role)) as [Pointer, Pointer];
  const [low, high, first, second, turned] = target.vectors('numbers', 5) as [
    ...[Vector, Vector, Vector, Vector, Vector],
  ];
  // The factor in the lanes where the bit is 0, and in the others.
  target.argument(state, EXTRACT_LANES_ARGUMENTS.factors);
  target.load(low, { base: state, offset: 0 });
  target.load(high, { base: state, offset: vectorBytes });
  target.argument(state, EXTRACT_LANES_ARGUMENTS.state);
  target.argument(out, EXTRACT_LANES_ARGUMENTS.out);
  const load = (destination: Vector, offset: number, exchanges: boolean) => {
    if (!exchanges) target.load(destination, { base: state, offset });
    else {
      target.load(turned, { base: state, offset });
      target.exchange(destination, turned, 2 ** lane);
    }
  };
  target.loopArgument(EXTRACT_LANES_ARGUMENTS.blockCount, () => {
    for (const part of [0, vectorBytes]) {
      load(first, part, bit === 1);
      load(second, part + 2 * vectorBytes, bit === 0);
      target.float('multiply', first, first, low);
      target.fma(first, second, high);
      target.store(first, { base: out, offset: part });
    }
    target.advance(state, 4 * vectorBytes);
    target.advance(out, 2 * vectorBytes);
  });
}
