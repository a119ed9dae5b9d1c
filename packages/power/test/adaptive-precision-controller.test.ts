import { InvalidArgumentError, ManualClock, type PowerState, PRECISIONS, type Precision } from '@qedge/core';
import {
  AdaptivePrecisionController,
  commuteTrace,
  type PrecisionCandidate,
  type PrecisionDecision,
  tracePowerSource,
} from '@qedge/power';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const candidates: PrecisionCandidate[] = [
  { precision: 'int4', accuracy: 0.965, joulesPerInference: 1e-6 },
  { precision: 'float32', accuracy: 0.98, joulesPerInference: 8e-6 },
  { precision: 'int8', accuracy: 0.979, joulesPerInference: 2e-6 },
];

function state(timestampMs: number, reading: Partial<PowerState> = {}): PowerState {
  return {
    timestampMs,
    supply: 'battery',
    batteryFraction: 1,
    temperatureCelsius: 40,
    frequencyHertz: null,
    utilizationFraction: null,
    power: null,
    source: 'test',
    ...reading,
  };
}

const reading = fc.record({
  batteryFraction: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: null }),
  temperatureCelsius: fc.option(fc.double({ min: 0, max: 110, noNaN: true }), { nil: null }),
  supply: fc.constantFrom('battery' as const, 'mains' as const, 'unknown' as const),
});
const width = (precision: Precision) => PRECISIONS.indexOf(precision);

describe('AdaptivePrecisionController', () => {
  test('steps down as the battery sinks and up again only past the higher thresholds', () => {
    const controller = new AdaptivePrecisionController({ candidates, minimumDwellMs: 0 });
    const at = (batteryFraction: number, time: number) =>
      controller.decide(state(time, { batteryFraction })).precision;
    const charges = [1, 0.51, 0.5, 0.55, 0.59, 0.6, 0.5, 0.21, 0.2, 0.25, 0.29, 0.3, 0.59, 0.6];
    expect(charges.map(at)).toEqual([
      'float32',
      'float32',
      'int8',
      'int8',
      'int8',
      'float32',
      'int8',
      'int8',
      'int4',
      'int4',
      'int4',
      'int8',
      'int8',
      'float32',
    ]);
  });

  test('steps down with heat and lets the stricter of heat and battery decide', () => {
    const controller = new AdaptivePrecisionController({ candidates, minimumDwellMs: 0 });
    const decide = (time: number, temperatureCelsius: number, batteryFraction: number) =>
      controller.decide(state(time, { temperatureCelsius, batteryFraction })).precision;
    expect(decide(0, 75, 0.9)).toBe('int8');
    expect(decide(1, 85, 0.9)).toBe('int4');
    expect(decide(2, 79, 0.9)).toBe('int4');
    expect(decide(3, 78, 0.9)).toBe('int8');
    expect(decide(4, 60, 0.1)).toBe('int4');
    expect(decide(5, 60, 0.9)).toBe('float32');
  });

  test('ignores the battery on mains, and heat nowhere', () => {
    const controller = new AdaptivePrecisionController({ candidates, minimumDwellMs: 0 });
    expect(controller.decide(state(0, { batteryFraction: 0.05 })).precision).toBe('int4');
    expect(controller.decide(state(1, { batteryFraction: 0.05, supply: 'mains' })).precision).toBe('float32');
    expect(
      controller.decide(state(2, { batteryFraction: 0.05, supply: 'mains', temperatureCelsius: 90 }))
        .precision,
    ).toBe('int4');
  });

  test('holds a switch back until the dwell time is over, and says how long', () => {
    const controller = new AdaptivePrecisionController({ candidates, minimumDwellMs: 1000 });
    expect(controller.decide(state(0, { batteryFraction: 0.4 })).changed).toBe(true);
    const held = controller.decide(state(400, { batteryFraction: 0.1 }));
    expect(held).toMatchObject({ precision: 'int8', changed: false });
    expect(held.reason).toBe(
      'Stayed at int8 although the battery is at 10 % and the processor is at 40 °C ask for int4: the last switch was too recent, 0.6 s of dwell time are left.',
    );
    expect(controller.decide(state(1000, { batteryFraction: 0.1 }))).toMatchObject({
      precision: 'int4',
      previous: 'int8',
      changed: true,
    });
  });

  test('treats an unknown reading as no limit at first and as the last limit later', () => {
    const unknown = { batteryFraction: null, temperatureCelsius: null };
    const controller = new AdaptivePrecisionController({ candidates, minimumDwellMs: 0 });
    const first = controller.decide(state(0, unknown));
    expect(first.precision).toBe('float32');
    expect(first.reason).toContain('the battery charge is not known (no limit)');
    controller.decide(state(1, { batteryFraction: 0.4 }));
    const later = controller.decide(state(2, unknown));
    expect(later.precision).toBe('int8');
    expect(later.reason).toContain('its last limit, 1 step down, is kept');
  });

  test('gives a full sentence with the numbers that decided', () => {
    const controller = new AdaptivePrecisionController({ candidates });
    expect(controller.decide(state(0, { batteryFraction: 0.18, temperatureCelsius: 61.4 })).reason).toBe(
      'Switched from float32 to int4 because the battery is at 18 % and the processor is at 61 °C; it costs 0.00000100 J per inference at 96.5 % accuracy.',
    );
  });

  test('law: under noise around the thresholds two switches are never closer than the dwell time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ step: fc.integer({ min: 0, max: 700 }), noise: reading }), { maxLength: 80 }),
        fc.integer({ min: 0, max: 3000 }),
        (steps, minimumDwellMs) => {
          const controller = new AdaptivePrecisionController({ candidates, minimumDwellMs });
          let now = 0;
          const switches = steps.flatMap(({ step, noise }) => {
            now += step;
            return controller.decide(state(now, noise)).changed ? [now] : [];
          });
          for (let i = 1; i < switches.length; i++)
            expect(switches[i]! - switches[i - 1]!).toBeGreaterThanOrEqual(minimumDwellMs);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  test('law: noise smaller than the gap between the thresholds never switches twice', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -0.049, max: 0.049, noNaN: true }), { maxLength: 100 }),
        (noise) => {
          const controller = new AdaptivePrecisionController({ candidates, minimumDwellMs: 0 });
          const changes = noise.filter(
            (offset, i) => controller.decide(state(i, { batteryFraction: 0.5 + offset })).changed,
          );
          expect(changes.length).toBeLessThanOrEqual(1);
        },
      ),
      { seed: 1 },
    );
  });

  test('law: nothing below the accuracy floor is ever chosen', () => {
    fc.assert(
      fc.property(
        fc.array(reading, { maxLength: 40 }),
        fc.constantFrom(0.9, 0.97, 0.9795),
        (readings, accuracyFloor) => {
          const controller = new AdaptivePrecisionController({
            candidates,
            accuracyFloor,
            minimumDwellMs: 0,
          });
          readings.forEach((noise, i) => {
            const { precision } = controller.decide(state(i, noise));
            const { accuracy } = candidates.find((candidate) => candidate.precision === precision)!;
            expect(accuracy).toBeGreaterThanOrEqual(accuracyFloor);
          });
        },
      ),
      { seed: 1 },
    );
  });

  test('law: without history a worse state never gives a wider precision', () => {
    const fresh = (noise: Partial<PowerState>) =>
      width(new AdaptivePrecisionController({ candidates }).decide(state(0, noise)).precision);
    const drop = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        drop,
        drop,
        fc.double({ min: 0, max: 100, noNaN: true }),
        fc.double({ min: 0, max: 60, noNaN: true }),
        (charge, loss, heat, rise) => {
          const better = { batteryFraction: charge, temperatureCelsius: heat };
          const worse = { batteryFraction: charge * loss, temperatureCelsius: heat + rise };
          expect(fresh(worse)).toBeGreaterThanOrEqual(fresh(better));
          expect(fresh(better)).toBeGreaterThanOrEqual(fresh({ ...better, supply: 'mains' }));
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });

  test('law: equal states in equal order give equal decisions', () => {
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 30 }), (readings) => {
        const run = () => {
          const controller = new AdaptivePrecisionController({ candidates, minimumDwellMs: 3 });
          return readings.map((noise, i) => controller.decide(state(i, noise)));
        };
        expect(run()).toEqual(run());
      }),
      { seed: 1 },
    );
  });

  test('refuses configurations that contradict themselves', () => {
    const make = (config: object) => () => new AdaptivePrecisionController({ candidates, ...config });
    expect(make({ accuracyFloor: 0.99 })).toThrow(/No precision is accurate enough.*0.99.*float32 0.98/);
    expect(make({ candidates: [] })).toThrow(InvalidArgumentError);
    expect(make({ candidates: [candidates[0], candidates[0]] })).toThrow(InvalidArgumentError);
    expect(make({ candidates: [{ ...candidates[0]!, joulesPerInference: 0 }] })).toThrow(
      InvalidArgumentError,
    );
    expect(make({ candidates: [{ ...candidates[0]!, accuracy: 1.2 }] })).toThrow(InvalidArgumentError);
    expect(make({ candidates: [{ ...candidates[0]!, precision: 'int2' }] })).toThrow(InvalidArgumentError);
    expect(make({ minimumDwellMs: -1 })).toThrow(InvalidArgumentError);
    expect(make({ accuracyFloor: Number.NaN })).toThrow(InvalidArgumentError);
    expect(make({ batterySteps: [{ downAtFraction: 0.5, upAtFraction: 0.5 }] })).toThrow(
      InvalidArgumentError,
    );
    expect(
      make({
        batterySteps: [
          { downAtFraction: 0.2, upAtFraction: 0.3 },
          { downAtFraction: 0.5, upAtFraction: 0.6 },
        ],
      }),
    ).toThrow(InvalidArgumentError);
    expect(make({ temperatureSteps: [{ downAtCelsius: 70, upAtCelsius: 71 }] })).toThrow(
      InvalidArgumentError,
    );
  });

  test('refuses readings out of range and time that goes back, and stays as it was', () => {
    const controller = new AdaptivePrecisionController({ candidates, minimumDwellMs: 0 });
    controller.decide(state(100));
    for (const bad of [
      state(99),
      state(Number.NaN),
      state(101, { batteryFraction: 1.1, temperatureCelsius: 99 }),
      state(101, { batteryFraction: Number.NaN }),
      state(101, { temperatureCelsius: Number.POSITIVE_INFINITY, batteryFraction: 0 }),
    ])
      expect(() => controller.decide(bad)).toThrow(InvalidArgumentError);
    expect(controller.decide(state(100))).toMatchObject({ precision: 'float32', changed: false });
  });

  test('takes the commute trace through every precision and back, on a clock that does not wait', async () => {
    const clock = new ManualClock();
    const source = tracePowerSource(commuteTrace(), clock);
    const controller = new AdaptivePrecisionController({ candidates });
    const decisions: PrecisionDecision[] = [];
    for (let second = 0; second <= 360; second++) {
      decisions.push(controller.decide(await source.read()));
      clock.advance(1000);
    }
    const changes = decisions.filter(({ changed }) => changed);
    expect(changes.map(({ previous, precision }) => `${previous}>${precision}`)).toEqual([
      'float32>int8',
      'int8>int4',
      'int4>int8',
      'int8>float32',
      'float32>int8',
      'int8>int4',
      'int4>float32',
    ]);
    expect(changes[0]!.reason).toMatch(/^Switched from float32 to int8 because .* °C; it costs/);
    expect(JSON.parse(JSON.stringify(decisions))).toEqual(decisions);
  });
});
