import { Random } from '@qedge/core';
import {
  allToAllTarget,
  Circuit,
  type EulerBasis,
  GATE_NAMES,
  type GateName,
  gateDefinition,
  gateMatrix,
  optimizeOneQubitGates,
  parameter,
  synthesizeOneQubit,
  translateCircuit,
  translateToBasis,
  unrollThreeQubitGates,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { randomCircuit as randomMixedCircuit } from '../../src/testing/random-circuit.ts';
import { randomUnitary } from '../dense-matrix.ts';
import { randomCircuit } from '../random-circuit.ts';
import { expectInBasis, expectSameUnitary, runPass } from './run-pass.ts';

const BASES: readonly (readonly GateName[])[] = [
  ['rz', 'sx', 'x', 'cx'],
  ['rz', 'sx', 'cz'],
  ['rz', 'sx', 'x', 'ecr'],
  ['u', 'cx'],
  ['u1', 'u2', 'u3', 'cx'],
  ['u3', 'cz'],
  ['rx', 'ry', 'rzz'],
  ['rx', 'rz', 'cz'],
  ['ry', 'rz', 'rxx'],
  ['r', 'rzz'],
  ['p', 'sx', 'cp'],
  ['rz', 'h', 'cx'],
  ['rz', 'sxdg', 'crx'],
  ['rz', 'sx', 'iswap'],
  ['u', 'iswap', 'cz'],
  ['u1', 'sx', 'cs'],
  ['rz', 'ry', 'xx_plus_yy'],
  ['u', 'dcx'],
  ['rx', 'rz', 'ch'],
  ['u', 'cu3'],
  ['u', 'ryy', 'swap'],
];

/** tr(a^dagger b). */
function overlap(a: Float64Array, b: Float64Array): readonly [number, number] {
  let [re, im] = [0, 0];
  for (let i = 0; i < a.length; i += 2) {
    re += a[i]! * b[i]! + a[i + 1]! * b[i + 1]!;
    im += a[i]! * b[i + 1]! - a[i + 1]! * b[i]!;
  }
  return [re, im];
}

/** 1 - |tr(a^dagger b)| / size: 0 for matrices that differ by a phase. */
function distance(a: Float64Array, b: Float64Array): number {
  return 1 - Math.hypot(...overlap(a, b)) / Math.sqrt(a.length / 2);
}

/** The cosine and sine of the phase by which b differs from a. */
function phaseBetween(a: Float64Array, b: Float64Array): readonly [number, number] {
  const [re, im] = overlap(a, b);
  return [re / Math.hypot(re, im), im / Math.hypot(re, im)];
}

const EULER: readonly (readonly [EulerBasis, readonly string[], number])[] = [
  ['ZYZ', ['rz', 'ry'], 3],
  ['ZXZ', ['rz', 'rx'], 3],
  ['XYX', ['rx', 'ry'], 3],
  ['XZX', ['rx', 'rz'], 3],
  ['YXY', ['rx', 'ry'], 3],
  ['YZY', ['ry', 'rz'], 3],
  ['U', ['u'], 1],
  ['U3', ['u3'], 1],
  ['U321', ['u1', 'u2', 'u3'], 1],
  ['RR', ['r'], 2],
  ['ZSX', ['rz', 'sx'], 5],
  ['ZSXX', ['rz', 'sx', 'x'], 5],
  ['ZSXDG', ['rz', 'sxdg'], 5],
  ['ZH', ['rz', 'h'], 5],
  ['PSX', ['p', 'sx'], 5],
  ['U1X', ['u1', 'sx'], 5],
];

describe.each(EULER)('synthesizeOneQubit in %s', (basis, gates, most) => {
  const check = (matrix: Float64Array) => {
    const steps = synthesizeOneQubit(matrix, basis);
    const circuit = new Circuit(1);
    for (const { name, parameters } of steps) circuit.gate(name, [0], parameters);
    expect(distance(matrix, circuit.toMatrix())).toBeLessThan(1e-14);
    for (const { name } of steps) expect(gates).toContain(name);
    expect(steps.length).toBeLessThanOrEqual(most);
    return steps.length;
  };

  it('makes random unitaries and every gate of the library, also at singular angles', () => {
    const random = new Random(3);
    for (let i = 0; i < 100; i++) check(randomUnitary(random, 2));
    for (const name of GATE_NAMES) {
      const { qubitCount, parameterCount } = gateDefinition(name);
      if (qubitCount !== 1 || name.startsWith('mc')) continue;
      for (let i = 0; i < 12; i++) {
        const angles = Array.from({ length: parameterCount }, () => (random.integer(17) - 8) * (Math.PI / 4));
        check(gateMatrix(name, angles));
      }
    }
  });

  it('takes no gate for the identity, whatever its phase', () => {
    expect(check(gateMatrix('id'))).toBe(0);
    expect(check(Float64Array.of(0, 1, 0, 0, 0, 0, 0, 1))).toBe(0);
    expect(check(gateMatrix('rz', [4 * Math.PI]))).toBe(0);
    expect(check(gateMatrix('p', [2 * Math.PI]))).toBe(0);
  });

  it('keeps angles that are small but not nothing', () => {
    for (const angle of [1e-3, 1e-5, 1e-7, 1e-9, Math.PI - 1e-8, Math.PI / 2 + 1e-8]) {
      for (const name of ['rx', 'ry', 'rz']) {
        const matrix = gateMatrix(name, [angle]);
        const circuit = new Circuit(1);
        for (const step of synthesizeOneQubit(matrix, basis)) circuit.gate(step.name, [0], step.parameters);
        // Entries, because a fidelity does not see an angle of 1e-9.
        const found = circuit.toMatrix();
        const [c, s] = phaseBetween(matrix, found);
        for (let i = 0; i < 8; i += 2) {
          const [re, im] = [found[i]! * c + found[i + 1]! * s, found[i + 1]! * c - found[i]! * s];
          expect(Math.hypot(re - matrix[i]!, im - matrix[i + 1]!)).toBeLessThan(2e-10);
        }
      }
    }
  });
});

describe.each(BASES.map((basis) => [basis.join(', '), basis] as const))('translation to %s', (_, basis) => {
  it('makes every gate of the library, with numbers and with free parameters', () => {
    const random = new Random(5);
    for (const name of GATE_NAMES) {
      const { qubitCount, parameterCount } = gateDefinition(name);
      // Larger gates are made of smaller ones: a few bases show that.
      if (qubitCount > 4 && BASES.indexOf(basis) > 3) continue;
      const qubits = Array.from({ length: qubitCount }, (_, q) => q);
      for (let i = 0; i < (parameterCount > 0 ? 3 : 1); i++) {
        const free = i === 2;
        const angles = Array.from({ length: parameterCount }, (_, k) => {
          if (free) return parameter(`a${k}`);
          return i === 0 ? random.normal() * 3 : (random.integer(17) - 8) * (Math.PI / 4);
        });
        const circuit = new Circuit(qubitCount).gate(name, qubits, angles);
        const translated = translateCircuit(circuit, basis);
        expectInBasis(translated, basis);
        const values = Object.fromEntries(circuit.parameterNames.map((free) => [free, random.normal()]));
        const left = Object.entries(values).filter(([free]) => translated.parameterNames.includes(free));
        const bound = translated.bind(Object.fromEntries(left)).toMatrix();
        // Some hundred products, each of which rounds.
        expect(distance(circuit.bind(values).toMatrix(), bound), name).toBeLessThan(1e-13);
      }
    }
  });

  it('makes matrices, diagonals, permutations, evolutions and controlled gates', () => {
    for (let seed = 0; seed < 2; seed++) {
      const circuit = randomMixedCircuit(new Random(seed), 3, 8);
      const translated = translateCircuit(circuit, basis);
      expectInBasis(translated, basis);
      expectSameUnitary(circuit, translated, 1);
    }
  });
});

describe('translateToBasis', () => {
  const twoQubitGates = (circuit: Circuit, basis: readonly GateName[]) =>
    translateCircuit(circuit, basis).instructions.filter(({ qubits }) => qubits.length > 1).length;

  it('takes as few entangling gates as the gate needs', () => {
    const pair = () => new Circuit(2);
    const cases: readonly (readonly [Circuit, number, number, number, number])[] = [
      // cx, cz, rzz, iswap
      [pair().cx(0, 1), 1, 1, 1, 2],
      [pair().ch(0, 1), 1, 1, 1, 2],
      [pair().ecr(0, 1), 1, 1, 1, 2],
      [pair().cp(0.3, 0, 1), 2, 2, 1, 2],
      [pair().crx(0.3, 0, 1), 2, 2, 1, 2],
      [pair().rzx(Math.PI / 2, 0, 1), 1, 1, 1, 2],
      [pair().cp(2 * Math.PI, 0, 1), 0, 0, 0, 0],
      [pair().rzz(Math.PI, 0, 1), 0, 0, 1, 0],
      [pair().swap(0, 1), 3, 3, 3, 3],
      [pair().iswap(0, 1), 2, 2, 2, 1],
      [pair().dcx(0, 1), 2, 2, 2, 1],
      [pair().xxPlusYy(0.3, 0.4, 0, 1), 2, 2, 2, 2],
      [pair().cu3([0.3, 0.4, 0.5], 0, 1), 2, 2, 2, 4],
      [new Circuit(3).ccx(0, 1, 2), 6, 6, 6, 12],
      [new Circuit(4).doubleExcitation(0.3, 0, 1, 2, 3), 14, 14, 14, 28],
      [new Circuit(4).c3x(0, 1, 2, 3), 14, 14, 14, 28],
    ];
    for (const [circuit, ...counts] of cases) {
      const found = (['cx', 'cz', 'rzz', 'iswap'] as const).map((gate) =>
        twoQubitGates(circuit, ['rz', 'sx', 'x', gate]),
      );
      expect(found, circuit.instructions[0]!.kind === 'gate' ? circuit.instructions[0]!.name : '').toEqual(
        counts,
      );
    }
  });

  it('needs at most three of cx, cz, ecr and iswap, and what rzz needs, for any two-qubit unitary', () => {
    const random = new Random(8);
    for (const entangler of ['cx', 'cz', 'ecr', 'iswap', 'rzz'] as const) {
      for (let i = 0; i < 5; i++) {
        const circuit = new Circuit(2).unitary(randomUnitary(random, 4), [1, 0]);
        const translated = translateCircuit(circuit, ['rz', 'sx', 'x', entangler]);
        expectSameUnitary(circuit, translated);
        expect(twoQubitGates(circuit, ['rz', 'sx', 'x', entangler])).toBeLessThanOrEqual(3);
      }
    }
  });

  it('keeps gates of the basis as they are, one that is nothing too', async () => {
    const circuit = new Circuit(3).sx(0).sx(0).ccx(0, 1, 2).rz(7, 1).id(0);
    const target = allToAllTarget(3, ['sx', 'rz', 'ccx', 'id']);
    expect((await runPass(translateToBasis(), circuit, target)).equals(circuit)).toBe(true);
  });

  it('spells Clifford gates with h and s, and Clifford and T gates with t', () => {
    const circuit = new Circuit(2).x(0).sx(1).cz(0, 1).y(0).sdg(1).iswap(0, 1).ecr(1, 0).ch(0, 1);
    const basis = ['h', 's', 't', 'cx'] as const;
    const translated = translateCircuit(circuit, basis);
    expectInBasis(translated, basis);
    expectSameUnitary(circuit, translated);
    expect(translateCircuit(new Circuit(1).sdg(0), ['h', 's']).gateCounts()).toEqual({ s: 3 });
  });

  it('names the gate and the basis that cannot make it', () => {
    const refuse = (circuit: Circuit, basis: readonly GateName[]) => () => translateCircuit(circuit, basis);
    expect(refuse(new Circuit(2).cp(0.3, 0, 1), ['rz', 'sx'])).toThrow(
      /gate cp cannot be made in this basis.*got rz, sx/,
    );
    expect(refuse(new Circuit(1).rx(0.3, 0), ['h', 's', 'cx'])).toThrow(/gate rx cannot be made/);
    expect(refuse(new Circuit(1).ry(parameter('a'), 0), ['h', 's', 'cx'])).toThrow(/gate ry cannot be made/);
    expect(refuse(new Circuit(1).h(0), [])).toThrow(/an empty basis/);
    const matrix = new Circuit(1).rx(0.3, 0).toMatrix();
    expect(refuse(new Circuit(1).unitary(matrix, [0]), ['h', 's', 'cx'])).toThrow(
      /A one-qubit rotation cannot be made/,
    );
    expect(refuse(new Circuit(2).cx(0, 1), ['u', 'swap'])).toThrow(/gate cx cannot be made/);
  });

  it('goes into bodies and keeps measurements, resets, barriers, delays and what is classical', () => {
    const circuit = new Circuit(2, 2);
    const count = circuit.declare({ name: 'n', type: { kind: 'int', size: 8 } });
    const bit = (clbit: number) => ({ kind: 'bit', clbit }) as const;
    circuit.h(0).measure(0, 0).barrier().delay(100, 'ns', 1).reset(1);
    circuit.ifTest(
      bit(0),
      (body) => body.x(1),
      (body) => body.h(1),
    );
    circuit.forLoop('i', { start: 0, stop: 2 }, (body) => {
      body.cp(parameter('i').times(0.5), 0, 1).assign(count, count);
      body.ifTest(bit(1), (inner) => inner.break());
    });
    circuit.whileLoop(bit(1), (body) => body.y(0).measure(0, 1));
    const translated = translateCircuit(circuit, ['rz', 'sx', 'x', 'cx']);
    expectInBasis(translated, ['rz', 'sx', 'x', 'cx']);
    expect(translated.gateCounts()).toMatchObject({
      measure: 1,
      barrier: 1,
      delay: 1,
      reset: 1,
      if: 1,
      for: 1,
    });
    const loop = translated.instructions.find(({ kind }) => kind === 'for');
    expect(loop?.kind === 'for' && loop.body.gateCounts()).toEqual({ rz: 3, cx: 2, assign: 1, if: 1 });
    expect(translateCircuit(translated, ['rz', 'sx', 'x', 'cx']).equals(translated)).toBe(true);
  });
});

describe('unrollThreeQubitGates', () => {
  const twoQubitGates = async (circuit: Circuit) => {
    const unrolled = await runPass(unrollThreeQubitGates(), circuit);
    for (const { qubits } of unrolled.instructions) expect(qubits.length).toBeLessThanOrEqual(2);
    return unrolled;
  };

  it('makes random circuits of gates on one and two qubits', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const circuit = randomMixedCircuit(new Random(seed), 5, 20);
      expectSameUnitary(circuit, await twoQubitGates(circuit), 1);
    }
  });

  it('makes X under many controls, with and without qubits to spare, and phases, free ones too', async () => {
    for (let controls = 1; controls <= 8; controls++) {
      for (const spare of [0, 1, 2, 6]) {
        if (controls + spare > 9) continue;
        const list = Array.from({ length: controls }, (_, i) => i);
        const circuit = new Circuit(controls + 1 + spare).mcx(list, controls);
        expectSameUnitary(circuit, await twoQubitGates(circuit), 1);
        const phase = new Circuit(controls + 1 + spare).mcp(parameter('a'), list, controls);
        expectSameUnitary(phase, await twoQubitGates(phase), 1);
      }
    }
  });

  it('takes cx that grow with the controls where a qubit is spare, with their square where none is', async () => {
    const count = async (controls: number, spare: number) => {
      const list = Array.from({ length: controls }, (_, i) => i);
      const circuit = new Circuit(controls + 1 + spare).mcx(list, controls);
      const unrolled = translateCircuit(await twoQubitGates(circuit), ['u', 'cx']);
      return unrolled.gateCounts().cx!;
    };
    expect(await count(3, 0)).toBe(14);
    expect(await count(10, 8)).toBe(8 * 10 - 6);
    expect(await count(24, 22)).toBe(8 * 24 - 6);
    expect(await count(8, 0)).toBe(326);
    expect(await count(24, 1)).toBeLessThanOrEqual(16 * 24 - 8);
    expect(await count(24, 0)).toBeLessThan(8 * 24 * 24);
  });
});

describe('optimizeOneQubitGates', () => {
  const counts = async (circuit: Circuit, basis: readonly GateName[] = ['rz', 'sx', 'x', 'cx']) =>
    (
      await runPass(optimizeOneQubitGates(), circuit, allToAllTarget(Math.max(1, circuit.qubitCount), basis))
    ).gateCounts();

  it('merges gates to as few as theory allows', async () => {
    expect(await counts(new Circuit(1).h(0).h(0))).toEqual({});
    expect(await counts(new Circuit(1).h(0))).toEqual({ rz: 2, sx: 1 });
    expect(await counts(new Circuit(1).h(0).z(0).h(0))).toEqual({ x: 1 });
    expect(await counts(new Circuit(1).t(0).s(0).rz(0.1, 0))).toEqual({ rz: 1 });
    expect(await counts(new Circuit(1).u(0.3, 0.4, 0.5, 0).ry(1, 0).rx(2, 0))).toEqual({ rz: 3, sx: 2 });
    expect(await counts(new Circuit(1).h(0).x(0), ['rx', 'ry', 'cz'])).toEqual({ ry: 1 });
    expect(await counts(new Circuit(0))).toEqual({});
  });

  it('adds free angles about one axis, also across gates that turn the axis onto another one', async () => {
    const [a, b] = [parameter('a'), parameter('b')];
    expect(await counts(new Circuit(1).rz(a, 0).rz(b, 0).z(0))).toEqual({ rz: 1 });
    expect(await counts(new Circuit(1).rz(a, 0).x(0).rz(a, 0))).toEqual({ x: 1 });
    expect(await counts(new Circuit(1).rx(a, 0).h(0).rz(b, 0).h(0).rx(-1, 0), ['rx', 'rz', 'cz'])).toEqual({
      rx: 1,
    });
    expect(await counts(new Circuit(1).rz(a, 0).rz(a.times(-1), 0))).toEqual({});
    expect(await counts(new Circuit(1).u(a, b, 0, 0).p(a, 0), ['u'])).toEqual({ u: 1 });
    for (const basis of [
      ['rz', 'sx', 'x'],
      ['u'],
      ['rx', 'ry'],
      ['r'],
      ['u1', 'u2', 'u3'],
      ['p', 'sx'],
      ['rz', 'h'],
    ] as const) {
      const circuit = new Circuit(1).rz(a, 0).h(0).ry(b, 0).t(0).u(a, 1, b, 0).sx(0).u2(a, b, 0).r(a, b, 0);
      const target = allToAllTarget(1, basis);
      const optimized = await runPass(optimizeOneQubitGates(), circuit, target);
      expectInBasis(optimized, basis);
      expectSameUnitary(circuit, optimized, 3);
    }
  });

  it('keeps the effect of random circuits, never adds gates to a circuit in the basis, and does nothing twice', async () => {
    const basis = ['rz', 'sx', 'x', 'cx'] as const;
    const target = allToAllTarget(4, basis);
    for (let seed = 0; seed < 15; seed++) {
      const circuit = randomCircuit(seed, 4, 40);
      const once = await runPass(optimizeOneQubitGates(), circuit, target);
      expectSameUnitary(circuit, once, 1);
      const translated = translateCircuit(circuit, basis);
      const optimized = await runPass(optimizeOneQubitGates(), translated, target);
      expect(optimized.instructionCount).toBeLessThanOrEqual(translated.instructionCount);
      expect((await runPass(optimizeOneQubitGates(), optimized, target)).equals(optimized)).toBe(true);
    }
  });

  it('does not merge across barriers, delays, measurements, control flow and changed variables', async () => {
    const circuit = new Circuit(1, 1)
      .h(0)
      .barrier(0)
      .h(0)
      .delay(1, 'ns', 0)
      .h(0)
      .measure(0, 0)
      .h(0)
      .reset(0)
      .h(0);
    expect((await counts(circuit, ['h', 'cx'])).h).toBe(5);
    const program = new Circuit(1, 1);
    const angle = program.declare({ name: 'a', type: { kind: 'float', size: 64 } });
    program.forLoop(null, { start: 0, stop: 3 }, (body) => {
      body.h(0).ifTest({ kind: 'bit', clbit: 0 }, (inner) => inner.break());
      body.h(0).rz(parameter('a'), 0).assign(angle, angle).rz(parameter('a'), 0);
    });
    const optimized = await runPass(optimizeOneQubitGates(), program, allToAllTarget(1, ['h', 'rz', 'cx']));
    const loop = optimized.instructions.find(({ kind }) => kind === 'for');
    expect(loop?.kind === 'for' && loop.body.gateCounts()).toMatchObject({ h: 2, rz: 2 });
  });
});
