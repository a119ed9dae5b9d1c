import {
  type ConvolutionBlocking,
  type ConvolutionRequest,
  convolutionBlockings,
  type GemmBlocking,
  type GemmProduct,
  gemmBlockingCandidates,
  type IntegerGemmBlocking,
  type IntegerGemmDescription,
  integerBlockingCandidates,
  type KernelDescription,
  type KernelHost,
  type NibbleGemmBlocking,
  type NibbleGemmDescription,
  nibbleBlockingCandidates,
  windowOutput,
} from '@qedge/codegen';
import { InvalidArgumentError } from '@qedge/core';
import { fewestMicroseconds } from './binding.ts';
import { fastestCandidate } from './measure-blocking.ts';
import { cacheSizes, RULES, type Tuner } from './tuner.ts';

/** Where measured blockings are kept, by a text that names host and work. */
export interface TuningMemory {
  get(key: string): unknown;
  set(key: string, blocking: object): void;
}

/**
 * A work that takes longer than this on a fast core cannot be run often enough within the time of a search; rules choose for it, and
 * they know caches, which a smaller work in its place would not show.
 */
const LONGEST_MICROSECONDS = 500;

/** Measures a few blockings when a shape is first used, and remembers the fastest. */
export class MeasuringTuner implements Tuner {
  readonly #memory: TuningMemory;

  constructor(memory: TuningMemory) {
    this.#memory = memory;
  }

  gemmBlocking(host: KernelHost, product: GemmProduct): GemmBlocking {
    const candidates = gemmBlockingCandidates(product, host.traits, cacheSizes(host));
    const operations = product.batch * productOperations(product);
    return this.#choose(host, product, operations, candidates, (blocking) => ({ ...product, blocking }));
  }

  integerGemmBlocking(
    host: KernelHost,
    product: Omit<IntegerGemmDescription, 'blocking'>,
  ): IntegerGemmBlocking {
    const candidates = integerBlockingCandidates(product, host.traits);
    const describe = (blocking: IntegerGemmBlocking) => ({ ...product, blocking });
    return this.#choose(host, product, productOperations(product), candidates, describe);
  }

  nibbleGemmBlocking(host: KernelHost, product: Omit<NibbleGemmDescription, 'blocking'>): NibbleGemmBlocking {
    const candidates = nibbleBlockingCandidates(product, host.traits);
    const describe = (blocking: NibbleGemmBlocking) => ({ ...product, blocking });
    return this.#choose(host, product, productOperations(product), candidates, describe);
  }

  convolutionBlocking(host: KernelHost, request: ConvolutionRequest): ConvolutionBlocking {
    const candidates = convolutionBlockings(request, host.traits);
    const { batch, input, window, outputChannels, groups } = request;
    const output = windowOutput(input, window);
    const depth = window.height * window.width * (input.channels / groups);
    const operations = 2 * batch * output.height * output.width * outputChannels * depth;
    return this.#choose(host, request, operations, candidates, (blocking) => ({ ...request, blocking }));
  }

  #choose<Blocking extends object>(
    host: KernelHost,
    work: object,
    operations: number,
    candidates: readonly Blocking[],
    describe: (blocking: Blocking) => KernelDescription,
  ): Blocking {
    const [first] = candidates as readonly [Blocking, ...Blocking[]];
    // An interpreted kernel takes milliseconds, and how it is cut makes no difference.
    if (candidates.length === 1 || host.isa === 'interpreter') return first;
    if (fewestMicroseconds(host, operations) > LONGEST_MICROSECONDS) return first;
    const key = `${host.isa}${host.strict ? ' strict' : ''} ${JSON.stringify(work)}`;
    const known = this.#memory.get(key);
    // What is remembered may come from a file: nothing but a candidate of today is taken from it.
    const remembered = candidates.find((candidate) => JSON.stringify(candidate) === JSON.stringify(known));
    if (remembered) return remembered;
    const fastest = candidates[fastestCandidate(host, candidates.map(describe))]!;
    this.#memory.set(key, fastest);
    return fastest;
  }
}

function productOperations({
  rows,
  columns,
  depth,
}: Readonly<Record<'rows' | 'columns' | 'depth', number>>): number {
  return 2 * rows * columns * depth;
}

/** The tuner of an option. @throws InvalidArgumentError for an unknown one. */
export function chooseTuner(tuning: 'off' | 'measure' = 'off'): Tuner {
  if (tuning === 'off') return RULES;
  if (tuning === 'measure') return new MeasuringTuner(new Map<string, object>());
  throw new InvalidArgumentError('The tuning is not known', {
    expected: 'off, measure',
    actual: String(tuning),
  });
}
