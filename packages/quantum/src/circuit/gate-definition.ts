import { InvalidArgumentError } from '@qedge/core';
import type { DerivativeFormula, MatrixFormula } from './gate-formulas.ts';
import * as formulas from './gate-formulas.ts';
import { type ParameterValue, scaleAngle, shiftAngle } from './parameter.ts';

/** Every gate a circuit can hold. Names and matrices are those of Qiskit's library, excitations those of PennyLane. */
export type GateName = keyof typeof GATES;

/** A gate on positions of another gate's qubit list. */
export interface GateStep {
  readonly name: string;
  readonly parameters: readonly ParameterValue[];
  /** Indices into the qubits of the gate that is being rewritten. */
  readonly positions: readonly number[];
}

/** What is known of a gate, independent of where it is applied. */
export interface GateDefinition {
  readonly name: string;
  /** Qubits it acts on, its controls (which come first) included; the least number where `variadic`. */
  readonly qubitCount: number;
  readonly controlCount: number;
  /** Any number of further controls may come in front. */
  readonly variadic: boolean;
  readonly parameterCount: number;
  /** Equal to its own inverse. */
  readonly selfInverse: boolean;
  /** Diagonal in the computational basis. */
  readonly diagonal: boolean;
  /** Unchanged when its qubits are permuted. */
  readonly symmetric: boolean;
  /**
   * The unitary of the part without controls: complex, row-major, interleaved `[2^k, 2^k, (re, im)]`. Bit 0 of a row or column
   * index belongs to the first qubit after the controls. May be shared: not to be changed.
   */
  matrix(parameters: readonly number[]): Float64Array;
  /** The derivative of `matrix` with respect to one parameter. */
  derivative(parameters: readonly number[], index: number): Float64Array;
  /**
   * For each parameter, the frequencies with which an expectation value oscillates in it (differences of the generator's
   * eigenvalues): equidistant from 0. They decide the parameter-shift rule.
   */
  readonly frequencies: readonly (readonly number[])[];
  /**
   * The inverse as gates, first one first.
   *
   * @param qubitCount for variadic gates, the qubits of this one.
   */
  inverse(parameters: readonly ParameterValue[], qubitCount?: number): readonly GateStep[];
}

type Trait = 'diagonal' | 'symmetric' | 'variadic';
type Inverse = GateDefinition['inverse'];

const noDerivative: DerivativeFormula = () => {
  throw new InvalidArgumentError('A gate without parameters has no derivative');
};

const positionsUpTo = (count: number) => Array.from({ length: count }, (_, i) => i);

/** A gate without parameters. The inverse is the gate itself, a gate of another name, or steps. */
function fixedGate(
  name: string,
  matrix: MatrixFormula,
  controlCount: number,
  traits: readonly Trait[] = [],
  inverse: string | Inverse = name,
): GateDefinition {
  const qubitCount = controlCount + Math.log2(matrix([0, 0, 0, 0]).length / 2) / 2;
  return {
    name,
    qubitCount,
    controlCount,
    variadic: traits.includes('variadic'),
    parameterCount: 0,
    selfInverse: inverse === name,
    diagonal: traits.includes('diagonal'),
    symmetric: traits.includes('symmetric'),
    matrix,
    derivative: noDerivative,
    frequencies: [],
    inverse:
      typeof inverse === 'string'
        ? (_, count = qubitCount) => [{ name: inverse, parameters: [], positions: positionsUpTo(count) }]
        : inverse,
  };
}

/** How a gate with angles behaves. `invert` gives the angles of the inverse, by default the first one negated. */
interface AngleBehaviour {
  readonly derivative: DerivativeFormula;
  readonly frequencies: readonly (readonly number[])[];
  readonly traits?: readonly Trait[];
  readonly invert?: (parameters: readonly ParameterValue[]) => readonly ParameterValue[];
}

/** A gate with angles, whose inverse is the same gate with others. */
function angleGate(
  name: string,
  matrix: MatrixFormula,
  controlCount: number,
  { derivative, frequencies, traits = [], invert = negateFirst }: AngleBehaviour,
): GateDefinition {
  const plain = fixedGate(name, matrix, controlCount, traits);
  return {
    ...plain,
    parameterCount: frequencies.length,
    selfInverse: false,
    derivative,
    frequencies,
    inverse: (parameters, count = plain.qubitCount) => [
      { name, parameters: invert(parameters), positions: positionsUpTo(count) },
    ],
  };
}

function negateFirst([first, ...rest]: readonly ParameterValue[]): ParameterValue[] {
  return [scaleAngle(first!, -1), ...rest];
}

const step = (name: string, positions: readonly number[], ...parameters: ParameterValue[]): GateStep => ({
  name,
  positions,
  parameters,
});

/** `exp(-i angle P / 2)` has one frequency; where it is controlled, eigenvalues 0 and +-1/2 make two. */
const rotation = (matrix: MatrixFormula, controlled: boolean, ...traits: Trait[]): AngleBehaviour => ({
  derivative: formulas.rotationDerivative(matrix),
  frequencies: [controlled ? CONTROLLED : [1]],
  traits,
});
const CONTROLLED = [0.5, 1];
const phase = (...traits: Trait[]): AngleBehaviour => ({
  derivative: formulas.phaseDerivative,
  frequencies: [[1]],
  traits: ['diagonal', ...traits],
});
/** Theta, phi, lambda (and gamma). */
const general = (thetaFrequencies: readonly number[], withPhase = false): AngleBehaviour => ({
  derivative: formulas.phasedUDerivative,
  frequencies: [thetaFrequencies, [1], [1], ...(withPhase ? [[1]] : [])],
  invert: (parameters) => {
    const [theta, phi, lambda, gamma] = parameters.map((angle) => scaleAngle(angle, -1));
    return withPhase ? [theta!, lambda!, phi!, gamma!] : [theta!, lambda!, phi!];
  },
});
/** A rotation of two basis states by half of the first angle; the second angle turns its axis and appears on both sides. */
const plane = (
  matrix: MatrixFormula,
  size: number,
  low: number,
  high: number,
  hasAxis: boolean,
  ...traits: Trait[]
): AngleBehaviour => ({
  derivative: formulas.planeDerivative(matrix, size, low, high),
  frequencies: hasAxis ? [CONTROLLED, [1, 2]] : [CONTROLLED],
  traits,
});

/** SX is H S H: the inverse of its controlled forms needs no gate of its own. */
const inverseOfControlledSx =
  (controlCount: number): Inverse =>
  () => [
    step('h', [controlCount]),
    controlCount === 1 ? step('csdg', [0, 1]) : step('mcp', positionsUpTo(controlCount + 1), -Math.PI / 2),
    step('h', [controlCount]),
  ];

/** The gates, by name. */
const GATES = {
  global_phase: angleGate('global_phase', formulas.GLOBAL_PHASE, 0, {
    derivative: formulas.globalPhaseDerivative,
    frequencies: [[1]],
    traits: ['diagonal', 'symmetric'],
  }),
  id: fixedGate('id', formulas.IDENTITY, 0, ['diagonal', 'symmetric']),
  x: fixedGate('x', formulas.X, 0, ['symmetric']),
  y: fixedGate('y', formulas.Y, 0, ['symmetric']),
  z: fixedGate('z', formulas.Z, 0, ['diagonal', 'symmetric']),
  h: fixedGate('h', formulas.H, 0, ['symmetric']),
  s: fixedGate('s', formulas.S, 0, ['diagonal', 'symmetric'], 'sdg'),
  sdg: fixedGate('sdg', formulas.SDG, 0, ['diagonal', 'symmetric'], 's'),
  t: fixedGate('t', formulas.T, 0, ['diagonal', 'symmetric'], 'tdg'),
  tdg: fixedGate('tdg', formulas.TDG, 0, ['diagonal', 'symmetric'], 't'),
  sx: fixedGate('sx', formulas.SX, 0, ['symmetric'], 'sxdg'),
  sxdg: fixedGate('sxdg', formulas.SXDG, 0, ['symmetric'], 'sx'),
  p: angleGate('p', formulas.P, 0, phase('symmetric')),
  u1: angleGate('u1', formulas.P, 0, phase('symmetric')),
  rx: angleGate('rx', formulas.RX, 0, rotation(formulas.RX, false, 'symmetric')),
  ry: angleGate('ry', formulas.RY, 0, rotation(formulas.RY, false, 'symmetric')),
  rz: angleGate('rz', formulas.RZ, 0, rotation(formulas.RZ, false, 'diagonal', 'symmetric')),
  r: angleGate('r', formulas.R, 0, {
    derivative: formulas.rDerivative,
    frequencies: [[1], [1, 2]],
    traits: ['symmetric'],
  }),
  u2: angleGate('u2', formulas.U2, 0, {
    derivative: formulas.u2Derivative,
    frequencies: [[1], [1]],
    traits: ['symmetric'],
    // u(-pi/2, -lambda, -phi), with the sign moved into the angles.
    invert: ([phi, lambda]) => [
      shiftAngle(scaleAngle(lambda!, -1), -Math.PI),
      shiftAngle(scaleAngle(phi!, -1), Math.PI),
    ],
  }),
  u: angleGate('u', formulas.U, 0, { ...general([1]), traits: ['symmetric'] }),
  u3: angleGate('u3', formulas.U, 0, { ...general([1]), traits: ['symmetric'] }),
  cx: fixedGate('cx', formulas.X, 1),
  cy: fixedGate('cy', formulas.Y, 1),
  cz: fixedGate('cz', formulas.Z, 1, ['diagonal', 'symmetric']),
  ch: fixedGate('ch', formulas.H, 1),
  cs: fixedGate('cs', formulas.S, 1, ['diagonal', 'symmetric'], 'csdg'),
  csdg: fixedGate('csdg', formulas.SDG, 1, ['diagonal', 'symmetric'], 'cs'),
  csx: fixedGate('csx', formulas.SX, 1, [], inverseOfControlledSx(1)),
  cp: angleGate('cp', formulas.P, 1, phase('symmetric')),
  cu1: angleGate('cu1', formulas.P, 1, phase('symmetric')),
  crx: angleGate('crx', formulas.RX, 1, rotation(formulas.RX, true)),
  cry: angleGate('cry', formulas.RY, 1, rotation(formulas.RY, true)),
  crz: angleGate('crz', formulas.RZ, 1, rotation(formulas.RZ, true, 'diagonal')),
  cu: angleGate('cu', formulas.PHASED_U, 1, general(CONTROLLED, true)),
  cu3: angleGate('cu3', formulas.U, 1, general(CONTROLLED)),
  swap: fixedGate('swap', formulas.SWAP, 0, ['symmetric']),
  // iswap = swap . cz . (s (x) s)
  iswap: fixedGate('iswap', formulas.ISWAP, 0, ['symmetric'], () => [
    ...[step('swap', [0, 1]), step('cz', [0, 1]), step('sdg', [0]), step('sdg', [1])],
  ]),
  dcx: fixedGate('dcx', formulas.DCX, 0, [], () => [step('dcx', [1, 0])]),
  ecr: fixedGate('ecr', formulas.ECR, 0),
  rxx: angleGate('rxx', formulas.RXX, 0, rotation(formulas.RXX, false, 'symmetric')),
  ryy: angleGate('ryy', formulas.RYY, 0, rotation(formulas.RYY, false, 'symmetric')),
  rzz: angleGate('rzz', formulas.RZZ, 0, rotation(formulas.RZZ, false, 'diagonal', 'symmetric')),
  rzx: angleGate('rzx', formulas.RZX, 0, rotation(formulas.RZX, false)),
  xx_plus_yy: angleGate('xx_plus_yy', formulas.XX_PLUS_YY, 0, plane(formulas.XX_PLUS_YY, 4, 1, 2, true)),
  xx_minus_yy: angleGate(
    'xx_minus_yy',
    formulas.XX_MINUS_YY,
    0,
    plane(formulas.XX_MINUS_YY, 4, 0, 3, true, 'symmetric'),
  ),
  single_excitation: angleGate(
    'single_excitation',
    formulas.SINGLE_EXCITATION,
    0,
    plane(formulas.SINGLE_EXCITATION, 4, 1, 2, false),
  ),
  double_excitation: angleGate(
    'double_excitation',
    formulas.DOUBLE_EXCITATION,
    0,
    plane(formulas.DOUBLE_EXCITATION, 16, 3, 12, false),
  ),
  ccx: fixedGate('ccx', formulas.X, 2),
  ccz: fixedGate('ccz', formulas.Z, 2, ['diagonal', 'symmetric']),
  cswap: fixedGate('cswap', formulas.SWAP, 1),
  rccx: fixedGate('rccx', formulas.RCCX, 0),
  c3x: fixedGate('c3x', formulas.X, 3),
  c3sx: fixedGate('c3sx', formulas.SX, 3, [], inverseOfControlledSx(3)),
  // The sign that its inverse has on both flipped pairs is CZ of the first two qubits.
  rcccx: fixedGate('rcccx', formulas.RCCCX, 0, [], () => [
    ...[step('rcccx', [0, 1, 2, 3]), step('cz', [0, 1])],
  ]),
  c4x: fixedGate('c4x', formulas.X, 4),
  mcx: fixedGate('mcx', formulas.X, 1, ['variadic']),
  mcp: angleGate('mcp', formulas.P, 1, phase('symmetric', 'variadic')),
} as const satisfies Record<string, GateDefinition>;

/** All gate names. */
export const GATE_NAMES = Object.keys(GATES) as readonly GateName[];

/** True when `value` names a gate. */
export function isGateName(value: unknown): value is GateName {
  return typeof value === 'string' && Object.hasOwn(GATES, value);
}

/** What is known of a gate. @throws InvalidArgumentError for an unknown name. */
export function gateDefinition(name: string): GateDefinition {
  if (!isGateName(name)) {
    throw new InvalidArgumentError('Unknown gate', { expected: GATE_NAMES.join(', '), actual: name });
  }
  return GATES[name];
}
