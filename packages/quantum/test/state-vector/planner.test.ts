import { CapabilityUnavailableError, InvalidArgumentError, Random } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { UnitaryKind } from '../../src/circuit/instruction.ts';
import { parameter } from '../../src/circuit/parameter.ts';
import { lowerCircuit } from '../../src/state-vector/lowering/lower-circuit.ts';
import {
  type LoweredCircuit,
  type LoweredOperations,
  OperationKind,
} from '../../src/state-vector/lowering/lowered-circuit.ts';
import { planSweeps } from '../../src/state-vector/planner/plan-sweeps.ts';
import type { SweepShape } from '../../src/state-vector/vector-program.ts';
import { simulatePlainly } from './plain-simulator.ts';
import { createPlainState, interpretProgram, type PlainState } from './program-interpreter.ts';
import { PARAMETER_VALUES, randomInstructions, randomUnitary } from './random-instructions.ts';
import { largestDifference, layoutFor, readFrame, runPlan } from './run-plan.ts';

/** A hundred operations round a few times each to 2^-53 of amplitudes below 1; some ten times of that seen at worst. */
const TOLERANCE = 1e-13;

const shapes = fc
  .record({
    laneQubits: fc.integer({ min: 2, max: 4 }),
    blockQubits: fc.integer({ min: 2, max: 3 }),
    moreLow: fc.integer({ min: 0, max: 2 }),
    moreTile: fc.integer({ min: 0, max: 5 }),
    tableQubits: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ laneQubits, blockQubits, moreLow, moreTile, tableQubits }): SweepShape => {
    const lowQubits = laneQubits + moreLow;
    const tileQubits = Math.max(lowQubits, laneQubits + blockQubits) + moreTile;
    return { laneQubits, blockQubits, lowQubits, tileQubits, tableQubits };
  });

const IDENTITY = Float64Array.from({ length: 32 }, (_, i) => (i % 10 === 0 ? 1 : 0));

const gate = (name: string, qubits: number[], parameters: number[] = []) =>
  ({ kind: 'gate', name, qubits, parameters }) as unknown as UnitaryKind;

describe('planSweeps', () => {
  test('gives the amplitudes of any circuit, for any shape', () => {
    fc.assert(
      fc.property(
        shapes,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 60 }),
        fc.nat(),
        (shape, qubitCount, length, seed) => {
          const instructions = randomInstructions(seed, qubitCount, length);
          const planned = runPlan(instructions, qubitCount, shape, PARAMETER_VALUES, seed % 2 === 0);
          const plain = simulatePlainly(instructions, qubitCount, PARAMETER_VALUES);
          expect(largestDifference(planned, plain)).toBeLessThan(TOLERANCE);
        },
      ),
      { seed: 6, numRuns: process.env.QEDGE_FULL === '1' ? 4000 : 400 },
    );
  });

  test('gives the amplitudes of rotations about X among signs, flips, phases and other rotations', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 2, max: 8 }), fc.nat(), (shape, qubitCount, seed) => {
        const instructions = randomRotationsAboutX(seed, qubitCount, 50);
        const planned = runPlan(instructions, qubitCount, shape, {}, seed % 2 === 0);
        expect(largestDifference(planned, simulatePlainly(instructions, qubitCount))).toBeLessThan(TOLERANCE);
      }),
      { seed: 10, numRuns: process.env.QEDGE_FULL === '1' ? 2000 : 150 },
    );
  });

  test('turns runs about X alone in one operation each, without phases', () => {
    const run = (q: number) => [
      gate('rx', [q], [0.3]),
      gate('x', [q]),
      gate('sx', [q]),
      gate('rx', [q], [4]),
      gate('sxdg', [q]),
    ];
    const layer = [0, 1, 2, 3, 4, 5].flatMap(run);
    const pairs = [0, 1, 2, 3, 4].map((q) => gate('cz', [q, q + 1]));
    const { operations } = lowerCircuit([...layer, ...pairs, ...layer], 6);
    expect([...operations.kinds].filter((kind) => kind === OperationKind.rotationX)).toHaveLength(12);
    // Nothing else but what is left at the end: the CZ and a sign on each qubit.
    expect(operations.count).toBe(12 + 5 + 6);
    const mixed = lowerCircuit([gate('rx', [0], [1]), gate('ry', [0], [1])], 1).operations;
    expect([...mixed.kinds]).not.toContain(OperationKind.rotationX);
  });

  test('begins with a product state where all starts from |0...0>, and executes nothing on basis states', () => {
    const lower = (...instructions: UnitaryKind[]) => lowerCircuit(instructions, 4, { startsAtZero: true });
    const product = lower(...[0, 1, 2, 3].map((q) => gate('u', [q], [1, 2, 3])));
    expect([product.sets, product.operations.count]).toEqual([true, 0]);
    const few = lower(gate('h', [0]), gate('h', [1]), gate('cx', [2, 3]));
    expect([few.sets, few.operations.count]).toEqual([true, 0]);
    const known = lower(gate('x', [0]), gate('rzz', [0, 1], [1]), gate('cx', [0, 1]), gate('cz', [1, 2]));
    expect([known.sets, known.operations.count]).toEqual([false, 0]);
    // What acts on other qubits besides is executed; a sign is left at the end.
    const controlled = lower(gate('h', [1]), gate('x', [0]), gate('cp', [0, 1], [1]), gate('ry', [0], [1]));
    const { phase, rotationY, rotationX } = OperationKind;
    expect([...controlled.operations.kinds]).toEqual([phase, rotationY, phase]);
    // An angle decides nothing.
    const rotated = lower(
      gate('rx', [0], [0]),
      gate('h', [1]),
      gate('cp', [0, 1], [1]),
      gate('rx', [0], [1]),
    );
    expect([...rotated.operations.kinds]).toEqual([phase, rotationX]);
    // Matrices take the runs before them in.
    const matrix = lower(gate('h', [0]), { kind: 'unitary', qubits: [0, 1], matrix: IDENTITY });
    expect([matrix.sets, matrix.operations.count]).toEqual([false, 1]);
  });

  test('prepares what a matrix makes of two qubits in |0> or |1> by one rotation each and a sign', () => {
    const random = new Random(31);
    const shape = { laneQubits: 2, blockQubits: 2, tileQubits: 4, lowQubits: 2, tableQubits: 2 };
    const [swap, bell] = [new Float64Array(32), new Float64Array(32)];
    for (let column = 0; column < 4; column++) {
      const [a, b] = [column & 1, column >> 1];
      swap[2 * (4 * (b + 2 * a) + column)] = 1;
      // Both eigenvalues of each qubit's density matrix are 1/2.
      for (const bit of [0, 1])
        bell[2 * (4 * (bit + 2 * (bit ^ b)) + column)] = a * bit === 1 ? -Math.SQRT1_2 : Math.SQRT1_2;
    }
    const matrices = [IDENTITY, swap, bell, ...Array.from({ length: 20 }, () => randomUnitary(random, 2))];
    for (const matrix of matrices) {
      for (const ones of [[], [1], [0], [2, 1]]) {
        const instructions: UnitaryKind[] = [
          ...ones.map((qubit) => gate('x', [qubit])),
          { kind: 'unitary', qubits: [2, 0], matrix },
          { kind: 'unitary', qubits: [1, 3], matrix },
          gate('ry', [0], [0.4]),
          { kind: 'unitary', qubits: [0, 1], matrix },
        ];
        const planned = runPlan(instructions, 4, shape, {}, true);
        expect(largestDifference(planned, simulatePlainly(instructions, 4))).toBeLessThan(TOLERANCE);
      }
    }
    const pair = lowerCircuit([{ kind: 'unitary', qubits: [0, 1], matrix: matrices[5]! }], 2, {
      startsAtZero: true,
    });
    const rotations = [...pair.operations.kinds].filter((kind) => kind === OperationKind.rotationY);
    expect([pair.sets, rotations.length]).toEqual([true, 2]);
    expect([...pair.operations.kinds]).not.toContain(OperationKind.matrix);
  });

  test('gives the amplitudes of larger circuits, whose tiles are scattered', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 10, max: 12 }), fc.nat(), (shape, qubitCount, seed) => {
        const instructions = randomInstructions(seed, qubitCount, 80);
        const planned = runPlan(instructions, qubitCount, shape, PARAMETER_VALUES, seed % 2 === 0);
        const plain = simulatePlainly(instructions, qubitCount, PARAMETER_VALUES);
        expect(largestDifference(planned, plain)).toBeLessThan(TOLERANCE);
      }),
      { seed: 7, numRuns: process.env.QEDGE_FULL === '1' ? 60 : 8 },
    );
  });

  test('executes every operation once, in an order that commutes with that of the circuit', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 2, max: 32 }), fc.nat(), (shape, qubitCount, seed) => {
        const lowered = lowerCircuit(randomInstructions(seed, qubitCount, 60), qubitCount);
        expectOrder(lowered, shape);
      }),
      { seed: 8, numRuns: 60 },
    );
  });

  test('plans deep circuits piece by piece, in time that grows with their length', () => {
    const shape = { laneQubits: 3, blockQubits: 2, lowQubits: 4, tileQubits: 8, tableQubits: 3 };
    const lowered = lowerCircuit(brickworkCircuit(11, 150), 11);
    expect(lowered.operations.count).toBeGreaterThan(3000);
    expectOrder(lowered, shape);
    const planned = runPlan(brickworkCircuit(6, 200), 6, shape);
    expect(largestDifference(planned, simulatePlainly(brickworkCircuit(6, 200), 6))).toBeLessThan(TOLERANCE);
  });

  test('depends on nothing but structure: other parameters, the same program', () => {
    const shape = { laneQubits: 2, blockQubits: 2, lowQubits: 3, tileQubits: 5, tableQubits: 2 };
    const circuit = (angle: number) => [
      ...[0, 1, 2, 3, 4, 5].flatMap((q) => [gate('ry', [q], [angle]), gate('rz', [q], [2 * angle])]),
      ...[0, 1, 2, 3, 4].flatMap((q) => [gate('cx', [q, q + 1]), gate('u', [q], [angle, angle, angle])]),
      ...[0, 1, 2, 3, 4].map((q) => gate('cp', [q, q + 1], [angle])),
    ];
    const programOf = (angle: number) =>
      planSweeps(lowerCircuit(circuit(angle), 6), layoutFor(6, shape), shape).program;
    for (const angle of [0, Math.PI / 2, Math.PI, 1.234, -7])
      expect(programOf(angle)).toEqual(programOf(0.5));
  });

  test('goes on with a state that an earlier program left, flips and names included', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 7 }), fc.nat(), (shape, qubitCount, seed) => {
        const parts = [0, 1, 2].map((part) => randomInstructions(seed + part, qubitCount, 12));
        const state = runInParts(parts, qubitCount, shape);
        const plain = simulatePlainly(parts.flat(), qubitCount, PARAMETER_VALUES);
        expect(largestDifference(state, plain)).toBeLessThan(TOLERANCE);
      }),
      { seed: 9, numRuns: 100 },
    );
  });

  test('keeps tables of float32 in range through 10,000 rotations by a right angle', () => {
    const shape = { laneQubits: 2, blockQubits: 2, lowQubits: 2, tileQubits: 6, tableQubits: 2 };
    const qubitCount = 4;
    const instructions: UnitaryKind[] = [];
    for (let i = 0; i < 10_000; i++) {
      instructions.push(gate('ry', [i % qubitCount], [Math.PI / 2]), gate('cz', [i % 4, (i + 1) % 4]));
      if (i % 3 === 0) instructions.push(gate('rz', [i % qubitCount], [Math.PI / 2]));
    }
    const lowered = lowerCircuit(instructions, qubitCount);
    const layout = layoutFor(qubitCount, shape);
    const plan = planSweeps(lowered, layout, shape);
    const tables = new Float32Array(plan.program.tableLength);
    const frame = plan.bind([], tables);
    expect(tables.every((number) => Math.abs(number) <= 1)).toBe(true);
    const stored = { real: new Float32Array(16), imaginary: new Float32Array(16) };
    stored.real[0] = 1;
    interpretProgram(plan.program, tables, stored as unknown as PlainState);
    const planned = readFrame(frame, stored as unknown as PlainState, qubitCount);
    // Each of 13,333 operations rounds twice to 2^-24; errors add up like a random walk, the bound is a wide one.
    expect(largestDifference(planned, simulatePlainly(instructions, qubitCount))).toBeLessThan(1e-4);
  });

  test('leaves idle qubits out and refuses what it cannot place', () => {
    const shape = { laneQubits: 2, blockQubits: 2, lowQubits: 2, tileQubits: 6, tableQubits: 2 };
    const lowered = lowerCircuit([gate('h', [40]), gate('cx', [40, 7])], 50);
    expect([...lowered.activeQubits]).toEqual([7, 40]);
    const plan = planSweeps(lowered, layoutFor(2, shape), shape);
    expect(plan.finalQubits[7]).toBe(0);
    expect(plan.finalQubits[40]).toBe(1);
    expect(plan.finalQubits[8]).toBe(-1);
    const narrow = { ...layoutFor(2, shape), qubitCount: 1 };
    expect(() => planSweeps(lowered, narrow, shape)).toThrow(InvalidArgumentError);
    const nowhere = new Int32Array(50).fill(-1);
    expect(() => planSweeps(lowered, layoutFor(2, shape), shape, { initialQubits: nowhere })).toThrow(
      InvalidArgumentError,
    );
    const wide = Array.from({ length: 33 }, (_, qubit) => gate('h', [qubit]));
    expect(() => lowerCircuit(wide, 33)).toThrow(CapabilityUnavailableError);
    const symbolic: UnitaryKind = { kind: 'gate', name: 'ry', qubits: [0], parameters: [parameter('t')] };
    const bound = planSweeps(lowerCircuit([symbolic], 1), layoutFor(1, shape), shape);
    const tables = new Float64Array(bound.program.tableLength);
    expect(() => bound.bind([], tables)).toThrow(InvalidArgumentError);
    expect(() => bound.bind([1], tables.subarray(1))).toThrow(InvalidArgumentError);
    expect(() => lowerCircuit([{ kind: 'reset', qubits: [0] }], 1)).toThrow(InvalidArgumentError);
  });

  test('plans brickwork and the Fourier transform in as few instructions and sweeps as measured best', () => {
    const shape = { laneQubits: 4, blockQubits: 3, lowQubits: 7, tileQubits: 16, tableQubits: 3 };
    const plan = (instructions: UnitaryKind[]) =>
      planSweeps(lowerCircuit(instructions, 24), layoutFor(24, shape), shape).statistics;
    const brickwork = plan(brickworkCircuit(24, 20));
    expect(brickwork.sweeps).toBeLessThanOrEqual(8);
    expect(brickwork.instructionsPerVector).toBeLessThanOrEqual(1474);
    const fourier = plan(fourierCircuit(24));
    expect(fourier.sweeps).toBe(2);
    expect(fourier.instructionsPerVector).toBeLessThanOrEqual(144);
  });
});

function randomRotationsAboutX(seed: number, qubitCount: number, length: number): UnitaryKind[] {
  const random = new Random(seed);
  const angle = () =>
    random.integer(3) === 0 ? (random.integer(17) - 8) * (Math.PI / 4) : 9 * random.uniform() - 4;
  const names = ['rx', 'rx', 'rx', 'x', 'sx', 'sxdg', 'z', 'h', 'ry', 'rz', 'cz', 'cz', 'rzz', 'cx', 'rxx'];
  return Array.from({ length }, () => {
    const name = names[random.integer(names.length)]!;
    const first = random.integer(qubitCount);
    const second = (first + 1 + random.integer(qubitCount - 1)) % qubitCount;
    const angles = name.startsWith('r') ? [angle()] : [];
    return gate(name, ['cz', 'rzz', 'cx', 'rxx'].includes(name) ? [first, second] : [first], angles);
  });
}

function brickworkCircuit(qubitCount: number, depth: number): UnitaryKind[] {
  const random = new Random(1);
  const angle = () => 6 * random.uniform();
  return Array.from({ length: depth }, (_, layer) => [
    ...Array.from({ length: qubitCount }, (_, q) => gate('u', [q], [angle(), angle(), angle()])),
    ...Array.from({ length: (qubitCount - (layer % 2)) >> 1 }, (_, i) =>
      gate('cx', [2 * i + (layer % 2), 2 * i + (layer % 2) + 1]),
    ),
  ]).flat();
}

function fourierCircuit(qubitCount: number): UnitaryKind[] {
  const instructions: UnitaryKind[] = [];
  for (let i = qubitCount - 1; i >= 0; i--) {
    instructions.push(gate('h', [i]));
    for (let j = i - 1; j >= 0; j--) instructions.push(gate('cp', [j, i], [Math.PI / 2 ** (i - j)]));
  }
  for (let i = 0; i < qubitCount >> 1; i++) instructions.push(gate('swap', [i, qubitCount - 1 - i]));
  return instructions;
}

/** Every operation is planned once; where two changed places they commute. */
function expectOrder(lowered: LoweredCircuit, shape: SweepShape): void {
  const order: number[] = [];
  planSweeps(lowered, layoutFor(lowered.activeQubits.length, shape), shape, {
    onPlanned: (operation) => order.push(operation),
  });
  expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: order.length }, (_, i) => i));
  expect(order.length).toBe(lowered.operations.count);
  let wrong = 0;
  for (let later = 0; later < order.length; later++) {
    for (let sooner = 0; sooner < later; sooner++) {
      if (order[sooner]! > order[later]! && !commute(lowered.operations, order[sooner]!, order[later]!))
        wrong++;
    }
  }
  expect(wrong).toBe(0);
}

/** Diagonal operations commute, a rotation with all that does not act on its qubit but as a control. */
function commute(operations: LoweredOperations, a: number, b: number): boolean {
  const { kinds, masks, controls } = operations;
  const { rotationX, rotationY, matrix } = OperationKind;
  const diagonal = (kind: number) => kind !== rotationX && kind !== rotationY && kind !== matrix;
  if (diagonal(kinds[a]!) && diagonal(kinds[b]!)) return true;
  if ((masks[a]! & masks[b]!) !== 0) return false;
  const changed = (operation: number) => (diagonal(kinds[operation]!) ? 0 : masks[operation]!);
  return (changed(a) & controls[b]!) === 0 && (changed(b) & controls[a]!) === 0;
}

function runInParts(parts: UnitaryKind[][], qubitCount: number, shape: SweepShape): PlainState {
  const layout = layoutFor(qubitCount, shape);
  const stored = createPlainState(layout.qubitCount);
  let frame = {
    qubits: Int32Array.from({ length: qubitCount }, (_, qubit) => qubit),
    flips: new Uint8Array(layout.qubitCount),
    phase: 0,
  };
  for (const part of parts) {
    const lowered = lowerCircuit(part, qubitCount, { continues: true });
    const plan = planSweeps(lowered, layout, shape, { initialQubits: frame.qubits });
    const tables = new Float64Array(plan.program.tableLength);
    const values = lowered.parameterNames.map(
      (name) => PARAMETER_VALUES[name as keyof typeof PARAMETER_VALUES],
    );
    frame = plan.bind(values, tables, frame) as typeof frame;
    interpretProgram(plan.program, tables, stored);
  }
  return readFrame(frame, stored, qubitCount);
}
