import { CancelledError, Random } from '@qedge/core';
import {
  Circuit,
  type EquivalenceReport,
  type GateInstruction,
  type Instruction,
  type LaidOutCircuit,
  verifyEquivalence,
} from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fewestTurns, quaternionOfMatrix } from '../../src/compiler/verification/euler-angles.ts';
import { RotationList } from '../../src/compiler/verification/rotation-list.ts';
import { randomCircuit } from '../random-circuit.ts';

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Ripple-carry steps, rotations about pairs and single turns, so that every qubit is entangled with its neighbours. */
function wideCircuit(qubits: number, random: Random): Circuit {
  const circuit = new Circuit(qubits, qubits);
  for (const q of range(qubits)) circuit.ry(0.2 + random.uniform(), q);
  for (const q of range(qubits - 2)) circuit.ccx(q, q + 1, q + 2).cx(q, q + 1);
  for (const q of range(qubits - 1)) circuit.rzz(0.1 + random.uniform(), q, q + 1);
  for (const q of range(qubits)) circuit.rx(0.3 + random.uniform(), q);
  for (const q of range(qubits - 1)) circuit.cp(0.2 + random.uniform(), q + 1, q);
  return circuit;
}

/** The same by other gates, on shuffled places, with swaps written as three cx and results measured before some of those. */
function rewrite(circuit: Circuit, places: number, random: Random, measured: boolean): LaidOutCircuit {
  const where = random.shuffle(range(places)).slice(0, circuit.qubitCount);
  const initialLayout = where.slice();
  const written = new Circuit(places, circuit.clbitCount);
  const move = () => {
    const [a, b] = random.shuffle(range(places)) as [number, number];
    written.cx(a, b).cx(b, a).cx(a, b);
    for (const [qubit, place] of where.entries()) where[qubit] = place === a ? b : place === b ? a : place;
  };
  for (const { name, qubits, parameters } of circuit.instructions as GateInstruction[]) {
    if (random.integer(4) === 0) move();
    const [a, b, c] = qubits.map((qubit) => where[qubit]!) as [number, number, number];
    const angle = Number(parameters[0]);
    if (name === 'ccx') {
      written.h(c).cx(b, c).tdg(c).cx(a, c).t(c).cx(b, c).tdg(c).cx(a, c);
      written.t(b).t(c).h(c).cx(a, b).t(a).tdg(b).cx(a, b);
    } else if (name === 'rzz') written.cx(b, a).rz(angle, a).cx(b, a);
    else if (name === 'cp')
      written
        .rz(angle / 2, b)
        .cx(b, a)
        .rz(-angle / 2, a)
        .cx(b, a)
        .rz(angle / 2, a);
    else if (name === 'rx')
      written
        .rz(0.7, a)
        .rz(Math.PI / 2 - 0.7, a)
        .ry(angle, a)
        .rz(-Math.PI / 2, a);
    else if (name === 'ry') written.ry(angle, a);
    else written.cx(a, b);
  }
  if (measured) for (const qubit of range(circuit.qubitCount)) written.measure(where[qubit]!, qubit);
  move();
  return { circuit: written, initialLayout, finalLayout: where };
}

const KINDS = ['without a gate', 'an angle by 1e-3', 'a cx turned', 'two qubits exchanged'] as const;

/** Neither states nor, beyond few terms, the product: what they cannot decide is given up quickly. */
const NO_STATES = { maxSimulatedQubits: 1, maxTerms: 64 };

/** One mistake somewhere. */
function mutate(compiled: LaidOutCircuit, kind: (typeof KINDS)[number], random: Random): LaidOutCircuit {
  const { circuit, initialLayout, finalLayout } = compiled;
  if (kind === 'two qubits exchanged') {
    const exchanged = finalLayout.slice();
    [exchanged[0], exchanged[1]] = [exchanged[1]!, exchanged[0]!];
    return { ...compiled, finalLayout: exchanged };
  }
  const gates = circuit.instructions.flatMap((item, at) =>
    item.kind === 'gate' ? [[item, at] as const] : [],
  );
  const fitting = gates.filter(([{ name, parameters }]) =>
    kind === 'an angle by 1e-3' ? parameters.length > 0 : kind === 'without a gate' || name === 'cx',
  );
  const [gate, place] = fitting[random.integer(fitting.length)]!;
  const changed: Instruction | null =
    kind === 'without a gate'
      ? null
      : kind === 'a cx turned'
        ? { ...gate, qubits: gate.qubits.toReversed() }
        : { ...gate, parameters: [Number(gate.parameters[0]) + 1e-3] };
  const broken = new Circuit(circuit.qubitCount, circuit.clbitCount);
  circuit.instructions.forEach((item, at) => {
    const kept = at === place ? changed : item;
    if (kept !== null) broken.append(kept);
  });
  return { circuit: broken, initialLayout, finalLayout };
}

describe('verifyEquivalence of wide circuits', () => {
  it.each([false, true])('accepts what was written in other gates, measured: %s', async (measured) => {
    for (const seed of [1, 2]) {
      const random = new Random(seed);
      const circuit = wideCircuit(40, random);
      const compiled = rewrite(circuit, 44, random, measured);
      if (measured) circuit.measureAll();
      const report = await verifyEquivalence(circuit, compiled);
      expect(report).toMatchObject({ equivalent: true, isExact: true, method: 'pauli-rotations' });
    }
  });

  it.each(KINDS)('finds %s', async (kind) => {
    const verdicts: EquivalenceReport[] = [];
    for (const seed of range(5)) {
      const random = new Random(100 + seed);
      const circuit = wideCircuit(22, random);
      const compiled = mutate(rewrite(circuit, 24, random, false), kind, random);
      verdicts.push(await verifyEquivalence(circuit, compiled, { maxTerms: 64 }));
    }
    for (const { equivalent, reason } of verdicts) expect(equivalent, reason).not.toBe(true);
  });

  it('finds results that are read from another qubit', async () => {
    const circuit = wideCircuit(24, new Random(1));
    const exchanged = wideCircuit(24, new Random(1));
    for (const q of range(24)) {
      circuit.measure(q, q);
      exchanged.measure(q, q === 3 ? 4 : q === 4 ? 3 : q);
    }
    const layout = range(24);
    const compiled = { circuit: exchanged, initialLayout: layout, finalLayout: layout };
    const report = await verifyEquivalence(circuit, compiled, NO_STATES);
    expect(report.equivalent).not.toBe(true);
  });

  it('is cancelled in the middle of its work', async () => {
    const random = new Random(8);
    const circuit = new Circuit(30);
    for (let gate = 0; gate < 3000; gate++) {
      const [a, b] = random.shuffle(range(30)) as [number, number];
      circuit.rx(random.uniform(), a).cx(a, b);
    }
    const laidOut = { circuit, initialLayout: range(30), finalLayout: range(30) };
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    await expect(verifyEquivalence(circuit, laidOut, { signal: controller.signal })).rejects.toThrow(
      CancelledError,
    );
  });

  it('sees a phase of one basis state of 14 qubits about as clearly as its share, whatever the random input', async () => {
    const layout = range(14);
    const circuit = new Circuit(14);
    for (const q of layout) circuit.ry(0.4 + 0.1 * q, q);
    const other = new Circuit(14).gate('mcp', layout, [Math.PI]).compose(circuit);
    for (const seed of range(6)) {
      const laidOut = { circuit: other, initialLayout: layout, finalLayout: layout };
      const report = await verifyEquivalence(circuit, laidOut, { seed });
      expect(report).toMatchObject({ equivalent: false, method: 'state-vector', isExact: false });
      // Of points all over the Bloch sphere one in two is a hundred times less clear.
      expect(report.worstInfidelity).toBeGreaterThan(2 ** -14 / 8);
    }
  });
});

describe('rotations about Pauli strings', () => {
  it('come to an end for a circuit and its inverse, whatever its blocks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const random = new Random(seed);
        const list = new RotationList(3);
        const letters = range(14).map(() => [random.integer(3), random.integer(3)] as const);
        const angles = letters.map(() => 3 * random.uniform());
        const string = ([wire, letter]: readonly [number, number]) =>
          letter === 0 ? list.frame.x(wire) : letter === 1 ? list.frame.y(wire) : list.frame.z(wire);
        letters.forEach((letter, at) => {
          list.rotate(string(letter), angles[at]!);
          if (at % 3 === 0) list.frame.cx(at % 2, 2);
        });
        for (let at = letters.length - 1; at >= 0; at--) {
          if (at % 3 === 0) list.frame.cx(at % 2, 2);
          list.rotate(string(letters[at]!), -angles[at]!);
        }
        expect(list.rotations.length).toBe(0);
        expect(list.frame.isIdentity(() => false)).toBe(true);
      }),
      { seed: 4, numRuns: 30 },
    );
  });

  it('become a single turn where nothing else is left of them', () => {
    // X and Z of four wires as bits, and angles. All together are Z on the first wire.
    const turns = [
      [2, 9, 0.6494800718032128],
      [2, 2, Math.PI / 4],
      [2, 3, Math.PI / 4],
      [2, 9, 0.751620827886867],
      [2, 2, 0.40370340822073647],
      [2, 3, Math.PI / 4],
      [2, 8, 1.3042411471712818],
      [0, 10, 1.250097894241215],
      [0, 11, 0.2049994003585376],
      [2, 3, 1.0839171114974488],
      [2, 2, 1.2096074162073112],
      [0, 11, 0.6718099070204788],
    ] as const;
    const list = new RotationList(4);
    for (const [x, z, angle] of turns) {
      list.rotate({ x: Int32Array.of(x), z: Int32Array.of(z), quarterTurns: (x & z) >> 1 }, angle);
    }
    expect(list.rotations.length).toBe(0);
    expect(list.frame.isIdentity(() => false)).toBe(false);
    list.rotate(list.frame.z(0), Math.PI);
    expect(list.frame.isIdentity(() => false)).toBe(true);
  });

  it('never take circuits for equal that are not', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1e6 }), async (seed) => {
        const layout = range(3);
        const [a, b] = [randomCircuit(seed, 3, 6), randomCircuit(seed + 1, 3, 6)];
        const turned = a.compose(b).compose(b.inverse());
        if (seed % 2 === 0) turned.rz(1e-3, seed % 3);
        const compiled = { circuit: turned, initialLayout: layout, finalLayout: layout };
        const [exact, simulated] = [
          await verifyEquivalence(a, compiled, { maxSimulatedQubits: 1, maxTerms: 1 }),
          await verifyEquivalence(a, compiled),
        ];
        expect(simulated.equivalent).toBe(seed % 2 === 1);
        if (exact.equivalent !== null) expect(exact.equivalent).toBe(simulated.equivalent);
      }),
      { seed: 6, numRuns: 20 },
    );
  });

  it('write turns of one spin by few angles', () => {
    const circuit = new Circuit(1).rz(0.3, 0).rx(1.1, 0);
    const turns = fewestTurns(quaternionOfMatrix(circuit.toMatrix()));
    const angles = turns.map(({ angle }) => angle).filter((angle) => Math.abs(angle) > 1e-9);
    expect(angles.length).toBe(2);
    expect(angles[0]).toBeCloseTo(0.3, 12);
    expect(angles[1]).toBeCloseTo(1.1, 12);
  });
});
