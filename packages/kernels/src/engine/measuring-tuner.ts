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
} from '@qedge/codegen';
import { InvalidArgumentError } from '@qedge/core';
import { fastestCandidate } from './measure-blocking.ts';
import { cacheSizes, RULES, type Tuner } from './tuner.ts';

/** Where measured blockings are kept, by a text that names host and work. */
export interface TuningMemory {
  get(key: string): unknown;
  set(key: string, blocking: object): void;
}

/** Operations of what is measured in place of a larger work: some 100 microseconds of machine code. */
const MEASURED_OPERATIONS = 2e7;
/** Rows are cut first: a tile of them is the same anywhere. */
const MEASURED_ROWS = 96;
const MEASURED_COLUMNS = 256;
const MEASURED_CHANNELS = 64;

/** Measures a few blockings when a shape is first used, and remembers the fastest. */
export class MeasuringTuner implements Tuner {
  readonly #memory: TuningMemory;

  constructor(memory: TuningMemory) {
    this.#memory = memory;
  }

  gemmBlocking(host: KernelHost, product: GemmProduct): GemmBlocking {
    const measured = { ...product, ...smallerProduct(product), batch: 1 };
    const sized = { ...measured, ...denseStrides(measured) };
    const candidates = gemmBlockingCandidates(product, host.traits, cacheSizes(host));
    return this.#choose(host, product, candidates, (blocking) => ({ ...sized, blocking }));
  }

  integerGemmBlocking(
    host: KernelHost,
    product: Omit<IntegerGemmDescription, 'blocking'>,
  ): IntegerGemmBlocking {
    const size = smallerProduct(product);
    const measured = { ...product, ...size, cRowStride: size.columns };
    const candidates = integerBlockingCandidates(product, host.traits);
    return this.#choose(host, product, candidates, (blocking) => ({ ...measured, blocking }));
  }

  nibbleGemmBlocking(host: KernelHost, product: Omit<NibbleGemmDescription, 'blocking'>): NibbleGemmBlocking {
    const size = smallerProduct(product);
    const measured = { ...product, ...size, cRowStride: size.columns };
    const candidates = nibbleBlockingCandidates(product, host.traits);
    return this.#choose(host, product, candidates, (blocking) => ({ ...measured, blocking }));
  }

  convolutionBlocking(host: KernelHost, request: ConvolutionRequest): ConvolutionBlocking {
    const measured = smallerConvolution(request);
    const candidates = convolutionBlockings(request, host.traits);
    return this.#choose(host, request, candidates, (blocking) => ({ ...measured, blocking }));
  }

  #choose<Blocking extends object>(
    host: KernelHost,
    work: object,
    candidates: readonly Blocking[],
    describe: (blocking: Blocking) => KernelDescription,
  ): Blocking {
    const [first] = candidates as readonly [Blocking, ...Blocking[]];
    // An interpreted kernel takes milliseconds, and how it is cut makes no difference.
    if (candidates.length === 1 || host.isa === 'interpreter') return first;
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

interface ProductSize {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** A part of a product that is large enough to be measured. The depth stays: blockings depend on it most. */
function smallerProduct({ rows, columns, depth }: ProductSize): Pick<ProductSize, 'rows' | 'columns'> {
  if (2 * rows * columns * depth <= MEASURED_OPERATIONS) return { rows, columns };
  const fewerRows = Math.min(rows, MEASURED_ROWS);
  const affordable = Math.floor(MEASURED_OPERATIONS / (2 * fewerRows * depth));
  return { rows: fewerRows, columns: Math.min(columns, Math.max(MEASURED_COLUMNS, affordable)) };
}

/** The rows of B and C as close as the part of the product allows, so that little memory has to be filled. */
function denseStrides({ b, c, columns }: GemmProduct): Pick<GemmProduct, 'b' | 'c'> {
  const close = { rowStride: columns, columnStride: 1, batchStride: 0 };
  return {
    b: b.packed || b.columnStride !== 1 ? b : { packed: false, ...close },
    c: c.columnStride === 1 ? close : c,
  };
}

/** One image with fewer channels and rows. */
function smallerConvolution(request: ConvolutionRequest): ConvolutionRequest {
  const { input, outputChannels, groups, outputRows } = request;
  if (groups > 1) return { ...request, batch: 1 };
  const channels = Math.min(input.channels, MEASURED_CHANNELS);
  const outputs = Math.min(outputChannels, MEASURED_COLUMNS);
  return {
    ...request,
    batch: 1,
    input: { ...input, channels },
    outputChannels: outputs,
    channelRange: { from: 0, count: outputs },
    outputRows: { from: 0, count: Math.min(outputRows.count, 8) },
  };
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
