import { Random } from '@qedge/core';
import {
  alapSchedule,
  asapSchedule,
  Circuit,
  dynamicalDecoupling,
  estimateResources,
  type Instruction,
  lineTarget,
  padDelay,
  scheduleCircuit,
  type Target,
  translateCircuit,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { randomCircuit } from '../random-circuit.ts';
import { expectSameUnitary, runPass, stateAfter } from './run-pass.ts';

/** rz takes nothing, sx and x 40 steps, cx 300, a measurement 1000; starts are multiples of 8 steps. */
const TIMED: Target = {
  ...lineTarget(4),
  dtSeconds: 1e-9,
  alignmentDt: 8,
  instructionProperties: [
    { instruction: 'rz', durationSeconds: 0 },
    { instruction: 'sx', durationSeconds: 40e-9 },
    { instruction: 'x', durationSeconds: 40e-9 },
    { instruction: 'cx', durationSeconds: 300e-9 },
    { instruction: 'measure', durationSeconds: 1000e-9 },
    { instruction: 'reset', durationSeconds: 500e-9 },
  ],
};

async function scheduled(circuit: Circuit, policy: 'asap' | 'alap', target = TIMED): Promise<Circuit> {
  const analysed = await stateAfter(policy === 'asap' ? asapSchedule() : alapSchedule(), circuit, target);
  return (await stateAfter(padDelay(), circuit, target, analysed)).circuit;
}

async function decoupled(circuit: Circuit, pass = dynamicalDecoupling(), target = TIMED): Promise<Circuit> {
  const analysed = await stateAfter(alapSchedule(), circuit, target);
  return (await stateAfter(pass, circuit, target, analysed)).circuit;
}

/** `name qubits` or `delay qubits duration`. */
const spell = (instruction: Instruction) =>
  instruction.kind === 'delay'
    ? `delay ${instruction.qubits} ${instruction.duration}${instruction.unit}`
    : `${instruction.kind === 'gate' ? instruction.name : instruction.kind} ${instruction.qubits}`;

describe('scheduleCircuit', () => {
  const circuit = new Circuit(3, 1).sx(0).cx(0, 1).x(2).cx(1, 2).measure(1, 0);

  it('starts as soon and as late as possible, at multiples of the alignment', () => {
    const starts = (policy: 'asap' | 'alap') => [
      ...scheduleCircuit(circuit, TIMED, policy).parts[0]!.startTimes,
    ];
    // 40 + 300 = 340, aligned 344; + 300 = 644, aligned 648.
    expect(starts('asap')).toEqual([0, 40, 0, 344, 648]);
    // Backwards from 1648: cx at 1648 - 1000 - 300 aligned down, and so on.
    const late = starts('alap');
    expect(late[2]).toBe(late[3]! - 40);
    for (const start of late) expect(start % 8).toBe(0);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    expect(scheduleCircuit(circuit, TIMED, 'asap')).toMatchObject({
      unit: 'dt',
      unitSeconds: 1e-9,
      duration: 1648,
    });
  });

  it('counts in seconds where the target has no time step', () => {
    const { dtSeconds: _, alignmentDt: __, ...plain } = TIMED;
    const schedule = scheduleCircuit(circuit, plain, 'asap');
    expect(schedule.unit).toBe('s');
    expect(schedule.duration).toBeCloseTo(1.64e-6, 15);
    expect(schedule.duration).toBeCloseTo(
      estimateResources(circuit, plain).estimatedTimeSeconds!.criticalPath,
      15,
    );
  });

  it('waits for classical bits and barriers, and never overlaps what shares a wire', () => {
    const shared = new Circuit(3, 1).measure(0, 0).measure(1, 0).barrier().x(2);
    expect([...scheduleCircuit(shared, TIMED, 'asap').parts[0]!.startTimes]).toEqual([0, 1000, 2000, 2000]);
    for (let seed = 0; seed < 20; seed++) {
      const random = translateCircuit(randomCircuit(seed, 4, 20), TIMED.basisGates);
      for (const policy of ['asap', 'alap'] as const) {
        const { parts, duration } = scheduleCircuit(random, TIMED, policy);
        for (const part of parts) {
          const ends = new Map<number, number>();
          random.instructions.slice(part.from, part.to).forEach(({ qubits }, i) => {
            for (const qubit of qubits) {
              expect(part.startTimes[i]).toBeGreaterThanOrEqual(ends.get(qubit) ?? 0);
              ends.set(qubit, part.startTimes[i]! + part.durations[i]!);
            }
          });
          expect(Math.max(0, ...ends.values())).toBeLessThanOrEqual(duration);
        }
      }
    }
  });

  it('says which durations are missing', () => {
    expect(() => scheduleCircuit(new Circuit(1).h(0).t(0), TIMED, 'asap')).toThrow(/none of h, t/);
    const { dtSeconds: _, ...plain } = TIMED;
    expect(() => scheduleCircuit(new Circuit(1).delay(3, 'dt', 0), plain, 'asap')).toThrow(/none of dt/);
  });

  it('has nothing to do for nothing', () => {
    expect(scheduleCircuit(new Circuit(0), TIMED, 'alap')).toMatchObject({ parts: [], duration: 0 });
  });
});

describe('padDelay', () => {
  it('fills the time in which qubits in use wait', async () => {
    const circuit = new Circuit(4, 1).x(0).cx(0, 1).measure(1, 0);
    expect((await scheduled(circuit, 'asap')).instructions.map(spell)).toEqual([
      ...['x 0', 'delay 1 40dt', 'cx 0,1', 'delay 1 4dt', 'measure 1', 'delay 0 1004dt'],
    ]);
    expect((await scheduled(circuit, 'alap')).instructions.map(spell).at(-1)).toMatch(/measure|delay/);
  });

  it('keeps the unitary, uses whole steps, fills everything, and a second time changes nothing', async () => {
    for (let seed = 0; seed < 12; seed++) {
      const circuit = translateCircuit(randomCircuit(seed, 4, 15), TIMED.basisGates);
      for (const policy of ['asap', 'alap'] as const) {
        const padded = await scheduled(circuit, policy);
        expectSameUnitary(circuit, padded, 1);
        const { duration } = scheduleCircuit(circuit, TIMED, policy);
        const busy = new Map<number, number>();
        padded.forEach((instruction) => {
          const { parts } = scheduleCircuit(
            new Circuit(4, 0).append(instruction),
            { ...TIMED, alignmentDt: 1 },
            'asap',
          );
          for (const qubit of instruction.qubits)
            busy.set(qubit, (busy.get(qubit) ?? 0) + parts[0]!.duration);
        });
        for (const time of busy.values()) expect(time).toBe(duration);
        const again = await scheduled(padded, 'asap');
        expect(again.gateCounts()).toEqual(padded.gateCounts());
        expect(scheduleCircuit(again, TIMED, 'asap').duration).toBe(duration);
      }
    }
  });

  it('schedules bodies on their own and lets nothing pass control flow', async () => {
    const circuit = new Circuit(2, 1).x(0).measure(0, 0);
    circuit.ifTest({ kind: 'bit', clbit: 0 }, (body) => body.x(0).cx(0, 1)).x(1);
    const padded = await scheduled(circuit, 'asap');
    expect(padded.instructions.map(spell)).toEqual([
      ...['x 0', 'measure 0', 'delay 1 1040dt', 'if 0,1', 'x 1', 'delay 0 40dt'],
    ]);
    const body = padded.instructions[3]!;
    expect(body.kind === 'if' && body.then.instructions.map(spell)).toEqual([
      'x 0',
      'delay 1 40dt',
      'cx 0,1',
    ]);
  });

  it('wants a schedule of the circuit that it has', async () => {
    const circuit = new Circuit(1).x(0);
    await expect(runPass(padDelay(), circuit, TIMED)).rejects.toThrow(/scheduling analysis/);
    const old = await stateAfter(asapSchedule(), circuit, TIMED);
    await expect(
      stateAfter(padDelay(), new Circuit(1).x(0), TIMED, { properties: old.properties }),
    ).rejects.toThrow(/an earlier circuit/);
  });
});

describe('dynamicalDecoupling', () => {
  // Qubit 2 waits 600 steps between its two cx... while 0 and 1 are busy.
  const circuit = new Circuit(3).sx(2).cx(1, 2).cx(0, 1).sx(1).cx(0, 1).cx(1, 2);

  it('puts two x at a quarter and three quarters of a window', async () => {
    const filled = (await decoupled(circuit)).instructions.map(spell);
    const onTwo = filled.filter((text) => / 2( |$)/.test(text) || text.endsWith('1,2'));
    const between = onTwo.slice(onTwo.indexOf('cx 1,2') + 1, onTwo.lastIndexOf('cx 1,2'));
    expect(between.map((text) => text.split(' ')[0])).toEqual(['delay', 'x', 'delay', 'x', 'delay']);
    const [first, second, third] = between
      .filter((text) => text.startsWith('delay'))
      .map((text) => Number(/(\d+)dt/.exec(text)![1])) as [number, number, number];
    // Two cx, an sx and what alignment adds, less the pulses.
    const slack = first + second + third;
    expect(slack).toBeGreaterThanOrEqual(300 + 40 + 300 - 80);
    expect(slack).toBeLessThan(300 + 40 + 300 - 80 + 3 * 8);
    expect(Math.abs(first - slack / 4)).toBeLessThan(8);
    expect(Math.abs(second - slack / 2)).toBeLessThan(16);
  });

  it.each([
    ['X2', dynamicalDecoupling()],
    ['XY4', dynamicalDecoupling({ sequence: 'XY4' })],
    [
      'a sequence of its own',
      dynamicalDecoupling({ sequence: ['sx', 'sx', 'sx', 'sx'], spacing: [0.1, 0.2, 0.4, 0.2, 0.1] }),
    ],
  ])('keeps the unitary, the length and the alignment with %s', async (_, pass) => {
    let pulses = 0;
    for (let seed = 0; seed < 12; seed++) {
      const random = new Random(seed);
      const wide = new Circuit(4);
      for (let i = 0; i < 12; i++) {
        const qubit = random.integer(3);
        wide.sx(qubit).cx(qubit, qubit + 1);
      }
      const filled = await decoupled(wide, pass);
      expectSameUnitary(wide, filled, 1);
      const { duration } = scheduleCircuit(wide, TIMED, 'alap');
      const again = scheduleCircuit(filled, TIMED, 'asap');
      expect(again.duration).toBe(duration);
      again.parts[0]!.startTimes.forEach((start, i) => {
        if (filled.instructions[i]!.kind === 'gate') expect(start % 8).toBe(0);
      });
      pulses += filled.instructionCount - (await scheduled(wide, 'alap')).instructionCount;
    }
    expect(pulses).toBeGreaterThan(20);
  });

  it('leaves alone windows that are too short, before the first instruction, after a reset and at the end', async () => {
    const short = new Circuit(2).cx(0, 1).x(0).cx(0, 1);
    expect((await decoupled(short)).gateCounts()).toMatchObject({ x: 1, cx: 2 });
    const idle = new Circuit(3).cx(0, 1).cx(0, 1).cx(1, 2);
    expect((await decoupled(idle)).gateCounts()).toEqual({ cx: 3, delay: expect.any(Number) });
    const reset = new Circuit(3).x(2).reset(2).cx(0, 1).cx(0, 1).cx(1, 2);
    const analysed = await stateAfter(asapSchedule(), reset, TIMED);
    expect((await stateAfter(dynamicalDecoupling(), reset, TIMED, analysed)).circuit.gateCounts().x).toBe(1);
  });

  it('refuses sequences that change something', () => {
    expect(() => dynamicalDecoupling({ sequence: ['x'] })).toThrow(/the identity together/);
    expect(() => dynamicalDecoupling({ sequence: [] })).toThrow(/the identity together/);
    expect(() => dynamicalDecoupling({ sequence: ['rx', 'rx'] })).toThrow(/without angles/);
    expect(() => dynamicalDecoupling({ sequence: 'X4' as 'X2' })).toThrow(/X2, XY4/);
    expect(() => dynamicalDecoupling({ spacing: [1, 0] })).toThrow(/3 shares >= 0 that add up to 1/);
    expect(() => dynamicalDecoupling({ spacing: [0.5, 0.5, 0.5] })).toThrow(/add up to 1/);
  });
});
