import { detectWasmFeatures, type WasmDialect, type WasmFeatures } from '@qedge/codegen';
import { CapabilityUnavailableError, type Fallback, InvalidArgumentError } from '@qedge/core';

/**
 * How the CPU executes, best first: WebAssembly with relaxed SIMD (fused multiply-add, last bits depend on the host),
 * WebAssembly with strict SIMD (the same bits on every host), plain loops (the same bits as strict, slow).
 */
export type CpuTier = 'wasm-relaxed' | 'wasm' | 'reference';

const TIERS: readonly CpuTier[] = ['wasm-relaxed', 'wasm', 'reference'];

/** The WebAssembly dialect of a tier, or null where none is used. */
export const TIER_DIALECT: Readonly<Record<CpuTier, WasmDialect | null>> = {
  'wasm-relaxed': 'relaxed',
  wasm: 'strict',
  reference: null,
};

/** What `QEDGE_ISA` may say. `wasm` means the best that WebAssembly offers, `wasm-strict` leaves relaxed SIMD out. */
const ISA_TIERS: Readonly<Record<string, readonly CpuTier[]>> = {
  wasm: ['wasm-relaxed', 'wasm'],
  'wasm-strict': ['wasm'],
  reference: ['reference'],
};

/** The tier to use, and why better ones were not. */
export interface TierChoice {
  readonly tier: CpuTier;
  readonly fallbacks: readonly Fallback[];
}

/**
 * Picks the best tier that the host has, within the request: an explicit tier counts most, then `isa` (the value of
 * `QEDGE_ISA`). A tier that was excluded on request is no fallback.
 *
 * @throws CapabilityUnavailableError when the requested tier is not there, InvalidArgumentError for an unknown name.
 */
export function chooseTier(
  requested: CpuTier | undefined,
  isa: string | undefined,
  features: WasmFeatures = detectWasmFeatures(),
): TierChoice {
  if (requested !== undefined && !TIERS.includes(requested)) {
    throw new InvalidArgumentError('Unknown CPU tier', { expected: TIERS.join(', '), actual: requested });
  }
  if (requested === undefined && isa !== undefined && !Object.hasOwn(ISA_TIERS, isa)) {
    throw new InvalidArgumentError('QEDGE_ISA names nothing that is known', {
      expected: Object.keys(ISA_TIERS).join(', '),
      actual: isa,
    });
  }
  const forced = requested !== undefined ? [requested] : isa !== undefined ? ISA_TIERS[isa]! : null;
  const candidates = forced ?? TIERS;
  const reasons = new Map(candidates.map((tier) => [tier, whyMissing(tier, features)]));
  const tier = candidates.find((candidate) => reasons.get(candidate) === null);
  if (tier === undefined) {
    throw new CapabilityUnavailableError(`The CPU tier "${candidates.join('" or "')}" is not available`, {
      actual: reasons.get(candidates.at(-1)!),
      remedy: 'Leave the tier open, or use "reference", which every host has.',
    });
  }
  const fallbacks = candidates
    .slice(0, candidates.indexOf(tier))
    .map((from) => ({ from, to: tier, why: reasons.get(from)! }));
  return { tier, fallbacks };
}

function whyMissing(tier: CpuTier, features: WasmFeatures): string | null {
  if (tier === 'wasm' && !features.simd) return 'this host does not validate WebAssembly SIMD';
  if (tier === 'wasm-relaxed' && !features.relaxedSimd) {
    return 'this host does not validate WebAssembly relaxed SIMD (Node 22 and newer do; Node 20 with --experimental-wasm-relaxed-simd)';
  }
  return null;
}

/** The host's `QEDGE_ISA`, where there is a process with an environment. */
export function isaFromEnvironment(): string | undefined {
  const host = globalThis as { readonly process?: { readonly env?: Readonly<Record<string, string>> } };
  return host.process?.env?.QEDGE_ISA || undefined;
}
