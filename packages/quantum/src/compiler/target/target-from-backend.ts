import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import { type GateName, gateDefinition, isGateName } from '../../circuit/gate-definition.ts';
import { type CouplingEdge, checkTarget, type InstructionProperty, type Target } from './target.ts';

/** A figure of a backend: a name, a number and its unit. */
export interface BackendFigure {
  readonly name: string;
  readonly unit?: string;
  readonly value: number;
}

/** The fields of Qiskit's BackendConfiguration that are used. */
export interface BackendConfiguration {
  readonly backend_name: string;
  readonly n_qubits: number;
  readonly basis_gates: readonly string[];
  /** Directed pairs; null or missing where every pair is coupled. */
  readonly coupling_map?: readonly CouplingEdge[] | null;
  /** Nanoseconds. */
  readonly dt?: number | null;
  readonly timing_constraints?: { readonly pulse_alignment?: number; readonly acquire_alignment?: number };
}

/** The fields of Qiskit's BackendProperties that are used. */
export interface BackendProperties {
  /** For each qubit its figures: T1, T2, readout_error, readout_length, operational. */
  readonly qubits: readonly (readonly BackendFigure[])[];
  /** Figures gate_error, gate_length and operational of gates on certain qubits. */
  readonly gates: readonly {
    readonly gate: string;
    readonly qubits: readonly number[];
    readonly parameters: readonly BackendFigure[];
  }[];
}

/** A backend as Qiskit's `configuration().to_dict()` and `properties().to_dict()` describe it. */
export interface BackendDescription {
  readonly configuration: BackendConfiguration;
  readonly properties?: BackendProperties | null;
}

/** Instructions in lists of basis gates that are no gates. */
const NO_GATES: ReadonlySet<string> = new Set([
  ...['measure', 'reset', 'delay', 'barrier', 'if_else', 'for_loop', 'while_loop', 'switch_case', 'store'],
]);

const SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  ms: 1e-3,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  ns: 1e-9,
  ps: 1e-12,
};

/**
 * A target from Qiskit's description of a backend: coupling map with directions, basis, durations, error rates, T1, T2, dt,
 * alignment, and what is not operational. A pair that is coupled one way only makes the target directed.
 *
 * @throws InvalidArgumentError saying what is wrong; UnsupportedError for a basis gate that is not known.
 */
export function targetFromBackend({ configuration, properties }: BackendDescription): Target {
  checkShape(configuration, properties);
  const {
    backend_name: name,
    n_qubits: qubitCount,
    coupling_map: pairs,
    dt,
    timing_constraints,
  } = configuration;
  const basisGates = configuration.basis_gates.filter((gate) => !NO_GATES.has(gate)).map(knownGate);
  const coupling = pairs ? readCoupling(pairs) : { couplingEdges: null, directed: false };
  const alignmentDt = leastCommonMultiple(
    timing_constraints?.pulse_alignment ?? 1,
    timing_constraints?.acquire_alignment ?? 1,
  );
  return checkTarget({
    name,
    qubitCount,
    ...coupling,
    basisGates,
    ...(dt ? { dtSeconds: dt * 1e-9 } : {}),
    ...(alignmentDt > 1 ? { alignmentDt } : {}),
    ...(properties ? readProperties(properties) : {}),
  });
}

function fail(expected: string, actual: unknown): never {
  throw new InvalidArgumentError('The description of a backend is not usable', { expected, actual });
}

function checkShape(
  configuration: BackendConfiguration,
  properties: BackendProperties | null | undefined,
): void {
  if (typeof configuration !== 'object' || configuration === null) fail('a configuration', configuration);
  const { backend_name, n_qubits, basis_gates, coupling_map } = configuration;
  if (typeof backend_name !== 'string') fail('backend_name a text', backend_name);
  if (!Number.isInteger(n_qubits)) fail('n_qubits an integer', n_qubits);
  if (!Array.isArray(basis_gates)) fail('basis_gates a list', basis_gates);
  const isList = !coupling_map || (Array.isArray(coupling_map) && coupling_map.every(Array.isArray));
  if (!isList) fail('coupling_map a list of pairs', coupling_map);
  const { pulse_alignment = 1, acquire_alignment = 1 } = configuration.timing_constraints ?? {};
  for (const alignment of [pulse_alignment, acquire_alignment]) {
    if (!(Number.isSafeInteger(alignment) && alignment >= 1)) fail('alignments integers >= 1', alignment);
  }
  if (!properties) return;
  const { qubits, gates } = properties;
  if (!Array.isArray(qubits) || qubits.length !== n_qubits || !qubits.every(Array.isArray)) {
    fail(
      `qubits a list of figures for each of ${n_qubits} qubits`,
      Array.isArray(qubits) ? qubits.length : qubits,
    );
  }
  if (!Array.isArray(gates)) fail('gates a list', gates);
  for (const gate of gates) {
    const fits =
      Array.isArray(gate?.qubits) && Array.isArray(gate.parameters) && typeof gate.gate === 'string';
    if (!fits) fail('gates with gate, qubits and parameters', gate);
  }
}

function knownGate(name: string): GateName {
  if (isGateName(name)) return name;
  throw new UnsupportedError('A basis gate of the backend is not known', {
    expected: 'gates of this library',
    actual: name,
    remedy: 'Take it out of basis_gates to compile without it',
  });
}

/** Pairs in both directions are one edge; a pair in one direction only makes all edges directed. */
export function readCoupling(pairs: readonly CouplingEdge[]): {
  couplingEdges: readonly CouplingEdge[];
  directed: boolean;
} {
  const keys = new Set(pairs.map(([a, b]) => `${a},${b}`));
  const directed = pairs.some(([a, b]) => !keys.has(`${b},${a}`));
  return { directed, couplingEdges: directed ? pairs : pairs.filter(([a, b]) => a < b) };
}

function readProperties({ qubits, gates }: BackendProperties): Partial<Target> {
  const instructionProperties: InstructionProperty[] = [];
  const faultyQubits: number[] = [];
  const faultyEdges: CouplingEdge[] = [];
  for (const [qubit, figures] of qubits.entries()) {
    if (figureOf(figures, 'operational')?.value === 0) faultyQubits.push(qubit);
    const errorRate = figureOf(figures, 'readout_error')?.value;
    const durationSeconds = secondsOf(figureOf(figures, 'readout_length'));
    instructionProperties.push(propertyOf('measure', [qubit], durationSeconds, errorRate));
  }
  for (const { gate, qubits: on, parameters } of gates) {
    if (!isGateName(gate) && gate !== 'reset') continue;
    if (figureOf(parameters, 'operational')?.value === 0) {
      if (on.length === 2) faultyEdges.push([on[0]!, on[1]!]);
      else if (on.length === 1 && gate !== 'reset' && gateDefinition(gate).qubitCount === 1) {
        faultyQubits.push(on[0]!);
      }
    }
    const durationSeconds = secondsOf(figureOf(parameters, 'gate_length'));
    instructionProperties.push(
      propertyOf(gate, on, durationSeconds, figureOf(parameters, 'gate_error')?.value),
    );
  }
  const times = (name: string) => qubits.map((figures) => secondsOf(figureOf(figures, name)));
  const [t1Seconds, t2Seconds] = [times('T1'), times('T2')];
  const isKnown = (list: readonly (number | undefined)[]): list is number[] =>
    list.every((time) => time !== undefined && time > 0);
  return {
    instructionProperties,
    ...(isKnown(t1Seconds) ? { t1Seconds } : {}),
    ...(isKnown(t2Seconds) ? { t2Seconds } : {}),
    ...(faultyQubits.length > 0 ? { faultyQubits: [...new Set(faultyQubits)] } : {}),
    ...(faultyEdges.length > 0 ? { faultyEdges } : {}),
  };
}

function propertyOf(
  instruction: string,
  qubits: readonly number[],
  durationSeconds: number | undefined,
  errorRate: number | undefined,
): InstructionProperty {
  return {
    instruction,
    qubits,
    ...(durationSeconds === undefined ? {} : { durationSeconds }),
    ...(errorRate === undefined ? {} : { errorRate }),
  };
}

function figureOf(figures: readonly BackendFigure[], name: string): BackendFigure | undefined {
  return figures.find((figure) => figure?.name === name);
}

function secondsOf(figure: BackendFigure | undefined): number | undefined {
  if (figure === undefined) return undefined;
  const scale = SECONDS[figure.unit ?? 's'];
  if (scale === undefined || typeof figure.value !== 'number') {
    return fail(`${figure.name} in ${Object.keys(SECONDS).join(', ')}`, [figure.value, figure.unit]);
  }
  return figure.value * scale;
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return (a / x) * b;
}
