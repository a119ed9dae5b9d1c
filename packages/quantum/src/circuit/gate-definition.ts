import { InvalidArgumentError } from '@qedge/core';
import { type ParameterValue, scaleAngle } from './parameter.ts';

/** Every gate a circuit can hold. Names and matrices are those of OpenQASM's `qelib1.inc` and Qiskit. */
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
  /** Qubits it acts on, its controls (which come first) included. */
  readonly qubitCount: number;
  readonly controlCount: number;
  readonly parameterCount: number;
  /** Equal to its own inverse. */
  readonly selfInverse: boolean;
  /** Diagonal in the computational basis. */
  readonly diagonal: boolean;
  /** Unchanged when its qubits are permuted. */
  readonly symmetric: boolean;
  /**
   * The unitary of the part without controls: complex, row-major, interleaved `[2^k, 2^k, (re, im)]`. Bit 0 of a row or column
   * index belongs to the first qubit after the controls.
   */
  matrix(parameters: readonly number[]): Float64Array;
  /** The derivative of `matrix` with respect to one parameter. */
  derivative(parameters: readonly number[], index: number): Float64Array;
  /**
   * For each parameter, the frequencies with which an expectation value oscillates in it: the positive differences of the
   * generator's eigenvalues. They decide the parameter-shift rule.
   */
  readonly frequencies: readonly (readonly number[])[];
  /** The inverse as gates, first one first. */
  inverse(parameters: readonly ParameterValue[]): readonly GateStep[];
}

type Matrix = (parameters: readonly number[]) => Float64Array;

const HALF = Math.SQRT1_2;
/** From `[re, im]` pairs written out row by row. */
const fixed = (...entries: number[]): Matrix => {
  const matrix = Float64Array.from(entries);
  return () => matrix;
};
const phaseMatrix = (angle: number) => Float64Array.of(1, 0, 0, 0, 0, 0, Math.cos(angle), Math.sin(angle));
const IDENTITY = fixed(1, 0, 0, 0, 0, 0, 1, 0);
const X = fixed(0, 0, 1, 0, 1, 0, 0, 0);
const Y = fixed(0, 0, 0, -1, 0, 1, 0, 0);
const Z = fixed(1, 0, 0, 0, 0, 0, -1, 0);
const H = fixed(HALF, 0, HALF, 0, HALF, 0, -HALF, 0);
const S = fixed(1, 0, 0, 0, 0, 0, 0, 1);
const SDG = fixed(1, 0, 0, 0, 0, 0, 0, -1);
const T = fixed(1, 0, 0, 0, 0, 0, HALF, HALF);
const TDG = fixed(1, 0, 0, 0, 0, 0, HALF, -HALF);
const SX = fixed(0.5, 0.5, 0.5, -0.5, 0.5, -0.5, 0.5, 0.5);
const SXDG = fixed(0.5, -0.5, 0.5, 0.5, 0.5, 0.5, 0.5, -0.5);
const P: Matrix = ([angle]) => phaseMatrix(angle!);
const RX: Matrix = ([angle]) => {
  const [c, s] = [Math.cos(angle! / 2), Math.sin(angle! / 2)];
  return Float64Array.of(c, 0, 0, -s, 0, -s, c, 0);
};
const RY: Matrix = ([angle]) => {
  const [c, s] = [Math.cos(angle! / 2), Math.sin(angle! / 2)];
  return Float64Array.of(c, 0, -s, 0, s, 0, c, 0);
};
const RZ: Matrix = ([angle]) => {
  const [c, s] = [Math.cos(angle! / 2), Math.sin(angle! / 2)];
  return Float64Array.of(c, -s, 0, 0, 0, 0, c, s);
};
const U: Matrix = ([theta, phi, lambda]) => {
  const [c, s] = [Math.cos(theta! / 2), Math.sin(theta! / 2)];
  return Float64Array.of(
    c,
    0,
    -s * Math.cos(lambda!),
    -s * Math.sin(lambda!),
    s * Math.cos(phi!),
    s * Math.sin(phi!),
    c * Math.cos(phi! + lambda!),
    c * Math.sin(phi! + lambda!),
  );
};

/** A 4 x 4 matrix from its entries that are not 0: `[row, column, re, im]`. */
const sparse4 = (...entries: (readonly [number, number, number, number])[]): Float64Array => {
  const matrix = new Float64Array(32);
  for (const [row, column, re, im] of entries) {
    matrix[2 * (4 * row + column)] = re;
    matrix[2 * (4 * row + column) + 1] = im;
  }
  return matrix;
};
const SWAP_MATRIX = sparse4([0, 0, 1, 0], [1, 2, 1, 0], [2, 1, 1, 0], [3, 3, 1, 0]);
const SWAP: Matrix = () => SWAP_MATRIX;
const ISWAP_MATRIX = sparse4([0, 0, 1, 0], [1, 2, 0, 1], [2, 1, 0, 1], [3, 3, 1, 0]);
// (1 (x) X - X (x) Y) / sqrt(2) with the first qubit as bit 0, as in Qiskit.
const ECR_MATRIX = sparse4(
  [0, 1, HALF, 0],
  [0, 3, 0, HALF],
  [1, 0, HALF, 0],
  [1, 2, 0, -HALF],
  [2, 1, 0, HALF],
  [2, 3, HALF, 0],
  [3, 0, 0, -HALF],
  [3, 2, HALF, 0],
);
const RXX: Matrix = ([angle]) => {
  const [c, s] = [Math.cos(angle! / 2), Math.sin(angle! / 2)];
  const diagonal = [0, 1, 2, 3].map((i) => [i, i, c, 0] as const);
  return sparse4(...diagonal, [0, 3, 0, -s], [1, 2, 0, -s], [2, 1, 0, -s], [3, 0, 0, -s]);
};
const RYY: Matrix = ([angle]) => {
  const [c, s] = [Math.cos(angle! / 2), Math.sin(angle! / 2)];
  const diagonal = [0, 1, 2, 3].map((i) => [i, i, c, 0] as const);
  return sparse4(...diagonal, [0, 3, 0, s], [1, 2, 0, -s], [2, 1, 0, -s], [3, 0, 0, s]);
};
const RZZ: Matrix = ([angle]) => {
  const [c, s] = [Math.cos(angle! / 2), Math.sin(angle! / 2)];
  return sparse4([0, 0, c, -s], [1, 1, c, s], [2, 2, c, s], [3, 3, c, -s]);
};

const scaled = (matrix: Float64Array, factor: number) => matrix.map((entry) => entry * factor);
/** d/dt exp(-i t P / 2) = exp(-i (t + pi) P / 2) / 2 for every P with P^2 = 1. */
const rotationDerivative =
  (matrix: Matrix): GateDefinition['derivative'] =>
  ([angle]) =>
    scaled(matrix([angle! + Math.PI]), 0.5);
const phaseDerivative: GateDefinition['derivative'] = ([angle]) =>
  Float64Array.of(0, 0, 0, 0, 0, 0, -Math.sin(angle!), Math.cos(angle!));
const uDerivative: GateDefinition['derivative'] = ([theta, phi, lambda], index) => {
  if (index === 0) return scaled(U([theta! + Math.PI, phi!, lambda!]), 0.5);
  const matrix = U([theta!, phi!, lambda!]);
  const derivative = new Float64Array(8);
  // phi multiplies the second row, lambda the second column, each by a phase whose derivative is i times itself.
  for (const entry of index === 1 ? [2, 3] : [1, 3]) {
    derivative[2 * entry] = -matrix[2 * entry + 1]!;
    derivative[2 * entry + 1] = matrix[2 * entry]!;
  }
  return derivative;
};
const noDerivative: GateDefinition['derivative'] = () => {
  throw new InvalidArgumentError('A gate without parameters has no derivative');
};

type Trait = 'selfInverse' | 'diagonal' | 'symmetric';

/** A gate without parameters. `inverseName` defaults to the gate itself. */
function fixedGate(
  name: string,
  matrix: Matrix,
  controlCount: number,
  traits: readonly Trait[] = [],
  inverseName = name,
): GateDefinition {
  const qubitCount = controlCount + (matrix([]).length === 8 ? 1 : 2);
  const positions = Array.from({ length: qubitCount }, (_, i) => i);
  const inverse = [{ name: inverseName, parameters: [], positions }];
  return {
    name,
    qubitCount,
    controlCount,
    parameterCount: 0,
    selfInverse: inverseName === name,
    diagonal: traits.includes('diagonal'),
    symmetric: traits.includes('symmetric'),
    matrix,
    derivative: noDerivative,
    frequencies: [],
    inverse: () => inverse,
  };
}

/** A gate with one angle, inverted by negating it. */
function angleGate(
  name: string,
  matrix: Matrix,
  derivative: GateDefinition['derivative'],
  controlCount: number,
  frequencies: readonly number[],
  traits: readonly Trait[] = [],
): GateDefinition {
  const plain = fixedGate(name, () => matrix([0]), controlCount, traits);
  const positions = Array.from({ length: plain.qubitCount }, (_, i) => i);
  return {
    ...plain,
    parameterCount: 1,
    selfInverse: false,
    matrix,
    derivative,
    frequencies: [frequencies],
    inverse: ([angle]) => [{ name, parameters: [scaleAngle(angle!, -1)], positions }],
  };
}

const ISWAP: GateDefinition = {
  ...fixedGate('iswap', () => ISWAP_MATRIX, 0, ['symmetric']),
  selfInverse: false,
  // iswap = swap . cz . (s (x) s)
  inverse: () => [
    { name: 'swap', parameters: [], positions: [0, 1] },
    { name: 'cz', parameters: [], positions: [0, 1] },
    { name: 'sdg', parameters: [], positions: [0] },
    { name: 'sdg', parameters: [], positions: [1] },
  ],
};

const U_GATE: GateDefinition = {
  ...fixedGate('u', () => U([0, 0, 0]), 0),
  parameterCount: 3,
  selfInverse: false,
  matrix: U,
  derivative: uDerivative,
  frequencies: [[1], [1], [1]],
  inverse: ([theta, phi, lambda]) => [
    {
      name: 'u',
      parameters: [scaleAngle(theta!, -1), scaleAngle(lambda!, -1), scaleAngle(phi!, -1)],
      positions: [0],
    },
  ],
};

// A controlled rotation has generator eigenvalues 0 and +-1/2, hence two frequencies and a four-term shift rule.
const CONTROLLED = [0.5, 1];

/** The gates, by name. */
const GATES = {
  id: fixedGate('id', IDENTITY, 0, ['diagonal']),
  x: fixedGate('x', X, 0),
  y: fixedGate('y', Y, 0),
  z: fixedGate('z', Z, 0, ['diagonal']),
  h: fixedGate('h', H, 0),
  s: fixedGate('s', S, 0, ['diagonal'], 'sdg'),
  sdg: fixedGate('sdg', SDG, 0, ['diagonal'], 's'),
  t: fixedGate('t', T, 0, ['diagonal'], 'tdg'),
  tdg: fixedGate('tdg', TDG, 0, ['diagonal'], 't'),
  sx: fixedGate('sx', SX, 0, [], 'sxdg'),
  sxdg: fixedGate('sxdg', SXDG, 0, [], 'sx'),
  p: angleGate('p', P, phaseDerivative, 0, [1], ['diagonal']),
  rx: angleGate('rx', RX, rotationDerivative(RX), 0, [1]),
  ry: angleGate('ry', RY, rotationDerivative(RY), 0, [1]),
  rz: angleGate('rz', RZ, rotationDerivative(RZ), 0, [1], ['diagonal']),
  u: U_GATE,
  cx: fixedGate('cx', X, 1),
  cy: fixedGate('cy', Y, 1),
  cz: fixedGate('cz', Z, 1, ['diagonal', 'symmetric']),
  ch: fixedGate('ch', H, 1),
  cp: angleGate('cp', P, phaseDerivative, 1, [1], ['diagonal', 'symmetric']),
  crx: angleGate('crx', RX, rotationDerivative(RX), 1, CONTROLLED),
  cry: angleGate('cry', RY, rotationDerivative(RY), 1, CONTROLLED),
  crz: angleGate('crz', RZ, rotationDerivative(RZ), 1, CONTROLLED, ['diagonal']),
  swap: fixedGate('swap', SWAP, 0, ['symmetric']),
  iswap: ISWAP,
  ecr: fixedGate('ecr', () => ECR_MATRIX, 0),
  rxx: angleGate('rxx', RXX, rotationDerivative(RXX), 0, [1], ['symmetric']),
  ryy: angleGate('ryy', RYY, rotationDerivative(RYY), 0, [1], ['symmetric']),
  rzz: angleGate('rzz', RZZ, rotationDerivative(RZZ), 0, [1], ['diagonal', 'symmetric']),
  ccx: fixedGate('ccx', X, 2),
  cswap: fixedGate('cswap', SWAP, 1),
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
