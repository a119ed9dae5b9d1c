import { ManualClock } from '@qedge/core';
import { expect, it } from 'vitest';
import { addEstimates, describeEstimate } from '../src/compression/describe-estimate.ts';
import { progressLines } from '../src/compression/progress-lines.ts';

it('writes a line when a stage begins, then one every five seconds', () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const listen = progressLines((line) => lines.push(line), clock);
  for (let done = 0; done < 12; done++) {
    listen({ phase: 'pruning', done, total: 12, message: `loss ${12 - done}` });
    clock.advance(1000);
  }
  listen({ phase: 'quantising to 4 bits', done: 0, total: 2 });
  expect(lines).toEqual([
    'pruning 0 % · loss 12',
    'pruning 41 % · loss 7',
    'pruning 83 % · loss 2',
    'quantising to 4 bits 0 %',
  ]);
});

it('says what all stages take together, a first training included', () => {
  const estimate = (stage: string, steps: number, runs: number) => {
    const [secondsPerStep, seconds] = [1, steps * runs];
    return { stages: [{ stage, steps, runs, secondsPerStep, seconds }], steps: steps * runs, seconds };
  };
  const both = addEstimates(estimate('training', 60, 1), estimate('pruning', 30, 4));
  expect(describeEstimate(both)).toBe(
    'Takes at most about 3 min from the start: training 60 steps, pruning 4 x 30 steps',
  );
  expect(describeEstimate({ stages: [], steps: 0, seconds: 0 })).toBeNull();
});
