import { Random } from '@qedge/core';
import {
  Circuit,
  controlInstruction,
  GATE_NAMES,
  gateDefinition,
  gateMatrix,
  invertInstruction,
  parameter,
  powerInstruction,
  type UnitaryKind,
} from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  adjointOf,
  controlledMatrix,
  type Dense,
  embed,
  largestDifference,
  multiply,
  randomUnitary,
} from './dense-matrix.ts';
import { randomCircuit } from './random-circuit.ts';

const dense = (matrix: Float64Array): Dense =>
  embed(
    matrix,
    Array.from({ length: Math.log2(matrix.length / 2) / 2 }, (_, i) => i),
    Math.log2(matrix.length / 2) / 2,
  );
const identity = (qubitCount: number) => embed(Float64Array.of(1, 0), [], qubitCount);

/** A circuit of every unitary kind. */
function anyUnitaryCircuit(seed: number, qubitCount: number, length: number): Circuit {
  const random = new Random(seed);
  const circuit = new Circuit(qubitCount);
  const some = (count: number) =>
    random.shuffle(Array.from({ length: qubitCount }, (_, i) => i)).slice(0, count);
  for (let i = 0; i < length; i++) {
    const count = 1 + random.integer(Math.min(3, qubitCount));
    const qubits = some(count);
    const makers = [
      () => circuit.unitary(randomUnitary(random, 2 ** count), qubits),
      () =>
        circuit.diagonal(
          Array.from({ length: 2 ** count }, () => random.normal()),
          qubits,
        ),
      () => circuit.permute(random.shuffle(Array.from({ length: count }, (_, p) => p)), qubits),
      () => circuit.pauliEvolution([['XYZ'.slice(0, count), random.normal()]], random.normal(), qubits),
      () => circuit.append(controlInstruction(gateOf(random, [qubits[0]!]), qubits.slice(1))),
      () => circuit.append(gateOf(random, qubits)),
      () => circuit.barrier(),
    ];
    makers[random.integer(makers.length)]!();
  }
  return circuit;
}

function gateOf(random: Random, qubits: readonly number[]): UnitaryKind {
  const names = GATE_NAMES.filter((name) => gateDefinition(name).qubitCount === qubits.length);
  const name = names[random.integer(names.length)]!;
  const parameters = Array.from({ length: gateDefinition(name).parameterCount }, () => random.normal());
  return { kind: 'gate', name, qubits, parameters };
}

describe('toMatrix', () => {
  it('multiplies the instructions, the first one rightmost, qubit 0 the least significant bit', () => {
    const circuit = new Circuit(3).h(0).cx(0, 2).u(1, 2, 3, 1);
    const steps: [Float64Array, number[]][] = [
      [gateMatrix('h'), [0]],
      [gateMatrix('cx'), [0, 2]],
      [gateMatrix('u', [1, 2, 3]), [1]],
    ];
    const product = steps.reduce((sum, [m, q]) => multiply(embed(m, q, 3), sum), identity(3));
    expect(largestDifference(dense(circuit.toMatrix()), product)).toBeLessThan(1e-15);
    // x(0) takes |00> to index 1.
    expect(new Circuit(2).x(0).toMatrix()[2 * 4]).toBe(1);
  });

  it('refuses measurements, free parameters and sizes that no memory holds', () => {
    expect(() => new Circuit(1, 1).measure(0, 0).toMatrix()).toThrow(/measure has no matrix/);
    expect(() => new Circuit(1).rx(parameter('t'), 0).toMatrix()).toThrow(/free parameter/);
    expect(() => new Circuit(13).toMatrix()).toThrow(/at most 12 qubits/);
  });
});

describe('inverse, control, power and repeat', () => {
  it('undo any unitary circuit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 4 }), (seed, qubits) => {
        const circuit = anyUnitaryCircuit(seed, qubits, 8);
        const back = dense(circuit.compose(circuit.inverse()).toMatrix());
        expect(largestDifference(back, identity(qubits))).toBeLessThan(1e-12);
        expect(
          largestDifference(dense(circuit.inverse().toMatrix()), adjointOf(dense(circuit.toMatrix()))),
        ).toBeLessThan(1e-12);
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it('put controls in front, of any state', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.array(fc.constantFrom<0 | 1>(0, 1), { minLength: 0, maxLength: 2 }),
        (seed, state) => {
          const circuit = anyUnitaryCircuit(seed, 3, 5).globalPhase(0.7);
          const controlled = circuit.control(state.length, state);
          const controls = state.map((_, i) => i);
          const own = embed(
            circuit.toMatrix(),
            [0, 1, 2].map((q) => q + state.length),
            3 + state.length,
          );
          const expected = controlledMatrix(own, controls, state);
          expect(largestDifference(dense(controlled.toMatrix()), expected)).toBeLessThan(1e-12);
        },
      ),
      { seed: 2, numRuns: 30 },
    );
    expect(new Circuit(1).x(0).control(3).instructions[0]).toMatchObject({
      name: 'c3x',
      qubits: [0, 1, 2, 3],
    });
    expect(new Circuit(2).cp(0.5, 0, 1).control(2).instructions[0]).toMatchObject({ name: 'mcp' });
    expect(() => new Circuit(1, 1).measure(0, 0).control()).toThrow(/cannot be controlled/);
    expect(() => new Circuit(1).x(0).control(2, [1])).toThrow(/2 bits/);
  });

  it('take every gate to whole and fractional powers', () => {
    const random = new Random(3);
    for (const name of GATE_NAMES) {
      const { qubitCount, parameterCount } = gateDefinition(name);
      if (qubitCount > 3) continue;
      const qubits = Array.from({ length: qubitCount }, (_, i) => i);
      const parameters = Array.from({ length: parameterCount }, () => random.normal() * 3);
      const gate: UnitaryKind = { kind: 'gate', name, qubits, parameters };
      const power = (exponent: number) => {
        const circuit = new Circuit(qubitCount);
        for (const step of powerInstruction(gate, exponent)) circuit.append(step);
        return dense(circuit.toMatrix());
      };
      const once = dense(gateMatrix(name, parameters, qubitCount));
      expect(largestDifference(power(3), multiply(once, multiply(once, once))), name).toBeLessThan(1e-13);
      expect(largestDifference(multiply(power(-2), multiply(once, once)), identity(qubitCount))).toBeLessThan(
        1e-13,
      );
      // Whatever the roots are, they multiply to the gate.
      const third = power(1 / 3);
      expect(largestDifference(multiply(third, multiply(third, third)), once), name).toBeLessThan(1e-13);
      expect(largestDifference(power(101), multiply(power(100), once)), name).toBeLessThan(1e-11);
    }
  });

  it('take principal roots', () => {
    const root = (circuit: Circuit, exponent: number) => dense(circuit.power(exponent).toMatrix());
    expect(largestDifference(root(new Circuit(1).x(0), 0.5), dense(gateMatrix('sx')))).toBeLessThan(1e-15);
    expect(largestDifference(root(new Circuit(1).z(0), 0.5), dense(gateMatrix('s')))).toBeLessThan(1e-15);
    expect(largestDifference(root(new Circuit(2).cx(0, 1), 0.5), dense(gateMatrix('csx')))).toBeLessThan(
      1e-15,
    );
    expect(largestDifference(root(new Circuit(2).swap(0, 1), 2), identity(2))).toBe(0);
    expect(new Circuit(1).rx(parameter('t'), 0).power(0.5).instructions[0]).toMatchObject({
      name: 'rx',
      parameters: [parameter('t').times(0.5)],
    });
    const several = anyUnitaryCircuit(9, 3, 6);
    const half = root(several, 0.5);
    expect(largestDifference(multiply(half, half), dense(several.toMatrix()))).toBeLessThan(1e-12);
    expect(() => new Circuit(9).h(0).x(1).power(0.5)).toThrow(/at most 8 qubits/);
    expect(() => new Circuit(1).h(0).rx(parameter('t'), 0).power(0.5)).toThrow(/free parameters/);
    expect(() => new Circuit(1, 1).measure(0, 0).power(0.5)).toThrow(/has no power/);
    expect(() =>
      powerInstruction({ kind: 'gate', name: 'x', qubits: [0], parameters: [] }, Number.NaN),
    ).toThrow(/finite/);
  });

  it('repeat', () => {
    const circuit = randomCircuit(1, 3, 10);
    expect(circuit.repeat(3).equals(circuit.compose(circuit).compose(circuit))).toBe(true);
    expect(circuit.power(2).equals(circuit.repeat(2))).toBe(true);
    expect(circuit.repeat(0).instructionCount).toBe(0);
    expect(() => circuit.repeat(-1)).toThrow(/repetitions/);
  });

  it('invert single instructions with the label that says so', () => {
    const matrix = new Circuit(1).t(0).toMatrix();
    const [inverse] = invertInstruction({ kind: 'unitary', qubits: [0], matrix, label: 'A' });
    expect(inverse).toMatchObject({ label: 'A†' });
    expect(invertInstruction(inverse!)[0]).toMatchObject({ label: 'A' });
  });
});

describe('circuits as data', () => {
  it('go through JSON unchanged, whatever they hold', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const circuit = anyUnitaryCircuit(seed, 4, 12)
          .pauliEvolution([['XXII', -0.5]], parameter('s').plus(parameter('t').apply('sin')))
          .initialize([0, 1, 0, 0], [2])
          .delay(3, 'ns', 0, 1);
        circuit.addClassicalRegister('c', 3);
        circuit.measure(0, 1).ifTest({ kind: 'bit', clbit: 1 }, (body) => body.rx(parameter('u'), 0));
        const copy = Circuit.fromJSON(JSON.parse(JSON.stringify(circuit)));
        expect(copy.equals(circuit)).toBe(true);
        expect(copy.toJSON()).toEqual(circuit.toJSON());
        expect(copy.parameterNames).toEqual(['s', 't', 'u']);
        expect(copy.x(0).equals(circuit)).toBe(false);
      }),
      { seed: 4, numRuns: 30 },
    );
  });

  it('tell apart what differs', () => {
    const base = () => new Circuit(2, 1).rx(0.5, 0).cx(0, 1);
    expect(base().equals(base())).toBe(true);
    expect(base().equals(new Circuit(2, 1).rx(0.25, 0).cx(0, 1))).toBe(false);
    expect(base().equals(new Circuit(2, 1).rx(0.5, 0).cx(1, 0))).toBe(false);
    expect(base().equals(new Circuit(3, 1).rx(0.5, 0).cx(0, 1))).toBe(false);
    expect(new Circuit(1).rx(parameter('a'), 0).equals(new Circuit(1).rx(parameter('b'), 0))).toBe(false);
    expect(new Circuit(1).diagonal([0, 1], [0]).equals(new Circuit(1).diagonal([0, 2], [0]))).toBe(false);
  });

  it('bind inside of blocks and evolutions, partly too', () => {
    const [a, b] = [parameter('a'), parameter('b')];
    const circuit = new Circuit(2, 1)
      .pauliEvolution([['ZZ', 1]], a.times(b))
      .append(controlInstruction({ kind: 'gate', name: 'r', qubits: [1], parameters: [a, b] }, [0]))
      .ifTest({ kind: 'bit', clbit: 0 }, (body) => body.rx(b.plus(1), 0));
    expect(circuit.parameterNames).toEqual(['a', 'b']);
    const partly = circuit.bind({ b: 2 });
    expect(partly.parameterNames).toEqual(['a']);
    expect(partly.instructions[0]).toMatchObject({ time: a.times(2) });
    const bound = partly.bind({ a: 3 });
    expect(bound.parameterNames).toEqual([]);
    expect(bound.instructions[0]).toMatchObject({ time: 6 });
    expect(bound.instructions[1]).toMatchObject({ body: { parameters: [3, 2] } });
    const [, , block] = bound.instructions;
    expect(block?.kind === 'if' && block.then.parameterNames).toEqual([]);
    expect(() => new Circuit(1).rx(a.apply('log'), 0).bind({ a: 0 })).toThrow(/finite/);
  });

  it('leave out classical variables where they list parameters', () => {
    const circuit = new Circuit(1);
    circuit.declare({ name: 'x', type: { kind: 'float', size: 64 } });
    circuit.rx(parameter('x').plus(parameter('y')), 0);
    circuit.forLoop('k', [1, 2, 3], (body) => body.rz(parameter('k').times(parameter('z')), 0));
    expect(circuit.parameterNames).toEqual(['y', 'z']);
    expect(() => circuit.declare({ name: 'x', type: { kind: 'bool' } })).toThrow(/name is not usable/);
    expect(() => circuit.addQuantumRegister('x', 1)).toThrow(/name is not usable/);
  });

  it('compose blocks onto other qubits and bits', () => {
    const inner = new Circuit(2, 2)
      .measure(0, 1)
      .ifTest({ kind: 'bits', clbits: [0, 1] }, (body) => body.cx(0, 1));
    const outer = new Circuit(4, 4).compose(inner, [3, 1], [2, 0]);
    expect(outer.instructions[1]).toMatchObject({
      condition: { clbits: [2, 0] },
      qubits: [1, 3],
      clbits: [0, 2],
    });
    const [, block] = outer.instructions;
    expect(block?.kind === 'if' && block.then.instructions[0]).toMatchObject({ name: 'cx', qubits: [3, 1] });
  });

  it('grow by registers that can be named', () => {
    const circuit = new Circuit();
    expect(circuit.addQuantumRegister('a', 2)).toEqual({ name: 'a', start: 0, size: 2 });
    expect(circuit.addQuantumRegister('b', 3)).toEqual({ name: 'b', start: 2, size: 3 });
    expect(circuit.addClassicalRegister('m', 1).start).toBe(0);
    expect([circuit.qubitCount, circuit.clbitCount]).toEqual([5, 1]);
    expect(() => circuit.nameQubits('c', 4, 2)).toThrow(/does not fit/);
    expect(() => circuit.addClassicalRegister('n', 0)).toThrow(/does not fit/);
    expect([circuit.qubitCount, circuit.clbitCount]).toEqual([5, 1]);
  });

  it('hold a million gates in 30 MB, read back one by one', () => {
    const circuit = new Circuit(20);
    for (let i = 0; i < 250_000; i++) {
      const qubit = i % 20;
      circuit
        .h(qubit)
        .cx(qubit, (i + 1) % 20)
        .rz(0.1 * i, qubit)
        .u(1, 2, 3, qubit);
    }
    expect(circuit.instructionCount).toBe(1_000_000);
    expect(circuit.byteLength).toBeLessThan(30e6);
    expect(circuit.gateCounts()).toEqual({ cx: 250_000, h: 250_000, rz: 250_000, u: 250_000 });
    let sum = 0;
    circuit.forEach((instruction, index) => {
      if (index % 4 === 2 && instruction.kind === 'gate') sum += instruction.parameters[0] as number;
    });
    // 0.1 (0 + 1 + ... + 249999)
    expect(sum / 3_124_987_500).toBeCloseTo(1, 9);
  });

  it('stay as they were when copies grow', () => {
    const circuit = randomCircuit(5, 3, 40);
    const before = JSON.stringify(circuit);
    const copy = circuit.clone().diagonal([0, 1], [0]).rx(parameter('q'), 1);
    expect(copy.instructionCount).toBe(42);
    expect(copy.parameterNames).toEqual(['q']);
    expect(JSON.stringify(circuit)).toBe(before);
    expect(JSON.stringify(copy.compose(new Circuit(3).h(0)).instructions.slice(0, 40))).toBe(
      JSON.stringify(circuit.instructions),
    );
  });
});

describe('refusals', () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      'a matrix that is not unitary',
      () => new Circuit(1).unitary([1, 0, 0, 0, 0, 0, 2, 0], [0]),
      /not unitary/,
    ],
    [
      'a matrix with NaN',
      () => new Circuit(1).unitary([1, 0, 0, 0, 0, 0, Number.NaN, 0], [0]),
      /not unitary/,
    ],
    [
      'a matrix of another size',
      () => new Circuit(2).unitary([1, 0, 0, 0, 0, 0, 1, 0], [0, 1]),
      /32 numbers/,
    ],
    ['a matrix on too many qubits', () => new Circuit(20).unitary([], [...Array(11).keys()]), /at most 10/],
    ['phases of another number', () => new Circuit(1).diagonal([1], [0]), /expected 2, got 1/],
    ['phases that are infinite', () => new Circuit(1).diagonal([1, Infinity], [0]), /finite/],
    ['a place twice', () => new Circuit(2).permute([0, 0], [0, 1]), /must differ/],
    ['a Pauli string of another length', () => new Circuit(2).pauliEvolution([['X', 1]], 1), /2 letters/],
    ['a letter that is none', () => new Circuit(1).pauliEvolution([['A', 1]], 1), /letters/],
    ['amplitudes that are not normalised', () => new Circuit(1).initialize([1, 0, 1, 0]), /normalised/],
    ['a delay into the past', () => new Circuit(1).delay(-1, 's', 0), /delay/],
    [
      'controls that act on the body',
      () =>
        new Circuit(2).append(
          controlInstruction({ kind: 'diagonal', qubits: [0], phases: Float64Array.of(0, 1) }, [0]),
        ),
      /must differ/,
    ],
    ['too few qubits of a variadic gate', () => new Circuit(2).gate('mcx', [0]), /expected 2, got 1/],
  ])('are made for %s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});
