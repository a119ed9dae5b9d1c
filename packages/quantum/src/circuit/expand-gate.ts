/** @file Every gate of the library in terms of elementary ones, exactly, global phase included. */
import { type GateStep, gateDefinition } from './gate-definition.ts';
import { type ParameterValue, scaleAngle, shiftAngle } from './parameter.ts';

/** The gates that every engine executes itself. */
export const ELEMENTARY_GATES: ReadonlySet<string> = new Set([
  ...['x', 'y', 'z', 'h', 's', 'sdg', 't', 'tdg', 'sx', 'sxdg', 'p', 'rx', 'ry', 'rz', 'u'],
  ...['cx', 'cz', 'cp', 'rzz', 'swap', 'mcp', 'global_phase'],
]);

/** Shorthand for a step. */
export const step = (
  name: string,
  positions: readonly number[],
  ...parameters: ParameterValue[]
): GateStep => ({ name, positions, parameters });

type Rule = (angles: readonly ParameterValue[], positions: readonly number[]) => readonly GateStep[];

const half = (angle: ParameterValue) => scaleAngle(angle, 0.5);
const minus = (angle: ParameterValue) => scaleAngle(angle, -1);

/** Z about which a rotation about X or Y turns round: with `flip` between two halves the rotation is controlled by what flips. */
const between = (name: 'rx' | 'ry', target: number, angle: ParameterValue, flip: GateStep): GateStep[] => [
  ...[step(name, [target], half(angle)), flip, step(name, [target], minus(half(angle))), flip],
];

/** `u(theta, phi, lambda)` is `p(phi) ry(theta) p(lambda)`. */
const controlledU: Rule = ([theta, phi, lambda]) => [
  ...[step('cp', [0, 1], lambda!), ...between('ry', 1, theta!, step('cz', [0, 1])), step('cp', [0, 1], phi!)],
];

/** X with any number of controls, the target last. */
const controlledX: Rule = (_, positions) => {
  const target = positions.at(-1)!;
  if (positions.length === 2) return [step('cx', positions)];
  return [step('h', [target]), step('mcp', positions, Math.PI), step('h', [target])];
};

/** Square root of X with any number of controls. */
const controlledSx: Rule = (_, positions) => {
  const target = positions.at(-1)!;
  return [step('h', [target]), step('mcp', positions, Math.PI / 2), step('h', [target])];
};

/** `xx_plus_yy`: CX brings the plane onto the first qubit, where the second one controls a rotation. */
const planeRotation = (name: 'rx' | 'ry', angle: ParameterValue): GateStep[] => [
  ...[step('cx', [0, 1]), ...between(name, 0, angle, step('cz', [0, 1])), step('cx', [0, 1])],
];

const RULES: Readonly<Record<string, Rule>> = {
  id: () => [],
  u1: ([angle]) => [step('p', [0], angle!)],
  u2: ([phi, lambda]) => [step('u', [0], Math.PI / 2, phi!, lambda!)],
  u3: (angles) => [step('u', [0], ...angles)],
  r: ([theta, phi]) => [
    step('u', [0], theta!, shiftAngle(phi!, -Math.PI / 2), shiftAngle(minus(phi!), Math.PI / 2)),
  ],
  cy: () => [step('sdg', [1]), step('cx', [0, 1]), step('s', [1])],
  // H = ry(pi/4) z ry(-pi/4)
  ch: () => [step('ry', [1], -Math.PI / 4), step('cz', [0, 1]), step('ry', [1], Math.PI / 4)],
  cs: () => [step('cp', [0, 1], Math.PI / 2)],
  csdg: () => [step('cp', [0, 1], -Math.PI / 2)],
  csx: () => [step('h', [1]), step('cp', [0, 1], Math.PI / 2), step('h', [1])],
  cu1: ([angle]) => [step('cp', [0, 1], angle!)],
  crx: ([angle]) => between('rx', 1, angle!, step('cz', [0, 1])),
  cry: ([angle]) => between('ry', 1, angle!, step('cz', [0, 1])),
  crz: ([angle]) => [step('p', [0], minus(half(angle!))), step('cp', [0, 1], angle!)],
  cu: (angles, positions) => [...controlledU(angles, positions), step('p', [0], angles[3]!)],
  cu3: controlledU,
  iswap: () => [step('s', [0]), step('s', [1]), step('cz', [0, 1]), step('swap', [0, 1])],
  dcx: () => [step('cx', [0, 1]), step('cx', [1, 0])],
  ecr: () => [
    ...[step('global_phase', [], -Math.PI / 4), step('s', [0]), step('sx', [1])],
    ...[step('cx', [0, 1]), step('x', [0])],
  ],
  rxx: ([angle]) => [
    ...[step('h', [0]), step('h', [1]), step('rzz', [0, 1], angle!), step('h', [1]), step('h', [0])],
  ],
  ryy: ([angle]) => [
    ...[step('sx', [0]), step('sx', [1]), step('rzz', [0, 1], angle!)],
    ...[step('sxdg', [1]), step('sxdg', [0])],
  ],
  rzx: ([angle]) => [step('h', [1]), step('rzz', [0, 1], angle!), step('h', [1])],
  xx_plus_yy: ([theta, beta]) => [
    ...[step('p', [1], minus(beta!)), ...planeRotation('rx', theta!), step('p', [1], beta!)],
  ],
  xx_minus_yy: ([theta, beta]) => [
    ...[step('x', [1]), step('p', [1], beta!), ...planeRotation('rx', theta!)],
    ...[step('p', [1], minus(beta!)), step('x', [1])],
  ],
  single_excitation: ([angle]) => planeRotation('ry', angle!),
  double_excitation: ([angle]) => {
    // Brings |0011> and |1100> to 0 and 1 on the first qubit, with the others at 0, 1, 0.
    const gather = [step('cx', [2, 3]), step('cx', [0, 1]), step('cx', [0, 2])];
    const open = [step('x', [1]), step('x', [3])];
    const flip = step('mcp', [1, 2, 3, 0], Math.PI);
    return [...gather, ...open, ...between('ry', 0, angle!, flip), ...open, ...gather.toReversed()];
  },
  ccx: controlledX,
  ccz: (_, positions) => [step('mcp', positions, Math.PI)],
  cswap: () => [
    ...[step('cx', [2, 1]), step('h', [2]), step('mcp', [0, 1, 2], Math.PI)],
    ...[step('h', [2]), step('cx', [2, 1])],
  ],
  rccx: () => [
    ...[step('h', [2]), step('t', [2]), step('cx', [1, 2]), step('tdg', [2]), step('cx', [0, 2])],
    ...[step('t', [2]), step('cx', [1, 2]), step('tdg', [2]), step('h', [2])],
  ],
  rcccx: () => [
    ...[step('h', [3]), step('t', [3]), step('cx', [2, 3]), step('tdg', [3]), step('h', [3])],
    ...[step('cx', [0, 3]), step('t', [3]), step('cx', [1, 3]), step('tdg', [3])],
    ...[step('cx', [0, 3]), step('t', [3]), step('cx', [1, 3]), step('tdg', [3])],
    ...[step('h', [3]), step('t', [3]), step('cx', [2, 3]), step('tdg', [3]), step('h', [3])],
  ],
  c3x: controlledX,
  c3sx: controlledSx,
  c4x: controlledX,
  mcx: controlledX,
};

/** A gate as elementary gates; null for those that are elementary. @throws InvalidArgumentError for an unknown gate. */
export function expandGate(
  name: string,
  parameters: readonly ParameterValue[],
  qubitCount: number,
): readonly GateStep[] | null {
  if (ELEMENTARY_GATES.has(name)) return null;
  const { name: known } = gateDefinition(name);
  return RULES[known]!(
    parameters,
    Array.from({ length: qubitCount }, (_, i) => i),
  );
}

const controlsName = (count: number) => (count === 1 ? 'p' : 'mcp');

/** A phase where all of some qubits are 1. */
export function phaseStep(positions: readonly number[], angle: ParameterValue): GateStep {
  if (positions.length === 0) return step('global_phase', [], angle);
  if (positions.length === 2) return step('cp', positions, angle);
  return step(controlsName(positions.length), positions, angle);
}

type ControlledRule = (
  controls: readonly number[],
  positions: readonly number[],
  angles: readonly ParameterValue[],
) => readonly GateStep[];

const controlledPhase =
  (angle: number): ControlledRule =>
  (controls, positions) => [phaseStep([...controls, ...positions], angle)];

/** `before` on the last qubit, a controlled phase, `after`. */
const conjugated =
  (angle: number, before: GateStep, after: GateStep): ControlledRule =>
  (controls, [target]) => [
    { ...before, positions: [target!] },
    phaseStep([...controls, target!], angle),
    { ...after, positions: [target!] },
  ];

const H_STEP = step('h', []);

/** X on the last qubit where the controls are 1. */
function controlledNot(controls: readonly number[], target: number): readonly GateStep[] {
  return controlledX([], [...controls, target]);
}

const controlledRotation =
  (name: 'rx' | 'ry'): ControlledRule =>
  (controls, [target], [angle]) =>
    between(name, target!, angle!, phaseStep([...controls, target!], Math.PI));

const controlledRz: ControlledRule = (controls, [target], [angle]) => [
  phaseStep(controls, minus(half(angle!))),
  phaseStep([...controls, target!], angle!),
];

/** What a gate becomes under further controls. */
const CONTROLLED_RULES: Readonly<Record<string, ControlledRule>> = {
  global_phase: (controls, _, [angle]) => [phaseStep(controls, angle!)],
  x: (controls, [target]) => controlledNot(controls, target!),
  y: (controls, [target]) => [
    ...[step('sdg', [target!]), ...controlledNot(controls, target!), step('s', [target!])],
  ],
  z: controlledPhase(Math.PI),
  s: controlledPhase(Math.PI / 2),
  sdg: controlledPhase(-Math.PI / 2),
  t: controlledPhase(Math.PI / 4),
  tdg: controlledPhase(-Math.PI / 4),
  h: conjugated(Math.PI, step('ry', [], -Math.PI / 4), step('ry', [], Math.PI / 4)),
  sx: conjugated(Math.PI / 2, H_STEP, H_STEP),
  sxdg: conjugated(-Math.PI / 2, H_STEP, H_STEP),
  p: (controls, positions, [angle]) => [phaseStep([...controls, ...positions], angle!)],
  rx: controlledRotation('rx'),
  ry: controlledRotation('ry'),
  rz: controlledRz,
  u: (controls, [target], [theta, phi, lambda]) => [
    phaseStep([...controls, target!], lambda!),
    ...between('ry', target!, theta!, phaseStep([...controls, target!], Math.PI)),
    phaseStep([...controls, target!], phi!),
  ],
  cx: (controls, [control, target]) => controlledNot([...controls, control!], target!),
  cz: controlledPhase(Math.PI),
  cp: (controls, positions, [angle]) => [phaseStep([...controls, ...positions], angle!)],
  rzz: (controls, [a, b], angles) => [
    ...[step('cx', [a!, b!]), ...controlledRz(controls, [b!], angles), step('cx', [a!, b!])],
  ],
  swap: (controls, [a, b]) => [
    ...[step('cx', [b!, a!]), ...controlledNot([...controls, a!], b!), step('cx', [b!, a!])],
  ],
  mcp: (controls, positions, [angle]) => [phaseStep([...controls, ...positions], angle!)],
};

/**
 * An elementary gate where all controls are 1, as elementary gates.
 *
 * @param controls places of the controls; none are among `positions`.
 */
export function controlElementaryGate(
  { name, positions, parameters }: GateStep,
  controls: readonly number[],
): readonly GateStep[] {
  if (controls.length === 0) return [{ name, positions, parameters }];
  return CONTROLLED_RULES[name]!(controls, positions, parameters);
}
