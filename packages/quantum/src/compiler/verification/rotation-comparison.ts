import { systemClock, throwIfCancelled } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import { adjoint, multiplyMatrices } from '../../circuit/complex-matrix.ts';
import { expandInstruction } from '../../circuit/expand-instruction.ts';
import { isUnitaryKind, type UnitaryKind } from '../../circuit/instruction.ts';
import { instructionMatrix } from '../../circuit/instruction-matrix.ts';
import { Turn } from '../in-turns.ts';
import type { AlignedCircuits } from './aligned-circuits.ts';
import type { ComparisonSettings, EquivalenceReport } from './equivalence-report.ts';
import { fewestTurns, quaternionOfMatrix } from './euler-angles.ts';
import { PauliFrame } from './pauli-frame.ts';
import { doCommute, lettersKey, multiplyStrings, type PauliString, signOf } from './pauli-string.ts';
import { RotationList } from './rotation-list.ts';

type Verdict = Omit<EquivalenceReport, 'method' | 'isExact'>;

/** Gates that a circuit is read as. */
type RotationStep =
  | { readonly kind: 'local'; readonly wire: number; readonly matrix: Float64Array }
  | { readonly kind: 'cx' | 'cz' | 'swap'; readonly wires: readonly [number, number] }
  | { readonly kind: 'measure'; readonly wire: number; readonly clbit: number }
  /** `exp(-i angle/2 Z..Z)`. */
  | { readonly kind: 'phase'; readonly wires: readonly number[]; readonly angle: number };

/** A phase on more qubits would be too many rotations. */
const MOST_PHASE_WIRES = 8;

/**
 * Compares circuits of gates, with measurements that could as well stand at the end, as rotations about Pauli strings: those of the original one, then the inverse ones of the
 * compiled one. Where each meets its inverse, a Clifford circuit is left, which is compared exactly. Swaps, Clifford gates and the order
 * of gates that commute make no difference, however many qubits there are.
 *
 * @returns a verdict of null where rotations are left, which may cancel all the same.
 */
export async function compareByRotations(
  pair: AlignedCircuits,
  settings: ComparisonSettings,
): Promise<Verdict> {
  const { qubitCount, wireCount, endWires } = pair;
  const undecided = { equivalent: null, worstInfidelity: null, trials: 0, simulatedQubits: 0 };
  const [first, second] = [readSteps(pair.original), readSteps(pair.compiled)];
  if (first === null || second === null) {
    return { ...undecided, reason: 'there is something that is no rotation about a Pauli string' };
  }
  const [expected, found] = [measuredWires(first, wireCount), measuredWires(second, wireCount)];
  const isSameEnd =
    expected !== null &&
    found?.size === expected.size &&
    [...expected].every(([clbit, wire]) => found.get(clbit) === endWires[wire]);
  if (!isSameEnd) return { ...undecided, reason: 'measurements cannot wait until the end' };
  const list = new RotationList(wireCount);
  const steps = [...first, ...exchangeWires(endWires), ...second.toReversed().map(invert)];
  // Some thousand steps take seconds, in which a signal should be able to arrive.
  const turn = new Turn(systemClock);
  for (const step of steps) {
    if (settings.signal) await turn.endIfLong();
    throwIfCancelled(settings.signal, 'The verification');
    takeStep(list, step);
  }
  if (list.rotations.length > 0) {
    return { ...undecided, reason: `${list.rotations.length} rotations did not meet their inverse` };
  }
  const isZero = (wire: number) => wire >= qubitCount || settings.inputs === 'zero';
  if (!list.frame.isIdentity(isZero)) {
    return { ...undecided, reason: 'a Clifford circuit is left' };
  }
  const infidelity = (list.lostAngle / 2) ** 2;
  if (infidelity > settings.tolerance) return { ...undecided, reason: 'too much was rounded' };
  return {
    ...undecided,
    equivalent: true,
    worstInfidelity: infidelity,
    reason: 'every rotation meets its inverse',
  };
}

/** Swaps that bring every wire to the one on which the compiled circuit ends it. */
function exchangeWires(endWires: readonly number[]): RotationStep[] {
  const steps: RotationStep[] = [];
  // Where the content of each wire is now.
  const places = endWires.map((_, wire) => wire);
  for (const [wire, end] of endWires.entries()) {
    const now = places[wire]!;
    if (now === end) continue;
    steps.push({ kind: 'swap', wires: [now, end] });
    places[places.indexOf(end)] = now;
    places[wire] = end;
  }
  return steps;
}

/** Null where something is neither a gate that is taken apart nor a measurement. */
function readSteps(circuit: Circuit): RotationStep[] | null {
  const steps: RotationStep[] = [];
  const waiting = new Map<number, Float64Array>();
  const flush = (wire: number) => {
    const matrix = waiting.get(wire);
    if (matrix !== undefined) steps.push({ kind: 'local', wire, matrix });
    waiting.delete(wire);
  };
  for (const instruction of circuit.instructions) {
    if (instruction.kind === 'measure') {
      flush(instruction.qubits[0]);
      steps.push({ kind: 'measure', wire: instruction.qubits[0], clbit: instruction.clbit });
      continue;
    }
    if (!isUnitaryKind(instruction)) return null;
    for (const part of (expandInstruction(instruction) ?? [instruction]) as UnitaryKind[]) {
      const { qubits } = part;
      if (qubits.length === 1) {
        const before = waiting.get(qubits[0]!);
        const matrix = instructionMatrix(part);
        waiting.set(qubits[0]!, before ? multiplyMatrices(matrix, before) : matrix);
        continue;
      }
      for (const qubit of qubits) flush(qubit);
      const found = stepsOf(part);
      if (found === null) return null;
      steps.push(...found);
    }
  }
  for (const wire of [...waiting.keys()]) flush(wire);
  return steps;
}

/**
 * The wire on which each classical bit could be measured at the end. Seen from the inputs, what is measured has to commute with every
 * rotation behind it, and to be Z on some wire at the end.
 *
 * @returns null where that is not so, or a bit is measured twice.
 */
function measuredWires(
  steps: readonly RotationStep[],
  wireCount: number,
): ReadonlyMap<number, number> | null {
  const frame = new PauliFrame(wireCount);
  const measured = new Map<number, PauliString>();
  for (const step of steps) {
    if (step.kind === 'measure') {
      if (measured.has(step.clbit)) return null;
      measured.set(step.clbit, frame.z(step.wire));
      continue;
    }
    for (const axis of measured.size > 0 ? axesOf(frame, step) : []) {
      for (const other of measured.values()) if (!doCommute(axis, other)) return null;
    }
    moveFrame(frame, step);
  }
  const places = new Map<string, number>();
  for (let wire = 0; wire < wireCount; wire++) {
    const axis = frame.z(wire);
    if (signOf(axis) > 0) places.set(lettersKey(axis), wire);
  }
  const wires = new Map<number, number>();
  for (const [clbit, axis] of measured) {
    const wire = signOf(axis) > 0 ? places.get(lettersKey(axis)) : undefined;
    if (wire === undefined) return null;
    wires.set(clbit, wire);
  }
  return wires;
}

/** What a step turns about, from the inputs. */
function axesOf(frame: PauliFrame, step: RotationStep): readonly PauliString[] {
  if (step.kind === 'phase') return [phaseString(frame, step.wires)];
  if (step.kind !== 'local') return [];
  return fewestTurns(quaternionOfMatrix(step.matrix)).map(({ axis }) => letterOf(frame, step.wire, axis));
}

function moveFrame(frame: PauliFrame, step: RotationStep): void {
  if (step.kind === 'cx' || step.kind === 'cz' || step.kind === 'swap') frame[step.kind](...step.wires);
}

function phaseString(frame: PauliFrame, wires: readonly number[]): PauliString {
  const strings: PauliString[] = wires.map((wire) => frame.z(wire));
  return strings.reduce((product, string) => multiplyStrings(product, string));
}

function letterOf(frame: PauliFrame, wire: number, axis: 0 | 1 | 2): PauliString {
  return axis === 0 ? frame.x(wire) : axis === 1 ? frame.y(wire) : frame.z(wire);
}

function stepsOf(part: UnitaryKind): readonly RotationStep[] | null {
  if (part.qubits.length === 0) return [];
  if (part.kind !== 'gate') return null;
  const { name, qubits } = part;
  const angle = Number(part.parameters[0]);
  switch (name) {
    case 'cx':
    case 'cz':
    case 'swap':
      return [{ kind: name, wires: [qubits[0]!, qubits[1]!] }];
    case 'rzz':
      return [{ kind: 'phase', wires: qubits, angle }];
    case 'cp':
    case 'mcp':
      return qubits.length > MOST_PHASE_WIRES ? null : phaseRotations(qubits, angle);
    default:
      return null;
  }
}

/** A phase where all wires are 1: `prod (1 - Z)/2` multiplied out. */
function phaseRotations(wires: readonly number[], angle: number): RotationStep[] {
  return Array.from({ length: 2 ** wires.length - 1 }, (_, index) => {
    const chosen = wires.filter((__, bit) => ((index + 1) >> bit) & 1);
    const sign = chosen.length % 2 === 0 ? -1 : 1;
    return { kind: 'phase', wires: chosen, angle: (sign * angle) / 2 ** (wires.length - 1) } as const;
  });
}

function invert(step: RotationStep): RotationStep {
  if (step.kind === 'local') return { ...step, matrix: adjoint(step.matrix) };
  return step.kind === 'phase' ? { ...step, angle: -step.angle } : step;
}

function takeStep(list: RotationList, step: RotationStep): void {
  const { frame } = list;
  if (step.kind === 'phase') list.rotate(phaseString(frame, step.wires), step.angle);
  else if (step.kind === 'local') {
    // Each turn is seen from the inputs as the frame is by then.
    for (const { axis, angle } of fewestTurns(quaternionOfMatrix(step.matrix))) {
      list.rotate(letterOf(frame, step.wire, axis), angle);
    }
  } else moveFrame(frame, step);
}
