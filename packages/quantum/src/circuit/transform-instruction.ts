/** @file Inverse, control and powers of single unitary instructions. */
import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import { adjoint } from './complex-matrix.ts';
import { type GateName, gateDefinition } from './gate-definition.ts';
import type { GateInstruction, UnitaryKind } from './instruction.ts';
import { instructionMatrix } from './instruction-matrix.ts';
import { type ParameterValue, scaleAngle } from './parameter.ts';
import { unitaryPower } from './unitary-eigen.ts';

/** The instructions that undo one, the first one applied first. */
export function invertInstruction(instruction: UnitaryKind): UnitaryKind[] {
  switch (instruction.kind) {
    case 'gate':
      return invertGate(instruction);
    case 'unitary':
      return [
        {
          ...instruction,
          matrix: adjoint(instruction.matrix),
          ...(instruction.label === undefined ? {} : { label: invertLabel(instruction.label) }),
        },
      ];
    case 'diagonal':
      return [{ ...instruction, phases: instruction.phases.map((phase) => 0 - phase) }];
    case 'permutation': {
      const permutation = new Array<number>(instruction.permutation.length);
      instruction.permutation.forEach((to, from) => {
        permutation[to] = from;
      });
      return [{ ...instruction, permutation }];
    }
    case 'pauli-evolution':
      return [
        { ...instruction, terms: instruction.terms.toReversed(), time: scaleAngle(instruction.time, -1) },
      ];
    case 'controlled':
      return invertInstruction(instruction.body).map((body) =>
        controlInstruction(body, instruction.controls, instruction.controlState),
      );
  }
}

function invertLabel(label: string): string {
  return label.endsWith('†') ? label.slice(0, -1) : `${label}†`;
}

function invertGate({ name, qubits, parameters }: GateInstruction): GateInstruction[] {
  return gateDefinition(name)
    .inverse(parameters, qubits.length)
    .map((step) => ({
      kind: 'gate',
      name: step.name as GateName,
      qubits: step.positions.map((position) => qubits[position]!),
      parameters: step.parameters,
    }));
}

/** Names of a gate by its number of controls; beyond the last, `further` where there is one. */
interface Family {
  readonly names: readonly GateName[];
  readonly further?: GateName;
}

const X_FAMILY: Family = { names: ['x', 'cx', 'ccx', 'c3x', 'c4x'], further: 'mcx' };
const P_FAMILY: Family = { names: ['p', 'cp'], further: 'mcp' };
const FAMILIES: readonly Family[] = [
  X_FAMILY,
  P_FAMILY,
  ...[{ names: ['z', 'cz', 'ccz'] }, { names: ['y', 'cy'] }, { names: ['h', 'ch'] }].map(asFamily),
  ...[{ names: ['s', 'cs'] }, { names: ['sdg', 'csdg'] }, { names: ['sx', 'csx'] }].map(asFamily),
  ...[{ names: ['rx', 'crx'] }, { names: ['ry', 'cry'] }, { names: ['rz', 'crz'] }].map(asFamily),
  ...[{ names: ['u', 'cu3'] }, { names: ['swap', 'cswap'] }].map(asFamily),
];

function asFamily({ names }: { readonly names: readonly string[] }): Family {
  return { names: names as readonly GateName[] };
}

/** The family of a gate and how many controls the gate has in it. */
function familyOf(name: GateName, qubitCount: number): { family: Family; controls: number } | null {
  if (name === 'mcx') return { family: X_FAMILY, controls: qubitCount - 1 };
  if (name === 'mcp') return { family: P_FAMILY, controls: qubitCount - 1 };
  if (name === 'u1') return { family: P_FAMILY, controls: 0 };
  if (name === 'cu1') return { family: P_FAMILY, controls: 1 };
  for (const family of FAMILIES) {
    const controls = family.names.indexOf(name);
    if (controls >= 0) return { family, controls };
  }
  return null;
}

/** @throws InvalidArgumentError for states that are not bits, or another number of them than of controls. */
export function checkControlState(count: number, state: readonly (0 | 1)[]): void {
  if (Array.isArray(state) && state.length === count && state.every((bit) => bit === 0 || bit === 1)) return;
  throw new InvalidArgumentError('Control states do not fit the controls', {
    expected: `${count} bits`,
    actual: state,
  });
}

/**
 * An instruction that acts where every control has its state (default: 1), as a gate of the library where there is one.
 *
 * @throws InvalidArgumentError for states that are not bits, or another number of them.
 */
export function controlInstruction(
  body: UnitaryKind,
  controls: readonly number[],
  controlState: readonly (0 | 1)[] = controls.map(() => 1),
): UnitaryKind {
  checkControlState(controls.length, controlState);
  if (controls.length === 0) return body;
  if (body.kind === 'gate' && !controlState.includes(0)) {
    const known = controlGate(body, controls);
    if (known !== null) return known;
  }
  if (body.kind === 'controlled') {
    return {
      kind: 'controlled',
      qubits: [...controls, ...body.qubits],
      controls: [...controls, ...body.controls],
      controlState: [...controlState, ...body.controlState],
      body: body.body,
    };
  }
  return { kind: 'controlled', qubits: [...controls, ...body.qubits], controls, controlState, body };
}

function controlGate(body: GateInstruction, controls: readonly number[]): GateInstruction | null {
  if (body.name === 'global_phase') {
    const name = controls.length === 1 ? 'p' : controls.length === 2 ? 'cp' : 'mcp';
    return { kind: 'gate', name, qubits: controls, parameters: body.parameters };
  }
  const known = familyOf(body.name, body.qubits.length);
  if (known === null) return null;
  const { family } = known;
  const name = family.names[known.controls + controls.length] ?? family.further;
  return name === undefined
    ? null
    : { kind: 'gate', name, qubits: [...controls, ...body.qubits], parameters: body.parameters };
}

/** Gates whose first angle a power multiplies: `turns` after which the angle means the same. */
const SCALED_TURNS: Readonly<Record<string, number>> = {
  ...{ global_phase: 1, p: 1, u1: 1, cp: 1, cu1: 1, mcp: 1 },
  ...{ rx: 2, ry: 2, rz: 2, r: 2, crx: 2, cry: 2, crz: 2, rxx: 2, ryy: 2, rzz: 2, rzx: 2 },
  ...{ xx_plus_yy: 2, xx_minus_yy: 2, single_excitation: 2, double_excitation: 2 },
};

/** Phases of gates that are `diag(1, ..., 1, e^(i phase))`. */
const FIXED_PHASES: Readonly<Record<string, number>> = {
  ...{ z: Math.PI, cz: Math.PI, ccz: Math.PI, s: Math.PI / 2, cs: Math.PI / 2 },
  ...{ sdg: -Math.PI / 2, csdg: -Math.PI / 2, t: Math.PI / 4, tdg: -Math.PI / 4 },
};

/** Repeats up to this are written out. */
const MOST_REPEATS = 64;
/** A matrix of 2^8 rows takes about a second to diagonalise. */
const MAX_POWER_QUBITS = 8;

/**
 * An instruction `exponent` times. For a fraction the principal power: eigenvalues `e^(i phi)` with phi in (-pi, pi] become
 * `e^(i exponent phi)`. Free angles of rotations and phases are multiplied as they stand.
 *
 * @throws InvalidArgumentError for an exponent that is not finite; UnsupportedError for a fraction or a large exponent of an
 *   instruction with free parameters elsewhere, or on more than 8 qubits.
 */
export function powerInstruction(instruction: UnitaryKind, exponent: number): UnitaryKind[] {
  checkExponent(exponent);
  if (exponent === 0) return [];
  if (exponent === 1) return [instruction];
  const scaled = scaledPower(instruction, exponent);
  if (scaled !== null) return [scaled];
  if (instruction.kind === 'controlled') {
    return powerInstruction(instruction.body, exponent).map((body) =>
      controlInstruction(body, instruction.controls, instruction.controlState),
    );
  }
  if (Number.isInteger(exponent) && Math.abs(exponent) <= MOST_REPEATS) {
    const once = exponent < 0 ? invertInstruction(instruction) : [instruction];
    return Array.from({ length: Math.abs(exponent) }, () => once).flat();
  }
  return matrixPower(instruction, exponent);
}

/** @throws InvalidArgumentError for an exponent that is not finite. */
export function checkExponent(exponent: number): void {
  if (Number.isFinite(exponent)) return;
  throw new InvalidArgumentError('An exponent is not usable', {
    expected: 'a finite number',
    actual: exponent,
  });
}

function matrixPower(instruction: UnitaryKind, exponent: number): UnitaryKind[] {
  const isFree =
    (instruction.kind === 'gate' && instruction.parameters.some((angle) => typeof angle !== 'number')) ||
    (instruction.kind === 'pauli-evolution' && typeof instruction.time !== 'number');
  const { controlCount, qubitCount } =
    instruction.kind === 'gate'
      ? gateDefinition(instruction.name)
      : { controlCount: 0, qubitCount: instruction.qubits.length };
  const targetCount = qubitCount - controlCount;
  if (isFree || targetCount > MAX_POWER_QUBITS) {
    throw new UnsupportedError(`This power of ${instruction.kind} cannot be made`, {
      expected: `numbers for all angles, and at most ${MAX_POWER_QUBITS} qubits besides controls`,
      actual: isFree ? 'a free parameter' : `${targetCount} qubits`,
    });
  }
  if (instruction.kind !== 'gate' || controlCount === 0) {
    const matrix = unitaryPower(instructionMatrix(instruction), exponent);
    return [{ kind: 'unitary', qubits: instruction.qubits, matrix }];
  }
  const own = instruction.qubits.length - targetCount;
  const base = gateDefinition(instruction.name).matrix(instruction.parameters as readonly number[]);
  const body: UnitaryKind = {
    kind: 'unitary',
    qubits: instruction.qubits.slice(own),
    matrix: unitaryPower(base, exponent),
  };
  return [controlInstruction(body, instruction.qubits.slice(0, own))];
}

/** The power where only an angle changes, else null. */
function scaledPower(instruction: UnitaryKind, exponent: number): UnitaryKind | null {
  if (!Number.isInteger(exponent) && turnsAround(instruction)) return null;
  const scale = (angle: ParameterValue, turns: number) =>
    scaleAngle(
      typeof angle === 'number' && !Number.isInteger(exponent) ? principalAngle(angle, turns) : angle,
      exponent,
    );
  switch (instruction.kind) {
    case 'gate': {
      const { name, qubits, parameters } = instruction;
      const turns = SCALED_TURNS[name];
      if (turns !== undefined) {
        const [first, ...rest] = parameters;
        return { ...instruction, parameters: [scale(first!, turns), ...rest] };
      }
      const phase = FIXED_PHASES[name];
      if (phase === undefined || (Number.isInteger(exponent) && Math.abs(exponent) < 2)) return null;
      const power = qubits.length === 1 ? 'p' : qubits.length === 2 ? 'cp' : 'mcp';
      return { kind: 'gate', name: power, qubits, parameters: [phase * exponent] };
    }
    case 'diagonal':
      return {
        ...instruction,
        phases: instruction.phases.map((phase) => scale(phase, 1) as number),
      };
    case 'pauli-evolution':
      return scaledEvolution(instruction, exponent);
    default:
      return null;
  }
}

/** True for a rotation by a whole turn, which is -1 on both eigenvalues: of that, half a rotation is not the principal root. */
function turnsAround(instruction: UnitaryKind): boolean {
  if (instruction.kind !== 'gate' || SCALED_TURNS[instruction.name] !== 2) return false;
  const [angle] = instruction.parameters;
  return typeof angle === 'number' && Math.abs(principalAngle(angle, 2) - 2 * Math.PI) < 1e-12;
}

/** Terms that commute evolve for the time times the exponent; a principal power only where no angle goes round. */
function scaledEvolution(
  instruction: Extract<UnitaryKind, { kind: 'pauli-evolution' }>,
  exponent: number,
): UnitaryKind | null {
  const { terms, time } = instruction;
  if (!terms.every(([a], i) => terms.slice(i + 1).every(([b]) => commute(a, b)))) return null;
  if (!Number.isInteger(exponent) && typeof time === 'number') {
    const largest = terms.reduce((sum, [, coefficient]) => sum + Math.abs(coefficient * time), 0);
    if (largest >= Math.PI) return null;
  }
  return { ...instruction, time: scaleAngle(time, exponent) };
}

function commute(a: string, b: string): boolean {
  let differences = 0;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== 'I' && b[i] !== 'I' && a[i] !== b[i]) differences++;
  }
  return differences % 2 === 0;
}

/** The same angle within half of its period on either side of 0: in (-turns pi, turns pi]. */
function principalAngle(angle: number, turns: number): number {
  const period = 2 * Math.PI * turns;
  const reduced = angle - period * Math.round(angle / period);
  return reduced <= 1e-12 - period / 2 ? reduced + period : reduced;
}
