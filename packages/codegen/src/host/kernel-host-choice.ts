import { CapabilityUnavailableError, type Fallback, InvalidArgumentError } from '@qedge/core';
import type { Isa } from './isa.ts';
import type { KernelHost } from './kernel-host.ts';

/** What a caller may ask of the host that is to be chosen. */
export interface KernelHostOptions {
  /** Exactly this way of execution. Default: the environment variable `QEDGE_ISA`, else the fastest that is there. */
  readonly isa?: Isa;
  /** True: only ways that give the same bits on every host. Default: false. */
  readonly strict?: boolean;
  /** True: memory that threads can share, where the host has it. Default: false. */
  readonly shared?: boolean;
}

/** A host, and what was wanted before it but was not there. Empty when nothing was lost; what a request excludes is no fallback. */
export interface KernelHostChoice {
  readonly host: KernelHost;
  readonly fallbacks: readonly Fallback[];
}

/** A way of execution that may be chosen. */
export interface KernelHostCandidate {
  readonly isa: Isa;
  /** True where it can give the same bits as every other strict host, if `create` is told to. */
  readonly strict: boolean;
  /** False where it is used only when it is asked for by name. */
  readonly automatic: boolean;
  /** @throws CapabilityUnavailableError with the reason where it is not there. */
  create(options: { readonly strict: boolean; readonly shared: boolean }): KernelHost;
}

/**
 * The names that `QEDGE_ISA` may hold besides those of single ways: `wasm` means the best that WebAssembly offers without a flag.
 */
const ENVIRONMENT_NAMES: Readonly<Record<string, readonly Isa[]>> = { wasm: ['wasm', 'wasm-strict'] };

/**
 * Creates the first candidate that the host has, within the request: an explicit `isa` counts most, then `QEDGE_ISA`.
 *
 * @param candidates fastest first.
 * @throws CapabilityUnavailableError when nothing that was asked for is there, InvalidArgumentError for an unknown name or for `strict`
 *   with a way that cannot be.
 */
export function chooseKernelHost(
  candidates: readonly KernelHostCandidate[],
  options: KernelHostOptions = {},
  environment: string | undefined = isaFromEnvironment(),
): KernelHostChoice {
  const { strict = false, shared = false } = options;
  const wanted = requestedCandidates(candidates, options, environment);
  const missing: { readonly isa: Isa; readonly why: string; readonly cause: unknown }[] = [];
  for (const candidate of wanted) {
    try {
      const host = candidate.create({ strict, shared });
      const fallbacks = missing.map(({ isa, why }) => ({ from: isa, to: candidate.isa, why }));
      return { host, fallbacks };
    } catch (error) {
      if (!(error instanceof CapabilityUnavailableError)) throw error;
      missing.push({ isa: candidate.isa, why: error.message, cause: error });
    }
  }
  // The only one says best what it lacks.
  if (missing.length === 1) throw missing[0]!.cause;
  const names = wanted.map(({ isa }) => `"${isa}"`).join(' or ');
  throw new CapabilityUnavailableError(`Kernels cannot run as ${names}`, {
    actual: missing.map(({ why }) => why).join('; '),
    remedy: 'Leave the choice open, or use "interpreter", which every host has.',
    cause: missing.at(-1)?.cause,
  });
}

function requestedCandidates(
  candidates: readonly KernelHostCandidate[],
  { isa, strict = false }: KernelHostOptions,
  environment: string | undefined,
): readonly KernelHostCandidate[] {
  const known = candidates.map((candidate) => candidate.isa);
  const name = isa ?? environment;
  if (name === undefined) {
    return candidates.filter((candidate) => candidate.automatic && (candidate.strict || !strict));
  }
  const isas = isa === undefined ? (ENVIRONMENT_NAMES[name] ?? [name]) : [isa];
  const named = candidates.filter((candidate) => isas.includes(candidate.isa));
  if (named.length === 0) {
    throw new InvalidArgumentError(`${isa === undefined ? 'QEDGE_ISA' : 'isa'} names nothing that is known`, {
      expected: known.join(', '),
      actual: name,
    });
  }
  const allowed = named.filter((candidate) => candidate.strict || !strict);
  if (allowed.length > 0) return allowed;
  throw new InvalidArgumentError(`"${name}" cannot give the same bits on every host`, {
    expected: candidates
      .filter((candidate) => candidate.strict)
      .map((candidate) => candidate.isa)
      .join(', '),
    actual: name,
    remedy: 'Choose one of those, or leave strict out.',
  });
}

/** The host's `QEDGE_ISA`, where there is a process with an environment. */
export function isaFromEnvironment(): string | undefined {
  const host = globalThis as {
    readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> };
  };
  return host.process?.env?.QEDGE_ISA || undefined;
}
