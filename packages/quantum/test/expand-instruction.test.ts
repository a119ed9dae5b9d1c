/** @file Every expansion, multiplied out and compared with the definition of the instruction it replaces. */
import { Random } from '@qedge/core';
import {
  Circuit,
  expandInstruction,
  GATE_NAMES,
  gateDefinition,
  gateMatrix,
  type Instruction,
  parameter,
  type UnitaryKind,
} from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  controlledMatrix,
  type Dense,
  embed,
  exponentialOfPauli,
  largestDifference,
  multiply,
  randomUnitary,
} from './dense-matrix.ts';

const ELEMENTARY = new Set(
  'x y z h s sdg t tdg sx sxdg p rx ry rz u cx cz cp rzz swap mcp global_phase'.split(' '),
);

/** Multiplies out elementary instructions by definitions written out here, and checks that they are elementary. */
function matrixOfElementary(instructions: readonly Instruction[], qubitCount: number): Dense {
  let product = embed(Float64Array.of(1, 0), [], qubitCount);
  for (const instruction of instructions) {
    const { qubits } = instruction;
    let matrix: Float64Array;
    if (instruction.kind === 'gate') {
      expect(ELEMENTARY).toContain(instruction.name);
      matrix = gateMatrix(instruction.name, instruction.parameters as number[], qubits.length);
    } else if (instruction.kind === 'unitary') {
      expect([1, 2]).toContain(qubits.length);
      matrix = instruction.matrix;
    } else if (instruction.kind === 'diagonal') matrix = diagonalMatrix(instruction.phases);
    else throw new Error(`${instruction.kind} is not elementary`);
    product = multiply(embed(matrix, qubits, qubitCount), product);
  }
  return product;
}

function diagonalMatrix(phases: Float64Array): Float64Array {
  const size = phases.length;
  const matrix = new Float64Array(2 * size * size);
  phases.forEach((phase, i) => {
    matrix[2 * (i * size + i)] = Math.cos(phase);
    matrix[2 * (i * size + i) + 1] = Math.sin(phase);
  });
  return matrix;
}

/** Expands on scattered qubits of a larger register, and returns the largest deviation. */
function deviation(instruction: UnitaryKind, definition: Float64Array, qubitCount: number): number {
  const expanded = expandInstruction(instruction) ?? [instruction];
  return largestDifference(
    matrixOfElementary(expanded, qubitCount),
    embed(definition, instruction.qubits, qubitCount),
  );
}

const pick = (random: Random, count: number, of: number) =>
  random.shuffle(Array.from({ length: of }, (_, i) => i)).slice(0, count);

describe('expandInstruction', () => {
  it.each(GATE_NAMES)('makes %s of elementary gates, global phase included', (name) => {
    const random = new Random(7);
    const { qubitCount, parameterCount, variadic } = gateDefinition(name);
    for (const extra of variadic ? [0, 1, 3] : [0]) {
      const count = qubitCount + extra;
      const angles = Array.from({ length: parameterCount }, () => (random.uniform() - 0.5) * 12);
      const instruction = {
        kind: 'gate',
        name,
        qubits: pick(random, count, count + 1),
        parameters: angles,
      } as const;
      expect(deviation(instruction, gateMatrix(name, angles, count), count + 1)).toBeLessThan(1e-14);
      if (expandInstruction(instruction) === null) expect(ELEMENTARY).toContain(name);
    }
  });

  it('keeps free parameters, with the same structure for every value', () => {
    const names = ['a', 'b', 'c', 'd'];
    const values = { a: 0.7, b: -1.9, c: 2.5, d: 0.3 };
    for (const name of GATE_NAMES) {
      const { qubitCount, parameterCount } = gateDefinition(name);
      const qubits = Array.from({ length: qubitCount }, (_, i) => i);
      const free = names.slice(0, parameterCount).map((letter) => parameter(letter));
      const bound = names.slice(0, parameterCount).map((letter) => values[letter as 'a']);
      const expanded = expandInstruction({ kind: 'gate', name, qubits, parameters: free });
      if (expanded === null) continue;
      const circuit = new Circuit(qubitCount);
      for (const simpler of expanded) circuit.append(simpler);
      const used = Object.fromEntries(
        circuit.parameterNames.map((letter) => [letter, values[letter as 'a']]),
      );
      const direct = expandInstruction({ kind: 'gate', name, qubits, parameters: bound })!;
      expect(circuit.bind(used).instructions.map(({ kind }) => kind)).toEqual(direct.map(({ kind }) => kind));
      expect(
        largestDifference(
          matrixOfElementary(circuit.bind(used).instructions, qubitCount),
          embed(gateMatrix(name, bound), qubits, qubitCount),
        ),
      ).toBeLessThan(1e-14);
    }
  });

  it('splits random unitaries on up to five qubits', () => {
    for (const [count, tolerance] of [
      [0, 1e-15],
      [1, 1e-15],
      [2, 1e-15],
      [3, 1e-13],
      [4, 1e-13],
      [5, 3e-13],
    ] as const) {
      const random = new Random(count);
      const matrix = randomUnitary(random, 2 ** count);
      const instruction = { kind: 'unitary', qubits: pick(random, count, 5), matrix } as const;
      expect(deviation(instruction, matrix, 5), `${count} qubits`).toBeLessThan(tolerance);
    }
  });

  it('splits structured unitaries: products, permutations, diagonals, the identity, nearly degenerate ones', () => {
    const product = new Circuit(4).h(0).cx(0, 3).t(2).cswap(1, 2, 3).ecr(0, 1).y(2);
    // Pairs of equal eigenvalues, with rounding beside them.
    const equalPairs = new Circuit(4).h(0).cx(0, 1).rzz(0.3, 1, 2).ry(0.2, 0).cx(0, 2).cx(2, 3).ry(1, 3);
    const nearly = new Circuit(3).rx(1e-9, 0).crx(1e-8, 0, 2).ry(1e-12, 1).cp(1e-10, 1, 2);
    const matrices = [
      new Circuit(3).toMatrix(),
      product.toMatrix(),
      equalPairs.toMatrix(),
      nearly.toMatrix(),
      new Circuit(4).permute([3, 1, 0, 2], [0, 1, 2, 3]).toMatrix(),
      new Circuit(3).ccz(0, 1, 2).t(0).s(2).toMatrix(),
      new Circuit(3).ccx(0, 1, 2).toMatrix(),
      new Circuit(3).x(0).x(1).x(2).toMatrix(),
      cyclicShift(8),
      cyclicShift(16),
      fourierMatrix(8),
    ];
    for (const matrix of matrices) {
      const count = Math.log2(Math.sqrt(matrix.length / 2));
      const qubits = Array.from({ length: count }, (_, i) => i);
      const instruction = { kind: 'unitary', qubits, matrix } as const;
      expect(deviation(instruction, matrix, count)).toBeLessThan(1e-13);
    }
  });

  it('makes permutations of swaps', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 5 }), (seed, count) => {
        const random = new Random(seed);
        const permutation = pick(random, count, count);
        const size = 2 ** count;
        const definition = new Float64Array(2 * size * size);
        for (let from = 0; from < size; from++) {
          let to = 0;
          permutation.forEach((place, i) => {
            if ((from >> i) & 1) to |= 1 << place;
          });
          definition[2 * (to * size + from)] = 1;
        }
        const qubits = pick(random, count, 5);
        expect(deviation({ kind: 'permutation', qubits, permutation }, definition, 5)).toBe(0);
      }),
      { seed: 2, numRuns: 40 },
    );
  });

  it('evolves Pauli strings term after term', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.stringMatching(/^[IXYZ]{4}$/), fc.double({ min: -2, max: 2, noNaN: true })), {
          maxLength: 4,
        }),
        fc.double({ min: -3, max: 3, noNaN: true }),
        (terms, time) => {
          const qubits = [4, 0, 3, 1];
          let definition: Dense = embed(Float64Array.of(1, 0), [], 4);
          for (const [string, coefficient] of terms) {
            definition = multiply(exponentialOfPauli(string, -time * coefficient), definition);
          }
          const flat = Float64Array.from(definition.flat(2));
          expect(deviation({ kind: 'pauli-evolution', qubits, terms, time }, flat, 5)).toBeLessThan(1e-13);
        },
      ),
      { seed: 3, numRuns: 40 },
    );
  });

  it('puts controls of any state on any instruction', () => {
    const random = new Random(5);
    const bodies: ((qubits: number[]) => UnitaryKind)[] = [
      ...GATE_NAMES.filter((name) => gateDefinition(name).qubitCount <= 4).map(
        (name) => (qubits: number[]) =>
          ({
            kind: 'gate',
            name,
            qubits: qubits.slice(0, gateDefinition(name).qubitCount),
            parameters: Array.from(
              { length: gateDefinition(name).parameterCount },
              () => random.normal() * 3,
            ),
          }) as const,
      ),
      (qubits) => ({ kind: 'unitary', qubits: qubits.slice(0, 1), matrix: randomUnitary(random, 2) }),
      (qubits) => ({ kind: 'unitary', qubits: qubits.slice(0, 2), matrix: randomUnitary(random, 4) }),
      (qubits) => ({ kind: 'unitary', qubits: qubits.slice(0, 3), matrix: randomUnitary(random, 8) }),
      (qubits) => ({
        kind: 'diagonal',
        qubits: qubits.slice(0, 2),
        phases: Float64Array.from({ length: 4 }, () => random.normal()),
      }),
      (qubits) => ({ kind: 'permutation', qubits: qubits.slice(0, 3), permutation: [1, 2, 0] }),
      (qubits) => ({
        kind: 'pauli-evolution',
        qubits: qubits.slice(0, 3),
        terms: [
          ['XYZ', 0.4],
          ['III', -0.3],
          ['YIX', 1.2],
        ],
        time: 0.8,
      }),
    ];
    for (const make of bodies) {
      for (const controlCount of [1, 2]) {
        const places = pick(random, 5, 5);
        const controls = places.slice(0, controlCount);
        const body = make(places.slice(controlCount));
        if (body.kind === 'gate' && body.qubits.length < gateDefinition(body.name).qubitCount) continue;
        const controlState = controls.map(() => random.integer(2) as 0 | 1);
        const instruction: UnitaryKind = {
          kind: 'controlled',
          qubits: [...controls, ...body.qubits],
          controls,
          controlState,
          body,
        };
        const own = matrixOfElementary(expandInstruction(body) ?? [body], 5);
        const expanded = expandInstruction(instruction)!;
        const expected = controlledMatrix(own, controls, controlState);
        expect(
          largestDifference(matrixOfElementary(expanded, 5), expected),
          JSON.stringify(body),
        ).toBeLessThan(1e-12);
      }
    }
  });

  it('controls tables with many controls by single phases', () => {
    const phases = Float64Array.of(0.1, -0.7, 1.3, 2.9);
    const controls = Array.from({ length: 11 }, (_, i) => i + 2);
    const qubits = [...controls, 0, 1];
    const expanded = expandInstruction({
      kind: 'controlled',
      qubits,
      controls,
      controlState: controls.map(() => 1),
      body: { kind: 'diagonal', qubits: [0, 1], phases },
    })!;
    for (const bits of [0, 1, 2, 3]) {
      let phase = 0;
      for (const step of expanded) {
        if (step.kind !== 'gate') throw new Error('a gate was expected');
        const isOn = step.qubits.every((qubit) => qubit >= 2 || (bits >> qubit) & 1);
        if (isOn) phase += step.parameters[0] as number;
      }
      expect(phase).toBeCloseTo(phases[bits]!, 12);
    }
  });

  it('initialises by resets and a preparation', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 4 }), (seed, count) => {
        const random = new Random(seed);
        const amplitudes = randomUnitary(random, 2 ** count).slice(0, 2 * 2 ** count);
        // Some amplitudes vanish.
        if (seed % 3 === 0) amplitudes.fill(0).set([0, 1], 2 * random.integer(2 ** count));
        const qubits = pick(random, count, count);
        const expanded = expandInstruction({ kind: 'initialize', qubits, amplitudes })!;
        const resets = expanded.filter(({ kind }) => kind === 'reset');
        expect(resets.map((reset) => reset.qubits[0])).toEqual(qubits);
        const matrix = matrixOfElementary(expanded.slice(count), count);
        for (let local = 0; local < 2 ** count; local++) {
          const index = qubits.reduce((bits, qubit, i) => bits | (((local >> i) & 1) << qubit), 0);
          expect(matrix[index]![0]![0]).toBeCloseTo(amplitudes[2 * local]!, 12);
          expect(matrix[index]![0]![1]).toBeCloseTo(amplitudes[2 * local + 1]!, 12);
        }
      }),
      { seed: 4, numRuns: 30 },
    );
  });

  it('leaves alone what is elementary or not unitary', () => {
    expect(expandInstruction({ kind: 'gate', name: 'h', qubits: [0], parameters: [] })).toBeNull();
    expect(expandInstruction({ kind: 'diagonal', qubits: [0], phases: Float64Array.of(0, 1) })).toBeNull();
    expect(expandInstruction({ kind: 'measure', qubits: [0], clbit: 0 })).toBeNull();
    expect(expandInstruction({ kind: 'barrier', qubits: [0] })).toBeNull();
  });
});

/** `|i> -> |i + 1>`: all eigenvalues differ, and every entry on the diagonal is 0. */
function cyclicShift(size: number): Float64Array {
  const matrix = new Float64Array(2 * size * size);
  for (let i = 0; i < size; i++) matrix[2 * (((i + 1) % size) * size + i)] = 1;
  return matrix;
}

/** Its eigenvalues are the four roots of 1, each several times. */
function fourierMatrix(size: number): Float64Array {
  const matrix = new Float64Array(2 * size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const angle = (2 * Math.PI * row * column) / size;
      matrix[2 * (row * size + column)] = Math.cos(angle) / Math.sqrt(size);
      matrix[2 * (row * size + column) + 1] = Math.sin(angle) / Math.sqrt(size);
    }
  }
  return matrix;
}
