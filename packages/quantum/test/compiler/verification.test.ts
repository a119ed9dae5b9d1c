import { CancelledError, Random } from '@qedge/core';
import {
  allToAllTarget,
  bitsEqual,
  Circuit,
  type EquivalenceOptions,
  findTargetViolation,
  type GateInstruction,
  gridTarget,
  heavyHexTarget,
  type Instruction,
  type LaidOutCircuit,
  lineTarget,
  parameter,
  verifyEquivalence,
} from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { multiplyMatrices } from '../../src/circuit/complex-matrix.ts';
import { cliffordTable } from '../../src/compiler/verification/clifford-table.ts';
import { factorExpansion } from '../../src/compiler/verification/factor-expansion.ts';
import { expandMatrix, multiplyExpansions } from '../../src/compiler/verification/pauli-expansion.ts';
import { randomCircuit } from '../random-circuit.ts';

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

function inPlace(circuit: Circuit): LaidOutCircuit {
  const layout = range(circuit.qubitCount);
  return { circuit, initialLayout: layout, finalLayout: layout };
}

async function check(
  original: Circuit,
  compiled: Circuit | LaidOutCircuit,
  options: EquivalenceOptions = {},
) {
  const laidOut = compiled instanceof Circuit ? inPlace(compiled) : compiled;
  return verifyEquivalence(original, laidOut, options);
}

/** The same on shuffled places of a wider register, with random swaps on the way: what routing does, without any compiler. */
function scatter(circuit: Circuit, places: number, random: Random): LaidOutCircuit {
  const where = random.shuffle(range(places)).slice(0, circuit.qubitCount);
  const initialLayout = where.slice();
  const scattered = new Circuit(places, circuit.clbitCount);
  for (const instruction of circuit.instructions) {
    if (random.integer(4) === 0) {
      const [a, b] = random.shuffle(range(places)) as [number, number];
      // As three cx, which checks have to recognise.
      scattered.cx(a, b).cx(b, a).cx(a, b);
      for (const [qubit, place] of where.entries()) where[qubit] = place === a ? b : place === b ? a : place;
    }
    scattered.append({ ...instruction, qubits: instruction.qubits.map((q) => where[q]!) } as Instruction);
  }
  return { circuit: scattered, initialLayout, finalLayout: where };
}

/** Gates that two- and three-qubit programs are made of, none of them the identity. */
function randomProgram(qubits: number, length: number, random: Random, clifford = false): Circuit {
  const circuit = new Circuit(qubits, qubits);
  for (let step = 0; step < length; step++) {
    const [a, b, c] = random.shuffle(range(qubits)) as [number, number, number];
    const angle = 0.3 + random.uniform();
    const kinds: (() => Circuit)[] = [
      () => circuit.cx(a, b),
      () => circuit.h(a),
      () => circuit.s(a),
      () => circuit.cz(a, b),
      () => circuit.rz(angle, a),
      () => circuit.ry(angle, a),
      () => circuit.cp(angle, a, b),
      () => circuit.ccx(a, b, c),
    ];
    kinds[random.integer(clifford ? 4 : qubits > 2 ? 8 : 7)]!();
  }
  return circuit;
}

/** Every way to make one mistake in one gate, and in a layout. */
function mutations({ circuit, initialLayout, finalLayout }: LaidOutCircuit): [string, LaidOutCircuit][] {
  const found: [string, LaidOutCircuit][] = [];
  const replace = (index: number, instructions: readonly Instruction[]) => {
    const changed = new Circuit(circuit.qubitCount, circuit.clbitCount);
    circuit.instructions.forEach((instruction, at) => {
      for (const item of at === index ? instructions : [instruction]) changed.append(item);
    });
    return { circuit: changed, initialLayout, finalLayout };
  };
  for (const [index, instruction] of circuit.instructions.entries()) {
    if (instruction.kind !== 'gate') continue;
    found.push([`without ${instruction.name} at ${index}`, replace(index, [])]);
    if (instruction.name === 'cx') {
      found.push([
        `cx turned at ${index}`,
        replace(index, [{ ...instruction, qubits: instruction.qubits.toReversed() }]),
      ]);
    }
    if (instruction.parameters.length > 0) {
      const parameters = instruction.parameters.map((angle) => Number(angle) + 1e-3);
      found.push([
        `${instruction.name} by 1e-3 at ${index}`,
        replace(index, [{ ...instruction, parameters }]),
      ]);
    }
  }
  const exchanged = finalLayout.slice();
  [exchanged[0], exchanged[1]] = [exchanged[1]!, exchanged[0]!];
  found.push(['a wrong final layout', { circuit, initialLayout, finalLayout: exchanged }]);
  return found;
}

const METHODS = [
  ['state vectors', { maxSimulatedQubits: 14 }],
  ['exact methods', { maxSimulatedQubits: 1 }],
] as const;

describe.each(METHODS)('verifyEquivalence by %s', (name, options) => {
  it('accepts random circuits that were scattered and swapped about', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 2, max: 5 }),
        async (seed, qubits) => {
          const random = new Random(seed);
          const circuit = randomProgram(qubits, 15, random);
          const report = await check(circuit, scatter(circuit, qubits + 2, random), options);
          expect(report.equivalent, report.reason).toBe(true);
          if (report.worstInfidelity !== null) expect(report.worstInfidelity).toBeLessThan(1e-12);
        },
      ),
      { seed: 3, numRuns: 15 },
    );
  });

  it('finds every single mistake', async () => {
    for (let seed = 0; seed < 2; seed++) {
      const random = new Random(seed);
      const circuit = randomProgram(4, 12, random);
      // Entangled and in no symmetric state at the end, so that exchanged qubits show.
      circuit.ry(0.4, 0).cx(0, 1).rx(0.9, 1);
      const compiled = scatter(circuit, 5, random);
      for (const [what, mutant] of mutations(compiled)) {
        const report = await check(circuit, mutant, options);
        // A gate left out of a swap of two spare places changes nothing that counts: told by brute force.
        if (report.equivalent === true) expect(await isReallyEquivalent(circuit, mutant), what).toBe(true);
        else expect(report.equivalent, `${name}: ${what}: ${report.reason}`).toBe(false);
      }
    }
  });

  it('takes spare qubits as |0> at both ends, and inputs as any or zero', async () => {
    const original = new Circuit(2).h(0).cx(0, 1);
    const spare = (circuit: Circuit) => ({ circuit, initialLayout: [0, 1], finalLayout: [0, 1] });
    const clean = new Circuit(3).cx(2, 0).h(0).cx(0, 1);
    expect((await check(original, spare(clean), options)).equivalent).toBe(true);
    const dirty = new Circuit(3).h(0).cx(0, 1).cx(1, 2);
    expect((await check(original, spare(dirty), options)).equivalent).toBe(false);
    const withoutFirst = new Circuit(2).cp(0.4, 0, 1).h(0).cx(0, 1);
    expect((await check(original, withoutFirst, options)).equivalent).toBe(false);
    expect((await check(original, withoutFirst, { ...options, inputs: 'zero' })).equivalent).toBe(true);
  });

  it('compares measured results alone where that is asked for', async () => {
    const original = new Circuit(3, 2).ry(0.3, 0).crx(0.8, 0, 1).cx(1, 2).measure(0, 0).measure(1, 1);
    const shorter = new Circuit(3, 2).ry(0.3, 0).crx(0.8, 0, 1).cp(0.7, 0, 1).measure(0, 0).measure(1, 1);
    const wrong = new Circuit(3, 2).ry(0.3, 0).crx(0.801, 0, 1).measure(0, 0).measure(1, 1);
    const results = { ...options, compare: 'measurements', inputs: 'zero' } as const;
    expect((await check(original, shorter, results)).equivalent).toBe(true);
    expect((await check(original, shorter, options)).equivalent).not.toBe(true);
    expect((await check(original, wrong, results)).equivalent).not.toBe(true);
  });

  it('compares free parameters for random values', async () => {
    const [a, b] = [parameter('a'), parameter('b')];
    const original = new Circuit(2).rz(a, 0).cx(0, 1).rz(b, 1).cx(0, 1).rx(a.plus(b), 0);
    const same = new Circuit(2).rz(a, 0).rzz(b, 0, 1).rx(b.plus(a), 0);
    const other = new Circuit(2).rz(a, 0).rzz(b, 0, 1).rx(a.times(2), 0);
    expect((await check(original, same, options)).equivalent).toBe(true);
    expect((await check(original, other, options)).equivalent).toBe(false);
  });
});

/** By the whole matrix of the compiled circuit, independent of the checks. */
async function isReallyEquivalent(
  original: Circuit,
  { circuit, initialLayout, finalLayout }: LaidOutCircuit,
) {
  const [matrix, expected] = [circuit.toMatrix(), original.toMatrix()];
  const [wide, narrow] = [2 ** circuit.qubitCount, 2 ** original.qubitCount];
  const place = (index: number, layout: readonly number[]) =>
    layout.reduce((moved, physical, qubit) => moved | (((index >> qubit) & 1) << physical), 0);
  let [re, im, weight] = [0, 0, 0];
  for (let row = 0; row < narrow; row++) {
    for (let column = 0; column < narrow; column++) {
      const at = 2 * (place(row, finalLayout) * wide + place(column, initialLayout));
      const from = 2 * (row * narrow + column);
      re += matrix[at]! * expected[from]! + matrix[at + 1]! * expected[from + 1]!;
      im += matrix[at + 1]! * expected[from]! - matrix[at]! * expected[from + 1]!;
      weight++;
    }
  }
  return weight > 0 && Math.abs(Math.hypot(re, im) / narrow - 1) < 1e-9;
}

describe('verifyEquivalence of dynamic circuits', () => {
  const teleport = (turned: boolean) => {
    const circuit = new Circuit(3, 2).h(1).cx(1, 2).cx(0, 1).h(0).measure(0, 0).measure(1, 1);
    circuit.ifTest(bitsEqual(1, 1), (body) => body.x(2));
    circuit.ifTest(bitsEqual(0, 1), (body) => (turned ? body.s(2) : body.z(2)));
    return circuit;
  };
  /** The same with other gates, on other places. */
  const compiled = (): LaidOutCircuit => {
    const circuit = new Circuit(4, 2).h(2).cx(2, 0).cx(3, 2).h(3).measure(2, 1).measure(3, 0);
    circuit.ifTest(bitsEqual(1, 1), (body) => body.h(0).z(0).h(0));
    circuit.ifTest(bitsEqual(0, 1), (body) => body.s(0).s(0));
    return { circuit, initialLayout: [3, 2, 0], finalLayout: [3, 2, 0] };
  };

  it.each(METHODS)('follows measurements and branches by %s', async (_, options) => {
    expect((await check(teleport(false), compiled(), options)).equivalent).toBe(true);
    expect((await check(teleport(true), compiled(), options)).equivalent).not.toBe(true);
  });

  it.each(METHODS)('follows resets, loops and switches by %s', async (_, options) => {
    const make = (flip: (body: Circuit) => Circuit, angle = 0.2) => {
      const circuit = new Circuit(2, 1).h(0).measure(0, 0).reset(1);
      circuit.whileLoop(bitsEqual(0, 1), (body) => flip(body).measure(0, 0));
      circuit.forLoop(null, [0, 1, 2], (body) => body.ry(angle, 1).cz(0, 1));
      return circuit;
    };
    const original = make((body) => body.h(0));
    const same = make((body) => body.rz(Math.PI, 0).ry(Math.PI / 2, 0));
    expect((await check(original, same, options)).equivalent).toBe(true);
    expect(
      (
        await check(
          original,
          make((body) => body.h(0), 0.201),
          options,
        )
      ).equivalent,
    ).not.toBe(true);
  });

  it('counts the measurements of every classical bit', async () => {
    const original = new Circuit(1, 1).measure(0, 0).h(0).measure(0, 0);
    const report = await check(original, new Circuit(1, 1).h(0).measure(0, 0));
    expect(report).toMatchObject({ equivalent: false, method: 'classical' });
  });

  it('knows that a result which another overwrites was measured all the same', async () => {
    const circuit = new Circuit(3, 1).measure(1, 0).swap(1, 0).measure(2, 0);
    const elided = new Circuit(3, 1).measure(1, 0).measure(2, 0);
    const layouts = { initialLayout: [0, 1, 2], finalLayout: [1, 0, 2] };
    expect((await verifyEquivalence(circuit, { circuit: elided, ...layouts })).equivalent).toBe(true);
    const unmeasured = new Circuit(3, 1).measure(0, 0).measure(2, 0);
    expect((await verifyEquivalence(circuit, { circuit: unmeasured, ...layouts })).equivalent).toBe(false);
  });

  it('tells qubits that are measured into exchanged bits', async () => {
    const measured = new Circuit(2, 2).h(0).measure(0, 0).measure(1, 1);
    const exchanged = new Circuit(2, 2).h(0).measure(0, 1).measure(1, 0);
    for (const [, options] of METHODS) {
      expect((await check(measured, measured, options)).equivalent).toBe(true);
      expect((await check(measured, exchanged, options)).equivalent).not.toBe(true);
    }
  });
});

describe('verifyEquivalence of Clifford circuits', () => {
  it('is exact on 120 qubits, with measurements and resets', async () => {
    const random = new Random(5);
    const circuit = randomProgram(120, 1200, random, true);
    circuit.measure(3, 3).reset(3).cx(3, 4);
    const compiled = scatter(circuit, 127, random);
    const report = await check(circuit, compiled);
    expect(report).toMatchObject({ equivalent: true, method: 'stabilizers' });
    for (const index of [0, 900]) {
      const broken = new Circuit(127, 120);
      compiled.circuit.instructions.forEach((instruction, at) => {
        const isHit =
          at >= index && (instruction as GateInstruction).name === 's' && broken.instructionCount === at;
        if (!isHit) broken.append(instruction);
      });
      const found = await check(circuit, { ...compiled, circuit: broken });
      expect(found).toMatchObject({ equivalent: false, method: 'stabilizers' });
    }
  });

  it('agrees with state vectors on small ones, right and wrong', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1e6 }), async (seed) => {
        const random = new Random(seed);
        const circuit = randomProgram(3, 10, random, true).measure(0, 0);
        if (seed % 2 === 0) circuit.reset(1).h(0);
        const compiled = scatter(circuit, 4, random);
        if (seed % 3 === 0) compiled.circuit.s(compiled.finalLayout[0]!);
        const [small, large] = [
          await check(circuit, compiled),
          await check(circuit, compiled, { maxSimulatedQubits: 1 }),
        ];
        expect(small.method).toBe('state-vector');
        expect(large.method).toBe('stabilizers');
        expect(large.equivalent).toBe(small.equivalent);
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it('recognises Clifford gates by their action', () => {
    expect(cliffordTable(new Circuit(1).h(0).toMatrix())!.images).toEqual(Uint8Array.of(0, 2, 1, 3));
    expect(cliffordTable(new Circuit(1).t(0).toMatrix())).toBeNull();
    expect(cliffordTable(new Circuit(1).rz(Math.PI / 2 + 1e-4, 0).toMatrix())).toBeNull();
  });
});

describe('verifyEquivalence on targets', () => {
  it('names gates that the target does not have, wherever they stand', async () => {
    const target = lineTarget(3, ['rz', 'sx', 'cx']);
    expect(findTargetViolation(new Circuit(3).cx(0, 1).cx(2, 1).rz(1, 0).measureAll(), target)).toBeNull();
    expect(findTargetViolation(new Circuit(3).h(0), target)).toMatchObject({ instruction: 'h', qubits: [0] });
    expect(findTargetViolation(new Circuit(3).cx(0, 2), target)!.reason).toMatch(/not coupled/);
    const inside = new Circuit(3, 1).ifTest(bitsEqual(0, 1), (body) => body.cx(0, 2));
    expect(findTargetViolation(inside, target)!.qubits).toEqual([0, 2]);
    const same = new Circuit(3).cx(0, 2);
    expect(await check(same, same, { target })).toMatchObject({ equivalent: false, method: 'target' });
    expect((await check(same, same, { target: allToAllTarget(3, ['cx']) })).equivalent).toBe(true);
    expect(findTargetViolation(new Circuit(30), gridTarget(2, 2))!.reason).toMatch(/30 qubits/);
    expect(findTargetViolation(new Circuit(27), heavyHexTarget())).toBeNull();
    const damaged = { ...target, faultyQubits: [1] };
    const onFaulty = [new Circuit(3).sx(1), new Circuit(3, 1).measure(1, 0), new Circuit(3).reset(1)];
    for (const circuit of onFaulty) expect(findTargetViolation(circuit, damaged)!.reason).toMatch(/faulty/);
    expect(findTargetViolation(new Circuit(3).sx(0).barrier(0, 1, 2), damaged)).toBeNull();
  });
});

describe('verifyEquivalence', () => {
  it('says that it does not know rather than guess', async () => {
    const random = new Random(2);
    const scramble = (seed: number) => randomCircuit(seed, 16, 200);
    const circuit = scramble(1);
    // Undoes and redoes so much in between that no order of gates stays near the identity.
    const hidden = circuit.compose(scramble(2)).compose(scramble(3)).compose(scramble(3).inverse());
    const few = { maxTerms: 64, maxSimulatedQubits: 10 };
    const compiled = scatter(hidden.compose(scramble(2).inverse()), 16, random);
    const report = await check(circuit, compiled, few);
    expect(report.equivalent).toBeNull();
    expect(report.reason).toMatch(/did not meet their inverse.*more than 64 terms/);
  });

  it('compares wide circuits by their parts', async () => {
    const circuit = new Circuit(40, 40);
    for (let q = 0; q < 40; q += 4)
      circuit
        .ry(0.1 * q + 0.2, q)
        .cx(q, q + 1)
        .t(q + 1)
        .ccx(q, q + 1, q + 2)
        .h(q + 3)
        .measure(q + 3, q)
        .h(q + 3);
    const report = await check(circuit, circuit, { maxSimulatedQubits: 14 });
    expect(report).toMatchObject({ equivalent: true, method: 'state-vector', simulatedQubits: 3 });
  });

  it('refuses options and layouts that do not fit', async () => {
    const circuit = new Circuit(3).h(0);
    await expect(check(circuit, { circuit, initialLayout: [0], finalLayout: [0] })).rejects.toThrow(
      /3 different qubits/,
    );
    await expect(check(circuit, { ...inPlace(circuit), finalLayout: [0, 0, 1] })).rejects.toThrow(
      /3 different/,
    );
    for (const options of [
      { trials: 0 },
      { trials: 1.5 },
      { tolerance: Number.NaN },
      { maxSimulatedQubits: 25 },
      { maxTerms: 0 },
    ]) {
      await expect(check(circuit, circuit, options)).rejects.toThrow(/trials an integer >= 1/);
    }
    await expect(check(circuit, circuit, { compare: 'measurements' })).rejects.toThrow(/no measurements/);
    const foreign = new Circuit(3).rx(parameter('other'), 0);
    expect(await check(circuit, foreign)).toMatchObject({ equivalent: false, method: 'classical' });
  });

  it('is cancelled by its signal, and gives plain data', async () => {
    const circuit = randomCircuit(1, 4, 20);
    await expect(check(circuit, circuit, { signal: AbortSignal.abort() })).rejects.toThrow(CancelledError);
    const report = await check(circuit, circuit);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(await check(circuit, circuit)).toEqual(report);
  });
});

describe('sums of Pauli strings', () => {
  it('multiply as matrices do', () => {
    for (let seed = 0; seed < 20; seed++) {
      const [a, b] = [randomCircuit(seed, 3, 6).toMatrix(), randomCircuit(seed + 100, 3, 6).toMatrix()];
      const product = multiplyExpansions(expandMatrix(a, [0, 1, 2]), expandMatrix(b, [0, 1, 2]), 64)!;
      const direct = expandMatrix(multiplyMatrices(a, b), [0, 1, 2]);
      const list = ({ x, z, re, im }: typeof direct) =>
        Object.fromEntries(Array.from(x, (bits, t) => [`${bits},${z[t]}`, [re[t]!, im[t]!] as const]));
      const [found, expected] = [list(product), list(direct)];
      for (const key of new Set([...Object.keys(found), ...Object.keys(expected)])) {
        const [[p, q], [r, s]] = [found[key] ?? [0, 0], expected[key] ?? [0, 0]];
        // 64 products of numbers up to 1, in double precision.
        expect(Math.hypot(p - r, q - s)).toBeLessThan(1e-13);
      }
    }
  });

  it('fall into factors where the operator is a product, and only there', () => {
    const apart = new Circuit(4).cx(0, 2).ry(0.3, 0).cp(0.7, 1, 3).h(3).cx(3, 1);
    const factors = factorExpansion(expandMatrix(apart.toMatrix(), [10, 11, 12, 13]));
    expect(factors.map(({ wires }) => [...wires].sort())).toEqual([
      [10, 12],
      [11, 13],
    ]);
    expect(factorExpansion(expandMatrix(apart.cx(0, 1).toMatrix(), [0, 1, 2, 3])).length).toBe(1);
    expect(factorExpansion(expandMatrix(new Circuit(2).x(0).x(0).toMatrix(), [0, 1]))).toEqual([]);
  });
});
