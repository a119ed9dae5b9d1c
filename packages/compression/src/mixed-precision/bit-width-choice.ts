import { InvalidArgumentError, NonFiniteValueError } from '@qedge/core';

/** What one layer costs with some width of its weights. */
export interface BitWidthOption {
  /** Bits per weight. */
  readonly bits: number;
  /** How much worse the model gets: increase of a loss, or drop of an accuracy. May be negative. */
  readonly loss: number;
  /** Of codes and scales. */
  readonly bytes: number;
  /** Multiply-accumulate operations times bits. */
  readonly macBits: number;
}

/** The widths that a layer may have. */
export interface LayerBitWidths {
  readonly layer: string;
  readonly options: readonly BitWidthOption[];
}

/** A width for every layer, and what they add up to. */
export interface BitWidthAssignment {
  /** By layer name. */
  readonly bits: ReadonlyMap<string, number>;
  /** The sum over the layers: what is expected as long as layers do not influence each other. */
  readonly loss: number;
  readonly bytes: number;
  readonly macBits: number;
}

/** What an assignment may cost; what is absent is unlimited. */
export interface BitWidthLimits {
  readonly maxLoss?: number;
  readonly maxBytes?: number;
  readonly maxMacBits?: number;
}

/** What is to be least. */
export type BitWidthGoal = 'loss' | 'bytes' | 'macBits';

/** Beyond so many partial assignments they are thinned out, and results may miss the optimum by a little. */
const MOST_STATES = 20_000;

interface State {
  readonly loss: number;
  readonly bytes: number;
  readonly macBits: number;
  readonly option: BitWidthOption | null;
  readonly previous: State | null;
}

/**
 * All assignments that none other betters: no other is as good in loss and in every one of `costs`, and better in one of them. Exact dynamic
 * programming, layer by layer, over assignments that are not dominated; with more than 20,000 of those (some dozens of layers) they are thinned out.
 *
 * @param costs what counts beside the loss.
 * @returns by growing costs, of the first kind first.
 * @throws InvalidArgumentError for a layer without options or with a name twice, NonFiniteValueError for costs that are NaN or infinite.
 */
export function paretoFront(
  layers: readonly LayerBitWidths[],
  costs: readonly ('bytes' | 'macBits')[] = ['bytes'],
): readonly BitWidthAssignment[] {
  checkLayers(layers);
  const states = combine(layers, costs, {});
  return states.map((state) => toAssignment(layers, state)).sort(byCosts(costs));
}

/**
 * The best assignment within limits, by the same dynamic programming.
 *
 * @param goal default: the loss where bytes or operations are limited, else the bytes.
 * @throws InvalidArgumentError when nothing is within the limits, naming what is possible; else as {@link paretoFront}.
 */
export function chooseBitWidths(
  layers: readonly LayerBitWidths[],
  limits: BitWidthLimits,
  goal: BitWidthGoal = limits.maxBytes === undefined && limits.maxMacBits === undefined ? 'bytes' : 'loss',
): BitWidthAssignment {
  checkLayers(layers);
  const isCounted = { bytes: limits.maxBytes !== undefined, macBits: limits.maxMacBits !== undefined };
  const costs = (['bytes', 'macBits'] as const).filter((cost) => isCounted[cost] || goal === cost);
  const { maxLoss = Number.POSITIVE_INFINITY } = limits;
  let best: State | null = null;
  for (const state of combine(layers, costs, limits)) {
    if (state.loss <= maxLoss && (best === null || state[goal] < best[goal])) best = state;
  }
  if (best) return toAssignment(layers, best);
  const least = (cost: BitWidthGoal) => sumOf(layers.map((layer) => leastOf(layer, cost)));
  throw new InvalidArgumentError('No bit widths of these layers are within the limits', {
    expected: limits,
    actual: { loss: least('loss'), bytes: least('bytes'), macBits: least('macBits') },
    remedy: 'Those are the least of each alone: allow more, or offer narrower widths.',
  });
}

function checkLayers(layers: readonly LayerBitWidths[]): void {
  const names = new Set(layers.map(({ layer }) => layer));
  const empty = layers.find(({ options }) => options.length === 0);
  if (names.size !== layers.length || empty) {
    throw new InvalidArgumentError('Layers cannot be given bit widths', {
      expected: 'different names, and at least one option for each',
      actual: empty ? `no option for "${empty.layer}"` : layers.map(({ layer }) => layer),
    });
  }
  for (const { layer, options } of layers) {
    for (const { bits, loss, bytes, macBits } of options) {
      if ([loss, bytes, macBits].every(Number.isFinite)) continue;
      throw new NonFiniteValueError(`The costs of layer "${layer}" at ${bits} bits are not numbers`, {
        expected: 'finite loss, bytes and operations',
        actual: [loss, bytes, macBits],
      });
    }
  }
}

/** Complete assignments within limits of bytes and operations, none of them dominated. */
function combine(
  layers: readonly LayerBitWidths[],
  costs: readonly ('bytes' | 'macBits')[],
  { maxBytes = Number.POSITIVE_INFINITY, maxMacBits = Number.POSITIVE_INFINITY }: BitWidthLimits,
): readonly State[] {
  let states: readonly State[] = [{ loss: 0, bytes: 0, macBits: 0, option: null, previous: null }];
  for (const [at, { options }] of layers.entries()) {
    const rest = layers.slice(at + 1);
    const bytesLeft = sumOf(rest.map((layer) => leastOf(layer, 'bytes')));
    const macBitsLeft = sumOf(rest.map((layer) => leastOf(layer, 'macBits')));
    const extended: State[] = [];
    for (const previous of states) {
      for (const option of options) {
        const bytes = previous.bytes + option.bytes;
        const macBits = previous.macBits + option.macBits;
        if (bytes + bytesLeft > maxBytes || macBits + macBitsLeft > maxMacBits) continue;
        extended.push({ loss: previous.loss + option.loss, bytes, macBits, option, previous });
      }
    }
    states = thin(withoutDominated(extended, costs), costs);
  }
  return states;
}

/** Sweeps by the first cost; a staircase holds the least losses by the second one so far. */
function withoutDominated(states: State[], costs: readonly ('bytes' | 'macBits')[]): State[] {
  const [first, second] = costs;
  const costOf = (state: State, cost: 'bytes' | 'macBits' | undefined) => (cost ? state[cost] : 0);
  const sorted = states.sort(
    (a, b) => costOf(a, first) - costOf(b, first) || costOf(a, second) - costOf(b, second) || a.loss - b.loss,
  );
  const kept: State[] = [];
  const staircase: State[] = [];
  for (const state of sorted) {
    // The last step that costs no more: losses fall along the staircase.
    let [low, high] = [0, staircase.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (costOf(staircase[middle], second) <= costOf(state, second)) low = middle + 1;
      else high = middle;
    }
    if (low > 0 && staircase[low - 1].loss <= state.loss) continue;
    kept.push(state);
    const from = low > 0 && costOf(staircase[low - 1], second) === costOf(state, second) ? low - 1 : low;
    let to = low;
    while (to < staircase.length && staircase[to].loss >= state.loss) to++;
    staircase.splice(from, to - from, state);
  }
  return kept;
}

/** At most {@link MOST_STATES}, evenly over the sorted list, both ends and the least loss among them. */
function thin(states: readonly State[], costs: readonly ('bytes' | 'macBits')[]): readonly State[] {
  if (states.length <= MOST_STATES) return states;
  const kept = Array.from(
    { length: MOST_STATES },
    (_, at) => states[Math.floor((at * (states.length - 1)) / (MOST_STATES - 1))],
  );
  if (costs.length > 1) kept.push(states.reduce((best, state) => (state.loss < best.loss ? state : best)));
  return kept;
}

function toAssignment(layers: readonly LayerBitWidths[], state: State): BitWidthAssignment {
  const bits = new Map<string, number>();
  const chain: BitWidthOption[] = [];
  for (let at: State | null = state; at?.option; at = at.previous) chain.unshift(at.option);
  for (const [at, { layer }] of layers.entries()) bits.set(layer, chain[at].bits);
  return { bits, loss: state.loss, bytes: state.bytes, macBits: state.macBits };
}

function byCosts(costs: readonly ('bytes' | 'macBits')[]) {
  return (a: BitWidthAssignment, b: BitWidthAssignment) => {
    for (const cost of costs) if (a[cost] !== b[cost]) return a[cost] - b[cost];
    return a.loss - b.loss;
  };
}

function leastOf({ options }: LayerBitWidths, cost: BitWidthGoal): number {
  return options.reduce((least, option) => Math.min(least, option[cost]), Number.POSITIVE_INFINITY);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
