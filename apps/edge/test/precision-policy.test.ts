import { PRECISIONS, type Precision } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { choosePrecision } from '../src/precision-policy.ts';

const choose = (batteryFraction: number, previous: Precision | null, charging = false) =>
  choosePrecision({ batteryFraction, charging }, previous, PRECISIONS).precision;

describe('choosePrecision', () => {
  it('narrows as the battery empties and widens as it fills, with hysteresis', () => {
    const walk = (levels: readonly number[]) => {
      let previous: Precision | null = null;
      return levels.map((level) => {
        previous = choose(level, previous);
        return previous;
      });
    };
    expect(walk([1, 0.5, 0.49, 0.52, 0.55, 0.49, 0.2, 0.19, 0.22, 0.25, 0.54, 0.55])).toEqual([
      'float32',
      'float32',
      'int8',
      'int8',
      'float32',
      'int8',
      'int8',
      'int4',
      'int4',
      'int8',
      'int8',
      'float32',
    ]);
  });

  it('does not flap when the level wavers around a limit', () => {
    let previous: Precision = 'float32';
    let changes = 0;
    for (let step = 0; step < 100; step++) {
      const next = choose(0.5 + (step % 2 ? 0.02 : -0.02), previous);
      if (next !== previous) changes++;
      previous = next;
    }
    expect(changes).toBe(1);
  });

  it('does not save while charging', () => {
    expect(choose(0.05, 'int4', true)).toBe('float32');
  });

  it('says so when the browser tells nothing', () => {
    const choice = choosePrecision(null, null, PRECISIONS);
    expect(choice.precision).toBe('float32');
    expect(choice.reason).toMatch(/does not tell the state of the battery/);
  });

  it('takes the next narrower precision that is available, else the widest, and says so', () => {
    const low = { batteryFraction: 0.3, charging: false };
    expect(choosePrecision(low, null, ['float32', 'int4'])).toEqual({
      precision: 'int4',
      reason: 'Battery at 30 %: int4; int8 is not available',
    });
    expect(choosePrecision(low, null, ['float32']).precision).toBe('float32');
  });
});
