import { Random } from '@qedge/core';
import { Circuit, parameter } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { collectInteractions } from '../../src/compiler/interaction/collect-interactions.ts';
import { interactionCost } from '../../src/compiler/interaction/interaction-cost.ts';
import { simplifyZeroInputs } from '../../src/compiler/optimizer/simplify-zero-inputs.ts';
import { overlap, runCircuit, runInteractions } from './interaction-state.ts';
import { patternCircuit } from './pattern-circuit.ts';

const costOf = (circuit: Circuit) => interactionCost(simplifyZeroInputs(collectInteractions(circuit)));

function expectSameFromZero(circuit: Circuit): void {
  const zero = new Float64Array(2 << circuit.qubitCount);
  zero[0] = 1;
  const simplified = simplifyZeroInputs(collectInteractions(circuit));
  // Rounding of a few hundred gates in double precision.
  expect(1 - overlap(runInteractions(simplified, zero), runCircuit(circuit, zero))).toBeLessThan(1e-11);
}

describe('simplifyZeroInputs', () => {
  it('keeps what circuits make of |0...0>', () => {
    const random = new Random(6);
    for (let seed = 0; seed < 25; seed++) {
      let circuit = new Circuit(6);
      for (let qubit = 0; qubit < 6; qubit++) {
        const kind = random.integer(5);
        if (kind === 0) circuit.x(qubit);
        if (kind === 1) circuit.h(qubit);
      }
      circuit = circuit.compose(patternCircuit(seed, 6, 15));
      expectSameFromZero(circuit);
    }
  });

  it('drops gates whose controls are |0>, one after the other', () => {
    expect(costOf(new Circuit(3).cx(0, 1).cx(1, 2).ccx(0, 1, 2).cp(0.3, 0, 1))).toBe(0);
  });

  it('makes gates with a control that is |1> smaller', () => {
    expect(costOf(new Circuit(3).x(0).h(1).h(2).cx(0, 1).ccz(0, 1, 2))).toBe(1);
    expect(costOf(new Circuit(2).h(0).cx(0, 1))).toBe(1);
  });

  it('leaves gates on wires of which nothing is known', () => {
    const afterReset = new Circuit(2, 1).measure(0, 0).cx(0, 1);
    expect(costOf(afterReset)).toBe(1);
    expect(costOf(new Circuit(2).h(0).h(1).cz(0, 1))).toBe(1);
  });

  it('keeps free angles free', () => {
    const circuit = collectInteractions(new Circuit(2).h(1).rzz(parameter('a'), 0, 1).h(0).h(1).cz(0, 1));
    const simplified = simplifyZeroInputs(circuit);
    expect(simplified.interactions.some(({ angle }) => typeof angle !== 'number')).toBe(true);
    expect(interactionCost(simplified)).toBe(1);
  });
});
