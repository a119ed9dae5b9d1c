const [TURN_SECONDS, MOST_RUNS] = [0.3, 5];

/**
 * The least seconds of some runs: short ones are repeated within a turn, because the first one finds caches that others have filled, and
 * code that no compiler has seen often enough.
 */
export async function bestOfTurn(run: () => number | Promise<number>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  let total = 0;
  for (let runs = 0; runs < MOST_RUNS && total < TURN_SECONDS; runs++) {
    const seconds = await run();
    best = Math.min(best, seconds);
    total += seconds;
  }
  return best;
}
