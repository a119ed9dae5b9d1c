import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CancelledError, InvalidArgumentError, ManualClock, systemClock } from '../src/index.ts';

describe('ManualClock', () => {
  it('moves only when told to', () => {
    const clock = new ManualClock(5, 1_700_000_000_000);
    expect([clock.nowMs(), clock.epochMs()]).toEqual([5, 1_700_000_000_005]);
    clock.advance(2.5);
    expect([clock.nowMs(), clock.epochMs()]).toEqual([7.5, 1_700_000_000_007.5]);
  });

  it('wakes sleepers in the order of their wake times, and only those whose time has come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 12 }),
        fc.integer({ min: 0, max: 50 }),
        async (durations, step) => {
          const clock = new ManualClock();
          const woken: number[] = [];
          for (const duration of durations) void clock.sleep(duration).then(() => woken.push(duration));
          clock.advance(step);
          await Promise.resolve();
          const due = durations.filter((duration) => duration > 0 && duration <= step);
          expect(woken.filter((duration) => duration > 0)).toEqual(due.toSorted((a, b) => a - b));
        },
      ),
      { seed: 1 },
    );
  });

  it('lets a sleep of 0 or less pass at once', async () => {
    const clock = new ManualClock();
    await clock.sleep(0);
    await clock.sleep(-5);
    expect(clock.nowMs()).toBe(0);
  });

  it('refuses to go back', () => {
    const clock = new ManualClock();
    for (const step of [-1, Number.NaN]) expect(() => clock.advance(step)).toThrow(InvalidArgumentError);
  });

  it('cancels a sleep with the reason as the cause, and only that one', async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const cancelled = clock.sleep(10, stop.signal);
    const kept = clock.sleep(10);
    stop.abort('enough');
    await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED', cause: 'enough' });
    clock.advance(10);
    await kept;
  });
});

describe.each([
  ['systemClock', () => systemClock],
  ['ManualClock', () => new ManualClock()],
])('every clock (%s)', (_name, make) => {
  it('rejects a sleep whose signal is already aborted', async () => {
    await expect(make().sleep(1000, AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
  });

  it.each([Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY])(
    'refuses to sleep for %s ms',
    async (durationMs) => {
      await expect(make().sleep(durationMs)).rejects.toBeInstanceOf(InvalidArgumentError);
    },
  );
});

describe('systemClock', () => {
  it('sleeps at least about as long as asked and never goes back', async () => {
    const before = systemClock.nowMs();
    await systemClock.sleep(20);
    // Node's timers count whole milliseconds and may fire up to one early.
    expect(systemClock.nowMs() - before).toBeGreaterThanOrEqual(18.9);
    expect(Math.abs(systemClock.epochMs() - Date.now())).toBeLessThan(1000);
  });

  it('cancels a long sleep at once', async () => {
    const stop = new AbortController();
    const sleep = systemClock.sleep(60_000, stop.signal);
    stop.abort();
    await expect(sleep).rejects.toBeInstanceOf(CancelledError);
  });

  it('leaves no listener on the signal after waking', async () => {
    const stop = new AbortController();
    let listeners = 0;
    const add = stop.signal.addEventListener.bind(stop.signal);
    const remove = stop.signal.removeEventListener.bind(stop.signal);
    stop.signal.addEventListener = (...parameters: Parameters<typeof add>) => {
      listeners++;
      add(...parameters);
    };
    stop.signal.removeEventListener = (...parameters: Parameters<typeof remove>) => {
      listeners--;
      remove(...parameters);
    };
    await systemClock.sleep(1, stop.signal);
    expect(listeners).toBe(0);
  });
});
