import { Circuit, type CircuitData, type Instruction, ParameterExpression, parameter } from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomCircuit } from './random-circuit.ts';

describe('Circuit', () => {
  it('goes through JSON unchanged, parameters included', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 6 }), (seed, qubits) => {
        const circuit = randomCircuit(seed, qubits, 20).barrier().reset(0).measureAll();
        circuit.rx(parameter('t').times(-2).plus(0.5), 0);
        const copy = Circuit.fromJSON(JSON.parse(JSON.stringify(circuit)));
        expect(copy.instructions).toEqual(circuit.instructions);
        expect(copy.parameterNames).toEqual(['t']);
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  it('counts depth as the longest chain, classical bits included and barriers as walls', () => {
    expect(new Circuit(0).depth()).toBe(0);
    expect(new Circuit(3).h(0).h(1).cx(0, 1).h(2).depth()).toBe(2);
    expect(new Circuit(2).h(0).barrier().h(1).depth()).toBe(2);
    expect(new Circuit(2, 1).measure(0, 0).measure(1, 0).depth()).toBe(2);
    expect(new Circuit(3).cx(0, 1).h(1).ccx(0, 1, 2).cx(0, 1).twoQubitDepth()).toBe(3);
  });

  it('reports width, gate counts and parameters', () => {
    const circuit = new Circuit(3)
      .h(0)
      .h(1)
      .rz(parameter('b'), 0)
      .u(parameter('a'), 1, parameter('b'), 2)
      .measureAll();
    expect(circuit.width).toBe(6);
    expect(circuit.gateCounts()).toEqual({ measure: 3, h: 2, rz: 1, u: 1 });
    expect(Object.keys(circuit.gateCounts())).toEqual(['measure', 'h', 'rz', 'u']);
    expect(circuit.parameterNames).toEqual(['b', 'a']);
  });

  it('composes onto chosen qubits and classical bits, leaving both circuits alone', () => {
    const inner = new Circuit(2, 1).cx(0, 1).measure(1, 0);
    const outer = new Circuit(4, 3).h(3);
    const joined = outer.compose(inner, [3, 1], [2]);
    expect(joined.instructions).toEqual(new Circuit(4, 3).h(3).cx(3, 1).measure(1, 2).instructions);
    expect(outer.instructions).toHaveLength(1);
    expect(() => new Circuit(1).compose(inner)).toThrow(/out of range/);
    expect(() => outer.compose(inner, [3])).toThrow(/too few: .* 2, got 1/);
  });

  it('binds some parameters and keeps the others', () => {
    const circuit = new Circuit(1).rx(parameter('a').times(2).plus(1), 0).rz(parameter('b'), 0);
    const bound = circuit.bind({ a: 0.25 });
    expect(bound.parameterNames).toEqual(['b']);
    expect(bound.instructions[0]).toMatchObject({ parameters: [1.5] });
    expect(circuit.parameterNames).toEqual(['a', 'b']);
    expect(() => circuit.bind({ c: 1 })).toThrow(/no such parameter.*expected a, b, got c/);
    expect(() => circuit.bind({ a: Number.POSITIVE_INFINITY })).toThrow(/finite/);
  });

  it('inverts gates in reverse order, twice to the same effect', () => {
    const circuit = new Circuit(2).s(0).u(1, 2, 3, 1).cx(0, 1).rx(parameter('t'), 0);
    const names = (c: Circuit) => Object.keys(c.gateCounts()).sort();
    expect(circuit.inverse().instructions[0]).toMatchObject({
      name: 'rx',
      parameters: [parameter('t').times(-1)],
    });
    expect(names(circuit.inverse())).toEqual(['cx', 'rx', 'sdg', 'u']);
    expect(circuit.inverse().inverse().toJSON()).toEqual(circuit.toJSON());
    expect(() => new Circuit(1, 1).measure(0, 0).inverse()).toThrow(/measure has no inverse/);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['a negative size', () => new Circuit(-1), /impossible size/],
    ['a broken size', () => new Circuit(Number.NaN), /impossible size/],
    ['a qubit out of range', () => new Circuit(2).h(2), /qubit of h is out of range.*0\.\.1, got 2/],
    ['a fractional qubit', () => new Circuit(2).h(0.5), /out of range/],
    ['the same qubit twice', () => new Circuit(2).cx(1, 1), /must differ/],
    ['an unknown gate', () => new Circuit(2).gate('foo', [0]), /Unknown gate/],
    ['too few qubits', () => new Circuit(2).gate('cx', [0]), /expected 2, got 1/],
    ['too many parameters', () => new Circuit(2).gate('h', [0], [1]), /expected 0, got 1/],
    ['a NaN angle', () => new Circuit(1).rx(Number.NaN, 0), /finite number/],
    ['a classical bit that is not there', () => new Circuit(1).measure(0, 0), /classical bit/],
    [
      'an unknown instruction',
      () => new Circuit(1).append({ kind: 'wait', qubits: [0] } as unknown as Instruction),
      /Unknown instruction/,
    ],
    [
      'an instruction that is none',
      () => new Circuit(1).append(null as unknown as Instruction),
      /An instruction must be an object/,
    ],
    [
      'JSON of something else',
      () => Circuit.fromJSON({ format: 'other' } as unknown as CircuitData),
      /Not a circuit/,
    ],
    ['a parameter without a name', () => parameter(''), /needs a name/],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});

describe('ParameterExpression', () => {
  it('is linear and prints itself', () => {
    const expression = parameter('t').times(2).plus(1).times(-3);
    expect(expression).toEqual(ParameterExpression.parse('-6*t - 3'));
    expect(expression.evaluate({ t: 0.5 })).toBe(-6);
    expect(`${expression}`).toBe('-6*t - 3');
    expect(`${parameter('t').times(-1).plus(0.5)}`).toBe('-t + 0.5');
  });
});
