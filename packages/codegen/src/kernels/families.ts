import { InvalidArgumentError } from '@qedge/core';
import type { Target, TargetTraits } from '../target/target.ts';
import { ACTIVATION } from './activation/activation-family.ts';
import { CONVERSION } from './conversion/conversion-family.ts';
import { CONVOLUTION, DEPTHWISE } from './convolution/convolution-family.ts';
import { IMAGE_TO_COLUMNS } from './convolution/image-to-columns-family.ts';
import { ELEMENTWISE } from './elementwise/elementwise-family.ts';
import { GATHER } from './gather/gather-family.ts';
import { GEMM } from './gemm/gemm-family.ts';
import { GEMV } from './gemv/gemv-family.ts';
import { DEPTHWISE_FILTER_GRADIENT } from './gradient/depthwise-filter-gradient-family.ts';
import { POOLING_GRADIENT } from './gradient/pooling-gradient-family.ts';
import { INTEGER_GEMM } from './integer/integer-gemm-family.ts';
import { NIBBLE_GEMM } from './integer/nibble-gemm-family.ts';
import { QUANTIZE_ROWS } from './integer/quantize-rows-family.ts';
import type { KernelFamily, KernelTrial } from './kernel-family.ts';
import { MAP } from './map/map-family.ts';
import { CHANNEL_SCALE } from './normalization/channel-scale-family.ts';
import { ROW_NORMALIZATION } from './normalization/row-normalization-family.ts';
import { ADAM_UPDATE } from './optimizer/adam-update-family.ts';
import { BANDWIDTH } from './peak/bandwidth-family.ts';
import { PEAK } from './peak/peak-family.ts';
import { POOLING } from './pooling/pooling-family.ts';
import { ARG_EXTREMUM, AXIS_REDUCTION } from './reduction/axis-reduction-family.ts';
import { REDUCTION } from './reduction/reduction-family.ts';
import { RESIZE } from './resize/resize-family.ts';
import { SOFTMAX } from './softmax/softmax-family.ts';
import { SPARSE_PRODUCT } from './sparse/sparse-product-family.ts';
import { STRIDED_COPY } from './strided-copy/strided-copy-family.ts';

/** Every family, one line each. A description's type is the union of theirs. */
const FAMILIES = [
  GEMM,
  GEMV,
  PEAK,
  BANDWIDTH,
  CONVOLUTION,
  DEPTHWISE,
  IMAGE_TO_COLUMNS,
  POOLING,
  INTEGER_GEMM,
  NIBBLE_GEMM,
  QUANTIZE_ROWS,
  ACTIVATION,
  SOFTMAX,
  ROW_NORMALIZATION,
  CHANNEL_SCALE,
  ELEMENTWISE,
  CONVERSION,
  REDUCTION,
  STRIDED_COPY,
  MAP,
  AXIS_REDUCTION,
  ARG_EXTREMUM,
  GATHER,
  SPARSE_PRODUCT,
  RESIZE,
  POOLING_GRADIENT,
  DEPTHWISE_FILTER_GRADIENT,
  ADAM_UPDATE,
] as const;

type DescriptionOf<Family> = Family extends KernelFamily<infer Description> ? Description : never;

/** A kernel as plain data: what to compute, not how. */
export type KernelDescription = DescriptionOf<(typeof FAMILIES)[number]>;

const FAMILY_OF_KIND: ReadonlyMap<string, unknown> = new Map(FAMILIES.map((family) => [family.kind, family]));

function familyOf(description: KernelDescription): KernelFamily<KernelDescription> {
  const family = FAMILY_OF_KIND.get(description.kind);
  if (family) return family as KernelFamily<KernelDescription>;
  throw new InvalidArgumentError('A kernel is described by a kind that is not known', {
    expected: FAMILIES.map(({ kind }) => kind).join(', '),
    actual: String((description as { readonly kind?: unknown }).kind),
  });
}

/**
 * A canonical text: equal for equal descriptions, different for different ones. Usable as an export name and a cache key; a
 * description that is not valid has none, so that no cache can take it for another.
 *
 * @throws InvalidArgumentError as {@link KernelFamily.validate}.
 */
export function kernelKey(description: KernelDescription): string {
  const family = familyOf(description);
  family.validate(description);
  return family.key(description);
}

/**
 * Emits a described kernel on any target and ends it.
 *
 * @throws InvalidArgumentError for impossible sizes, RegisterBudgetError when the target has too few registers.
 */
export function emitKernel<Code>(target: Target<Code>, description: KernelDescription): Code {
  const family = familyOf(description);
  family.validate(description);
  family.emit(target as Target<unknown>, description);
  return target.finish();
}

/** A run of the kernel with a known answer. @throws InvalidArgumentError for impossible sizes. */
export function kernelTrial(
  description: KernelDescription,
  traits: TargetTraits,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  const family = familyOf(description);
  family.validate(description);
  return family.trial(description, traits, effort, seed);
}
