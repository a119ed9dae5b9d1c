import { Circuit, estimateResources, lineTarget, type Target } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';

const measured: Target = {
  ...lineTarget(3),
  instructionProperties: [
    { instruction: 'rz', durationSeconds: 0, errorRate: 0 },
    { instruction: 'sx', durationSeconds: 40e-9, errorRate: 1e-3 },
    { instruction: 'cx', durationSeconds: 300e-9, errorRate: 1e-2 },
    { instruction: 'cx', qubits: [1, 2], durationSeconds: 500e-9, errorRate: 2e-2 },
    { instruction: 'measure', durationSeconds: 1e-6, errorRate: 5e-2 },
  ],
};

describe('estimateResources', () => {
  const circuit = new Circuit(3, 1).sx(0).rz(1, 0).sx(2).cx(0, 1).cx(1, 2).barrier().measure(0, 0);

  it('adds durations along the longest chain and one after another', () => {
    const { estimatedTimeSeconds, depth, twoQubitDepth, qubitsUsed, width, gateCounts } = estimateResources(
      circuit,
      measured,
    );
    // sx 40 + cx 300 + cx(1,2) 500 + measure 1000 after the barrier; the second sx runs beside.
    expect(estimatedTimeSeconds!.criticalPath).toBeCloseTo(1.84e-6, 15);
    expect(estimatedTimeSeconds!.serial).toBeCloseTo(1.88e-6, 15);
    expect([depth, twoQubitDepth, qubitsUsed, width]).toEqual([5, 2, 3, 4]);
    expect(gateCounts).toEqual({ cx: 2, sx: 2, barrier: 1, measure: 1, rz: 1 });
  });

  it('multiplies what does not go wrong, and decays while qubits wait', () => {
    const gatesOnly = 0.999 ** 2 * 0.99 * 0.98 * 0.95;
    expect(estimateResources(circuit, measured).estimatedSuccessProbability).toBeCloseTo(gatesOnly, 14);
    const decaying = { ...measured, t1Seconds: [1e-4, 1e-4, 1e-4], t2Seconds: [5e-5, 2e-4, 2e-4] };
    // Qubit 0 waits 500 ns for the barrier, qubit 2 waits 300 ns for its cx; qubit 1 never waits.
    const expected = gatesOnly * Math.exp(-500e-9 / 5e-5) * Math.exp(-300e-9 / 1e-4);
    expect(estimateResources(circuit, decaying).estimatedSuccessProbability).toBeCloseTo(expected, 14);
  });

  it('says what is missing instead of guessing', () => {
    const bare = estimateResources(circuit, lineTarget(3));
    expect(bare.estimatedTimeSeconds).toBeNull();
    expect(bare.timeUnavailableReason).toBe('"line of 3" has no duration of cx, measure, rz, sx');
    expect(bare.estimatedSuccessProbability).toBeNull();
    expect(bare.successProbabilityUnavailableReason).toMatch(/no error rate of cx, measure, rz, sx/);
    const partly = { ...measured, instructionProperties: measured.instructionProperties!.slice(0, 4) };
    expect(estimateResources(circuit, partly).timeUnavailableReason).toMatch(/duration of measure$/);
  });

  it('takes a figure for a pair in either order where the gate does not care, and only there', () => {
    const target: Target = {
      ...lineTarget(2),
      instructionProperties: [
        { instruction: 'cz', qubits: [0, 1], errorRate: 0.125 },
        { instruction: 'cx', qubits: [0, 1], errorRate: 0.25 },
      ],
    };
    const success = (pair: Circuit) => estimateResources(pair, target).estimatedSuccessProbability;
    expect([success(new Circuit(2).cz(0, 1)), success(new Circuit(2).cz(1, 0))]).toEqual([0.875, 0.875]);
    expect([success(new Circuit(2).cx(0, 1)), success(new Circuit(2).cx(1, 0))]).toEqual([0.75, null]);
  });

  it('refuses a circuit that the target has no room for', () => {
    expect(() => estimateResources(new Circuit(4), measured)).toThrow(/at most 3 qubits, got 4/);
  });

  it('gives nothing for nothing', () => {
    const none = estimateResources(new Circuit(2), lineTarget(2));
    expect(none).toMatchObject({
      depth: 0,
      qubitsUsed: 0,
      estimatedTimeSeconds: { criticalPath: 0, serial: 0 },
    });
    expect(none.estimatedSuccessProbability).toBe(1);
  });

  it('refuses impossible figures', () => {
    const wrong = (property: object) => () =>
      estimateResources(circuit, {
        ...lineTarget(3),
        instructionProperties: [{ instruction: 'cx', ...property }],
      });
    expect(wrong({ errorRate: 1.5 })).toThrow(/0\.\.1, got 1\.5/);
    expect(wrong({ durationSeconds: -1 })).toThrow(/a duration of cx >= 0/);
    expect(() => estimateResources(circuit, { ...lineTarget(3), t1Seconds: [1] })).toThrow(/every qubit/);
  });
});

describe('estimateResources with control flow and delays', () => {
  const bit = { kind: 'bit', clbit: 0 } as const;

  it('takes the worst branch, and a for loop as often as it runs', () => {
    const circuit = new Circuit(3, 1).measure(0, 0);
    circuit.ifTest(
      bit,
      (body) => body.sx(0).sx(0),
      (body) => body.cx(0, 1),
    );
    circuit.forLoop(null, { start: 1, stop: 5 }, (body) => body.sx(2));
    circuit.forLoop(null, [3, 4], (body) => body.sx(1));
    const estimate = estimateResources(circuit, measured);
    expect(estimate.gateCounts).toEqual({ sx: 4, for: 2, cx: 1, if: 1, measure: 1 });
    expect(estimate.estimatedTimeSeconds!.criticalPath).toBeCloseTo(1e-6 + 300e-9 + 2 * 40e-9, 15);
    expect(estimate.estimatedTimeSeconds!.serial).toBeCloseTo(1e-6 + 300e-9 + 7 * 40e-9, 15);
    expect(estimate.estimatedSuccessProbability).toBeCloseTo(0.95 * 0.99 * 0.999 ** 7, 14);
    expect(estimate.qubitsUsed).toBe(3);
  });

  it('names what bodies lack', () => {
    const circuit = new Circuit(1, 1).ifTest(bit, (body) => body.h(0));
    expect(estimateResources(circuit, measured)).toMatchObject({
      estimatedTimeSeconds: null,
      timeUnavailableReason: '"line of 3" has no duration of h',
      successProbabilityUnavailableReason: '"line of 3" has no error rate of h',
    });
  });

  it('counts the time of delays, in steps where the target has them', () => {
    const circuit = new Circuit(1).sx(0).delay(2, 'us', 0).delay(100, 'dt', 0);
    expect(estimateResources(circuit, measured).timeUnavailableReason).toMatch(/no duration of dt$/);
    const { estimatedTimeSeconds } = estimateResources(circuit, { ...measured, dtSeconds: 1e-9 });
    expect(estimatedTimeSeconds!.criticalPath).toBeCloseTo(2.14e-6, 15);
  });
});
