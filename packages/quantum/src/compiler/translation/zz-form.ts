/** @file Two-qubit gates that are one `exp(-i angle ZZ / 2)` between one-qubit gates, which is most of the library. */
import { step } from '../../circuit/expand-gate.ts';
import { type GateStep, gateDefinition } from '../../circuit/gate-definition.ts';
import { type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';

/** A gate as `before`, `rzz(angle)` on both positions, `after`, up to a global phase. The steps are one-qubit gates. */
export interface ZzForm {
  readonly angle: ParameterValue;
  readonly before: readonly GateStep[];
  readonly after: readonly GateStep[];
}

const half = (angle: ParameterValue) => scaleAngle(angle, 0.5);
const minusHalf = (angle: ParameterValue) => scaleAngle(angle, -0.5);

/** A phase where both qubits are 1. */
const phased = (angle: ParameterValue): ZzForm => ({
  angle: minusHalf(angle),
  before: [step('rz', [0], half(angle)), step('rz', [1], half(angle))],
  after: [],
});

/** A turn of the second qubit about Z where the first one is 1. */
const controlledRz = (angle: ParameterValue): ZzForm => ({
  angle: minusHalf(angle),
  before: [step('rz', [1], half(angle))],
  after: [],
});

/** The form between one-qubit gates. */
const between = (
  before: readonly GateStep[],
  { angle, before: innerBefore, after: innerAfter }: ZzForm,
  after: readonly GateStep[],
): ZzForm => ({ angle, before: [...before, ...innerBefore], after: [...innerAfter, ...after] });

const zz = (angle: ParameterValue): ZzForm => ({ angle, before: [], after: [] });

const H0 = step('h', [0]);
const H1 = step('h', [1]);
/** sx takes Y to Z. */
const SX = [step('sx', [0]), step('sx', [1])];
const SXDG = [step('sxdg', [0]), step('sxdg', [1])];

type FormOf = (...parameters: ParameterValue[]) => ZzForm;

const FORMS: Readonly<Record<string, FormOf>> = {
  cx: () => between([H1], phased(Math.PI), [H1]),
  cy: () => between([step('sdg', [1]), H1], phased(Math.PI), [H1, step('s', [1])]),
  cz: () => phased(Math.PI),
  // H = ry(pi/4) z ry(-pi/4)
  ch: () => between([step('ry', [1], -Math.PI / 4)], phased(Math.PI), [step('ry', [1], Math.PI / 4)]),
  cs: () => phased(Math.PI / 2),
  csdg: () => phased(-Math.PI / 2),
  csx: () => between([H1], phased(Math.PI / 2), [H1]),
  cp: (angle) => phased(angle!),
  cu1: (angle) => phased(angle!),
  crx: (angle) => between([H1], controlledRz(angle!), [H1]),
  cry: (angle) => between([SX[1]!], controlledRz(angle!), [SXDG[1]!]),
  crz: (angle) => controlledRz(angle!),
  ecr: () => between([step('s', [0]), SX[1]!, H1], phased(Math.PI), [H1, step('x', [0])]),
  rxx: (angle) => between([H0, H1], zz(angle!), [H0, H1]),
  ryy: (angle) => between(SX, zz(angle!), SXDG),
  rzz: (angle) => zz(angle!),
  rzx: (angle) => between([H1], zz(angle!), [H1]),
};

/** The form of a gate; null for gates that have none (swap, iswap, ...) and for those whose angle is not linear (cu, cu3). */
export function zzForm(name: string, parameters: readonly ParameterValue[]): ZzForm | null {
  return FORMS[name]?.(...parameters) ?? null;
}

/** Gates of one angle that make `rzz` of any angle, and the angle they need for it. Gates of the front cost least elsewhere. */
const CONTINUOUS_GATES: readonly (readonly [string, (angle: ParameterValue) => readonly ParameterValue[]])[] =
  [
    ['rzz', (angle) => [angle]],
    ['rxx', (angle) => [angle]],
    ['ryy', (angle) => [angle]],
    ['rzx', (angle) => [angle]],
    ['cp', (angle) => [scaleAngle(angle, -2)]],
    ['cu1', (angle) => [scaleAngle(angle, -2)]],
    ['crz', (angle) => [scaleAngle(angle, -2)]],
    ['crx', (angle) => [scaleAngle(angle, -2)]],
    ['cry', (angle) => [scaleAngle(angle, -2)]],
    ['cu3', (angle) => [0, 0, scaleAngle(angle, -2)]],
    ['cu', (angle) => [0, 0, scaleAngle(angle, -2), 0]],
  ];

/** Gates that make `rzz` of a quarter turn (up to Z on both qubits). */
const QUARTER_GATES = ['cx', 'cz', 'ecr', 'cy', 'ch'];
/** Gates that make half of that. */
const EIGHTH_GATES = ['cs', 'csdg', 'csx'];

/** A way to make `rzz` of some angles. */
export interface ZzMaker {
  readonly gate: string;
  readonly kind: 'continuous' | 'quarter' | 'eighth';
  readonly anglesFor: (angle: ParameterValue) => readonly ParameterValue[];
}

/** The ways that a basis has. Gates without angles come first: where they fit, machines do them best. */
export function zzMakersOf(gates: ReadonlySet<string>): ZzMaker[] {
  const none = () => [];
  return [
    ...QUARTER_GATES.filter((gate) => gates.has(gate)).map(
      (gate): ZzMaker => ({ gate, kind: 'quarter', anglesFor: none }),
    ),
    ...EIGHTH_GATES.filter((gate) => gates.has(gate)).map(
      (gate): ZzMaker => ({ gate, kind: 'eighth', anglesFor: none }),
    ),
    ...CONTINUOUS_GATES.filter(([gate]) => gates.has(gate)).map(
      ([gate, anglesFor]): ZzMaker => ({ gate, kind: 'continuous', anglesFor }),
    ),
  ];
}

/** One-qubit steps backwards, each inverted. */
function undo(steps: readonly GateStep[]): GateStep[] {
  return steps.toReversed().flatMap(({ name, parameters, positions }) =>
    gateDefinition(name)
      .inverse(parameters)
      .map((inverse) => ({ ...inverse, positions })),
  );
}

/** Controlled general gates make phases only. */
function formOfMaker({ gate }: ZzMaker, parameters: readonly ParameterValue[]): ZzForm {
  return gate === 'cu' || gate === 'cu3' ? phased(parameters[2]!) : zzForm(gate, parameters)!;
}

/** `rzz(angle)` of a quarter turn by two gates of half of it; null for other angles. */
export function twiceZz(maker: ZzMaker, angle: ParameterValue): GateStep[] | null {
  if (typeof angle !== 'number') return null;
  const own = formOfMaker(maker, []).angle as number;
  const halfTurns = Math.round((angle - 2 * own) / Math.PI);
  if (Math.abs(angle - 2 * own - halfTurns * Math.PI) > 1e-12) return null;
  const part = makeZz(maker, own)!;
  const signs = halfTurns % 2 === 0 ? [] : [step('z', [0]), step('z', [1])];
  return [...part, ...part, ...signs];
}

/**
 * `rzz(angle)` by one gate of a maker; null where its angle is another one.
 *
 * @param flipped with the positions of the maker's gate exchanged.
 */
export function makeZz(maker: ZzMaker, angle: ParameterValue, flipped = false): GateStep[] | null {
  const parameters = maker.anglesFor(angle);
  const form = formOfMaker(maker, parameters);
  const signs: GateStep[] = [];
  if (maker.kind !== 'continuous') {
    if (typeof angle !== 'number') return null;
    // rzz(angle + pi) is rzz(angle) with Z on both qubits.
    const halfTurns = (angle - (form.angle as number)) / Math.PI;
    const whole = Math.round(halfTurns);
    if (Math.abs(halfTurns - whole) > 1e-12) return null;
    if (whole % 2 !== 0) signs.push(step('z', [0]), step('z', [1]));
  }
  const place = (steps: readonly GateStep[]) =>
    flipped
      ? steps.map((one) => ({ ...one, positions: one.positions.map((position) => 1 - position) }))
      : steps;
  return [
    ...signs,
    ...place([...undo(form.before), step(maker.gate, [0, 1], ...parameters), ...undo(form.after)]),
  ];
}

/**
 * A gate on positions 0 and 1 by the same gate on positions 1 and 0, between one-qubit gates; null where no rule is known.
 */
export function reversedGate(name: string, parameters: readonly ParameterValue[]): GateStep[] | null {
  const [angle, turn] = parameters as readonly [ParameterValue, ParameterValue];
  if (name === 'xx_plus_yy') return [step(name, [1, 0], angle, scaleAngle(turn, -1))];
  if (name === 'single_excitation') return [step(name, [1, 0], scaleAngle(angle, -1))];
  const form = zzForm(name, parameters);
  if (form === null) return null;
  const flip = ({ positions, ...one }: GateStep): GateStep => ({
    ...one,
    positions: positions.map((position) => 1 - position),
  });
  return [
    ...form.before,
    ...undo(form.before).map(flip),
    step(name, [1, 0], ...parameters),
    ...undo(form.after).map(flip),
    ...form.after,
  ];
}
