import { readFileSync } from 'node:fs';
import { Circuit, GATE_NAMES, gateDefinition, gateMatrix, isGateName } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { denseState } from './dense-reference.ts';

/** Interleaved complex matrix product. */
function multiply(a: Float64Array, b: Float64Array): Float64Array {
  const size = Math.sqrt(a.length / 2);
  const out = new Float64Array(a.length);
  for (let r = 0; r < size; r++)
    for (let c = 0; c < size; c++)
      for (let k = 0; k < size; k++) {
        const [x, y] = [2 * (r * size + k), 2 * (k * size + c)];
        out[2 * (r * size + c)]! += a[x]! * b[y]! - a[x + 1]! * b[y + 1]!;
        out[2 * (r * size + c) + 1]! += a[x]! * b[y + 1]! + a[x + 1]! * b[y]!;
      }
  return out;
}

function adjoint(a: Float64Array): Float64Array {
  const size = Math.sqrt(a.length / 2);
  const out = new Float64Array(a.length);
  for (let r = 0; r < size; r++)
    for (let c = 0; c < size; c++) {
      out[2 * (r * size + c)] = a[2 * (c * size + r)]!;
      out[2 * (r * size + c) + 1] = -a[2 * (c * size + r) + 1]!;
    }
  return out;
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-14): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++)
    expect(Math.abs(actual[i]! - expected[i]!)).toBeLessThanOrEqual(tolerance);
}

/** Interleaved, row-major, as textbooks print them. */
const PAULI: Readonly<Record<string, readonly number[]>> = {
  X: [0, 0, 1, 0, 1, 0, 0, 0],
  Y: [0, 0, 0, -1, 0, 1, 0, 0],
  Z: [1, 0, 0, 0, 0, 0, -1, 0],
};

/** `exp(i factor P)` for a Pauli string on one qubit, or on two with the first one least significant, by its power series. */
function exponential(letters: readonly string[], factor: number): Float64Array {
  const size = 2 ** letters.length;
  const generator = new Float64Array(2 * size * size);
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++) {
      let [re, im] = [1, 0];
      letters.forEach((letter, qubit) => {
        const at = 2 * (2 * ((row >> qubit) & 1) + ((column >> qubit) & 1));
        const [a, b] = [PAULI[letter]![at]!, PAULI[letter]![at + 1]!];
        [re, im] = [re * a - im * b, re * b + im * a];
      });
      // i factor (re + i im)
      generator[2 * (row * size + column)] = -factor * im;
      generator[2 * (row * size + column) + 1] = factor * re;
    }
  let term = Float64Array.from(generator, (_, i) => (i % (2 * size + 2) === 0 ? 1 : 0));
  const sum = term.slice();
  for (let order = 1; order <= 40; order++) {
    term = multiply(term, generator).map((value) => value / order);
    for (let i = 0; i < sum.length; i++) sum[i]! += term[i]!;
  }
  return sum;
}

const ANGLES = [0.7, -1.3, 2.1, 0.4];
const angles = (name: string) => ANGLES.slice(0, gateDefinition(name).parameterCount);

describe.each(GATE_NAMES)('gate %s', (name) => {
  const gate = gateDefinition(name);

  it('is unitary', () => {
    const matrix = gateMatrix(name, angles(name));
    const identity = multiply(adjoint(matrix), matrix);
    const size = 2 ** gate.qubitCount;
    expectClose(
      identity,
      Float64Array.from({ length: identity.length }, (_, i) => (i % (2 * size + 2) === 0 ? 1 : 0)),
    );
  });

  it('is undone by its inverse', () => {
    const qubits = Array.from({ length: gate.qubitCount }, (_, i) => i);
    const entangled = new Circuit(gate.qubitCount);
    for (const q of qubits) entangled.u(0.3 + q, 0.5 * q, 1.1, q);
    const there = new Circuit(gate.qubitCount).gate(name, qubits, angles(name));
    const back = entangled.compose(there).compose(there.inverse());
    expectClose(denseState(back).flat(), denseState(entangled).flat());
  });

  it('has the derivative that differences give', () => {
    for (let index = 0; index < gate.parameterCount; index++) {
      const step = 1e-5;
      const shifted = (by: number) => gate.matrix(angles(name).map((a, i) => (i === index ? a + by : a)));
      const plus = shifted(step);
      const minus = shifted(-step);
      const difference = plus.map((value, i) => (value - minus[i]!) / (2 * step));
      // A central difference with step h is wrong by about h^2 / 6 plus rounding of 1e-16 / h.
      expectClose(gate.derivative(angles(name), index), difference, 1e-9);
    }
  });

  it('states its traits truly', () => {
    const matrix = gateMatrix(name, angles(name));
    const size = 2 ** gate.qubitCount;
    let offDiagonal = 0;
    matrix.forEach((value, i) => {
      const entry = i >> 1;
      if (Math.floor(entry / size) !== entry % size) offDiagonal = Math.max(offDiagonal, Math.abs(value));
    });
    expect(gate.diagonal).toBe(offDiagonal < 1e-12);
    const square = multiply(matrix, matrix);
    const isIdentity = square.every((v, i) => Math.abs(v - (i % (2 * size + 2) === 0 ? 1 : 0)) < 1e-12);
    // The identity gate squares to itself too; every gate with an angle is not its own inverse in general.
    expect(gate.selfInverse).toBe(isIdentity);
    if (gate.qubitCount === 2) {
      const flip = [0, 2, 1, 3];
      const swapped = matrix.map((_, i) => {
        const [row, column] = [flip[i >> 3]!, flip[(i >> 1) & 3]!];
        return matrix[2 * (4 * row + column) + (i & 1)]!;
      });
      expect(gate.symmetric).toBe(swapped.every((v, i) => Math.abs(v - matrix[i]!) < 1e-12));
    }
  });
});

describe('gate matrices', () => {
  it('equal those of Qiskit, to the last digits', () => {
    const { angles: own, gates } = JSON.parse(
      readFileSync(new URL('data/qiskit-gates.json', import.meta.url), 'utf8'),
    ) as { angles: number[]; gates: Record<string, [number, number, number, number][]> };
    const compared = Object.entries(gates).map(([title, entries]) => {
      const [name, , count] = title.split(' ') as [string, string?, string?];
      const { qubitCount, parameterCount } = gateDefinition(name);
      const size = 2 ** Number(count ?? qubitCount);
      const expected = new Float64Array(2 * size * size);
      for (const [row, column, re, im] of entries) expected.set([re, im], 2 * (row * size + column));
      expectClose(gateMatrix(name, own.slice(0, parameterCount), Number(count ?? qubitCount)), expected);
      return name;
    });
    const others = GATE_NAMES.filter((name) => !compared.includes(name));
    expect(others).toEqual(['single_excitation', 'double_excitation']);
  });

  it('of excitations turn one pair of basis states into each other', () => {
    const [c, s] = [Math.cos(0.35), Math.sin(0.35)];
    // Qubit 0 is written first and is bit 0: |01> has index 2, |0011> index 12.
    for (const [name, from, to] of [
      ['single_excitation', 2, 1],
      ['double_excitation', 12, 3],
    ] as const) {
      const size = 2 ** gateDefinition(name).qubitCount;
      const expected = new Float64Array(2 * size * size);
      for (let i = 0; i < size; i++) expected[2 * (i * size + i)] = i === from || i === to ? c : 1;
      expected[2 * (to * size + from)] = s;
      expected[2 * (from * size + to)] = -s;
      expectClose(gateMatrix(name, [0.7]), expected);
    }
  });

  it('of variadic gates have as many controls as qubits allow', () => {
    expect(gateMatrix('mcx', [], 3)).toEqual(gateMatrix('ccx'));
    expect(gateMatrix('mcp', [0.3], 2)).toEqual(gateMatrix('cp', [0.3]));
    expect(() => gateMatrix('mcx', [], 1)).toThrow(/at least 2, got 1/);
    expect(() => gateMatrix('cx', [], 3)).toThrow(/expected 2, got 3/);
  });

  it('put the first qubit at the least significant bit, as Qiskit does', () => {
    // CX with control qubit 0: |01> (index 1) <-> |11> (index 3).
    const real = gateMatrix('cx').filter((_, i) => i % 2 === 0);
    expect([...real]).toEqual([1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0]);
  });

  it.each([
    ['rx', 'X'],
    ['ry', 'Y'],
    ['rz', 'Z'],
    ['rxx', 'XX'],
    ['ryy', 'YY'],
    ['rzz', 'ZZ'],
  ])('of %s is exp(-i angle P / 2) of the Pauli string %s, by its power series', (name, letters) => {
    for (const angle of [0.7, -2.9, 5]) {
      expectClose(gateMatrix(name, [angle]), exponential([...letters], -angle / 2), 1e-13);
    }
  });

  it('of fixed gates are what textbooks print', () => {
    const [h, eighth] = [Math.SQRT1_2, Math.PI / 4];
    expectClose(gateMatrix('x'), PAULI.X!);
    expectClose(gateMatrix('y'), PAULI.Y!);
    expectClose(gateMatrix('z'), PAULI.Z!);
    expectClose(gateMatrix('h'), [h, 0, h, 0, h, 0, -h, 0]);
    expectClose(gateMatrix('s'), [1, 0, 0, 0, 0, 0, 0, 1]);
    expectClose(gateMatrix('t'), [1, 0, 0, 0, 0, 0, Math.cos(eighth), Math.sin(eighth)]);
    expectClose(gateMatrix('p', [0.7]), [1, 0, 0, 0, 0, 0, Math.cos(0.7), Math.sin(0.7)]);
    expectClose(multiply(gateMatrix('sx'), gateMatrix('sx')), PAULI.X!);
    // sx is the root with the positive imaginary part first: exp(i pi/4) rx(pi/2).
    expectClose(gateMatrix('sx').subarray(0, 4), [0.5, 0.5, 0.5, -0.5]);
    const [phi, theta, lambda] = [0.4, 1.1, -0.8];
    const sandwich = multiply(
      gateMatrix('p', [phi]),
      multiply(gateMatrix('ry', [theta]), gateMatrix('p', [lambda])),
    );
    expectClose(gateMatrix('u', [theta, phi, lambda]), sandwich);
    // iswap = exp(i pi/4 (XX + YY)), whose two parts commute.
    expectClose(
      gateMatrix('iswap'),
      multiply(exponential(['X', 'X'], eighth), exponential(['Y', 'Y'], eighth)),
    );
  });

  it('equal the published ECR matrix (IX - XY)/sqrt(2)', () => {
    const h = Math.SQRT1_2;
    const published = [
      [0, 0, h, 0, 0, 0, 0, h],
      [h, 0, 0, 0, 0, -h, 0, 0],
      [0, 0, 0, h, 0, 0, h, 0],
      [0, -h, 0, 0, h, 0, 0, 0],
    ];
    expectClose(gateMatrix('ecr'), published.flat());
  });

  it('agree with the decompositions of qelib1.inc up to a global phase', () => {
    const pairs: [Circuit, Circuit][] = [
      [new Circuit(2).swap(0, 1), new Circuit(2).cx(0, 1).cx(1, 0).cx(0, 1)],
      [new Circuit(2).rzz(0.7, 0, 1), new Circuit(2).cx(0, 1).rz(0.7, 1).cx(0, 1)],
      [new Circuit(2).cy(0, 1), new Circuit(2).sdg(1).cx(0, 1).s(1)],
      [new Circuit(2).crz(0.7, 0, 1), new Circuit(2).rz(0.35, 1).cx(0, 1).rz(-0.35, 1).cx(0, 1)],
      [new Circuit(3).cswap(0, 1, 2), new Circuit(3).cx(2, 1).ccx(0, 1, 2).cx(2, 1)],
      [new Circuit(1).sx(0), new Circuit(1).sdg(0).h(0).sdg(0)],
    ];
    for (const [a, b] of pairs) {
      const start = new Circuit(a.qubitCount);
      for (let q = 0; q < a.qubitCount; q++) start.u(0.4 + q, 1.2 * q, 0.9, q);
      const [x, y] = [denseState(start.compose(a)), denseState(start.compose(b))];
      const re = x.reduce((sum, [p, q], i) => sum + p * y[i]![0] + q * y[i]![1], 0);
      const im = x.reduce((sum, [p, q], i) => sum + p * y[i]![1] - q * y[i]![0], 0);
      expect(Math.hypot(re, im)).toBeCloseTo(1, 13);
    }
  });

  it('refuse unknown names and wrong numbers of parameters', () => {
    expect(() => gateMatrix('toString')).toThrow(/Unknown gate/);
    expect(() => gateMatrix('rx')).toThrow(/expected 1, got 0/);
    expect(isGateName('constructor')).toBe(false);
  });
});
