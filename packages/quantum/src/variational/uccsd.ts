import { InvalidArgumentError } from '@qedge/core';
import {
  addLadderProduct,
  type ComplexPauliSum,
  formatPauli,
  type LadderOperator,
  splitKey,
} from '../chemistry/ladder-algebra.ts';
import { electronsBySpin } from '../chemistry/particle-sector.ts';
import { Circuit } from '../circuit/circuit.ts';
import { type ParameterExpression, parameter } from '../circuit/parameter.ts';
import type { Ansatz } from './ansatz.ts';
import { appendPauliEvolution } from './pauli-evolution.ts';

/** Which electrons and orbitals a coupled-cluster ansatz covers. */
export interface UccsdOptions {
  readonly electrons: number;
  /** Spatial orbitals; the circuit has twice as many qubits. */
  readonly orbitals: number;
  /** The spin projection in units of h-bar; default as low as possible. */
  readonly spinZ?: number;
}

/** Electrons taken out of occupied spin orbitals and put into empty ones. */
interface Excitation {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/**
 * Unitary coupled cluster with singles and doubles, in one Trotter step, from the Hartree-Fock determinant:
 * `prod exp(theta (T - T+))`, doubles first. Spin orbitals are interleaved as in {@link jordanWigner}. Each excitation conserves
 * the electrons of each spin, so the state never leaves its particle sector.
 *
 * `T - T+` is `i` times commuting Pauli strings (two for a single, eight for a double), so each factor is an exact product of
 * Pauli evolutions made of h, sx, cx and rz. Its eigenvalues are 0 and +-i, which gives every parameter the frequencies 1 and 2:
 * a four-term shift rule on the whole parameter.
 *
 * @throws InvalidArgumentError when the electrons do not fit or there is nothing to excite.
 */
export function uccsd(options: UccsdOptions): Ansatz {
  const { electrons, orbitals, spinZ } = options;
  if (!Number.isInteger(orbitals) || orbitals < 1 || orbitals > 13) {
    throw new InvalidArgumentError('A number of orbitals is out of range', {
      expected: 'an integer in 1..13',
      actual: orbitals,
    });
  }
  const qubitCount = 2 * orbitals;
  const { alpha, beta } = electronsBySpin(
    spinZ === undefined ? { electrons } : { electrons, spinZ },
    qubitCount,
  );
  const occupied: number[] = [];
  const empty: number[] = [];
  for (let orbital = 0; orbital < orbitals; orbital++) {
    (orbital < alpha ? occupied : empty).push(2 * orbital);
    (orbital < beta ? occupied : empty).push(2 * orbital + 1);
  }
  const excitations = [...doubleExcitations(occupied, empty), ...singleExcitations(occupied, empty)];
  if (excitations.length === 0) {
    throw new InvalidArgumentError('There is no excitation to vary', {
      expected: 'an occupied and an empty orbital of the same spin',
      actual: `${electrons} electrons in ${orbitals} orbitals`,
    });
  }
  const circuit = new Circuit(qubitCount);
  for (const orbital of occupied) circuit.x(orbital);
  const parameterNames = excitations.map(
    ({ from, to }) => `${from.length === 1 ? 's' : 'd'}_${from.join('_')}_${to.join('_')}`,
  );
  excitations.forEach((excitation, index) => {
    appendExcitation(circuit, excitation, parameter(parameterNames[index]!));
  });
  return {
    name: `uccsd(${electrons} electrons, ${orbitals} orbitals)`,
    circuit,
    parameterNames,
    initialParameters: new Float64Array(excitations.length),
    frequencies: excitations.map(() => [1, 2]),
  };
}

function singleExcitations(occupied: readonly number[], empty: readonly number[]): Excitation[] {
  return occupied.flatMap((i) => empty.filter((a) => (a - i) % 2 === 0).map((a) => ({ from: [i], to: [a] })));
}

function doubleExcitations(occupied: readonly number[], empty: readonly number[]): Excitation[] {
  const pairs = (orbitals: readonly number[]) =>
    orbitals.flatMap((first, index) => orbitals.slice(index + 1).map((second) => [first, second] as const));
  const betaCount = ([a, b]: readonly [number, number]) => (a & 1) + (b & 1);
  return pairs(occupied).flatMap((from) =>
    pairs(empty)
      .filter((to) => betaCount(to) === betaCount(from))
      .map((to) => ({ from, to })),
  );
}

/** Appends `exp(theta (T - T+))` with `T = a+_to... a_from...`. */
function appendExcitation(circuit: Circuit, { from, to }: Excitation, theta: ParameterExpression): void {
  const create: LadderOperator[] = to.map((orbital) => ({ orbital, dagger: true }));
  const annihilate: LadderOperator[] = from.map((orbital) => ({ orbital, dagger: false }));
  const excite = [...create, ...annihilate];
  const relax = excite.toReversed().map(({ orbital, dagger }) => ({ orbital, dagger: !dagger }));
  const generator: ComplexPauliSum = new Map();
  addLadderProduct(generator, 1, excite);
  addLadderProduct(generator, -1, relax);
  for (const [key, [, im]] of generator) {
    if (im === 0) continue;
    const { x, z } = splitKey(key);
    // exp(i im theta P) = exp(-i (-2 im theta) P / 2)
    appendPauliEvolution(circuit, formatPauli(x, z, circuit.qubitCount), theta.times(-2 * im));
  }
}
