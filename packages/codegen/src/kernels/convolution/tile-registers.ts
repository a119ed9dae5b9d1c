import type { ConvolutionDescription, WeightFormat } from '../../description/convolution.ts';
import type { Target, TargetTraits, Vector } from '../../target/target.ts';
import { activationPassVectors } from '../activation/emit-stored-activation.ts';

/** More would gain nothing: processors rename registers. */
const MOST_INPUTS = 4;

/** How many vector registers a tile uses, by role. */
export interface TileRegisterCounts {
  readonly sums: number;
  readonly weights: number;
  /** Input values, one in every lane; they take turns in these registers. */
  readonly inputs: number;
}

function temporaryRegisters(format: WeightFormat, { temporaries }: TargetTraits): number {
  return temporaries.fma + (format === 'float32' ? 0 : temporaries.half);
}

/** The registers of a tile of `pixels` pixels and `vectors` vectors, or null when it does not fit the target. */
export function tileRegisterCounts(
  pixels: number,
  vectors: number,
  format: WeightFormat,
  traits: TargetTraits,
): TileRegisterCounts | null {
  const free = traits.vectors - temporaryRegisters(format, traits) - pixels * vectors - vectors;
  const inputs = traits.hoistsLoads ? pixels : Math.min(pixels, MOST_INPUTS, free);
  if (inputs < 1 || inputs > free) return null;
  return { sums: pixels * vectors, weights: vectors, inputs };
}

/** The most pixels that a tile of `vectors` vectors can have on a target; 0 when not even one fits. */
export function mostTilePixels(vectors: number, format: WeightFormat, traits: TargetTraits): number {
  let pixels = 0;
  while (tileRegisterCounts(pixels + 1, vectors, format, traits)) pixels++;
  return pixels;
}

/** The registers of the largest tile of a kernel; smaller ones use the first of them. */
export interface TileRegisters {
  readonly sums: readonly Vector[];
  readonly weights: readonly Vector[];
  readonly inputs: readonly Vector[];
  /** What the activation needs beyond the others, which are free by then. */
  readonly more: readonly Vector[];
}

/** Claims the registers of the largest tile. @throws RegisterBudgetError when it does not fit. */
export function claimTileRegisters(
  target: Target<unknown>,
  { blocking, weights, epilogue }: ConvolutionDescription,
): TileRegisters {
  const pixels = blocking.tileRows * blocking.tileColumns;
  const vectors = blocking.tileVectors;
  const inputs = tileRegisterCounts(pixels, vectors, weights, target.traits)?.inputs ?? pixels;
  const activation = activationPassVectors(
    epilogue.activation,
    target.traits.vectors - temporaryRegisters(weights, target.traits),
  );
  return {
    sums: target.vectors('sums', pixels * vectors),
    weights: target.vectors('weights', vectors),
    inputs: target.vectors('inputs', inputs),
    more: target.vectors('activation', Math.max(0, activation - pixels * vectors - vectors - inputs)),
  };
}
