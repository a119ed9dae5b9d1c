import { CapabilityUnavailableError } from '@qedge/core';

/** Extensions of x86-64 that generated code may use, in the order of their bits in a {@link FeatureSet}. */
export const X64_FEATURES = [
  'avx2',
  'fma',
  'f16c',
  'avxVnni',
  'avx512f',
  'avx512bw',
  'avx512dq',
  'avx512vl',
  'avx512Vnni',
  'avx512Bf16',
  'prefetchw',
  'bmi2',
] as const;

/** One extension; `avx2` includes AVX, and each name means that processor and operating system both allow it. */
export type X64Feature = (typeof X64_FEATURES)[number];

/** What the processor can run and the operating system saves: true only when both hold. */
export type X64Features = Readonly<Record<X64Feature, boolean>>;

declare const featureSetBrand: unique symbol;
/** A set of {@link X64Feature}s, one bit each, so that a comparison costs one operation per instruction. */
export type FeatureSet = number & { readonly [featureSetBrand]: true };

/** The set that holds exactly `names`. */
export function featureSetOf(names: readonly X64Feature[]): FeatureSet {
  let bits = 0;
  for (const name of names) bits |= 1 << X64_FEATURES.indexOf(name);
  return bits as FeatureSet;
}

/** Whether `name` is in a set. */
export function hasFeature(set: FeatureSet, name: X64Feature): boolean {
  return ((set >> X64_FEATURES.indexOf(name)) & 1) === 1;
}

/** The names in a set. */
export function featureNames(set: FeatureSet): X64Feature[] {
  return X64_FEATURES.filter((name) => hasFeature(set, name));
}

/** Sets of records that were asked for: every kernel's target asks for that of the same processor. */
const ENABLED = new WeakMap<X64Features, FeatureSet>();

/** The set of those features of a record that are true. The record must not change. */
export function enabledFeatures(features: X64Features): FeatureSet {
  let set = ENABLED.get(features);
  if (set === undefined) {
    set = featureSetOf(X64_FEATURES.filter((name) => features[name]));
    ENABLED.set(features, set);
  }
  return set;
}

/**
 * Requires `names` of `available` for the purpose `what`.
 *
 * @throws CapabilityUnavailableError naming what is missing.
 */
export function requireFeatures(what: string, names: readonly X64Feature[], available: FeatureSet): void {
  const missing = names.filter((name) => !hasFeature(available, name));
  if (missing.length === 0) return;
  throw new CapabilityUnavailableError(`${what} needs processor features that are not there`, {
    expected: names,
    actual: featureNames(available),
    remedy: `Missing: ${missing.join(', ')}. Choose a target that this processor has.`,
    facts: { missing },
  });
}
