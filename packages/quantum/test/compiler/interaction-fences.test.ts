import { Random } from '@qedge/core';
import { Circuit, ParameterExpression } from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collectInteractions } from '../../src/compiler/interaction/collect-interactions.ts';
import { InteractionKind } from '../../src/compiler/interaction/interaction.ts';
import { mergeInteractions } from '../../src/compiler/interaction/merge-interactions.ts';
import { synthesizeInteractions } from '../../src/compiler/interaction/synthesize-interactions.ts';
import { randomGate, randomQubits } from '../../src/testing/random-circuit.ts';
import { runDynamicCircuit } from '../run-dynamic-circuit.ts';
import { onQubits } from './interaction-equivalence.ts';
import { overlap } from './interaction-state.ts';

const compiled = (circuit: Circuit) => {
  const merged = mergeInteractions(collectInteractions(circuit), { physical: false });
  return onQubits(synthesizeInteractions(merged, { entangler: 'cx' }), merged.wireOfQubit);
};

const GATES = ['cx', 'cx', 'swap', 'h', 't', 'ry', 'cp', 'iswap', 'ccx'];

function appendGates(circuit: Circuit, random: Random, count: number): Circuit {
  for (let i = 0; i < count; i++) {
    circuit.append(randomGate(random, GATES[random.integer(GATES.length)]!, circuit.qubitCount));
  }
  return circuit;
}

/** Gates between measurements, resets, barriers and control flow whose bodies have gates. */
function dynamicCircuit(seed: number): Circuit {
  const random = new Random(seed);
  const circuit = new Circuit(4, 3);
  const body = (inner: Circuit) => {
    appendGates(inner, random, 3);
  };
  for (let i = 0; i < 6; i++) {
    appendGates(circuit, random, 4);
    const [a, b] = randomQubits(random, 4, 2) as [number, number];
    const clbit = random.integer(3);
    const kind = random.integer(7);
    if (kind === 0) circuit.measure(a, clbit);
    else if (kind === 1) circuit.reset(a);
    else if (kind === 2) circuit.barrier(a, b);
    else if (kind === 3) circuit.delay(5, 'ns', a);
    else if (kind === 4) circuit.measure(a, clbit).ifTest({ kind: 'bit', clbit }, body, body);
    else if (kind === 5) circuit.forLoop(null, [0, 1], body);
    else circuit.initialize([0.6, 0, 0, 0.8], [a]);
  }
  return circuit;
}

describe('fences', () => {
  it('keep measurements, resets and control flow in order, on the right qubits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const circuit = dynamicCircuit(seed);
        const expected = runDynamicCircuit(circuit, new Random(seed));
        const found = runDynamicCircuit(compiled(circuit), new Random(seed));
        expect(found.bits).toEqual(expected.bits);
        expect(overlap(found.amplitudes, expected.amplitudes)).toBeGreaterThan(1 - 1e-11);
      }),
      { seed: 12, numRuns: 25 },
    );
  });

  it('keep gates whose angles read variables behind what writes the variables', () => {
    const circuit = new Circuit(2, 1);
    const variable = circuit.declare({ name: 'v', type: { kind: 'float', size: 64 } });
    const literal = (value: number) =>
      ({ kind: 'literal', type: { kind: 'float', size: 64 }, value }) as const;
    const angle = ParameterExpression.named('v');
    circuit.assign(variable, literal(0.4)).h(0).rx(angle, 0).rzz(angle, 0, 1);
    circuit.assign(variable, literal(1.3)).rx(angle, 0).rzz(angle, 0, 1).ry(angle, 1);
    const found = runDynamicCircuit(compiled(circuit), new Random(1));
    expect(overlap(found.amplitudes, runDynamicCircuit(circuit, new Random(1)).amplitudes)).toBeGreaterThan(
      1 - 1e-11,
    );
    expect(found.variables).toEqual({ v: '1.3' });
  });

  it('rename the qubits of bodies where swaps became names', () => {
    const circuit = new Circuit(3, 1).h(0).swap(0, 2).measure(2, 0);
    circuit.ifTest({ kind: 'bit', clbit: 0 }, (body) => body.cx(2, 1).x(2));
    const { interactions } = collectInteractions(circuit);
    const fences = interactions.filter(({ kind }) => kind === InteractionKind.fence);
    expect(fences.map(({ wires }) => wires)).toEqual([[0], [1, 0]]);
    const body = fences[1]!.instruction!;
    expect(body.qubits).toEqual([0, 1]);
    expect(body.kind === 'if' && body.then.instructions.map(({ qubits }) => qubits)).toEqual([[0, 1], [0]]);
  });

  it('have the gates just before them in their frames', () => {
    const { interactions, frames } = collectInteractions(new Circuit(1, 1).x(0).measure(0, 0).x(0));
    // X without a phase is -i X.
    const flip = [0, 0, 0, -1, 0, -1, 0, 0];
    [interactions[0]!.framesBefore[0]!, frames[0]!].forEach((frame) => {
      flip.forEach((value, i) => {
        expect(frame[i]).toBeCloseTo(value, 14);
      });
    });
  });
});
