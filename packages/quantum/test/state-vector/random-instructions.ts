/** @file Random unitary instructions of every kind, for property tests. */
import { Random } from '@qedge/core';
import { GATE_NAMES, gateDefinition } from '../../src/circuit/gate-definition.ts';
import type { UnitaryKind } from '../../src/circuit/instruction.ts';
import { type ParameterValue, parameter } from '../../src/circuit/parameter.ts';

/** Parameters that random angles use, and their values. */
export const PARAMETER_VALUES = { alpha: 0.7, beta: -2.9, gamma: Math.PI };

function randomAngle(random: Random): ParameterValue {
  switch (random.integer(5)) {
    case 0:
      return (random.integer(33) - 16) * (Math.PI / 4);
    case 1:
      return parameter(['alpha', 'beta', 'gamma'][random.integer(3)]!)
        .times(random.integer(5) - 2 || 0.5)
        .plus(random.integer(3)).value;
    case 2:
      return parameter('alpha').times(parameter('beta')).plus(parameter('gamma')).value;
    default:
      return (random.uniform() - 0.5) * 12;
  }
}

/** A unitary matrix `[2^k, 2^k, 2]`: a random complex one, made orthonormal row by row, twice against rounding. */
export function randomUnitary(random: Random, qubitCount: number): Float64Array {
  const size = 2 ** qubitCount;
  const matrix = Float64Array.from({ length: 2 * size * size }, () => random.uniform() - 0.5);
  for (let row = 0; row < size; row++) {
    const at = 2 * size * row;
    for (let turn = 0; turn < 2 * row; turn++) {
      const other = turn % row;
      let [re, im] = [0, 0];
      for (let i = 0; i < 2 * size; i += 2) {
        const [a, b, x, y] = [
          matrix[2 * size * other + i]!,
          matrix[2 * size * other + i + 1]!,
          matrix[at + i]!,
          matrix[at + i + 1]!,
        ];
        re += a * x + b * y;
        im += a * y - b * x;
      }
      for (let i = 0; i < 2 * size; i += 2) {
        const [a, b] = [matrix[2 * size * other + i]!, matrix[2 * size * other + i + 1]!];
        matrix[at + i]! -= a * re - b * im;
        matrix[at + i + 1]! -= a * im + b * re;
      }
    }
    const norm = Math.hypot(...matrix.subarray(at, at + 2 * size));
    for (let i = 0; i < 2 * size; i++) matrix[at + i]! /= norm;
  }
  return matrix;
}

const LETTERS = 'IXYZ';

function randomInstruction(random: Random, qubitCount: number): UnitaryKind {
  const shuffled = random.shuffle(Array.from({ length: qubitCount }, (_, qubit) => qubit));
  const take = (most: number) => shuffled.slice(0, 1 + random.integer(Math.min(most, qubitCount)));
  switch (random.integer(16)) {
    case 0: {
      const qubits = take(2);
      return { kind: 'unitary', qubits, matrix: randomUnitary(random, qubits.length) };
    }
    case 1: {
      const qubits = take(4);
      return {
        kind: 'diagonal',
        qubits,
        phases: Float64Array.from({ length: 2 ** qubits.length }, () => 6 * random.uniform()),
      };
    }
    case 2: {
      const qubits = take(4);
      return { kind: 'permutation', qubits, permutation: random.shuffle(qubits.map((_, i) => i)) };
    }
    case 3: {
      const qubits = take(5);
      const terms = Array.from({ length: 1 + random.integer(3) }, (): [string, number] => [
        qubits.map(() => LETTERS[random.integer(4)]!).join(''),
        random.uniform() - 0.5,
      ]);
      return { kind: 'pauli-evolution', qubits, terms, time: randomAngle(random) };
    }
    case 4:
      return {
        kind: 'gate',
        name: 'mcp',
        qubits: shuffled.slice(0, Math.min(qubitCount, 2 + random.integer(qubitCount))),
        parameters: [randomAngle(random)],
      };
    default:
      return randomGate(random, qubitCount, shuffled);
  }
}

function randomGate(random: Random, qubitCount: number, shuffled: readonly number[]): UnitaryKind {
  const names = GATE_NAMES.filter((name) => gateDefinition(name).qubitCount <= qubitCount && name !== 'mcp');
  // The gates that circuits are mostly made of, more often.
  const frequent = ['h', 'cx', 'cz', 'rz', 'ry', 'rzz', 'swap'].filter(
    (name) => gateDefinition(name).qubitCount <= qubitCount,
  ) as (typeof names)[number][];
  const name =
    random.integer(2) === 0
      ? frequent[random.integer(frequent.length)]!
      : names[random.integer(names.length)]!;
  const gate = gateDefinition(name);
  return {
    kind: 'gate',
    name,
    qubits: shuffled.slice(0, gate.qubitCount),
    parameters: Array.from({ length: gate.parameterCount }, () => randomAngle(random)),
  };
}

export function randomInstructions(seed: number, qubitCount: number, length: number): UnitaryKind[] {
  const random = new Random(seed);
  return Array.from({ length }, () => randomInstruction(random, qubitCount));
}
