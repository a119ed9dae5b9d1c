import { QedgeError } from '@qedge/core';
import type { UnitaryKind } from '../../circuit/instruction.ts';
import { matrixOf } from '../../circuit/instruction-matrix.ts';
import {
  controlInstruction,
  invertInstruction,
  powerInstruction,
} from '../../circuit/transform-instruction.ts';
import { unitaryPower } from '../../circuit/unitary-eigen.ts';
import type { Analysis } from './analysis.ts';
import type { GateDraft } from './draft.ts';

/** A modifier whose argument was evaluated. */
export interface ResolvedModifier {
  readonly kind: 'inv' | 'pow' | 'ctrl' | 'negctrl';
  /** Controls of `ctrl` and `negctrl`. */
  readonly count: number;
  readonly exponent: number;
  readonly start: number;
}

/** Diagonalising a matrix takes the cube of its size, many times. */
const MAX_POWER_QUBITS = 6;

/**
 * What modifiers make of a gate, the one next to the gate first.
 *
 * @param qubits the controls, in order of the modifiers, then the gate's own.
 */
export function applyModifiers(
  analysis: Analysis,
  gate: readonly GateDraft[],
  modifiers: readonly ResolvedModifier[],
  qubits: readonly number[],
  start: number,
): readonly GateDraft[] {
  let drafts = gate;
  let controlEnd = modifiers.reduce((sum, { count }) => sum + count, 0);
  for (const modifier of modifiers.toReversed()) {
    analysis.count(drafts.length, start);
    const controls = qubits.slice(controlEnd - modifier.count, controlEnd);
    controlEnd -= modifier.count;
    try {
      drafts = applyModifier(analysis, drafts, modifier, controls);
    } catch (error) {
      if (!(error instanceof QedgeError) || error.facts.line !== undefined) throw error;
      analysis.refuse(modifier.start, error.message);
    }
  }
  return drafts;
}

function applyModifier(
  analysis: Analysis,
  drafts: readonly GateDraft[],
  { kind, exponent, start }: ResolvedModifier,
  controls: readonly number[],
): readonly GateDraft[] {
  if (kind === 'inv') return invert(drafts);
  if (kind === 'pow') return power(analysis, drafts, exponent, start);
  const state = controls.map(() => (kind === 'ctrl' ? 1 : 0) as 0 | 1);
  return mapUnitaries(drafts, (unitary) => [controlInstruction(unitary, controls, state)]);
}

function invert(drafts: readonly GateDraft[]): GateDraft[] {
  return mapUnitaries(drafts.toReversed(), invertInstruction);
}

/** Replaces every unitary instruction. */
function mapUnitaries(
  drafts: readonly GateDraft[],
  replace: (unitary: UnitaryKind) => readonly UnitaryKind[],
): GateDraft[] {
  return drafts.flatMap((draft): readonly GateDraft[] =>
    draft.kind === 'barrier' ? [draft] : replace(draft),
  );
}

function power(
  analysis: Analysis,
  drafts: readonly GateDraft[],
  exponent: number,
  start: number,
): readonly GateDraft[] {
  const [only] = drafts;
  if (drafts.length === 1 && only !== undefined && only.kind !== 'barrier') {
    return powerInstruction(only, exponent);
  }
  if (Number.isInteger(exponent)) {
    const once = exponent < 0 ? invert(drafts) : drafts;
    const times = Math.abs(exponent);
    analysis.count(once.length * times, start);
    return Array.from({ length: times }, () => once).flat();
  }
  return principalPower(analysis, drafts, exponent, start);
}

/** A fraction of several gates together: through their matrix. */
function principalPower(
  analysis: Analysis,
  drafts: readonly GateDraft[],
  exponent: number,
  start: number,
): readonly GateDraft[] {
  const unitaries = drafts.filter((draft) => draft.kind !== 'barrier');
  if (unitaries.length === 0) return drafts;
  const qubits = [...new Set(unitaries.flatMap((draft) => draft.qubits))];
  if (qubits.length > MAX_POWER_QUBITS) {
    analysis.refuse(start, `a fraction of a gate on more than ${MAX_POWER_QUBITS} qubits is not supported`);
  }
  const matrix = unitaryPower(matrixOf(unitaries, qubits), exponent);
  return [{ kind: 'unitary', qubits, matrix }];
}
