import { CancelledError, type Clock, Random, systemClock } from '@qedge/core';
import {
  Circuit,
  heavyHexTarget,
  lineTarget,
  type OptimizationLevel,
  transpile,
  verifyEquivalence,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';

/** A clock on which time passes only by asking for it: what a compilation does with its time can be counted. */
function tickingClock(millisecondsPerQuestion: number): Clock & { readonly elapsedMs: number } {
  let elapsedMs = 0;
  return {
    get elapsedMs() {
      return elapsedMs;
    },
    nowMs: () => (elapsedMs += millisecondsPerQuestion),
    epochMs: () => elapsedMs,
    sleep: (durationMs, signal) => systemClock.sleep(durationMs, signal),
  };
}

function randomPairs(qubitCount: number, gateCount: number): Circuit {
  const random = new Random(11);
  const circuit = new Circuit(qubitCount);
  for (let i = 0; i < gateCount; i++) {
    const a = random.integer(qubitCount);
    const b = (a + 1 + random.integer(qubitCount - 1)) % qubitCount;
    if (random.integer(2) === 0) circuit.cx(a, b);
    else circuit.h(a).t(b);
  }
  return circuit;
}

describe('a compilation', () => {
  it('is cancelled inside of a pass that takes long', async () => {
    const circuit = randomPairs(60, 1500);
    const longPasses: [OptimizationLevel, string][] = [
      [1, 'vf2 layout'],
      [2, 'collect interactions'],
      [2, 'optimize interactions'],
      [2, 'lay out and route interactions'],
    ];
    for (const [level, before] of longPasses) {
      const stop = new AbortController();
      const seen: string[] = [];
      const cancelled = transpile(circuit, heavyHexTarget(127), {
        level,
        trials: 1,
        clock: tickingClock(10),
        signal: stop.signal,
        onPass({ name }) {
          seen.push(name);
          // The signal comes from the event loop, which a pass must let run.
          if (name === before) setTimeout(() => stop.abort(), 0);
        },
      });
      await expect(cancelled).rejects.toThrow(CancelledError);
      expect(seen.at(-1)).toBe(before);
    }
  });

  it('stops looking for more once its time is up, and is correct', async () => {
    const circuit = randomPairs(6, 150);
    for (const level of [1, 2, 3] as const) {
      const hurriedClock = tickingClock(1);
      const patientClock = tickingClock(1);
      const budget = (clock: Clock, timeBudgetMs: number) => ({ level, clock, timeBudgetMs, trials: 40 });
      const hurried = await transpile(circuit, lineTarget(6), budget(hurriedClock, 50));
      await transpile(circuit, lineTarget(6), budget(patientClock, 1e6));
      expect(patientClock.elapsedMs).toBeGreaterThan(150);
      // Every pass that still must run asks a few times.
      expect(hurriedClock.elapsedMs).toBeLessThan(150);
      expect((await verifyEquivalence(circuit, hurried)).equivalent).toBe(true);
    }
  });
});
