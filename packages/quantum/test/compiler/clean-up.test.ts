import { Random } from '@qedge/core';
import {
  type ApproximationReport,
  approximateWithin,
  Circuit,
  consolidateBlocks,
  createReferenceSimulator,
  elidePermutations,
  type GateName,
  gateDefinition,
  lineTarget,
  optimizeSwapBeforeMeasure,
  type Pass,
  parameter,
  removeBarriers,
  removeDiagonalGatesBeforeMeasure,
  removeFinalReset,
  removeResetInZeroState,
  simplifyKnownStates,
  simplifyResetAfterMeasure,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { randomUnitary } from '../dense-matrix.ts';
import { randomCircuit } from '../random-circuit.ts';
import { expectInBasis, expectSameUnitary, infidelity, runPass, stateAfter } from './run-pass.ts';

const bit = (clbit: number) => ({ kind: 'bit', clbit }) as const;

/** Probabilities of what is measured, by exact simulation of every outcome. */
function outcomes(circuit: Circuit): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const visit = (from: number, prefix: Circuit, bits: readonly number[], weight: number) => {
    for (let index = from; index < circuit.instructionCount; index++) {
      const instruction = circuit.instructions[index]!;
      if (instruction.kind === 'barrier' || instruction.kind === 'delay') continue;
      if (instruction.kind !== 'measure' && instruction.kind !== 'reset') {
        prefix.append(instruction);
        continue;
      }
      const [qubit] = instruction.qubits;
      using state = createReferenceSimulator().run(prefix);
      for (const outcome of [0, 1] as const) {
        const amplitudes = state.amplitudes().slice();
        let norm = 0;
        for (let i = 0; i < amplitudes.length / 2; i++) {
          if (((i >> qubit) & 1) === outcome) norm += amplitudes[2 * i]! ** 2 + amplitudes[2 * i + 1]! ** 2;
        }
        if (norm < 1e-12) continue;
        const projected = new Float64Array(amplitudes.length);
        for (let i = 0; i < amplitudes.length / 2; i++) {
          if (((i >> qubit) & 1) !== outcome) continue;
          const to = instruction.kind === 'reset' ? i & ~(1 << qubit) : i;
          projected[2 * to] = amplitudes[2 * i]! / Math.sqrt(norm);
          projected[2 * to + 1] = amplitudes[2 * i + 1]! / Math.sqrt(norm);
        }
        const next = bits.slice();
        if (instruction.kind === 'measure') next[instruction.clbit] = outcome;
        visit(index + 1, new Circuit(circuit.qubitCount).initialize(projected), next, weight * norm);
      }
      return;
    }
    const key = bits.join('');
    found.set(key, (found.get(key) ?? 0) + weight);
  };
  visit(0, new Circuit(circuit.qubitCount), new Array<number>(circuit.clbitCount).fill(0), 1);
  return found;
}

function expectSameOutcomes(a: Circuit, b: Circuit): void {
  const [left, right] = [outcomes(a), outcomes(b)];
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    expect(Math.abs((left.get(key) ?? 0) - (right.get(key) ?? 0))).toBeLessThan(1e-9);
  }
}

/** A circuit from |0> with measurements and resets in the middle and at the end, and gates that act on few qubits. */
function measuredCircuit(seed: number): Circuit {
  const random = new Random(seed);
  const names: readonly GateName[] = [
    'h',
    'x',
    'cx',
    'cz',
    's',
    't',
    'rz',
    'cp',
    'swap',
    'crz',
    'ccx',
    'ch',
    'cswap',
    'rzz',
    'cu',
    'y',
    'rx',
  ];
  const circuit = new Circuit(4, 4);
  const pick = (count: number) => random.shuffle([0, 1, 2, 3]).slice(0, count);
  for (let i = 0; i < 18; i++) {
    const name = names[random.integer(names.length)]!;
    const { qubitCount, parameterCount } = gateDefinition(name);
    if (random.integer(9) === 0) circuit.reset(random.integer(4));
    else if (random.integer(12) === 0) circuit.measure(random.integer(4), random.integer(4));
    else
      circuit.gate(
        name,
        pick(qubitCount),
        Array.from({ length: parameterCount }, () => random.normal()),
      );
  }
  for (const qubit of pick(3)) circuit.measure(qubit, qubit);
  if (seed % 3 === 0) circuit.reset(pick(1)[0]!);
  return circuit;
}

const MEASURED: readonly (readonly [string, () => Pass])[] = [
  ['removeResetInZeroState', removeResetInZeroState],
  ['removeFinalReset', removeFinalReset],
  ['removeDiagonalGatesBeforeMeasure', removeDiagonalGatesBeforeMeasure],
  ['optimizeSwapBeforeMeasure', optimizeSwapBeforeMeasure],
  ['simplifyKnownStates', simplifyKnownStates],
];

describe.each(MEASURED)('%s', (_, make) => {
  it('keeps what is measured from |0>, says so, adds nothing, and does nothing twice', async () => {
    expect(make().preserves).toBe('measured distribution from |0>');
    let dropped = 0;
    for (let seed = 0; seed < 24; seed++) {
      const circuit = measuredCircuit(seed);
      const once = await runPass(make(), circuit);
      expectSameOutcomes(circuit, once);
      expect(once.instructionCount).toBeLessThanOrEqual(circuit.instructionCount);
      expect((await runPass(make(), once)).equals(once)).toBe(true);
      dropped += circuit.instructionCount - once.instructionCount;
    }
    expect(dropped).toBeGreaterThan(0);
    expect((await runPass(make(), new Circuit(0))).instructionCount).toBe(0);
  });
});

describe('removeResetInZeroState', () => {
  it('drops resets only before anything acts', async () => {
    const circuit = new Circuit(2).reset(0).barrier().reset(0).h(0).reset(0).reset(1);
    expect((await runPass(removeResetInZeroState(), circuit)).gateCounts()).toEqual({
      barrier: 1,
      h: 1,
      reset: 1,
    });
  });
});

describe('removeFinalReset', () => {
  it('drops resets after which nothing acts', async () => {
    const circuit = new Circuit(2, 1).reset(0).h(0).reset(0).h(1).measure(1, 0).reset(1).barrier().reset(1);
    expect((await runPass(removeFinalReset(), circuit)).gateCounts()).toEqual({
      h: 2,
      barrier: 1,
      measure: 1,
      reset: 1,
    });
  });
});

describe('removeDiagonalGatesBeforeMeasure', () => {
  it('drops phases that nobody sees, and keeps those that somebody may', async () => {
    const count = async (circuit: Circuit) =>
      (await runPass(removeDiagonalGatesBeforeMeasure(), circuit)).gateCounts();
    const seen = new Circuit(2, 2).h(0).t(0).cz(0, 1).rz(parameter('a'), 0).measure(0, 0).measure(1, 1);
    expect(await count(seen)).toEqual({ h: 1, measure: 2 });
    expect(await count(new Circuit(2, 1).cz(0, 1).measure(0, 0).h(1))).toEqual({ cz: 1, h: 1, measure: 1 });
    expect(await count(new Circuit(1, 1).t(0).measure(0, 0).h(0))).toEqual({ t: 1, h: 1, measure: 1 });
    expect(await count(new Circuit(1).t(0))).toEqual({ t: 1 });
    expect(
      await count(
        new Circuit(3, 1)
          .append({ kind: 'diagonal', qubits: [0, 1], phases: Float64Array.of(0, 1, 2, 3) })
          .measure(0, 0),
      ),
    ).toEqual({ measure: 1 });
  });
});

describe('optimizeSwapBeforeMeasure', () => {
  it('measures the other qubit, and tells the final layout', async () => {
    const circuit = new Circuit(3, 2).h(0).swap(0, 1).barrier().swap(1, 2).measure(2, 0).measure(0, 1);
    const state = await stateAfter(optimizeSwapBeforeMeasure(), circuit, undefined, {
      finalLayout: [0, 1, 2],
    });
    expect(state.circuit.instructions.filter(({ kind }) => kind === 'measure')).toEqual([
      { kind: 'measure', qubits: [0], clbit: 0 },
      { kind: 'measure', qubits: [1], clbit: 1 },
    ]);
    expect(state.finalLayout).toEqual([1, 2, 0]);
    const kept = new Circuit(2, 1).swap(0, 1).h(0).measure(1, 0);
    expect((await runPass(optimizeSwapBeforeMeasure(), kept)).equals(kept)).toBe(true);
    const unmeasured = new Circuit(2).swap(0, 1);
    expect((await runPass(optimizeSwapBeforeMeasure(), unmeasured)).equals(unmeasured)).toBe(true);
  });
});

describe('simplifyKnownStates', () => {
  const count = async (circuit: Circuit) => (await runPass(simplifyKnownStates(), circuit)).gateCounts();

  it('drops gates whose control is |0> and takes away controls that are |1>', async () => {
    expect(await count(new Circuit(2).cx(0, 1).t(0).swap(0, 1).cp(0.3, 0, 1).reset(0))).toEqual({});
    expect(await count(new Circuit(3).x(0).ccx(0, 1, 2).h(1).ccx(0, 1, 2))).toEqual({ x: 1, h: 1, cx: 1 });
    expect(await count(new Circuit(2).x(0).h(1).crz(0.3, 0, 1).rzz(0.4, 0, 1))).toEqual({
      x: 1,
      h: 1,
      rz: 2,
    });
    expect(await count(new Circuit(4).x(0).x(1).h(2).mcx([0, 1, 2], 3))).toEqual({ x: 2, h: 1, cx: 1 });
    expect(await count(new Circuit(2).x(0).cu([1, 2, 3, 4], 0, 1))).toEqual({ x: 1, u: 1 });
    expect(await count(new Circuit(2).h(0).cx(0, 1).cx(1, 0))).toEqual({ h: 1, cx: 2 });
  });

  it('goes through all gates of the library', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const circuit = new Circuit(4);
      const random = new Random(seed);
      for (let qubit = 0; qubit < 4; qubit++) if (random.integer(2) === 0) circuit.x(qubit);
      circuit.appendCircuit(randomCircuit(seed, 4, 8));
      using before = createReferenceSimulator().run(circuit);
      using after = createReferenceSimulator().run(await runPass(simplifyKnownStates(), circuit));
      expect(1 - before.fidelity(after)).toBeLessThan(1e-9);
    }
  });

  it('knows nothing after control flow', async () => {
    const circuit = new Circuit(2, 1).ifTest(bit(0), (body) => body.x(0)).cx(0, 1);
    expect(await count(circuit)).toEqual({ if: 1, cx: 1 });
  });
});

describe('simplifyResetAfterMeasure', () => {
  it('makes X under the bit of a reset right after its measurement, in bodies too', async () => {
    const circuit = new Circuit(2, 2).measure(0, 0).reset(0).measure(1, 1).measure(0, 1).reset(1);
    circuit
      .ifTest(bit(0), (body) => body.measure(0, 1).reset(0))
      .measure(1, 0)
      .h(1)
      .reset(1);
    const simplified = await runPass(simplifyResetAfterMeasure(), circuit);
    expect(simplified.gateCounts()).toEqual({ measure: 4, if: 2, reset: 2, h: 1 });
    const [, first] = simplified.instructions;
    expect(first?.kind === 'if' && [first.condition, first.then.gateCounts()]).toEqual([bit(0), { x: 1 }]);
    const body = simplified.instructions.filter(({ kind }) => kind === 'if')[1];
    expect(body?.kind === 'if' && body.then.gateCounts()).toEqual({ measure: 1, if: 1 });
  });

  it('brings qubits to |0>, whatever is measured', async () => {
    const circuit = new Circuit(1, 2).ry(1.2, 0).measure(0, 0).reset(0).measure(0, 1);
    const simplified = await runPass(simplifyResetAfterMeasure(), circuit);
    const sample = await createReferenceSimulator().sample(simplified, 400);
    expect(Object.keys(sample.counts).every((key) => key.startsWith('0'))).toBe(true);
  });
});

describe('elidePermutations', () => {
  it('renames qubits, and says where they end', async () => {
    for (let seed = 0; seed < 15; seed++) {
      const circuit = randomCircuit(seed, 4, 15).swap(0, 2).permute([1, 2, 0], [3, 1, 0]);
      circuit.appendCircuit(randomCircuit(seed + 100, 4, 15)).swap(1, 3);
      const state = await stateAfter(elidePermutations(), circuit);
      expect(state.circuit.gateCounts().swap ?? 0).toBe(0);
      const places = state.properties.get('elidedPermutation') as number[];
      const restored = state.circuit.clone().permute(
        [0, 1, 2, 3].map((qubit) => places.indexOf(qubit)),
        [0, 1, 2, 3],
      );
      expectSameUnitary(circuit, restored, 1);
      const again = await stateAfter(elidePermutations(), state.circuit.clone().swap(0, 1), undefined, {
        properties: state.properties,
      });
      const twice = again.properties.get('elidedPermutation') as number[];
      const exchanged = places.map((place) => [1, 0, 2, 3][place]);
      expect(twice).toEqual(exchanged);
    }
  });

  it('renames bodies and measurements, and leaves places of a machine alone', async () => {
    const circuit = new Circuit(2, 1)
      .swap(0, 1)
      .measure(0, 0)
      .ifTest(bit(0), (body) => body.x(0).swap(0, 1));
    const state = await stateAfter(elidePermutations(), circuit);
    const [measure, branch] = state.circuit.instructions;
    expect(measure).toEqual({ kind: 'measure', qubits: [1], clbit: 0 });
    expect(branch?.kind === 'if' && branch.then.instructions.map(({ qubits }) => qubits)).toEqual([
      [1],
      [1, 0],
    ]);
    const placed = await stateAfter(elidePermutations(), circuit, undefined, { initialLayout: [0, 1] });
    expect(placed.circuit.equals(circuit)).toBe(true);
  });
});

describe('removeBarriers', () => {
  it('drops barriers everywhere and nothing else', async () => {
    const circuit = new Circuit(2, 1)
      .h(0)
      .barrier()
      .measure(0, 0)
      .ifTest(bit(0), (body) => body.barrier().x(1));
    const without = await runPass(removeBarriers(), circuit);
    expect(without.gateCounts()).toEqual({ h: 1, if: 1, measure: 1 });
    const branch = without.instructions.at(-1)!;
    expect(branch.kind === 'if' && branch.then.gateCounts()).toEqual({ x: 1 });
  });
});

describe('consolidateBlocks', () => {
  const target = lineTarget(4);

  it('keeps the effect of random circuits, in the basis, with no more two-qubit gates', async () => {
    for (let seed = 0; seed < 12; seed++) {
      const circuit = new Circuit(3);
      const random = new Random(seed);
      for (let i = 0; i < 25; i++) {
        const [a, b] = random.shuffle([0, 1, 2]) as unknown as [number, number];
        const kind = random.integer(5);
        if (kind < 2) circuit.cx(a, b);
        else if (kind === 2) circuit.rz(random.normal(), a).sx(b);
        else circuit.cx(b, a).sx(b);
      }
      const once = await runPass(consolidateBlocks(), circuit, target);
      expectInBasis(once, target.basisGates);
      expectSameUnitary(circuit, once, 1);
      expect(once.gateCounts().cx ?? 0).toBeLessThanOrEqual(circuit.gateCounts().cx ?? 0);
      const again = await runPass(consolidateBlocks(), once, target);
      expect(again.gateCounts()).toEqual(once.gateCounts());
    }
  });

  it('makes at most three cx of any block, none of one that is local, and brings matrices into the basis', async () => {
    const count = async (circuit: Circuit) =>
      (await runPass(consolidateBlocks(), circuit, target)).gateCounts().cx ?? 0;
    const random = new Random(5);
    const long = new Circuit(2);
    for (let i = 0; i < 6; i++)
      long
        .cx(i % 2, 1 - (i % 2))
        .rz(random.normal(), 0)
        .sx(0)
        .rz(random.normal(), 1)
        .sx(1);
    expect(await count(long)).toBe(3);
    expectSameUnitary(long, await runPass(consolidateBlocks(), long, target));
    expect(await count(new Circuit(2).cx(0, 1).rz(0.4, 0).cx(0, 1))).toBe(0);
    // The control's X becomes XX: a quarter turn of it is one cx, any other two.
    expect(await count(new Circuit(2).cx(0, 1).sx(0).cx(0, 1))).toBe(1);
    expect(await count(new Circuit(2).cx(0, 1).sx(0).rz(1, 0).sx(0).cx(0, 1))).toBe(2);
    expect(await count(new Circuit(2).cx(0, 1).barrier().cx(0, 1))).toBe(2);
    const matrix = new Circuit(2).unitary(randomUnitary(new Random(1), 4), [1, 0]).h(0);
    expectSameUnitary(matrix, await runPass(consolidateBlocks(), matrix, target));
    const free = new Circuit(2).cx(0, 1).rz(parameter('a'), 1).cx(0, 1);
    expect((await runPass(consolidateBlocks(), free, target)).equals(free)).toBe(true);
  });
});

describe('approximateWithin', () => {
  it('drops what is nearest to nothing, never beyond the budget', async () => {
    let droppedGates = 0;
    for (let seed = 0; seed < 6; seed++) {
      const random = new Random(seed);
      const circuit = new Circuit(3);
      for (let i = 0; i < 30; i++) {
        const [a, b] = random.shuffle([0, 1, 2]) as unknown as [number, number];
        const angle = random.normal() * 10 ** -random.integer(5);
        circuit
          .cp(angle, a, b)
          .ry(angle / 3, a)
          .rzz(angle, b, a)
          .h(b)
          .crx(angle, a, b);
      }
      for (const budget of [0, 1e-8, 1e-4, 1e-2]) {
        const state = await stateAfter(approximateWithin(budget), circuit);
        const report = state.properties.get('approximation') as ApproximationReport;
        expect(report.usedBudget).toBeLessThanOrEqual(budget);
        expect(infidelity(circuit, state.circuit)).toBeLessThanOrEqual(report.usedBudget + 1e-12);
        if (budget === 0) expect([report.droppedGates, report.simplifiedBlocks]).toEqual([0, 0]);
        droppedGates += report.droppedGates;
        const again = await stateAfter(approximateWithin(budget), state.circuit, undefined, {
          properties: state.properties,
        });
        expect((again.properties.get('approximation') as ApproximationReport).usedBudget).toBeLessThanOrEqual(
          budget,
        );
      }
    }
    expect(droppedGates).toBeGreaterThan(100);
  });

  it('leaves out small Weyl coordinates of blocks, as far as the budget goes', async () => {
    const target = lineTarget(2);
    const exact = new Circuit(2).rxx(0.7, 0, 1).ryy(0.4, 0, 1).rzz(0.02, 0, 1).ry(0.3, 0).rxx(0.2, 0, 1).h(1);
    const count = async (budget: number) => {
      const state = await stateAfter(approximateWithin(budget), exact, target);
      const report = state.properties.get('approximation') as ApproximationReport;
      expect(infidelity(exact, state.circuit, 4)).toBeLessThanOrEqual(report.usedBudget + 1e-12);
      const consolidated = await runPass(consolidateBlocks(), state.circuit, target);
      return [consolidated.gateCounts().cx ?? 0, report.simplifiedBlocks];
    };
    expect(await count(1e-8)).toEqual([3, 0]);
    expect((await count(0.02))[0]).toBe(2);
    expect((await count(0.9))[0]).toBe(0);
    const block = new Circuit(2).unitary(randomUnitary(new Random(9), 4), [0, 1]);
    let last = 3;
    for (const budget of [0, 0.05, 0.3, 0.6, 1]) {
      const state = await stateAfter(approximateWithin(budget), block, target);
      const { usedBudget } = state.properties.get('approximation') as ApproximationReport;
      expect(usedBudget).toBeLessThanOrEqual(budget);
      expect(infidelity(block, state.circuit, 6)).toBeLessThanOrEqual(usedBudget + 1e-12);
      const cx = (await runPass(consolidateBlocks(), state.circuit, target)).gateCounts().cx ?? 0;
      expect(cx).toBeLessThanOrEqual(last);
      last = cx;
    }
    expect(last).toBeLessThan(3);
  });

  it('refuses budgets that are none', () => {
    for (const budget of [-1, 2, Number.NaN]) expect(() => approximateWithin(budget)).toThrow(/in 0\.\.1/);
  });
});
