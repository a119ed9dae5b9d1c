import { ManualClock, Random } from '@qedge/core';
import {
  allToAllTarget,
  Circuit,
  commutativeCancellation,
  GATE_NAMES,
  gateDefinition,
  inverseCancellation,
  parameter,
  removeIdentityEquivalent,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { commutationAxis } from '../../src/compiler/commutation.ts';
import { randomCircuit as randomMixedCircuit } from '../../src/testing/random-circuit.ts';
import { randomCircuit } from '../random-circuit.ts';
import { expectSameUnitary, runPass } from './run-pass.ts';

describe.each([
  ['commutativeCancellation', commutativeCancellation()],
  ['inverseCancellation', inverseCancellation()],
  ['removeIdentityEquivalent', removeIdentityEquivalent()],
])('%s', (_, pass) => {
  it('keeps the effect of random circuits, and does nothing twice', async () => {
    for (let seed = 0; seed < 16; seed++) {
      const circuit =
        seed % 2 === 0 ? randomCircuit(seed, 3, 40) : randomMixedCircuit(new Random(seed), 3, 40);
      const once = await runPass(pass, circuit);
      expect(once.instructionCount).toBeLessThanOrEqual(circuit.instructionCount);
      expectSameUnitary(circuit, once, 1);
      expect((await runPass(pass, once)).equals(once)).toBe(true);
    }
  });

  it('has nothing to do for nothing', async () => {
    expect((await runPass(pass, new Circuit(0))).instructionCount).toBe(0);
    expect((await runPass(pass, new Circuit(1).h(0))).gateCounts()).toEqual({ h: 1 });
  });
});

describe('inverseCancellation', () => {
  it('cancels neighbours, one pair after another, whatever the name of the inverse', async () => {
    const nested = new Circuit(2).cx(0, 1).h(0).s(1).t(1).tdg(1).sdg(1).h(0).cx(0, 1);
    expect((await runPass(inverseCancellation(), nested)).instructionCount).toBe(0);
    const apart = new Circuit(2).cx(0, 1).rz(1, 0).cx(0, 1);
    expect((await runPass(inverseCancellation(), apart)).instructionCount).toBe(3);
    const turned = new Circuit(2).cx(0, 1).cx(1, 0).cz(0, 1).cz(1, 0);
    expect((await runPass(inverseCancellation(), turned)).gateCounts()).toEqual({ cx: 2 });
  });

  it('cancels only the gates that it is given', async () => {
    const circuit = new Circuit(2).h(0).h(0).cx(0, 1).cx(0, 1).s(1).sdg(1);
    expect((await runPass(inverseCancellation(['cx']), circuit)).gateCounts()).toEqual({
      h: 2,
      s: 1,
      sdg: 1,
    });
    expect((await runPass(inverseCancellation(['s', 'sdg']), circuit)).gateCounts()).toEqual({ h: 2, cx: 2 });
    expect(() => inverseCancellation(['magic' as 'cx'])).toThrow(/Unknown gate/);
  });

  it('compares free angles', async () => {
    const [a, b] = [parameter('a'), parameter('b')];
    const circuit = new Circuit(1)
      .rx(a, 0)
      .u(a, b, 1, 0)
      .u(a.times(-1), -1, b.times(-1), 0)
      .rx(a.times(-1), 0)
      .rx(b, 0);
    expect((await runPass(inverseCancellation(), circuit)).gateCounts()).toEqual({ rx: 1 });
  });
});

describe('commutativeCancellation', () => {
  it('leaves the circuit as it is once the time is up', async () => {
    const circuit = new Circuit(2).cx(0, 1).cx(0, 1);
    const state = {
      circuit,
      target: allToAllTarget(2),
      interactions: null,
      initialLayout: null,
      finalLayout: null,
      properties: new Map(),
    };
    const context = { random: new Random(0), clock: new ManualClock(10) };
    const inTime = await commutativeCancellation().run(state, { ...context, deadlineMs: 20 });
    expect(inTime.circuit.instructionCount).toBe(0);
    expect(await commutativeCancellation().run(state, { ...context, deadlineMs: 5 })).toBe(state);
  });

  const count = async (circuit: Circuit, basis?: Parameters<typeof allToAllTarget>[1]) =>
    (
      await runPass(commutativeCancellation(), circuit, allToAllTarget(circuit.qubitCount, basis))
    ).gateCounts();

  it('cancels across gates that commute, not across gates that do not', async () => {
    const across = new Circuit(3).cx(0, 1).rz(0.3, 0).sx(1).cx(0, 2).cx(2, 1).cx(0, 1);
    expect(await count(across)).toEqual({ cx: 2, rz: 1, sx: 1 });
    expect(await count(new Circuit(2).cx(0, 1).rz(0.3, 1).cx(0, 1))).toEqual({ cx: 2, rz: 1 });
    const shared = new Circuit(4).ccx(0, 1, 2).cx(0, 3).t(1).ccx(1, 0, 2);
    expect(await count(shared)).toEqual({ ccx: 2, cx: 1, t: 1 });
    const equal = new Circuit(4).ccx(0, 1, 2).cx(0, 3).t(1).ccx(0, 1, 2);
    expect(await count(equal)).toEqual({ cx: 1, t: 1 });
  });

  it('cancels a long circuit with its inverse, in time that grows with its length alone', async () => {
    const random = new Random(4);
    const there = new Circuit(4);
    for (let i = 0; i < 10_000; i++) {
      const qubit = random.integer(4);
      if (random.integer(2) === 0) there.cx(qubit, (qubit + 1) % 4);
      else there.rz(random.uniform(), qubit).sx(qubit);
    }
    expect((await runPass(commutativeCancellation(), there.compose(there.inverse()))).instructionCount).toBe(
      0,
    );
  });

  it('adds turns of one kind under a name of the basis', async () => {
    expect(await count(new Circuit(1).t(0).t(0))).toEqual({ s: 1 });
    expect(await count(new Circuit(1).t(0).t(0), ['t', 'h', 'cx'])).toEqual({ t: 2 });
    expect(await count(new Circuit(1).sx(0).sx(0), ['rz', 'sx', 'x'])).toEqual({ x: 1 });
    expect(await count(new Circuit(1).sx(0).sx(0), ['rz', 'sx'])).toEqual({ sx: 2 });
    expect(await count(new Circuit(1).s(0).rz(0.5, 0).p(0.25, 0))).toEqual({ rz: 1 });
    expect(
      await count(
        new Circuit(2)
          .cs(0, 1)
          .cz(1, 0)
          .cp(Math.PI / 2, 0, 1),
      ),
    ).toEqual({});
    expect(await count(new Circuit(2).cs(0, 1).cp(0.3, 1, 0))).toEqual({ cp: 1 });
  });

  it('adds free angles and drops whole turns', async () => {
    const theta = parameter('t');
    const sum = await runPass(
      commutativeCancellation(),
      new Circuit(2).rz(theta, 0).cx(0, 1).rz(theta.times(2), 0).rz(1, 0),
    );
    expect(sum.gateCounts()).toEqual({ cx: 1, rz: 1 });
    expect(sum.instructions[0]).toMatchObject({ parameters: [theta.times(3).plus(1)] });
    const none = new Circuit(2).rz(theta, 0).rz(theta.times(-1), 0).rzz(Math.PI, 0, 1).rzz(Math.PI, 1, 0);
    expect(await count(none)).toEqual({});
    // A controlled rotation by a full turn is a Z on its control.
    expect(await count(new Circuit(2).crz(Math.PI, 0, 1).crz(Math.PI, 0, 1))).toEqual({ crz: 1 });
  });

  it('keeps what barriers, measurements, control flow, delays and assignments stand between', async () => {
    const bit = { kind: 'bit', clbit: 0 } as const;
    const circuit = new Circuit(1, 1)
      .x(0)
      .barrier(0)
      .x(0)
      .measure(0, 0)
      .x(0)
      .delay(1, 'ns', 0)
      .x(0)
      .reset(0)
      .x(0);
    expect((await count(circuit)).x).toBe(5);
    const loop = new Circuit(2, 1);
    const angle = loop.declare({ name: 'a', type: { kind: 'float', size: 64 } });
    loop.h(0).rz(parameter('a'), 1).assign(angle, angle).rz(parameter('a'), 1);
    loop.whileLoop(bit, (body) =>
      body
        .h(0)
        .ifTest(bit, (inner) => inner.break())
        .h(0)
        .x(1)
        .x(1),
    );
    const cancelled = await runPass(commutativeCancellation(), loop);
    expect(cancelled.gateCounts()).toEqual({ h: 1, rz: 2, assign: 1, while: 1 });
    const inner = cancelled.instructions.find(({ kind }) => kind === 'while');
    expect(inner?.kind === 'while' && inner.body.gateCounts()).toEqual({ h: 2, if: 1 });
  });

  it('uses commutation facts that the matrices confirm', () => {
    for (const name of GATE_NAMES) {
      const { qubitCount, parameterCount } = gateDefinition(name);
      const parameters = [0.7, 0.4, 1.9, 2.6].slice(0, parameterCount);
      const qubits = Array.from({ length: qubitCount }, (_, q) => q);
      const [gate] = new Circuit(qubitCount).gate(name, qubits, parameters).instructions;
      for (const position of qubits) {
        const axis = commutationAxis(gate!, position);
        if (axis === null) continue;
        const before = new Circuit(qubitCount).gate(axis, [position]).append(gate!);
        const after = new Circuit(qubitCount).append(gate!).gate(axis, [position]);
        expectSameUnitary(before, after, 1);
      }
    }
  });
});

describe('removeIdentityEquivalent', () => {
  it('drops what is the identity up to a phase, and nothing that is only near it', async () => {
    const nothing = new Circuit(2)
      .id(0)
      .rz(2 * Math.PI, 0)
      .p(2 * Math.PI, 0)
      .u(0, 1, -1, 1)
      .rzz(2 * Math.PI, 0, 1);
    nothing
      .crz(4 * Math.PI, 0, 1)
      .cp(0, 0, 1)
      .rx(0, 0);
    expect((await runPass(removeIdentityEquivalent(), nothing)).instructionCount).toBe(0);
    const something = new Circuit(2)
      .rz(1e-9, 0)
      .crz(2 * Math.PI, 0, 1)
      .rzz(Math.PI, 0, 1)
      .cu([0, 0, 0, 1], 0, 1)
      .rx(parameter('a'), 0);
    expect((await runPass(removeIdentityEquivalent(), something)).instructionCount).toBe(5);
  });
});
