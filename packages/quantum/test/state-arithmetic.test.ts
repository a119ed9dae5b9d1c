import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { parity } from '../src/operator/bit-counts.ts';
import type { MachineState } from '../src/state-vector/state-machine.ts';
import { forAmplitudes, stateMachines } from './state-machines.ts';

const machines = await stateMachines();

/** Real and imaginary parts in the order of physical indices. */
function amplitudesOf(state: MachineState): { re: Float64Array; im: Float64Array } {
  const size = 2 ** state.layout.qubitCount;
  const [re, im] = [new Float64Array(size), new Float64Array(size)];
  forAmplitudes(state, (index, numbers, real, imaginary) => {
    re[index] = numbers[real]!;
    im[index] = numbers[imaginary]!;
  });
  return { re, im };
}

function fillRandomly(state: MachineState, random: Random): void {
  const scale = 2 ** (-state.layout.qubitCount / 2);
  forAmplitudes(state, (_, numbers, real, imaginary) => {
    numbers[real] = scale * random.normal();
    numbers[imaginary] = scale * random.normal();
  });
}

const isOdd = (bits: number) => parity(bits) === 1;

describe.each(machines)('the arithmetic of $name', ({ isa, create }) => {
  // Beyond 12 qubits above the lanes there are several tiles.
  const sizes = isa === 'interpreter' ? [6] : [5, 9, 17];
  const tolerance = (element: string) => (element === 'float32' ? 1e-6 : 1e-14);

  it('adds Pauli strings to states as their definition says', async () => {
    using machine = await create();
    const random = new Random(1);
    for (const qubits of sizes) {
      using state = machine.createState(qubits);
      using out = machine.createState(qubits);
      fillRandomly(state, random);
      fillRandomly(out, random);
      const { re, im } = amplitudesOf(state);
      const expected = amplitudesOf(out);
      const size = re.length;
      for (let trial = 0; trial < 6; trial++) {
        const [x, z, coefficient] = [random.integer(size), random.integer(size), random.normal()];
        const isImaginary = trial % 2 === 1;
        machine.arithmetic.addPauli(out, state, { x, z, coefficient, isImaginary });
        for (let s = 0; s < size; s++) {
          const factor = isOdd(s & z) ? -coefficient : coefficient;
          const [addRe, addIm] = isImaginary
            ? [-factor * im[s]!, factor * re[s]!]
            : [factor * re[s]!, factor * im[s]!];
          expected.re[s ^ x]! += addRe;
          expected.im[s ^ x]! += addIm;
        }
      }
      const found = amplitudesOf(out);
      let worst = 0;
      for (let i = 0; i < size; i++) {
        worst = Math.max(
          worst,
          Math.abs(found.re[i]! - expected.re[i]!),
          Math.abs(found.im[i]! - expected.im[i]!),
        );
      }
      // Numbers near 2^(-n/2), six sums each.
      expect(worst).toBeLessThan(20 * tolerance(machine.element) * 2 ** (-qubits / 2) + 1e-16);
    }
  });

  it('sums products of amplitudes with any signs', async () => {
    using machine = await create();
    const random = new Random(2);
    for (const qubits of sizes) {
      using left = machine.createState(qubits);
      using right = machine.createState(qubits);
      fillRandomly(left, random);
      fillRandomly(right, random);
      const [a, b] = [amplitudesOf(left), amplitudesOf(right)];
      const size = a.re.length;
      // Nothing, single qubits, and some of many, which may be the same.
      const masks = [0, ...Array.from({ length: Math.log2(size) }, (_, qubit) => 2 ** qubit)];
      for (let i = 0; i < 300; i++) masks.push(random.integer(size));
      for (const part of ['real', 'imaginary'] as const) {
        const found = new Float64Array(masks.length);
        for (let turn = 0; turn < 2; turn++) machine.arithmetic.sumProducts(part, masks, left, right, found);
        const products = a.re.map((_, s) =>
          part === 'real'
            ? a.re[s]! * b.re[s]! + a.im[s]! * b.im[s]!
            : a.re[s]! * b.im[s]! - a.im[s]! * b.re[s]!,
        );
        masks.forEach((mask, query) => {
          if (size > 512 && query % 24 !== 0) return;
          let sum = 0;
          for (let s = 0; s < size; s++) sum += isOdd(s & mask) ? -products[s]! : products[s]!;
          expect(Math.abs(found[query]! - sum), `${part} ${mask}`).toBeLessThan(
            20 * tolerance(machine.element),
          );
        });
      }
    }
  });

  // With threads, more amplitudes are needed before they are used: 8 MiB pay on any host.
  it.each([1, 2])(
    'weighs and projects every qubit, in place and to another state, on %i threads',
    async (threads) => {
      if (isa === 'interpreter' && threads > 1) return;
      using machine = await create({ threads });
      const random = new Random(3);
      for (const qubits of threads === 1 ? [0, 2, ...sizes] : [18]) {
        using state = machine.createState(qubits);
        using out = machine.createState(qubits);
        fillRandomly(state, random);
        fillRandomly(out, random);
        const { re, im } = amplitudesOf(state);
        const weightOf = (index: number) => re[index]! ** 2 + im[index]! ** 2;
        const { qubitCount } = state.layout;
        const tested = qubits < 12 ? Array.from({ length: qubitCount }, (_, q) => q) : [0, 7, qubitCount - 1];
        for (const qubit of tested) {
          const expected = [0, 0];
          for (let i = 0; i < re.length; i++) expected[(i >> qubit) & 1]! += weightOf(i);
          const found = machine.arithmetic.bitWeights(state, qubit);
          for (const bit of [0, 1] as const) {
            // Of 2^n positive numbers, each 2^-n or so; groups of 2^9 are summed in the precision of the state.
            expect(Math.abs(found[bit] - expected[bit]!)).toBeLessThan(10 * tolerance(machine.element));
            machine.arithmetic.projectBit(out, state, qubit, bit, 1.5);
            expect(differenceFromProjection(out, re, im, qubit, bit)).toBe(0);
            const { laneQubits } = machine.arithmetic;
            if (qubitCount === laneQubits) continue;
            using smaller = machine.createState(qubitCount - 1);
            machine.arithmetic.extractBit(smaller, state, qubit, bit, 1.5);
            expect(differenceFromPart(smaller, re, im, qubit, bit, laneQubits)).toBe(0);
          }
        }
        const last = qubitCount - 1;
        if (last < 0) continue;
        machine.arithmetic.projectBit(state, state, last, 1, 1.5);
        expect(differenceFromProjection(state, re, im, last, 1)).toBe(0);
      }
    },
  );
});

/** The largest difference of a state without a qubit from 1.5 times the amplitudes where it has a value. */
function differenceFromPart(
  smaller: MachineState,
  re: Float64Array,
  im: Float64Array,
  qubit: number,
  bit: number,
  laneQubits: number,
): number {
  const found = amplitudesOf(smaller);
  const round = smaller.layout.element === 'float32' ? Math.fround : (value: number) => value;
  // Bit `i` of an index of the smaller state is bit `order[i]` of the larger one's.
  const order = Array.from({ length: smaller.layout.qubitCount + 1 }, (_, place) => place);
  if (qubit >= laneQubits) order.splice(qubit, 1);
  else order.splice(qubit, 1, ...order.splice(laneQubits, 1));
  const source = new Uint32Array(found.re.length).fill(bit * 2 ** qubit, 0, 1);
  order.forEach((place, at) => {
    for (let i = 0; i < 2 ** at; i++) source[i + 2 ** at] = source[i]! + 2 ** place;
  });
  let worst = 0;
  for (let i = 0; i < found.re.length; i++) {
    const from = source[i]!;
    worst = Math.max(
      worst,
      Math.abs(found.re[i]! - round(1.5 * re[from]!)),
      Math.abs(found.im[i]! - round(1.5 * im[from]!)),
    );
  }
  return worst;
}

/** The largest difference from 1.5 times the amplitudes whose bit has a value, rounded like the state's. */
function differenceFromProjection(
  state: MachineState,
  re: Float64Array,
  im: Float64Array,
  qubit: number,
  bit: number,
): number {
  const found = amplitudesOf(state);
  const round = state.layout.element === 'float32' ? Math.fround : (value: number) => value;
  let worst = 0;
  for (let i = 0; i < re.length; i++) {
    const factor = ((i >> qubit) & 1) === bit ? 1.5 : 0;
    worst = Math.max(
      worst,
      Math.abs(found.re[i]! - round(factor * re[i]!)),
      Math.abs(found.im[i]! - round(factor * im[i]!)),
    );
  }
  return worst;
}
