/** What a run of `n` samples on one device takes: `fixedMs + n * perSampleMs`. */
export interface DeviceCost {
  /** 0 or more. */
  readonly fixedMs: number;
  /** Positive. */
  readonly perSampleMs: number;
  /** True where `run` returns before the work is done; the others take turns in the calling thread. */
  readonly concurrent: boolean;
}

/** Beyond this many devices the fixed costs of leaving some out are no longer weighed up. */
const MOST_SUBSET_DEVICES = 8;

/** What a device is expected to take for its share. */
export function costOf({ fixedMs, perSampleMs }: DeviceCost, samples: number): number {
  return samples === 0 ? 0 : fixedMs + samples * perSampleMs;
}

/**
 * How many samples of a batch each device gets, so that the whole is done as early as the costs allow: concurrent devices work at
 * the same time, the others one after the other beside them. Devices whose fixed cost is not worth it get none. Deterministic.
 *
 * @param batch samples, 0 or more.
 * @returns one count per device, in their order; the sum is `batch`.
 */
export function splitBatch(batch: number, costs: readonly DeviceCost[]): readonly number[] {
  let best: { readonly counts: readonly number[]; readonly ms: number } | null = null;
  for (const used of subsetsOf(costs.length)) {
    const counts = splitOver(batch, costs, used);
    const ms = makespanMs(counts, costs);
    if (best === null || ms < best.ms) best = { counts, ms };
  }
  return best!.counts;
}

/** When the last device is done. */
export function makespanMs(counts: readonly number[], costs: readonly DeviceCost[]): number {
  const times = costs.map((cost, device) => ({ ...cost, ms: costOf(cost, counts[device]!) }));
  const inTurn = times.reduce((sum, { ms, concurrent }) => sum + (concurrent ? 0 : ms), 0);
  return Math.max(inTurn, ...times.map(({ ms, concurrent }) => (concurrent ? ms : 0)));
}

/** The fullest sets first, so that ties use all devices. */
function subsetsOf(devices: number): readonly (readonly boolean[])[] {
  const all = new Array<boolean>(devices).fill(true);
  if (devices > MOST_SUBSET_DEVICES) return [all];
  return Array.from({ length: 2 ** devices - 1 }, (_, left) =>
    all.map((_, device) => ((left >> device) & 1) === 0),
  );
}

/**
 * Of the devices that take turns only the quickest per sample is worth samples beside its fixed cost; it and the concurrent ones
 * share so that all end at the same moment, which is found by bisection and rounded to whole samples.
 */
function splitOver(batch: number, costs: readonly DeviceCost[], used: readonly boolean[]): number[] {
  const lanes = costs.flatMap((cost, device) => (used[device] ? [{ ...cost, device }] : []));
  const takingTurns = lanes.filter(({ concurrent }) => !concurrent);
  const quickest = takingTurns.reduce<(typeof lanes)[number] | null>(
    (best, lane) => (best === null || lane.perSampleMs < best.perSampleMs ? lane : best),
    null,
  );
  const sharing = lanes.filter((lane) => lane.concurrent || lane === quickest);
  const samplesBy = (ms: number) =>
    sharing.map(({ fixedMs, perSampleMs }) => Math.max(0, (ms - fixedMs) / perSampleMs));
  const total = (ms: number) => samplesBy(ms).reduce((sum, samples) => sum + samples, 0);
  let [low, high] = [0, Math.max(...sharing.map((lane) => costOf(lane, batch)))];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (total(middle) < batch) low = middle;
    else high = middle;
  }
  const counts = new Array<number>(costs.length).fill(0);
  const shares = samplesBy(high);
  for (const [at, { device }] of sharing.entries()) counts[device] = Math.floor(shares[at]! + 1e-9);
  settle(counts, batch, sharing);
  return counts;
}

/** Gives the samples that rounding left over to whom they delay least, and takes back what it gave too much. */
function settle(
  counts: number[],
  batch: number,
  sharing: readonly (DeviceCost & { readonly device: number })[],
): void {
  let left = batch - counts.reduce((sum, count) => sum + count, 0);
  while (left !== 0) {
    const step = Math.sign(left);
    const candidates = sharing.filter(({ device }) => counts[device]! + step >= 0);
    const next = candidates.reduce((best, lane) => {
      const after = (each: typeof lane) => costOf(each, counts[each.device]! + (step > 0 ? 1 : 0));
      return (after(lane) - after(best)) * step < 0 ? lane : best;
    });
    counts[next.device]! += step;
    left -= step;
  }
}
