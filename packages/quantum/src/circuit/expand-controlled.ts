/** @file Unitary instructions under controls, in terms of elementary ones. */
import { controlElementaryGate, phaseStep } from './expand-gate.ts';
import { gateDefinition } from './gate-definition.ts';
import type { DiagonalInstruction, GateInstruction, Instruction, UnitaryKind } from './instruction.ts';
import type { ParameterValue } from './parameter.ts';
import { gateOn, oneQubitSteps, splitUnitary } from './synthesize-unitary.ts';

/** Gates that are another one under controls, which then has as many controls more. */
const BASES: Readonly<Record<string, string>> = {
  ...{ cx: 'x', ccx: 'x', c3x: 'x', c4x: 'x', mcx: 'x', cy: 'y', cz: 'z', ccz: 'z', ch: 'h' },
  ...{ cs: 's', csdg: 'sdg', csx: 'sx', c3sx: 'sx', cp: 'p', cu1: 'p', mcp: 'p' },
  ...{ crx: 'rx', cry: 'ry', crz: 'rz', cu3: 'u', cswap: 'swap' },
};

/** A table with more entries is written as single phases. */
const MAX_TABLE_QUBITS = 12;

/**
 * A body where all controls are 1.
 *
 * @param elementary the body's expansion.
 */
export function controlInstructions(
  elementary: readonly Instruction[],
  body: UnitaryKind,
  controls: readonly number[],
): Instruction[] {
  if (controls.length === 0) return [...elementary];
  if (body.kind === 'gate' && Object.hasOwn(BASES, body.name)) return controlLibraryGate(body, controls);
  // What stands around the rest and undoes itself needs no control.
  let outer = 0;
  while (2 * outer + 1 < elementary.length && areInverse(elementary[outer]!, elementary.at(-1 - outer)!)) {
    outer++;
  }
  const inner = elementary.slice(outer, elementary.length - outer);
  return [
    ...elementary.slice(0, outer),
    ...inner.flatMap((instruction) => controlElementary(instruction, controls)),
    ...elementary.slice(elementary.length - outer),
  ];
}

function controlLibraryGate(
  { name, qubits, parameters }: GateInstruction,
  controls: readonly number[],
): Instruction[] {
  const { qubitCount, controlCount } = gateDefinition(name);
  const own = qubits.length - (qubitCount - controlCount);
  return controlGate(BASES[name]!, qubits.slice(own), parameters, [...controls, ...qubits.slice(0, own)]);
}

function controlGate(
  name: string,
  qubits: readonly number[],
  parameters: readonly ParameterValue[],
  controls: readonly number[],
): Instruction[] {
  return controlElementaryGate({ name, positions: qubits, parameters }, controls).map((step) =>
    gateOn(step.name, step.positions, ...step.parameters),
  );
}

function controlElementary(instruction: Instruction, controls: readonly number[]): Instruction[] {
  switch (instruction.kind) {
    case 'gate':
      return controlGate(instruction.name, instruction.qubits, instruction.parameters, controls);
    case 'diagonal':
      return controlDiagonal(instruction, controls);
    case 'unitary':
      if (instruction.qubits.length === 1) {
        return oneQubitSteps(instruction.matrix).flatMap((step) =>
          controlGate(
            step.name,
            step.positions.map(() => instruction.qubits[0]!),
            step.parameters,
            controls,
          ),
        );
      }
      return splitUnitary(instruction).flatMap((simpler) => controlElementary(simpler, controls));
    default:
      throw new TypeError(`${instruction.kind} is not elementary`);
  }
}

/** A table of phases under controls: a larger table, or for many controls one phase for each product of bits. */
function controlDiagonal(
  { qubits, phases }: DiagonalInstruction,
  controls: readonly number[],
): Instruction[] {
  if (qubits.length + controls.length <= MAX_TABLE_QUBITS) {
    const controlled = new Float64Array(phases.length * 2 ** controls.length);
    controlled.set(phases, controlled.length - phases.length);
    return [{ kind: 'diagonal', qubits: [...qubits, ...controls], phases: controlled }];
  }
  // phases[x] = sum of c[s] over all subsets s of the bits of x.
  const coefficients = phases.slice();
  for (let bit = 1; bit < phases.length; bit *= 2) {
    for (let i = 0; i < phases.length; i++) {
      if (i & bit) coefficients[i] = coefficients[i]! - coefficients[i ^ bit]!;
    }
  }
  return Array.from(coefficients).flatMap((angle, subset) => {
    if (angle === 0) return [];
    const selected = qubits.filter((_, bit) => (subset >> bit) & 1);
    const { name, positions, parameters } = phaseStep([...controls, ...selected], angle);
    return [gateOn(name, positions, ...parameters)];
  });
}

function areInverse(first: Instruction, last: Instruction): boolean {
  if (first.kind !== 'gate' || last.kind !== 'gate') return false;
  const inverse = gateDefinition(first.name).inverse(first.parameters, first.qubits.length);
  const [only] = inverse;
  return (
    inverse.length === 1 &&
    only!.name === last.name &&
    only!.positions.length === last.qubits.length &&
    only!.positions.every((position, i) => first.qubits[position] === last.qubits[i]) &&
    only!.parameters.every((angle, i) => angle === last.parameters[i])
  );
}
