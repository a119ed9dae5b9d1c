import { Random } from '@qedge/core';
import { Circuit, gateMatrix } from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collectInteractions } from '../../src/compiler/interaction/collect-interactions.ts';
import { kronecker, multiply4 } from '../../src/compiler/interaction/matrix4.ts';
import { synthesizeInteractions } from '../../src/compiler/interaction/synthesize-interactions.ts';
import {
  cxCost,
  type Entangler,
  entanglerCost,
  localsAfterCore,
  TwoQubitClass,
} from '../../src/compiler/interaction/two-qubit-class.ts';
import { weylCoordinates, weylDecomposition } from '../../src/compiler/interaction/weyl-decomposition.ts';
import { matrixOfRotation } from '../../src/compiler/translation/rotation.ts';
import { type Dense, exponentialOfPauli, multiply, randomUnitary } from '../dense-matrix.ts';
import { onQubits } from './interaction-equivalence.ts';
import { overlap } from './interaction-state.ts';

const QUARTER = Math.PI / 4;
const SWAP = gateMatrix('swap');
const ENTANGLERS: readonly Entangler[] = ['cx', 'cz', 'ecr', 'rzz', 'iswap'];

const flat = (m: Dense) => Float64Array.from(m.flatMap((row) => row.flat()));

/** exp(i (a XX + b YY + c ZZ)), by definition. */
function canonical(a: number, b: number, c: number): Float64Array {
  const product = multiply(exponentialOfPauli('XX', a), exponentialOfPauli('YY', b));
  return flat(multiply(product, exponentialOfPauli('ZZ', c)));
}

const randomLocal = (random: Random) => kronecker(randomUnitary(random, 2), randomUnitary(random, 2));

/** A gate between random one-qubit gates. */
function dressed(random: Random, matrix: Float64Array): Float64Array {
  return multiply4(randomLocal(random), multiply4(matrix, randomLocal(random)));
}

/** Coordinates in the Weyl chamber, often on its faces. */
const chamber = fc
  .tuple(
    ...[0, 1, 2].map(() => fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 0.5, 1))),
  )
  .chain((values) =>
    fc.boolean().map((negative) => {
      const [a, b, c] = values.sort((x, y) => y! - x!).map((value) => value! * QUARTER);
      return [a!, b!, negative && a! < QUARTER ? -c! : c!] as const;
    }),
  );

describe('weylDecomposition', () => {
  it.each([
    ['cx', [], [QUARTER, 0, 0]],
    ['cz', [], [QUARTER, 0, 0]],
    ['ecr', [], [QUARTER, 0, 0]],
    ['swap', [], [QUARTER, QUARTER, QUARTER]],
    ['iswap', [], [QUARTER, QUARTER, 0]],
    ['dcx', [], [QUARTER, QUARTER, 0]],
    ['cp', [0.8], [0.2, 0, 0]],
    ['crx', [-0.8], [0.2, 0, 0]],
    ['rzz', [0.6], [0.3, 0, 0]],
    ['rxx', [2.5], [Math.PI / 2 - 1.25, 0, 0]],
    ['csx', [], [Math.PI / 8, 0, 0]],
    ['xx_plus_yy', [0.4, 1.3], [0.1, 0.1, 0]],
  ] as const)('knows the coordinates of %s(%j)', (name, angles, expected) => {
    const found = weylCoordinates(gateMatrix(name, angles));
    expected.forEach((value, k) => {
      expect(found[k]).toBeCloseTo(value, 12);
    });
  });

  it('finds the coordinates of any gate between any one-qubit gates, and gives the gate again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), chamber, (seed, coordinates) => {
        const matrix = dressed(new Random(seed), canonical(...coordinates));
        const found = weylDecomposition(matrix);
        // Where a is pi/4 the sign of c means nothing.
        const size = coordinates[0] > QUARTER - 1e-9 ? Math.abs : (value: number) => value;
        coordinates.forEach((value, k) => {
          expect(Math.abs(size(found.coordinates[k]!) - size(value))).toBeLessThan(1e-10);
        });
        const local = (pair: typeof found.before) =>
          kronecker(matrixOfRotation(pair[0]), matrixOfRotation(pair[1]));
        const again = multiply4(
          local(found.after),
          multiply4(canonical(...found.coordinates), local(found.before)),
        );
        expect(overlap(again, matrix) / 4).toBeGreaterThan(1 - 1e-13);
      }),
      { seed: 2, numRuns: 120 },
    );
  });

  it('refuses a matrix that is not unitary', () => {
    expect(() => weylDecomposition(new Float64Array(32).fill(Number.NaN))).toThrow(/decomposed/);
  });
});

describe('cxCost', () => {
  it.each([
    [[0, 0, 0], 0],
    [[1e-10, 0, 0], 0],
    [[1e-7, 0, 0], 2],
    [[1e-4, 1e-4, 1e-4], 3],
    [[1e-4, 1e-4, 0], 2],
    [[1e-6, 1e-7, 1e-7], 3],
    [[0.5, 1e-5, 1e-5], 3],
    [[0.5, 1e-5, 0], 2],
    [[QUARTER, 0, 0], 1],
    [[QUARTER, 1e-5, 0], 2],
    [[QUARTER - 1e-6, 0, 0], 2],
    [[QUARTER, QUARTER, 0], 2],
    [[QUARTER, QUARTER, 1e-6], 3],
    [[QUARTER, QUARTER, QUARTER], 3],
    [[QUARTER - 1e-5, QUARTER - 1e-5, QUARTER - 1e-5], 3],
    [[0.6, 0.4, 0], 2],
    [[0.6, 0.4, -0.1], 3],
  ] as const)('of %j is %i, whatever one-qubit gates are around it', ([a, b, c], cost) => {
    const random = new Random(7);
    for (let i = 0; i < 5; i++) expect(cxCost(dressed(random, canonical(a, b, c)))).toBe(cost);
  });

  it('of k cx between random one-qubit gates is k, and three are always enough', () => {
    const random = new Random(3);
    for (let count = 0; count <= 5; count++) {
      let matrix = randomLocal(random);
      for (let i = 0; i < count; i++)
        matrix = multiply4(randomLocal(random), multiply4(gateMatrix('cx'), matrix));
      expect(cxCost(matrix)).toBe(Math.min(count, 3));
    }
  });

  it('with a swap is that of the product with a swap', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), chamber, (seed, coordinates) => {
        const matrix = dressed(new Random(seed), canonical(...coordinates));
        const expected = cxCost(multiply4(SWAP, matrix));
        const found = new TwoQubitClass().classify(matrix);
        expect(found.costWithSwap).toBe(expected);
        expect(found.isSwap).toBe(expected === 0);
      }),
      { seed: 4, numRuns: 120 },
    );
  });

  it('finds the core of gates with one coordinate', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.double({ min: -7, max: 7, noNaN: true }),
        (seed, angle) => {
          const matrix = dressed(new Random(seed), canonical(angle, 0, 0));
          const found = new TwoQubitClass().classify(matrix);
          if (found.cost === 0) return;
          expect(found.isCore).toBe(true);
          const locals = localsAfterCore(matrix, found.angle, found.axes);
          const [n, m] = [0, 3].map((at) => {
            const [x, y, z] = [found.axes[at]!, found.axes[at + 1]!, found.axes[at + 2]!];
            return Float64Array.of(z, 0, x, -y, x, y, -z, 0);
          });
          const core = kronecker(n!, m!);
          const [c, s] = [Math.cos(found.angle), Math.sin(found.angle)];
          const exponential = core.map((_, i) =>
            i % 2 === 0 ? -s * core[i + 1]! + (i % 10 === 0 ? c : 0) : s * core[i - 1]!,
          );
          expect(overlap(multiply4(kronecker(...locals), exponential), matrix) / 4).toBeGreaterThan(
            1 - 1e-13,
          );
        },
      ),
      { seed: 5, numRuns: 100 },
    );
  });
});

describe('entanglerCost', () => {
  it.each([
    ['iswap', { cx: 2, cz: 2, ecr: 2, rzz: 2, iswap: 1 }],
    ['swap', { cx: 3, cz: 3, ecr: 3, rzz: 3, iswap: 3 }],
    ['cx', { cx: 1, cz: 1, ecr: 1, rzz: 1, iswap: 2 }],
  ] as const)('of %s is known', (name, costs) => {
    for (const entangler of ENTANGLERS) {
      expect(entanglerCost(gateMatrix(name), entangler)).toBe(costs[entangler]);
    }
    expect(entanglerCost(gateMatrix('cp', [0.3]), 'rzz')).toBe(1);
  });

  it('is how many a synthesised gate has, which does what the gate does', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        chamber,
        fc.constantFrom(...ENTANGLERS),
        (seed, coordinates, entangler) => {
          const matrix = dressed(new Random(seed), canonical(...coordinates));
          // A swap would become a name.
          if (new TwoQubitClass().classify(matrix).isSwap) return;
          const collected = collectInteractions(new Circuit(2).unitary(matrix, [0, 1]));
          const gates = synthesizeInteractions(collected, { entangler });
          expect(gates.gateCounts()[entangler] ?? 0).toBe(entanglerCost(matrix, entangler));
          const again = onQubits(gates, collected.wireOfQubit).toMatrix();
          expect(overlap(again, matrix) / 4).toBeGreaterThan(1 - 1e-13);
        },
      ),
      { seed: 6, numRuns: 150 },
    );
  });
});
