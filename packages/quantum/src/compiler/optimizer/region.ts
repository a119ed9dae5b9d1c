import type { Work } from '../in-turns.ts';
import { type Interaction, type InteractionCircuit, InteractionKind } from '../interaction/interaction.ts';
import { InteractionBuilder } from '../interaction/interaction-builder.ts';

/** Something cheaper that does what a region did. */
export interface Replacement {
  readonly wires: readonly number[];
  /** Appends it; qubits of the builder are the wires of the circuit. */
  append(builder: InteractionBuilder): void;
}

type Entry = Interaction | Replacement;

/** Decides step by step what belongs to a region. */
export interface RegionGrowth {
  /** Takes a step in, or leaves the region as it is. */
  accepts(step: Interaction): boolean;
  /** Wires of the region so far. */
  readonly wires: readonly number[];
}

/** Steps that can be brought together: `before`, then `inside`, then `after` is what stood in the list. */
interface Region {
  readonly inside: Interaction[];
  readonly before: Entry[];
  readonly after: Entry[];
}

/** How a kind of regions is found and made cheaper. */
export interface RegionTechnique {
  /** Whether a region may begin at a step. */
  isSeed(step: Interaction): boolean;
  grow(): RegionGrowth;
  /** Null where nothing cheaper is known. */
  improve(inside: readonly Interaction[], growth: RegionGrowth): Replacement | null;
}

/** How many steps are looked at for one region, and how many in a row that do not belong to it. */
const MOST_SCANNED = 600;
const MOST_SKIPPED = 100;

/**
 * Replaces regions of a circuit by cheaper ones, from the front to the back.
 *
 * @returns the same circuit where nothing was found.
 */
export function* rewriteRegions(
  circuit: InteractionCircuit,
  technique: RegionTechnique,
): Work<InteractionCircuit> {
  const entries: Entry[] = [...circuit.interactions];
  const tried = new Set<Interaction>();
  for (let seed = 0; seed < entries.length; seed++) {
    const entry = entries[seed]!;
    if (!isStep(entry) || tried.has(entry) || !technique.isSeed(entry)) continue;
    if (yield) break;
    const growth = technique.grow();
    const { inside, before, after } = growRegion(entries, seed, growth);
    for (const step of inside) tried.add(step);
    const replacement = technique.improve(inside, growth);
    if (replacement === null) continue;
    const count = inside.length + before.length + after.length;
    entries.splice(seed, count, ...before, replacement, ...after);
    // What moved to the front may begin regions of its own.
    seed--;
  }
  return rebuild(circuit, entries);
}

/** Regions may overlap: those that promise the most go first. */
export interface RankedTechnique extends RegionTechnique {
  /** Whether regions are also begun at steps inside of regions that began before: slower, and may find greater ones. */
  readonly nested: boolean;
  /** How many gates a region may lose; 0 where it is not worth trying. */
  promise(inside: readonly Interaction[], growth: RegionGrowth): number;
}

/**
 * Replaces regions of a circuit by cheaper ones, those that promise the most first.
 *
 * @returns the same circuit where nothing was found.
 */
export function* rewriteBestRegions(
  circuit: InteractionCircuit,
  technique: RankedTechnique,
): Work<InteractionCircuit> {
  const entries: Entry[] = [...circuit.interactions];
  const attempts = new RegionAttempts(entries, technique);
  yield* attempts.rankSeeds();
  for (;;) {
    const next = yield* attempts.next();
    if (next === null) break;
    const { seed, growth, region } = next;
    const { inside, before, after } = region;
    const replacement = technique.improve(inside, growth);
    if (replacement === null) {
      attempts.noteFailure(inside);
      continue;
    }
    const count = inside.length + before.length + after.length;
    entries.splice(seed, count, ...before, replacement, ...after);
  }
  return rebuild(circuit, entries);
}

interface Attempt {
  readonly seed: number;
  readonly growth: RegionGrowth;
  readonly region: Region;
}

/** Seeds by what their regions promised when they were last looked at. */
class RegionAttempts {
  readonly #entries: readonly Entry[];
  readonly #technique: RankedTechnique;
  /** By promise. */
  readonly #seeds: Interaction[][] = [];
  /** For each step the last region with it that could not be improved. */
  readonly #failures = new Map<Interaction, number>();
  #failureCount = 0;

  constructor(entries: readonly Entry[], technique: RankedTechnique) {
    this.#entries = entries;
    this.#technique = technique;
  }

  /** Looks at all seeds once. */
  *rankSeeds(): Work<void> {
    const covered = new Set<Interaction>();
    for (const [seed, entry] of this.#entries.entries()) {
      if (!isStep(entry) || !this.#technique.isSeed(entry) || covered.has(entry)) continue;
      if (yield) return;
      const { region, promise } = this.#promiseAt(seed);
      this.#file(entry, promise);
      if (!this.#technique.nested) for (const step of region.inside) covered.add(step);
    }
  }

  #promiseAt(seed: number) {
    const growth = this.#technique.grow();
    const region = growRegion(this.#entries, seed, growth);
    const promise = Math.floor(this.#technique.promise(region.inside, growth));
    return { seed, growth, region, promise };
  }

  #file(seed: Interaction, promise: number): void {
    if (promise <= 0) return;
    while (this.#seeds.length <= promise) this.#seeds.push([]);
    this.#seeds[promise]!.push(seed);
  }

  /** The region that promises the most now; null at the end, of the regions or of the time. */
  *next(): Work<Attempt | null> {
    while (this.#seeds.length > 0) {
      const best = this.#seeds.at(-1)!;
      // The first one of equals.
      const step = best.shift();
      if (step === undefined) {
        this.#seeds.pop();
        continue;
      }
      if (yield) return null;
      const seed = this.#entries.indexOf(step);
      if (seed < 0) continue;
      const found = this.#promiseAt(seed);
      if (found.promise < this.#seeds.length - 1) this.#file(step, found.promise);
      else if (!this.#hasFailed(found.region.inside)) return found;
    }
    return null;
  }

  noteFailure(inside: readonly Interaction[]): void {
    this.#failureCount++;
    for (const step of inside) this.#failures.set(step, this.#failureCount);
  }

  /** Whether all of a region was part of one that could not be improved. */
  #hasFailed(inside: readonly Interaction[]): boolean {
    const failure = this.#failures.get(inside[0]!);
    return failure !== undefined && inside.every((step) => this.#failures.get(step) === failure);
  }
}

function rebuild(circuit: InteractionCircuit, entries: readonly Entry[]): InteractionCircuit {
  if (entries.every(isStep)) return circuit;
  const builder = new InteractionBuilder(circuit.wireCount);
  for (const entry of entries) {
    if (isStep(entry)) builder.append(entry);
    else entry.append(builder);
  }
  return builder.finishReplacing(circuit);
}

function isStep(entry: Entry): entry is Interaction {
  return 'kind' in entry;
}

/** Takes steps from a seed on that the growth accepts and that no step outside separates from it. */
function growRegion(entries: readonly Entry[], seed: number, growth: RegionGrowth): Region {
  const region: Region = { inside: [], before: [], after: [] };
  const closed = new Set<number>();
  let fencesClosed = false;
  const end = Math.min(entries.length, seed + MOST_SCANNED);
  for (let i = seed, last = seed; i < end && i - last <= MOST_SKIPPED; i++) {
    const entry = entries[i]!;
    const isFence = isStep(entry) && entry.kind === InteractionKind.fence;
    // Measurements and what depends on them keep their order, whatever their wires.
    let isClosed = isFence && fencesClosed;
    for (const wire of entry.wires) isClosed ||= closed.has(wire);
    if (!isClosed && isStep(entry) && growth.accepts(entry)) {
      region.inside.push(entry);
      last = i;
      continue;
    }
    if (!isClosed && !entry.wires.some((wire) => growth.wires.includes(wire))) {
      region.before.push(entry);
      continue;
    }
    for (const wire of entry.wires) closed.add(wire);
    region.after.push(entry);
    fencesClosed ||= isFence;
    if (growth.wires.every((wire) => closed.has(wire))) break;
  }
  return region;
}
