import { Random } from '@qedge/core';
import { Circuit, createReferenceSimulator, PauliSum, type PauliTerm } from '@qedge/quantum';
import { createStateVectorSimulator } from '@qedge/quantum/node';
import { describe, expect, it } from 'vitest';

describe('PauliSum', () => {
  it('puts qubit 0 leftmost in its strings', () => {
    using state = createReferenceSimulator().run(new Circuit(2).x(0));
    expect(state.expectation(PauliSum.fromTerms([['ZI', 2]]))).toBe(-2);
    expect(state.expectation(PauliSum.fromTerms([['IZ', 2]]))).toBe(2);
  });

  it('acts on more qubits than a mask has bits', () => {
    const string = `${'I'.repeat(39)}Z`;
    using state = createReferenceSimulator().run(new Circuit(40).ry(0.5, 39).h(3));
    expect(state.expectation(PauliSum.fromTerms([[string, 3]]))).toBeCloseTo(3 * Math.cos(0.5), 12);
    expect(() => PauliSum.fromTerms([[string, 1]]).masks).toThrow(/at most 30 qubits/);
  });

  it('merges equal strings, adds, scales and simplifies', () => {
    const sum = PauliSum.fromTerms([
      ['ZZ', 1],
      ['XI', 0.5],
      ['ZZ', -0.25],
    ]);
    expect(sum.terms).toEqual([
      ['XI', 0.5],
      ['ZZ', 0.75],
    ]);
    expect(
      sum
        .add(
          PauliSum.fromTerms([
            ['ZZ', -0.75],
            ['II', 2],
          ]),
        )
        .simplify().terms,
    ).toEqual([
      ['II', 2],
      ['XI', 0.5],
    ]);
    expect(sum.scale(-2).terms).toEqual([
      ['XI', -1],
      ['ZZ', -1.5],
    ]);
    expect(sum.scale(0).simplify().terms).toEqual([['II', 0]]);
    expect(sum.oneNorm()).toBe(1.25);
    expect(PauliSum.fromTerms(JSON.parse(JSON.stringify(sum)))).toEqual(sum);
  });

  it('gives the same in groups of many terms as term by term', async () => {
    const random = new Random(2);
    const circuit = new Circuit(14);
    for (let qubit = 0; qubit < 14; qubit++) circuit.ry(random.normal(), qubit).rz(random.normal(), qubit);
    for (let qubit = 1; qubit < 14; qubit++) circuit.cx(qubit - 1, qubit).rx(random.normal(), qubit);
    // Forty terms that flip the same two qubits, forty that flip none.
    const terms = Array.from({ length: 80 }, (_, i): PauliTerm => {
      const signs = Array.from({ length: 12 }, () => 'IZ'[random.integer(2)]).join('');
      return [`${i < 40 ? ['XY', 'YY'][i % 2] : 'ZI'}${signs}`, random.normal()];
    });
    const whole = PauliSum.fromTerms(terms);
    for (const make of [createReferenceSimulator, () => createStateVectorSimulator({ precision: 'f64' })]) {
      using simulator = await make();
      using state = simulator.run(circuit);
      const parts = whole.terms.reduce((sum, term) => sum + state.expectation(PauliSum.fromTerms([term])), 0);
      // Eighty sums of 2^14 products, each rounded at 1e-16.
      expect(Math.abs(state.expectation(whole) - parts)).toBeLessThan(1e-11);
    }
  });

  it.each<[string, PauliTerm[], RegExp]>([
    ['no terms', [], /at least one/],
    ['other letters', [['XA', 1]], /I, X, Y, Z, got XA/],
    [
      'different lengths',
      [
        ['X', 1],
        ['XX', 1],
      ],
      /1 characters.*got XX/,
    ],
    ['NaN', [['X', Number.NaN]], /finite/],
  ])('refuses %s', (_, list, message) => {
    expect(() => PauliSum.fromTerms(list)).toThrow(message);
  });
});
