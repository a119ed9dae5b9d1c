import { Random } from '@qedge/core';
import { Circuit, parameter } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { liftToffolis, liftToffolisPass } from '../../src/compiler/optimizer/lift-toffolis.ts';
import { overlap, randomState, runCircuit } from './interaction-state.ts';
import { appendToffoliNetwork, patternCircuit } from './pattern-circuit.ts';
import { stateAfter } from './run-pass.ts';

const countCcz = (circuit: Circuit) =>
  circuit.instructions.filter((step) => step.kind === 'gate' && step.name === 'ccz').length;
const countCx = (circuit: Circuit) =>
  circuit.instructions.filter((step) => step.kind === 'gate' && step.name === 'cx').length;

function expectSame(actual: Circuit, expected: Circuit): void {
  const state = randomState(expected.qubitCount, 5);
  // Rounding of a few hundred gates in double precision.
  expect(1 - overlap(runCircuit(actual, state), runCircuit(expected, state))).toBeLessThan(1e-12);
}

describe('liftToffolis', () => {
  it('finds the network of six cx and seven phases for every order of its qubits', () => {
    for (const [a, b, c] of [
      [0, 1, 2],
      [1, 0, 2],
      [2, 1, 0],
      [0, 2, 1],
    ] as const) {
      const circuit = new Circuit(3);
      appendToffoliNetwork(circuit, a, b, c);
      const lifted = liftToffolis(circuit);
      expect(lifted.instructions.map((step) => step.kind === 'gate' && step.name)).toEqual(['ccz']);
      expectSame(lifted, circuit);
    }
  });

  it('finds every pattern of negated controls', () => {
    for (let negated = 0; negated < 8; negated++) {
      const circuit = new Circuit(3);
      // Negations moved into the phases: the parities of x, y, z with some of them negated.
      const sign = (mask: number) => (bitParity(mask & negated) ? -1 : 1);
      const phase = (mask: number, units: number, qubit: number) =>
        circuit.p((sign(mask) * units * Math.PI) / 4, qubit);
      circuit.cx(1, 2);
      phase(6, -1, 2);
      circuit.cx(0, 2);
      phase(7, 1, 2);
      circuit.cx(1, 2);
      phase(5, -1, 2);
      circuit.cx(0, 2);
      phase(4, 1, 2);
      phase(2, 1, 1);
      circuit.cx(0, 1);
      phase(3, -1, 1);
      circuit.cx(0, 1);
      phase(1, 1, 0);
      const lifted = liftToffolis(circuit);
      expect(countCcz(lifted)).toBe(1);
      expect(countCx(lifted)).toBe(0);
      expectSame(lifted, circuit);
      expectSame(circuit, negatedSign(negated));
    }
  });

  it('finds the network of two cx and three controlled quarter phases', () => {
    const circuit = new Circuit(3).cs(1, 2).cx(0, 1).csdg(1, 2).cx(0, 1).cs(0, 2);
    const lifted = liftToffolis(circuit);
    expect(countCcz(lifted)).toBe(1);
    expectSame(lifted, circuit);
  });

  it('leaves phases of single qubits that do not belong to the ccz, and what stands on other qubits', () => {
    const circuit = new Circuit(4).h(3).cx(1, 2).rz(0.3, 2);
    const network = new Circuit(4).cx(3, 0);
    appendToffoliNetwork(network, 0, 1, 2);
    network.p(0.7, 0).h(0);
    const whole = circuit.compose(network);
    const lifted = liftToffolis(whole);
    expect(countCcz(lifted)).toBe(1);
    expectSame(lifted, whole);
  });

  it('keeps what random circuits do, and returns circuits without networks as they are', () => {
    for (let seed = 0; seed < 30; seed++) {
      const circuit = patternCircuit(seed, 6, 30);
      expectSame(liftToffolis(circuit), circuit);
    }
    const plain = new Circuit(3).h(0).cx(0, 1).t(1).cx(1, 2);
    expect(liftToffolis(plain)).toBe(plain);
  });

  it('does not look across barriers, measurements, free angles and other gates', () => {
    const between: ((circuit: Circuit) => void)[] = [
      (circuit) => circuit.barrier(2),
      (circuit) => circuit.measure(1, 0),
      (circuit) => circuit.rz(parameter('a'), 2),
      (circuit) => circuit.h(0),
    ];
    for (const add of between) {
      const circuit = new Circuit(3, 1).cx(1, 2).tdg(2).cx(0, 2).t(2).cx(1, 2);
      add(circuit);
      circuit.tdg(2).cx(0, 2).t(1).t(2).cx(0, 1).t(0).tdg(1).cx(0, 1);
      expect(liftToffolis(circuit)).toBe(circuit);
    }
  });

  it('is offered as a pass', async () => {
    const circuit = new Circuit(3);
    appendToffoliNetwork(circuit, 0, 1, 2);
    expect(countCcz((await stateAfter(liftToffolisPass, circuit)).circuit)).toBe(1);
  });

  it('takes time in proportion to the gates', () => {
    const random = new Random(1);
    const circuit = new Circuit(20);
    for (let i = 0; i < 1000; i++) {
      const [a, b, c] = random.shuffle([...Array(20).keys()]).slice(0, 3) as [number, number, number];
      appendToffoliNetwork(circuit, a, b, c);
    }
    expect(countCcz(liftToffolis(circuit))).toBe(1000);
  });
});

function bitParity(mask: number): number {
  return (mask ^ (mask >> 1) ^ (mask >> 2)) & 1;
}

/** The sign where every negated qubit is 0 and every other one 1: by its phases on the seven parities, up to a global one. */
function negatedSign(negated: number): Circuit {
  const phases = Float64Array.from({ length: 8 }, (_, index) => {
    let total = 0;
    for (let mask = 1; mask < 8; mask++) {
      const weight = [0, 1, 1, 2, 1, 2, 2, 3][mask]!;
      const units = (weight === 2 ? -1 : 1) * (bitParity(mask & negated) ? -1 : 1);
      if (bitParity(mask & index)) total += (units * Math.PI) / 4;
    }
    return total;
  });
  return new Circuit(3).append({ kind: 'diagonal', qubits: [0, 1, 2], phases });
}
