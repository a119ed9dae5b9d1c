import {
  Circuit,
  checkGateDirection,
  checkMap,
  countOperations,
  depth,
  type GateName,
  GUIDE_PASSES,
  gateDefinition,
  gateDirection,
  gridTarget,
  Layout,
  lineTarget,
  parameter,
  size,
  type Target,
  transpile,
  twoQubitDepth,
  verifyEquivalence,
  width,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { findTargetViolation } from '../../src/compiler/verification/target-violation.ts';
import { randomCircuit } from '../random-circuit.ts';
import { expectInBasis, expectSameUnitary, runPass, stateAfter } from './run-pass.ts';

const bit = { kind: 'bit', clbit: 0 } as const;

describe('analysis passes', () => {
  it('write what they find and leave the circuit alone', async () => {
    const circuit = new Circuit(3, 1).h(0).cx(0, 1).barrier().cx(1, 2).measure(2, 0);
    const found = [];
    for (const pass of [depth(), twoQubitDepth(), width(), size(), countOperations()]) {
      const state = await stateAfter(pass, circuit);
      expect(state.circuit).toBe(circuit);
      found.push(...state.properties);
    }
    expect(Object.fromEntries(found)).toEqual({
      depth: 4,
      twoQubitDepth: 2,
      width: 4,
      size: 4,
      operationCounts: { cx: 2, barrier: 1, h: 1, measure: 1 },
    });
  });
});

describe('checkMap', () => {
  const mapped = async (circuit: Circuit, target: Target) =>
    (await stateAfter(checkMap(), circuit, target)).properties.get('isSwapMapped');

  it('looks at every pair, bodies included', async () => {
    const line = lineTarget(3);
    expect(await mapped(new Circuit(3).cx(1, 0).cz(1, 2).barrier(0, 2), line)).toBe(true);
    expect(await mapped(new Circuit(3).cx(0, 2), line)).toBe(false);
    expect(await mapped(new Circuit(3).ccx(0, 1, 2), line)).toBe(false);
    expect(
      await mapped(
        new Circuit(3, 1).ifTest(bit, (body) => body.cx(0, 2)),
        line,
      ),
    ).toBe(false);
    expect(await mapped(new Circuit(3).cx(0, 1), { ...line, faultyEdges: [[1, 0]] })).toBe(false);
    expect(await mapped(new Circuit(3).cx(0, 2), { ...line, couplingEdges: null })).toBe(true);
  });
});

describe('gateDirection', () => {
  const directed = (basisGates: readonly GateName[]): Target => ({
    ...lineTarget(3, basisGates),
    directed: true,
  });

  it.each([
    [['rz', 'sx', 'x', 'cx'] as const],
    [['rz', 'sx', 'x', 'ecr'] as const],
    [['u', 'rzx'] as const],
    [['rz', 'rx', 'csx'] as const],
    [['u', 'crx', 'cz'] as const],
    [['u', 'xx_plus_yy'] as const],
    [['u', 'single_excitation'] as const],
  ])('turns gates of %j round, free angles too', async (basis) => {
    const target = directed(basis);
    const gate = basis.find(
      (name) => gateDefinition(name).qubitCount === 2 && !gateDefinition(name).symmetric,
    )!;
    const angles = ['a', 'b'].slice(0, gateDefinition(gate).parameterCount).map(parameter);
    const circuit = new Circuit(3, 1)
      .gate(gate, [1, 0], angles)
      .gate(gate, [1, 2], angles)
      .gate(gate, [2, 1], angles);
    const turned = await runPass(gateDirection(), circuit, target);
    expectSameUnitary(circuit, turned, 3);
    expectInBasis(turned, basis);
    const check = await stateAfter(checkGateDirection(), turned, target);
    expect(check.properties.get('isDirectionMapped')).toBe(true);
    expect(
      (await stateAfter(checkGateDirection(), circuit, target)).properties.get('isDirectionMapped'),
    ).toBe(false);
    expect((await runPass(gateDirection(), turned, target)).equals(turned)).toBe(true);
  });

  it('leaves symmetric gates and undirected targets alone, and turns gates in bodies', async () => {
    const target = directed(['rz', 'sx', 'x', 'cx', 'cz']);
    const symmetric = new Circuit(3).cz(1, 0).cz(0, 1);
    expect((await runPass(gateDirection(), symmetric, target)).equals(symmetric)).toBe(true);
    const backwards = new Circuit(3).cx(1, 0);
    expect((await runPass(gateDirection(), backwards, lineTarget(3))).equals(backwards)).toBe(true);
    const body = new Circuit(3, 1).ifTest(bit, (inner) => inner.cx(2, 1));
    const turned = await runPass(gateDirection(), body, target);
    const branch = turned.instructions[0]!;
    expect(
      branch.kind === 'if' && branch.then.instructions.find(({ qubits }) => qubits.length === 2)?.qubits,
    ).toEqual([1, 2]);
  });

  it('refuses gates that it cannot turn', async () => {
    const circuit = new Circuit(3).cu([1, 2, 3, 4], 1, 0);
    await expect(runPass(gateDirection(), circuit, directed(['u', 'cu']))).rejects.toThrow(
      /cu cannot be turned round/,
    );
  });
});

describe('Layout', () => {
  const layout = new Layout([3, 0, 2], 4);

  it('goes both ways', () => {
    expect([0, 1, 2].map((qubit) => layout.physicalOf(qubit))).toEqual([3, 0, 2]);
    expect([0, 1, 2, 3].map((place) => layout.virtualOf(place))).toEqual([1, null, 2, 0]);
    expect([layout.virtualQubitCount, layout.physicalQubitCount]).toEqual([3, 4]);
  });

  it('composes, inverts and swaps', () => {
    const full = new Layout([2, 0, 1]);
    expect(full.compose(full.inverse()).equals(Layout.trivial(3))).toBe(true);
    expect(layout.compose(new Layout([1, 2, 3, 0])).physicalQubits).toEqual([0, 1, 3]);
    expect(layout.swap(0, 1).physicalQubits).toEqual([3, 1, 2]);
    expect(layout.swap(2, 3).physicalQubits).toEqual([2, 0, 3]);
    expect(() => layout.inverse()).toThrow(/nothing on physical qubit 1/);
    expect(Layout.trivial(0).physicalQubits).toEqual([]);
  });

  it('goes through JSON and refuses what is no layout', () => {
    expect(Layout.fromJSON(JSON.parse(JSON.stringify(layout))).equals(layout)).toBe(true);
    for (const wrong of [[0, 0], [4], [-1], [0.5], ['0']]) {
      expect(() => new Layout(wrong as number[], 4)).toThrow(/different physical qubits in 0\.\.3/);
    }
    expect(() => new Layout([0], -1)).toThrow(/impossible size/);
    expect(() => Layout.fromJSON({} as never)).toThrow(/a list/);
    expect(() => layout.physicalOf(3)).toThrow(/0\.\.2, got 3/);
    expect(() => layout.virtualOf(4)).toThrow(/0\.\.3, got 4/);
  });
});

describe('GUIDE_PASSES', () => {
  it('makes a pass under every name', () => {
    for (const [name, make] of Object.entries(GUIDE_PASSES)) {
      const pass = (make as () => { name: string; run: unknown })();
      expect(typeof pass.run, name).toBe('function');
      expect(pass.name.length).toBeGreaterThan(2);
    }
    expect(Object.keys(GUIDE_PASSES)).toEqual(
      expect.arrayContaining([
        ...[
          'Optimize1qGates',
          'CommutativeCancellation',
          'CXCancellation',
          'RemoveResetInZeroState',
          'Depth',
          'Width',
        ],
        ...['BasicSwap', 'CheckMap'],
      ]),
    );
  });

  it('cancels cx and nothing else as CXCancellation', async () => {
    const circuit = new Circuit(2).cx(0, 1).cx(0, 1).h(0).h(0);
    expect((await runPass(GUIDE_PASSES.CXCancellation(), circuit)).gateCounts()).toEqual({ h: 2 });
  });
});

describe('transpile for targets with directions and faults', () => {
  it('runs every gate along its edge and leaves out what does not work, at every level', async () => {
    const target: Target = {
      ...gridTarget(2, 3, ['rz', 'sx', 'x', 'ecr']),
      directed: true,
      faultyQubits: [5],
      faultyEdges: [[1, 0]],
    };
    for (const level of [0, 1, 2, 3] as const) {
      const circuit = randomCircuit(level, 4, 12);
      if (level === 0) circuit.cx(0, 3);
      const compiled = await transpile(circuit, target, { level, seed: 1 });
      expect(findTargetViolation(compiled.circuit, target)).toBeNull();
      expect((await verifyEquivalence(circuit, compiled)).equivalent).toBe(true);
      for (const instruction of compiled.circuit.instructions) expect(instruction.qubits).not.toContain(5);
    }
  });
});
