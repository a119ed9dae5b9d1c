import { cosineSine, demultiplex } from './cosine-sine.ts';
import { step } from './expand-gate.ts';
import type { GateStep } from './gate-definition.ts';
import type { DiagonalInstruction, Instruction, UnitaryInstruction } from './instruction.ts';
import type { ParameterValue } from './parameter.ts';

/** A gate on qubits, as an instruction. */
export function gateOn(
  name: string,
  qubits: readonly number[],
  ...parameters: ParameterValue[]
): Instruction {
  return { kind: 'gate', name, qubits, parameters } as Instruction;
}

const diagonalOn = (qubits: readonly number[], phases: Float64Array): DiagonalInstruction => ({
  kind: 'diagonal',
  qubits,
  phases,
});

/**
 * `ry(angles[i])` on a target where the other qubits hold `i`: with Y brought to Z it is a diagonal.
 *
 * @param angles `[2^k]` for `k` other qubits, the first one bit 0.
 */
export function multiplexedRy(
  target: number,
  others: readonly number[],
  angles: Float64Array,
): readonly Instruction[] {
  const size = angles.length;
  const phases = new Float64Array(2 * size);
  for (let i = 0; i < size; i++) {
    phases[i] = -angles[i]! / 2;
    phases[size + i] = angles[i]! / 2;
  }
  return [
    ...[gateOn('sdg', [target]), gateOn('h', [target]), diagonalOn([...others, target], phases)],
    ...[gateOn('h', [target]), gateOn('s', [target])],
  ];
}

/**
 * One level of the quantum Shannon decomposition (Shende, Bullock, Markov, 2006): four unitaries on one qubit less and three
 * diagonals. The last qubit is the one that is split off.
 */
export function splitUnitary({ qubits, matrix }: UnitaryInstruction): Instruction[] {
  const others = qubits.slice(0, -1);
  const target = qubits.at(-1)!;
  const { left, right, angles } = cosineSine(matrix);
  return [
    ...selected(others, target, right),
    ...multiplexedRy(
      target,
      others,
      angles.map((angle) => 2 * angle),
    ),
    ...selected(others, target, left),
  ];
}

/** One of two unitaries, chosen by the target. */
function selected(
  others: readonly number[],
  target: number,
  [upper, lower]: readonly [Float64Array, Float64Array],
): Instruction[] {
  const { v, phases, w } = demultiplex(upper, lower);
  const size = phases.length;
  const both = new Float64Array(2 * size);
  both.set(phases);
  for (let i = 0; i < size; i++) both[size + i] = -phases[i]!;
  return [
    { kind: 'unitary', qubits: others, matrix: w },
    diagonalOn([...others, target], both),
    { kind: 'unitary', qubits: others, matrix: v },
  ];
}

/** Angles with which a one-qubit unitary is `e^(i gamma) u(theta, phi, lambda)`. */
export interface EulerAngles {
  readonly theta: number;
  readonly phi: number;
  readonly lambda: number;
  readonly gamma: number;
}

/** The angles of a one-qubit unitary. */
export function eulerAngles(matrix: Float64Array): EulerAngles {
  const argument = (entry: number) => Math.atan2(matrix[2 * entry + 1]!, matrix[2 * entry]!);
  const magnitude = (entry: number) => Math.hypot(matrix[2 * entry]!, matrix[2 * entry + 1]!);
  const theta = 2 * Math.atan2(magnitude(2), magnitude(0));
  // The larger entries of a column decide: the argument of one that vanishes is noise.
  if (magnitude(0) >= magnitude(2)) {
    const gamma = argument(0);
    const sum = argument(3) - gamma;
    const phi = magnitude(2) > 0 ? argument(2) - gamma : 0;
    return { theta, phi, lambda: sum - phi, gamma };
  }
  // e^(i (gamma + phi)) and -e^(i (gamma + lambda)) stand beside the diagonal.
  const gamma = magnitude(0) > 0 ? argument(0) : 0;
  return { theta, phi: argument(2) - gamma, lambda: argument(1) + Math.PI - gamma, gamma };
}

/** A one-qubit unitary as `u` and a phase. */
export function oneQubitSteps(matrix: Float64Array): readonly GateStep[] {
  const { theta, phi, lambda, gamma } = eulerAngles(matrix);
  return [step('u', [0], theta, phi, lambda), step('global_phase', [], gamma)];
}

/** Gates and diagonals that bring `|0...0>` to a state (Mottonen et al., Quantum Inf. Comput. 5 (2005) 467). */
export function prepareState(qubits: readonly number[], amplitudes: Float64Array): Instruction[] {
  const steps: Instruction[] = [];
  let norms = new Float64Array(amplitudes.length / 2);
  const phases = new Float64Array(norms.length);
  for (let i = 0; i < norms.length; i++) {
    norms[i] = Math.hypot(amplitudes[2 * i]!, amplitudes[2 * i + 1]!);
    phases[i] = norms[i] === 0 ? 0 : Math.atan2(amplitudes[2 * i + 1]!, amplitudes[2 * i]!);
  }
  for (let qubit = 0; qubit < qubits.length; qubit++) {
    const folded = new Float64Array(norms.length / 2);
    const angles = new Float64Array(norms.length / 2);
    for (let i = 0; i < folded.length; i++) {
      const [zero, one] = [norms[2 * i]!, norms[2 * i + 1]!];
      folded[i] = Math.hypot(zero, one);
      angles[i] = 2 * Math.atan2(one, zero);
    }
    const rotation =
      qubit === qubits.length - 1
        ? [gateOn('ry', [qubits[qubit]!], angles[0]!)]
        : multiplexedRy(qubits[qubit]!, qubits.slice(qubit + 1), angles);
    steps.unshift(...rotation);
    norms = folded;
  }
  if (phases.some((phase) => phase !== 0)) {
    steps.push(qubits.length === 0 ? gateOn('global_phase', [], phases[0]!) : diagonalOn(qubits, phases));
  }
  return steps;
}
