import { InvalidArgumentError } from '@qedge/core';
import type { GateName } from '../../circuit/gate-definition.ts';
import { type CouplingEdge, checkTarget, type Target } from './target.ts';
import { type BackendDescription, targetFromBackend } from './target-from-backend.ts';
import { DEFAULT_BASIS_GATES } from './topologies.ts';

/** A coupling map as files hold it: pairs of qubits, or a record of them. */
export type CouplingMapData =
  | readonly (readonly [number, number])[]
  | {
      readonly name?: string;
      readonly numQubits?: number;
      readonly directed?: boolean;
      readonly edges: readonly (readonly [number, number])[];
    };

/** What {@link targetFromCouplingMap} may be told. */
export interface CouplingMapOptions {
  readonly name?: string;
  /** Default: the record's, or the largest qubit of an edge plus one. */
  readonly qubitCount?: number;
  /** Default: rz, sx, x, cx. */
  readonly basisGates?: readonly GateName[];
  /** Default: the record's, or false. */
  readonly directed?: boolean;
}

/**
 * A target without figures from a coupling map: a list of edges, or a record `{name, numQubits, directed, edges}`.
 *
 * @throws InvalidArgumentError saying what is wrong.
 */
export function targetFromCouplingMap(data: CouplingMapData, options: CouplingMapOptions = {}): Target {
  const record = isEdgeList(data) ? { edges: data } : data;
  if (typeof record !== 'object' || record === null || !Array.isArray(record.edges)) {
    throw new InvalidArgumentError('A coupling map is not usable', {
      expected: 'a list of pairs of qubits, or a record that has one as "edges"',
      actual: typeof data === 'object' && data !== null ? Object.keys(data) : data,
    });
  }
  const edges: readonly CouplingEdge[] = record.edges;
  for (const edge of edges) {
    const isPair = Array.isArray(edge) && edge.length === 2;
    if (isPair && edge.every((qubit) => Number.isInteger(qubit) && qubit >= 0)) continue;
    throw new InvalidArgumentError('A coupling map is not usable', {
      expected: 'edges between two different qubits, integers >= 0',
      actual: edge,
    });
  }
  const largest = edges.reduce((most, edge) => Math.max(most, edge[0], edge[1]), -1);
  const { name, numQubits, directed } = record as Exclude<CouplingMapData, readonly unknown[]>;
  const qubitCount = options.qubitCount ?? numQubits ?? largest + 1;
  const isDirected = options.directed ?? directed;
  return checkTarget({
    name: options.name ?? name ?? `coupling map of ${qubitCount}`,
    qubitCount,
    couplingEdges: edges,
    basisGates: options.basisGates ?? DEFAULT_BASIS_GATES,
    ...(isDirected === undefined ? {} : { directed: isDirected }),
  });
}

/**
 * A target from parsed JSON of any form that is known: a {@link Target} itself, a coupling map (a list of edges or a record with
 * `edges`), or `{configuration, properties}` as Qiskit writes them.
 *
 * @throws InvalidArgumentError saying what is wrong; UnsupportedError for a basis gate that is not known.
 */
export function targetFromJson(value: unknown): Target {
  if (typeof value === 'object' && value !== null) {
    if ('configuration' in value) return targetFromBackend(value as BackendDescription);
    if ('basis_gates' in value && 'n_qubits' in value) {
      return targetFromBackend({ configuration: value } as BackendDescription);
    }
    if (Array.isArray(value) || 'edges' in value) return targetFromCouplingMap(value as CouplingMapData);
  }
  return checkTarget(value as Target);
}

function isEdgeList(data: CouplingMapData): data is readonly CouplingEdge[] {
  return Array.isArray(data);
}
