/** @file What two gates on the same qubits, one after the other, are together: nothing, or one gate. */
import { GATE_NAMES, type GateName, gateDefinition } from '../../circuit/gate-definition.ts';
import type { GateInstruction } from '../../circuit/instruction.ts';
import { addAngles, type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import { wrapAngle } from '../translation/rotation.ts';

/** Angles that differ by less are the same. */
const TOLERANCE = 1e-12;

/** Gates that are a turn of one kind by a fixed angle, and the names of those that take an angle. */
interface TurnFamily {
  readonly fixed: readonly (readonly [GateName, number])[];
  readonly general: readonly GateName[];
}

const FAMILIES: readonly TurnFamily[] = [
  {
    fixed: [
      ['z', Math.PI],
      ['s', Math.PI / 2],
      ['sdg', -Math.PI / 2],
      ['t', Math.PI / 4],
      ['tdg', -Math.PI / 4],
    ],
    general: ['rz', 'p', 'u1'],
  },
  {
    fixed: [
      ['x', Math.PI],
      ['sx', Math.PI / 2],
      ['sxdg', -Math.PI / 2],
    ],
    general: ['rx'],
  },
  { fixed: [['y', Math.PI]], general: ['ry'] },
  {
    fixed: [
      ['cz', Math.PI],
      ['cs', Math.PI / 2],
      ['csdg', -Math.PI / 2],
    ],
    general: ['cp', 'cu1'],
  },
];

const FAMILY_OF: ReadonlyMap<string, TurnFamily> = new Map(
  FAMILIES.flatMap((family) =>
    [...family.fixed.map(([name]) => name), ...family.general].map((name) => [name, family]),
  ),
);

/** The single gate that undoes another, by its name: on which of its positions. Gates whose inverse takes more are left out. */
const INVERSES: ReadonlyMap<string, { readonly name: string; readonly positions: readonly number[] }> =
  new Map(
    GATE_NAMES.flatMap((name) => {
      const { parameterCount, inverse } = gateDefinition(name);
      const [only, ...rest] = inverse(new Array<number>(parameterCount).fill(0));
      return rest.length === 0 ? [[name, only!] as const] : [];
    }),
  );

/** True where a gate undoes another on the same qubits, up to a global phase. */
export function areInverse(first: GateInstruction, second: GateInstruction): boolean {
  const known = INVERSES.get(second.name);
  if (known?.name !== first.name || first.qubits.length !== second.qubits.length) return false;
  const { symmetric, variadic, parameterCount, frequencies, inverse } = gateDefinition(second.name);
  const positions = variadic ? null : known.positions;
  if (!symmetric && !first.qubits.every((qubit, i) => qubit === second.qubits[positions?.[i] ?? i]))
    return false;
  if (symmetric && !first.qubits.every((qubit) => second.qubits.includes(qubit))) return false;
  return (
    parameterCount === 0 ||
    equalAngles(first.parameters, inverse(second.parameters)[0]!.parameters, frequencies)
  );
}

/**
 * One gate for two turns of one kind on the same qubits; null when they cancel; undefined when they are not of one kind.
 *
 * @param mayUse whether the result may have a name that neither of them has.
 */
export function mergeTurns(
  first: GateInstruction,
  second: GateInstruction,
  mayUse: (name: GateName) => boolean,
): GateInstruction | null | undefined {
  if (first.qubits.length !== second.qubits.length) return undefined;
  const definition = gateDefinition(second.name);
  const family = FAMILY_OF.get(first.name);
  const isSameFamily = family !== undefined && family === FAMILY_OF.get(second.name);
  const isSameTurn = first.name === second.name && definition.parameterCount === 1;
  if (!isSameFamily && !isSameTurn) return undefined;
  if (!sameQubits(first, second.qubits, definition.symmetric)) return undefined;
  const angle = addAngles(angleOf(first, family), angleOf(second, family));
  if (typeof angle === 'number' && isFullTurn(angle, definition.frequencies[0])) return null;
  if (isSameFamily) return nameTurn(first, second, family, angle, mayUse);
  return { ...first, parameters: [angle] };
}

function angleOf({ name, parameters }: GateInstruction, family: TurnFamily | undefined): ParameterValue {
  return parameters[0] ?? family!.fixed.find(([own]) => own === name)![1];
}

/** The turn under a name of the basis: one without an angle, one that is there already, or any that may be used. */
function nameTurn(
  first: GateInstruction,
  second: GateInstruction,
  family: TurnFamily,
  angle: ParameterValue,
  mayUse: (name: GateName) => boolean,
): GateInstruction | undefined {
  if (typeof angle === 'number') {
    const fixed = family.fixed.find(
      ([name, own]) => Math.abs(wrapAngle(angle - own)) < TOLERANCE && mayUse(name),
    );
    if (fixed) return { ...first, name: fixed[0], parameters: [] };
  }
  const known = [first, second].find(({ parameters }) => parameters.length > 0)?.name;
  const name = known ?? family.general.find(mayUse);
  if (name === undefined) return undefined;
  return { ...first, name, parameters: [typeof angle === 'number' ? wrapAngle(angle) : angle] };
}

/** After a full turn a rotation of the whole space is a global phase, one of a part of it is not: half a turn is its frequency. */
function isFullTurn(angle: number, frequencies: readonly number[] | undefined): boolean {
  const turns = frequencies?.[0] === 0.5 ? 2 : 1;
  return Math.abs(wrapAngle(angle / turns)) < TOLERANCE;
}

function equalAngles(
  a: readonly ParameterValue[],
  b: readonly ParameterValue[],
  frequencies: readonly (readonly number[])[],
): boolean {
  return a.every((angle, i) => {
    const difference = addAngles(angle, scaleAngle(b[i]!, -1));
    return typeof difference === 'number' && isFullTurn(difference, frequencies[i]);
  });
}

function sameQubits({ qubits }: GateInstruction, others: readonly number[], symmetric: boolean): boolean {
  return symmetric
    ? qubits.every((qubit) => others.includes(qubit))
    : qubits.every((qubit, i) => qubit === others[i]);
}
