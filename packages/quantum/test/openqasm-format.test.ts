import { Random } from '@qedge/core';
import {
  bitsEqual,
  Circuit,
  type ClassicalExpression,
  type ClassicalType,
  formatOpenQasm2,
  formatOpenQasm3,
  GATE_NAMES,
  gateDefinition,
  type Instruction,
  ParameterExpression,
  parameter,
  parseOpenQasm,
  parseOpenQasm2,
} from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GATE_DEFINITIONS } from '../src/openqasm/gate-definitions.ts';
import { randomCircuit } from './random-circuit.ts';
import { largestDifference, phaseFreeDifference, runDynamicCircuit } from './run-dynamic-circuit.ts';

/** Gates that programs spell as others: what comes back. */
const ALIASES: Readonly<
  Record<string, (circuit: Circuit, step: Extract<Instruction, { kind: 'gate' }>) => void>
> = {
  u1: (circuit, { qubits, parameters }) => circuit.gate('p', qubits, parameters),
  u2: (circuit, { qubits, parameters }) => circuit.gate('u', qubits, [Math.PI / 2, ...parameters]),
  u3: (circuit, { qubits, parameters }) => circuit.gate('u', qubits, parameters),
  cu1: (circuit, { qubits, parameters }) => circuit.gate('cp', qubits, parameters),
  mcp: (circuit, { qubits, parameters }) =>
    circuit.gate(qubits.length === 2 ? 'cp' : 'mcp', qubits, parameters),
  mcx: (circuit, { qubits }) => {
    circuit.gate(['x', 'cx', 'ccx', 'c3x', 'c4x'][qubits.length - 1] ?? 'mcx', qubits);
  },
};

/** The circuit with the gates that a program's gates are read as. */
function canonical(circuit: Circuit): Circuit {
  const copy = circuit.emptyCopy();
  circuit.forEach((step) => {
    const alias = step.kind === 'gate' ? ALIASES[step.name] : undefined;
    if (step.kind === 'gate' && alias) alias(copy, step);
    else copy.append(step);
  });
  return copy;
}

const instructionsOf = (circuit: Circuit) => circuit.toJSON().instructions;

describe('formatOpenQasm2', () => {
  it('is read back as the same gates, bit for bit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 5 }), (seed, qubits) => {
        const circuit = canonical(randomCircuit(seed, qubits, 30))
          .barrier(0)
          .reset(0)
          .measureAll();
        const back = parseOpenQasm2(formatOpenQasm2(circuit));
        // Global phases become comments, phases with three or more controls become CX and P.
        const kept = (json: readonly unknown[]) =>
          json.filter((step) => !/"(global_phase|mcp|mcx)"/.test(JSON.stringify(step)));
        if (!Object.keys(circuit.gateCounts()).some((name) => name === 'mcp' || name === 'mcx')) {
          expect(kept(instructionsOf(back))).toEqual(kept(instructionsOf(circuit)));
        }
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it.each(GATE_NAMES)('keeps the matrix of %s up to a phase', (name) => {
    const { qubitCount, parameterCount, variadic } = gateDefinition(name);
    for (const extra of variadic ? [0, 1, 3, 5] : [0]) {
      const qubits = Array.from({ length: qubitCount + extra }, (_, q) => q).reverse();
      const angles = Array.from({ length: parameterCount }, (_, i) => 0.7 - 1.1 * i);
      const circuit = new Circuit(Math.max(qubits.length, 1)).gate(name, qubits, angles);
      const back = parseOpenQasm2(formatOpenQasm2(circuit));
      expect(phaseFreeDifference(back.toMatrix(), circuit.toMatrix())).toBeLessThan(1e-12);
    }
  });

  it('decomposes matrices, diagonals, permutations and evolutions, with controls', () => {
    const circuit = unitaryKinds();
    const back = parseOpenQasm2(formatOpenQasm2(circuit));
    expect(phaseFreeDifference(back.toMatrix(), circuit.toMatrix())).toBeLessThan(1e-11);
  });

  it('writes definitions that equal the gates, for readers that do not know them', () => {
    for (const [name, text] of Object.entries(GATE_DEFINITIONS[2])) {
      const { qubitCount, parameterCount } = gateDefinition(name);
      const circuit = new Circuit(qubitCount).gate(
        name,
        Array.from({ length: qubitCount }, (_, q) => q),
        Array.from({ length: parameterCount }, (_, i) => 0.4 + i),
      );
      const renamed = formatOpenQasm2(circuit).replaceAll(new RegExp(`\\b${name}\\b`, 'g'), 'renamed');
      expect(renamed).toContain(text.replace(name, 'renamed'));
      const expanded = parseOpenQasm2(renamed);
      expect(expanded.gateCounts()[name]).toBeUndefined();
      expect(phaseFreeDifference(expanded.toMatrix(), circuit.toMatrix())).toBeLessThan(1e-12);
    }
  });

  it('writes conditions on whole registers', () => {
    const circuit = new Circuit(2);
    circuit.addClassicalRegister('flags', 2);
    circuit.addClassicalRegister('one', 1);
    const flags: ClassicalExpression = { kind: 'bits', clbits: [0, 1] };
    const two: ClassicalExpression = { kind: 'literal', type: { kind: 'int', size: 64 }, value: 2n };
    circuit.measure(0, 0).measure(1, 1);
    circuit.ifTest({ kind: 'binary', operator: '==', left: flags, right: two }, (body) =>
      body.x(0).rz(0.5, 1),
    );
    circuit.ifTest({ kind: 'bit', clbit: 2 }, (body) => body.measure(0, 2));
    const text = formatOpenQasm2(circuit);
    expect(text).toContain(
      'if (flags == 2) x q[0];\nif (flags == 2) rz(0.5) q[1];\nif (one == 1) measure q[0] -> one[0];\n',
    );
    const back = parseOpenQasm2(text);
    const random = () => new Random(4);
    const expected = runDynamicCircuit(new Circuit(2, 3).h(0).h(1).compose(circuit), random());
    expect(runDynamicCircuit(new Circuit(2, 3).h(0).h(1).compose(back), random())).toEqual(expected);
  });

  it('keeps the names of registers that the language allows', () => {
    const circuit = new Circuit();
    circuit.addQuantumRegister('data', 2);
    circuit.addQuantumRegister('Ψ', 1);
    circuit.addQuantumRegister('measure', 1);
    circuit.addClassicalRegister('x', 2);
    const text = formatOpenQasm2(circuit.h(3).measure(1, 1));
    expect(text).toContain(
      'qreg data[2];\nqreg r__[1];\nqreg measure_[1];\ncreg x_[2];\nh measure_[0];\nmeasure data[1] -> x_[1];',
    );
    expect(instructionsOf(parseOpenQasm2(text))).toEqual(instructionsOf(circuit));
  });

  it('refuses by name what the language lacks', () => {
    const refuse = (build: (circuit: Circuit) => void) => {
      const circuit = new Circuit(2, 2);
      build(circuit);
      return expect(() => formatOpenQasm2(circuit));
    };
    expect(() => formatOpenQasm2(new Circuit(0))).toThrow(/at least one qubit/);
    refuse((circuit) => circuit.rx(parameter('t'), 0)).toThrow(/Bind the circuit/);
    refuse((circuit) => circuit.append({ kind: 'delay', qubits: [0], duration: 1, unit: 'ns' })).toThrow(
      /has no delay/,
    );
    refuse((circuit) => circuit.declare({ name: 'n', type: { kind: 'int', size: 8 } })).toThrow(
      /classical variables.*n/,
    );
    refuse((circuit) => circuit.whileLoop({ kind: 'bit', clbit: 0 }, (body) => body.x(0))).toThrow(
      /has no while/,
    );
    refuse((circuit) => circuit.ifTest({ kind: 'bit', clbit: 0 }, (body) => body.x(0))).toThrow(
      /register == integer/,
    );
    refuse((circuit) => circuit.mcp(0.3, [0], 1)).not.toThrow();
    expect(() =>
      formatOpenQasm2(
        new Circuit(20).mcx(
          Array.from({ length: 19 }, (_, q) => q),
          19,
        ),
      ),
    ).toThrow(/at most 12/);
  });
});

/** Every unitary kind that is no gate, on four qubits. */
function unitaryKinds(): Circuit {
  const random = new Random(12);
  const circuit = new Circuit(4);
  const unitary = (count: number) => randomCircuit(random.integer(1000), count, 12).toMatrix();
  for (const count of [1, 2, 3]) {
    circuit.append({
      kind: 'unitary',
      qubits: [3, 1, 0].slice(0, count),
      matrix: unitary(count),
      label: 'block',
    });
  }
  const phases = Float64Array.from({ length: 8 }, (_, i) => (i % 3 === 0 ? 0 : random.uniform() * 6));
  circuit.append({ kind: 'diagonal', qubits: [2, 0, 3], phases });
  circuit.append({ kind: 'permutation', qubits: [0, 1, 2, 3], permutation: [2, 0, 3, 1] });
  circuit.append({
    kind: 'pauli-evolution',
    qubits: [0, 2, 3],
    terms: [
      ['XYZ', 0.3],
      ['ZIZ', -0.8],
    ],
    time: 0.7,
  });
  const body: Instruction = { kind: 'unitary', qubits: [1], matrix: unitary(1) };
  circuit.append({ kind: 'controlled', qubits: [3, 0, 1], controls: [3, 0], controlState: [0, 1], body });
  circuit.append({
    ...{ kind: 'controlled', qubits: [2, 1, 3], controls: [2], controlState: [0] },
    body: { kind: 'gate', name: 'iswap', qubits: [1, 3], parameters: [] },
  });
  return circuit;
}

describe('formatOpenQasm3', () => {
  it('writes 190 bodies within one another so that they can be read again', () => {
    let circuit = new Circuit(1, 1).x(0);
    for (let depth = 0; depth < 190; depth++) {
      const inner = circuit;
      circuit = new Circuit(1, 1).ifTest(bitsEqual(0, 1), inner);
    }
    const text = formatOpenQasm3(circuit);
    // Registers have names now; everything else is there again.
    expect(formatOpenQasm3(parseOpenQasm(text))).toBe(text);
    expect(text.match(/if \(/g)).toHaveLength(190);
  });

  it('is read back as the same gates, bit for bit, global phases included', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 5 }), (seed, qubits) => {
        const circuit = canonical(randomCircuit(seed, qubits, 30))
          .barrier(0)
          .reset(0)
          .measureAll();
        const back = parseOpenQasm(formatOpenQasm3(circuit));
        expect(instructionsOf(back)).toEqual(instructionsOf(circuit));
      }),
      { seed: 2, numRuns: 60 },
    );
  });

  it.each(GATE_NAMES)('keeps the matrix of %s, phase included', (name) => {
    const { qubitCount, parameterCount, variadic } = gateDefinition(name);
    for (const extra of variadic ? [0, 1, 3, 5] : [0]) {
      const qubits = Array.from({ length: qubitCount + extra }, (_, q) => q).reverse();
      const angles = Array.from({ length: parameterCount }, (_, i) => 0.7 - 1.1 * i);
      const circuit = new Circuit(Math.max(qubits.length, 1)).gate(name, qubits, angles);
      const text = formatOpenQasm3(circuit);
      const back = parseOpenQasm(text);
      expect(largestDifference(back.toMatrix(), circuit.toMatrix())).toBeLessThan(1e-15);
      // The definitions are right too, for readers that do not know the gate.
      if (!text.includes('gate ')) continue;
      const expanded = parseOpenQasm(text.replaceAll(new RegExp(`(gate |\\n)${name}\\b`, 'g'), '$1renamed'));
      expect(largestDifference(expanded.toMatrix(), circuit.toMatrix())).toBeLessThan(1e-12);
    }
  });

  it('keeps matrices, diagonals, permutations and evolutions, with controls, phase included', () => {
    const circuit = unitaryKinds();
    const text = formatOpenQasm3(circuit);
    expect(text).toContain('gate block q0 {');
    expect(largestDifference(parseOpenQasm(text).toMatrix(), circuit.toMatrix())).toBeLessThan(1e-11);
  });

  it('keeps expressions of parameters', () => {
    const [a, b] = [parameter('alpha'), parameter('theta[0]')];
    const circuit = new Circuit(2)
      .rx(
        a
          .times(2)
          .plus(b.times(-0.1))
          .plus(Math.PI / 4),
        0,
      )
      .ry(a.times(b).apply('sin').dividedBy(a.plus(1)), 1)
      .rz(a.power(2).minus(b.power(0.5)).times(-3), 0)
      .p(ParameterExpression.of(2).power(a).apply('log'), 1)
      .cp(a.apply('atan').plus(b.apply('acos')).plus(a.apply('asin')), 0, 1);
    const text = formatOpenQasm3(circuit);
    expect(text).toContain('@qedge.parameter theta[0]\ninput float[64] theta_0_;\n');
    const back = parseOpenQasm(text);
    expect(back.parameterNames).toEqual(circuit.parameterNames);
    expect(instructionsOf(back)).toEqual(instructionsOf(circuit));
    const given = parseOpenQasm(text, { inputs: { alpha: 0.3, theta_0_: 0.8 } });
    const bound = circuit.bind({ alpha: 0.3, 'theta[0]': 0.8 });
    expect(largestDifference(given.toMatrix(), bound.toMatrix())).toBeLessThan(1e-14);
    expect(() => formatOpenQasm3(new Circuit(1).rx(a.apply('abs'), 0))).toThrow(/no function "abs"/);
  });

  it('keeps what circuits with control flow do', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const circuit = dynamicCircuit(new Random(seed));
        const text = formatOpenQasm3(circuit);
        const back = parseOpenQasm(text);
        for (let shot = 0; shot < 3; shot++) {
          const parameters = { theta: 0.4 + shot };
          const expected = runDynamicCircuit(circuit, new Random(shot), parameters);
          const actual = runDynamicCircuit(back, new Random(shot), parameters);
          expect(actual.bits.slice(0, circuit.clbitCount), text).toEqual(expected.bits);
          expect(actual.variables, text).toMatchObject(expected.variables);
          expect(largestDifference(actual.amplitudes, expected.amplitudes), text).toBeLessThan(1e-12);
        }
      }),
      { seed: 3, numRuns: 150 },
    );
  });

  it('writes numbers that are read back to the last bit, and fractions of pi as such', () => {
    const angles = [0, -0, 5e-324, Number.MAX_VALUE, 1 / 3, 1e21, -(2 ** 53), 123456789012, 0.1, 1e-7];
    const random = new Random(5);
    for (let i = 0; i < 500; i++)
      angles.push((random.integer(200) - 100) * (Math.PI / 2 ** random.integer(8)));
    for (let i = 0; i < 500; i++) angles.push((random.uniform() - 0.5) * 10 ** (random.integer(40) - 20));
    const circuit = new Circuit(1);
    for (const angle of angles) circuit.rx(angle, 0);
    for (const back of [parseOpenQasm(formatOpenQasm3(circuit)), parseOpenQasm2(formatOpenQasm2(circuit))]) {
      expect(back.instructions.map(angleOf)).toEqual(circuit.instructions.map(angleOf));
    }
    const fractions = new Circuit(1)
      .rx((-3 * Math.PI) / 4, 0)
      .rx(Math.PI, 0)
      .rx(Math.PI / 3, 0)
      .rx(2 * Math.PI, 0);
    expect(formatOpenQasm3(fractions)).toContain(
      'rx(-3*pi/4) q[0];\nrx(pi) q[0];\nrx(pi/3) q[0];\nrx(2*pi) q[0];',
    );
  });

  it('chooses other names where gates, keywords and built-in names are taken', () => {
    const circuit = new Circuit();
    circuit.addQuantumRegister('x', 1);
    circuit.addQuantumRegister('for', 1);
    circuit.addClassicalRegister('π', 1);
    circuit.declare({ name: 'qubit', type: { kind: 'uint', size: 3 } });
    circuit.x(0).rx(parameter('h'), 1).measure(1, 0);
    const back = parseOpenQasm(formatOpenQasm3(circuit));
    expect(instructionsOf(back)).toEqual(instructionsOf(circuit));
    expect(back.variables).toEqual([{ name: 'qubit_', type: { kind: 'uint', size: 3 } }]);
  });
});

const angleOf = (step: Instruction) => (step.kind === 'gate' ? step.parameters[0] : null);

const INT: ClassicalType = { kind: 'int', size: 64 };
const integer = (value: number): ClassicalExpression => ({
  kind: 'literal',
  type: INT,
  value: BigInt(value),
});

/** A random circuit on three qubits with every kind of control flow, which always ends. */
function dynamicCircuit(random: Random): Circuit {
  const circuit = new Circuit();
  circuit.addQuantumRegister('q', 3);
  circuit.addClassicalRegister('c', 3);
  circuit.addClassicalRegister('d', 2);
  const types: ClassicalType[] = [
    { kind: 'uint', size: 4 },
    { kind: 'int', size: 8 },
    { kind: 'angle', size: 6 },
    { kind: 'float', size: 64 },
    { kind: 'bool' },
  ];
  for (const [index, type] of types.entries()) {
    const initial: ClassicalExpression | undefined =
      random.integer(2) === 0
        ? { kind: 'literal', type, value: type.kind === 'bool' ? true : type.kind === 'float' ? 1.5 : 3n }
        : undefined;
    circuit.declare({ name: `v${index}`, type, ...(initial ? { initial } : {}) });
  }
  appendRandom(circuit, random, 12, 0, false);
  return circuit;
}

const variable = (name: string, type: ClassicalType) => ({ kind: 'variable', name, type }) as const;
const V0 = variable('v0', { kind: 'uint', size: 4 });
const V1 = variable('v1', { kind: 'int', size: 8 });
const V2 = variable('v2', { kind: 'angle', size: 6 });
const V3 = variable('v3', { kind: 'float', size: 64 });
const V4 = variable('v4', { kind: 'bool' });
const C: ClassicalExpression = { kind: 'bits', clbits: [0, 1, 2] };

function randomInteger(random: Random): ClassicalExpression {
  const options: ClassicalExpression[] = [
    V0,
    V1,
    integer(random.integer(9) - 4),
    { kind: 'cast', type: { kind: 'uint', size: 3 }, operand: C },
    { kind: 'cast', type: { kind: 'uint', size: 2 }, operand: { kind: 'bits', clbits: [4, 0] } },
    { kind: 'binary', operator: '+', left: V0, right: integer(random.integer(5)) },
    { kind: 'binary', operator: '*', left: V1, right: { kind: 'unary', operator: '-', operand: V1 } },
    {
      kind: 'binary',
      operator: '^',
      left: V0,
      right: { kind: 'literal', type: { kind: 'uint', size: 4 }, value: 5n },
    },
    { kind: 'call', function: 'popcount', arguments: [C] },
  ];
  return options[random.integer(options.length)]!;
}

function randomCondition(random: Random): ClassicalExpression {
  const operators = ['==', '!=', '<', '>='] as const;
  const options: ClassicalExpression[] = [
    { kind: 'bit', clbit: random.integer(5) },
    {
      kind: 'binary',
      operator: operators[random.integer(4)]!,
      left: randomInteger(random),
      right: integer(random.integer(4)),
    },
    { kind: 'binary', operator: '==', left: C, right: integer(random.integer(8)) },
    { kind: 'unary', operator: '!', operand: V4 },
    { kind: 'index', operand: V0, index: integer(random.integer(4)) },
    { kind: 'binary', operator: '&&', left: V4, right: { kind: 'bit', clbit: 3 } },
    { kind: 'binary', operator: '>', left: V3, right: { kind: 'literal', type: V3.type, value: 0.25 } },
  ];
  return options[random.integer(options.length)]!;
}

function appendRandom(
  circuit: Circuit,
  random: Random,
  length: number,
  depth: number,
  inLoop: boolean,
): void {
  const body = (loop: boolean) => (inner: Circuit) => appendRandom(inner, random, 4, depth + 1, loop);
  for (let i = 0; i < length; i++) {
    const q = random.integer(3);
    switch (random.integer(depth < 2 ? 16 : 9)) {
      case 0:
        circuit.u(random.uniform() * 6, 0.3, -1.2, q);
        break;
      case 1:
        circuit.cx(q, (q + 1) % 3).h(q);
        break;
      case 2:
      case 3:
        circuit.measure(q, random.integer(5));
        break;
      case 4:
        circuit.assign(V0, randomInteger(random));
        break;
      case 5:
        circuit.assign(V1, randomInteger(random));
        circuit.append({
          kind: 'assign',
          target: { kind: 'index', operand: V2, index: integer(random.integer(6)) },
          value: { kind: 'bit', clbit: 0 },
          qubits: [],
        });
        break;
      case 6:
        circuit
          .rx(parameter('theta').times(0.5).plus(parameter('v3')), q)
          .p(parameter('v2'), q)
          .rz(parameter('v2').times(-0.5), q);
        circuit.append({
          kind: 'assign',
          target: V3,
          value: {
            kind: 'binary',
            operator: '*',
            left: V3,
            right: { kind: 'literal', type: V3.type, value: -0.5 },
          },
          qubits: [],
        });
        break;
      case 7:
        circuit.assign(V4, randomCondition(random));
        circuit.append({
          kind: 'assign',
          target: { kind: 'bits', clbits: [1, 2] },
          value: { kind: 'literal', type: { kind: 'bit', size: 2 }, value: BigInt(random.integer(4)) },
          qubits: [],
        });
        break;
      case 8:
        if (inLoop && random.integer(3) === 0)
          circuit.append({ kind: random.integer(2) === 0 ? 'break' : 'continue', qubits: [] });
        else circuit.reset(q);
        break;
      case 9:
      case 10:
        circuit.ifTest(randomCondition(random), body(inLoop));
        break;
      case 11:
        circuit.ifTest(randomCondition(random), body(inLoop), body(inLoop));
        break;
      case 12:
      case 13:
        appendFor(circuit, random, depth);
        break;
      case 14:
        circuit.append({
          ...{ kind: 'switch', subject: randomInteger(random), qubits: [], clbits: [] },
          cases: [
            [[0, 2], filled(circuit, body(inLoop))],
            [[-1], filled(circuit, body(inLoop))],
            ['default', filled(circuit, body(inLoop))],
          ],
        });
        break;
      default:
        appendWhile(circuit, random, depth);
    }
  }
}

function filled(circuit: Circuit, fill: (body: Circuit) => void): Circuit {
  const copy = circuit.emptyCopy();
  fill(copy);
  return copy;
}

/** `while` over the bits of `c`, which every round shifts down: it ends after three of them. */
function appendWhile(circuit: Circuit, random: Random, depth: number): void {
  const condition: ClassicalExpression = { kind: 'binary', operator: '!=', left: C, right: integer(0) };
  const shifted: ClassicalExpression = { kind: 'binary', operator: '>>', left: C, right: integer(1) };
  circuit.whileLoop(condition, (body) => {
    body.cx(random.integer(2), 2).assign(V0, randomInteger(random));
    if (depth < 2) body.ifTest(randomCondition(random), (inner) => inner.assign(V1, integer(1)).break());
    body.assign({ kind: 'bits', clbits: [0, 1, 2] }, shifted);
  });
}

function appendFor(circuit: Circuit, random: Random, depth: number): void {
  const loop = variable(`i${depth}`, { kind: 'int', size: 16 });
  const body = circuit.emptyCopy();
  body.declare({ name: loop.name, type: loop.type });
  body.rz(parameter(loop.name).times(0.3), random.integer(3));
  appendRandom(body, random, 3, depth + 1, true);
  body.append({
    kind: 'assign',
    target: V1,
    value: { kind: 'binary', operator: '+', left: V1, right: loop },
    qubits: [],
  });
  const values =
    random.integer(2) === 0
      ? [integer(2), integer(-3), integer(5)]
      : { start: integer(3), stop: random.integer(2) === 0 ? integer(-1) : V0, step: integer(-2) };
  circuit.append({
    kind: 'for',
    variable: { name: loop.name, type: loop.type },
    values,
    body,
    qubits: [],
    clbits: [],
  });
}
