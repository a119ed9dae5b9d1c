import { InvalidArgumentError } from '@qedge/core';
import type { GateName } from '../../circuit/gate-definition.ts';
import { type CouplingEdge, checkTarget, type Target } from './target.ts';
import { type BackendDescription, readCoupling, targetFromBackend } from './target-from-backend.ts';
import { DEFAULT_BASIS_GATES } from './topologies.ts';

/** A coupling map as files hold it: pairs of qubits, or a record of them, here or as Qiskit names its fields. */
export type CouplingMapData =
  | readonly (readonly [number, number])[]
  | {
      readonly name?: string;
      readonly numQubits?: number;
      readonly directed?: boolean;
      readonly edges: readonly (readonly [number, number])[];
    }
  | {
      readonly num_qubits?: number;
      /** Every direction that a pair is coupled in. */
      readonly coupling_map: readonly (readonly [number, number])[];
    };

/** What {@link targetFromCouplingMap} may be told. */
export interface CouplingMapOptions {
  readonly name?: string;
  /** Default: the record's, or the largest qubit of an edge plus one. */
  readonly qubitCount?: number;
  /** Default: rz, sx, x, cx. */
  readonly basisGates?: readonly GateName[];
  /** Default: the record's, or false; for `coupling_map`, whether a pair is coupled in one direction only. */
  readonly directed?: boolean;
}

/** What both forms of a record say. */
interface CouplingMapRecord {
  readonly name?: string | undefined;
  readonly numQubits?: number | undefined;
  readonly directed?: boolean | undefined;
  readonly edges: readonly CouplingEdge[];
}

/**
 * A target without figures from a coupling map: a list of edges, a record `{name, numQubits, directed, edges}`, or Qiskit's
 * `{num_qubits, coupling_map}`.
 *
 * @throws InvalidArgumentError saying what is wrong.
 */
export function targetFromCouplingMap(data: CouplingMapData, options: CouplingMapOptions = {}): Target {
  const { name, numQubits, directed, edges } = recordOf(data);
  const largest = edges.reduce((most, edge) => Math.max(most, edge[0], edge[1]), -1);
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

function recordOf(data: CouplingMapData): CouplingMapRecord {
  if (isEdgeList(data)) return { edges: checkEdges(data) };
  if (typeof data === 'object' && data !== null) {
    if ('coupling_map' in data && Array.isArray(data.coupling_map)) {
      const { couplingEdges, directed } = readCoupling(checkEdges(data.coupling_map));
      return { numQubits: data.num_qubits, edges: couplingEdges, directed };
    }
    if ('edges' in data && Array.isArray(data.edges)) return { ...data, edges: checkEdges(data.edges) };
  }
  throw new InvalidArgumentError('A coupling map is not usable', {
    expected: 'a list of pairs of qubits, or a record that has one as "edges" or "coupling_map"',
    actual: typeof data === 'object' && data !== null ? Object.keys(data) : data,
  });
}

function checkEdges(edges: readonly CouplingEdge[]): readonly CouplingEdge[] {
  for (const edge of edges) {
    const isPair = Array.isArray(edge) && edge.length === 2 && edge[0] !== edge[1];
    if (isPair && edge.every((qubit) => Number.isInteger(qubit) && qubit >= 0)) continue;
    throw new InvalidArgumentError('A coupling map is not usable', {
      expected: 'edges between two different qubits, integers >= 0',
      actual: edge,
    });
  }
  return edges;
}

/**
 * A target from parsed JSON of any form that is known: a {@link Target} itself, a coupling map (a list of edges, or a record with
 * `edges` or `coupling_map`), or `{configuration, properties}` as Qiskit writes them.
 *
 * @throws InvalidArgumentError saying what is wrong; UnsupportedError for a basis gate that is not known.
 */
export function targetFromJson(value: unknown): Target {
  if (typeof value === 'object' && value !== null) {
    if ('configuration' in value) return targetFromBackend(value as BackendDescription);
    if ('basis_gates' in value && 'n_qubits' in value) {
      return targetFromBackend({ configuration: value } as BackendDescription);
    }
    if (Array.isArray(value) || 'edges' in value || 'coupling_map' in value) {
      return targetFromCouplingMap(value as CouplingMapData);
    }
  }
  return checkTarget(value as Target);
}

function isEdgeList(data: CouplingMapData): data is readonly CouplingEdge[] {
  return Array.isArray(data);
}
