/** @file The gates of `qelib1.inc` and `stdgates.inc`, as gates that circuits hold themselves. */
import { type GateName, gateDefinition } from '../circuit/gate-definition.ts';
import { addAngles, type ParameterValue, scaleAngle } from '../circuit/parameter.ts';
import type { OpenQasmVersion } from './syntax/source-text.ts';

/** A gate of a program that is one gate of circuits, up to a phase. */
export interface NativeGate {
  readonly gate: GateName;
  readonly parameterCount: number;
  readonly qubitCount: number;
  /** The gate's angles from the program's. */
  readonly angles: (values: readonly ParameterValue[]) => readonly ParameterValue[];
  /** What the program's gate is times the circuit's: `e^(i phase)`. Null where they are equal. */
  readonly phase: ((values: readonly ParameterValue[]) => ParameterValue) | null;
}

const same = (values: readonly ParameterValue[]) => values;

/** A gate under its own name. */
export function nativeGate(gate: GateName): NativeGate {
  const { parameterCount, qubitCount } = gateDefinition(gate);
  return { gate, parameterCount, qubitCount, angles: same, phase: null };
}

const u2: NativeGate = {
  ...nativeGate('u'),
  parameterCount: 2,
  angles: ([phi, lambda]) => [Math.PI / 2, phi!, lambda!],
};

/** `-(a + b) / 2` */
const negativeMean = (a: ParameterValue, b: ParameterValue) => scaleAngle(addAngles(a, b), -0.5);

/** OpenQASM 3's built-in gate is `e^(i theta / 2)` times the usual one. */
const BUILT_IN_U: NativeGate = { ...nativeGate('u'), phase: ([theta]) => scaleAngle(theta!, 0.5) };

const named = (names: readonly GateName[]): [string, NativeGate][] =>
  names.map((name) => [name, nativeGate(name)]);

const SHARED: readonly GateName[] = [
  ...([
    'id',
    'x',
    'y',
    'z',
    'h',
    's',
    'sdg',
    't',
    'tdg',
    'sx',
    'p',
    'rx',
    'ry',
    'rz',
    'cx',
    'cy',
    'cz',
    'ch',
  ] as const),
  ...(['cp', 'crx', 'cry', 'crz', 'cu', 'swap', 'ccx', 'cswap'] as const),
];

/** Gates that a program has without any include. */
export const BUILT_IN_GATES: Readonly<Record<OpenQasmVersion, ReadonlyMap<string, NativeGate>>> = {
  2: new Map([
    ['U', nativeGate('u')],
    ['CX', nativeGate('cx')],
  ]),
  3: new Map([['U', BUILT_IN_U]]),
};

/** The gates of the include files that are built in. */
export const LIBRARY_GATES: Readonly<Record<string, ReadonlyMap<string, NativeGate>>> = {
  'qelib1.inc': new Map([
    ...named([...SHARED, 'sxdg', 'u', 'cu3', 'csx', 'rxx', 'rzz', 'rccx', 'c3x', 'c3sx', 'c4x']),
    ['u0', { ...nativeGate('id'), parameterCount: 1, angles: () => [] }],
    ['u1', nativeGate('p')],
    ['u2', u2],
    ['u3', nativeGate('u')],
    ['cu1', nativeGate('cp')],
    ['rc3x', nativeGate('rcccx')],
    ['c3sqrtx', nativeGate('c3sx')],
  ]),
  'stdgates.inc': new Map([
    ...named(SHARED),
    ['CX', nativeGate('cx')],
    ['phase', nativeGate('p')],
    ['cphase', nativeGate('cp')],
    ['u1', nativeGate('p')],
    ['u2', { ...u2, phase: ([phi, lambda]) => negativeMean(phi!, lambda!) }],
    ['u3', { ...nativeGate('u'), phase: ([, phi, lambda]) => negativeMean(phi!, lambda!) }],
  ]),
};
