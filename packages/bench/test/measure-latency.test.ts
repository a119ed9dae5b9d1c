import { ManualClock, type Progress, Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { measureLatency } from '../src/index.ts';
import { syntheticSubjects } from './synthetic.ts';

const random = () => new Random(1);

describe('measureLatency', () => {
  it('reports what one call takes, call by call when a call is long', async () => {
    const { clock, subjects } = syntheticSubjects(random(), { two: () => 2 });
    const result = await measureLatency(subjects[0]!, { clock, warmUpMs: 10, durationMs: 100 });
    expect(result).toMatchObject({ name: 'two', batchSize: 1, throughputPerSecond: 500 });
    expect(result.samples).toEqual(new Array(50).fill(2));
    expect(result.summary).toMatchObject({ count: 50, mean: 2, p50: 2, p99: 2, standardDeviation: 0 });
  });

  it.each([0.00001, 0.0005, 0.01, 0.049])('batches calls of %f ms to 50-500 us', async (callMs) => {
    const { clock, subjects } = syntheticSubjects(random(), { quick: () => callMs });
    const result = await measureLatency(subjects[0]!, { clock, warmUpMs: 1, durationMs: 5 });
    expect(result.batchSize * callMs).toBeGreaterThanOrEqual(0.05);
    expect(result.batchSize * callMs).toBeLessThanOrEqual(0.5);
    // Summing small steps rounds once per call.
    expect(result.summary.p50 / callMs).toBeCloseTo(1, 9);
  });

  it('sizes batches by the warm code, not by slow first calls', async () => {
    let calls = 0;
    const { clock, subjects } = syntheticSubjects(random(), { jit: () => (calls++ < 20 ? 1 : 0.001) });
    const result = await measureLatency(subjects[0]!, { clock, warmUpMs: 40, durationMs: 10 });
    expect(Math.abs(result.batchSize - 200)).toBeLessThanOrEqual(1);
    expect(result.summary.max).toBeCloseTo(0.001, 9);
  });

  it('keeps slow calls in the quantiles', async () => {
    let calls = 0;
    const { clock, subjects } = syntheticSubjects(random(), { stall: () => (calls++ % 20 === 0 ? 30 : 1) });
    const { summary } = await measureLatency(subjects[0]!, { clock, warmUpMs: 5, durationMs: 2000 });
    expect(summary).toMatchObject({ p50: 1, p99: 30, max: 30 });
  });

  it('awaits subjects that return promises', async () => {
    const clock = new ManualClock();
    let running = 0;
    let overlaps = 0;
    const run = async () => {
      if (running++ > 0) overlaps++;
      await Promise.resolve();
      clock.advance(3);
      running--;
    };
    const { summary } = await measureLatency({ name: 'async', run }, { clock, warmUpMs: 5, durationMs: 30 });
    expect(summary).toMatchObject({ p50: 3, count: 10 });
    expect(overlaps).toBe(0);
  });

  it('checks the result before and after, never in between', async () => {
    const clock = new ManualClock();
    const events: string[] = [];
    const subject = {
      name: 'checked',
      run: () => {
        clock.advance(1);
        if (events.at(-1) !== 'run') events.push('run');
      },
      check: () => void events.push('check'),
    };
    await measureLatency(subject, { clock, warmUpMs: 5, durationMs: 10 });
    expect(events).toEqual(['run', 'check', 'run', 'check']);
  });

  it.each([
    ['before', 1],
    ['after', 5],
  ])('refuses a subject that is wrong %s timing', async (moment, wrongFromCall) => {
    const clock = new ManualClock();
    let calls = 0;
    const subject = {
      name: 'decaying',
      run: () => {
        calls++;
        clock.advance(1);
      },
      check: () => {
        if (calls >= wrongFromCall) throw new Error('sum is off by 3');
      },
    };
    await expect(measureLatency(subject, { clock, warmUpMs: 2, durationMs: 10 })).rejects.toMatchObject({
      code: 'VERIFICATION_FAILED',
      message: `"decaying" gave a wrong result ${moment} timing: sum is off by 3`,
    });
  });

  it('stops at the wanted number of samples and tells its progress', async () => {
    const { clock, subjects } = syntheticSubjects(random(), { slow: () => 60 });
    const heard: Progress[] = [];
    const onProgress = (progress: Progress) => heard.push(progress);
    const result = await measureLatency(subjects[0]!, {
      clock,
      warmUpMs: 0,
      durationMs: 10_000,
      maxSamples: 7,
      onProgress,
    });
    expect(result.samples).toHaveLength(7);
    expect(heard.map(({ done }) => done)).toEqual([120, 240, 360]);
  });

  it('stops when cancelled, also in the middle of synchronous work', async () => {
    const stop = new AbortController();
    let calls = 0;
    const { clock, subjects } = syntheticSubjects(random(), {
      subject: () => {
        if (++calls === 20) stop.abort();
        return 1;
      },
    });
    await expect(measureLatency(subjects[0]!, { clock, signal: stop.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(calls).toBeLessThan(25);
  });

  it('lets a timer of the host cancel it on the real clock', async () => {
    let sink = 0;
    const run = () => {
      for (let i = 0; i < 20_000; i++) sink += i;
    };
    const signal = AbortSignal.timeout(200);
    await expect(measureLatency({ name: 'loop', run }, { durationMs: 30_000, signal })).rejects.toMatchObject(
      {
        code: 'CANCELLED',
      },
    );
    expect(sink).toBeGreaterThan(0);
  });

  it('refuses a clock that stands still', async () => {
    const clock = new ManualClock();
    await expect(measureLatency({ name: 'x', run: () => undefined }, { clock })).rejects.toThrow(
      'The clock did not move while "x" ran',
    );
  });

  it.each([
    ['warmUpMs', -1],
    ['durationMs', Number.NaN],
    ['maxSamples', 0],
  ])('refuses %s = %f', async (option, value) => {
    const subject = { name: 'x', run: () => expect.unreachable('nothing may run') };
    await expect(measureLatency(subject, { [option]: value })).rejects.toThrow(`Option "${option}"`);
  });

  it('agrees with a plain timing loop on the real clock', async () => {
    const values = new Float64Array(20_000).fill(0.5);
    let sum = 0;
    const run = () => {
      sum = 0;
      for (let i = 0; i < values.length; i++) sum += values[i]!;
    };
    const { summary } = await measureLatency(
      { name: 'sum', run, check: () => expect(sum).toBe(10_000) },
      { warmUpMs: 100, durationMs: 200 },
    );
    let quickestMs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 2000; i++) {
      const startMs = performance.now();
      run();
      quickestMs = Math.min(quickestMs, performance.now() - startMs);
    }
    // The quickest of many calls bounds both from below; a factor of two covers timer overhead and other compiled code.
    expect(summary.min).toBeGreaterThan(quickestMs / 2);
    expect(summary.min).toBeLessThan(quickestMs * 2);
  });
});
