/** @file Random maps and circuits for tests of layout and routing, and states on physical qubits. */
import type { Random } from '@qedge/core';
import { Circuit, type Target } from '@qedge/quantum';
import { CouplingGraph } from '../../src/compiler/target/coupling-graph.ts';
import type { Amplitudes } from './interaction-state.ts';

export type Edge = readonly [number, number];

/** A target with these edges and nothing else that matters here. */
export function targetOf(qubitCount: number, couplingEdges: readonly Edge[] | null): Target {
  return { name: 'of a test', qubitCount, couplingEdges, basisGates: ['cx', 'rz', 'sx', 'x'] };
}

export function graphOf(qubitCount: number, edges: readonly Edge[] | null): CouplingGraph {
  return new CouplingGraph(targetOf(qubitCount, edges));
}

/** A random spanning tree and some further edges. */
export function randomConnectedEdges(random: Random, qubitCount: number, extra: number): Edge[] {
  const order = random.shuffle(Array.from({ length: qubitCount }, (_, i) => i));
  const edges: Edge[] = order.slice(1).map((qubit, i) => [qubit, order[random.integer(i + 1)]!]);
  for (let i = 0; i < extra; i++) {
    const [a, b] = [random.integer(qubitCount), random.integer(qubitCount)];
    if (a !== b) edges.push([a, b]);
  }
  return edges;
}

/** Random gates on one and two qubits, with many that commute. */
export function randomPairCircuit(random: Random, qubitCount: number, gates: number): Circuit {
  const circuit = new Circuit(qubitCount);
  for (let i = 0; i < gates; i++) {
    const [a, b] = random.shuffle(Array.from({ length: qubitCount }, (_, q) => q)) as [number, number];
    switch (random.integer(7)) {
      case 0:
        circuit.cx(a, b);
        break;
      case 1:
        circuit.cz(a, b);
        break;
      case 2:
        circuit.rzz(random.normal(), a, b);
        break;
      case 3:
        circuit.swap(a, b);
        break;
      case 4:
        circuit.iswap(a, b);
        break;
      case 5:
        circuit
          .u(random.normal(), random.normal(), random.normal(), a)
          .cx(a, b)
          .ry(random.normal(), b)
          .cx(b, a);
        break;
      default:
        circuit.u(random.normal(), random.normal(), random.normal(), a);
    }
  }
  return circuit;
}

/** A state of qubits on physical qubits, the others in |0>. */
export function spreadState(state: Amplitudes, layout: readonly number[], placeCount: number): Amplitudes {
  const spread = new Float64Array(2 << placeCount);
  for (let index = 0; index < state.length / 2; index++) {
    let at = 0;
    layout.forEach((place, qubit) => {
      at |= ((index >> qubit) & 1) << place;
    });
    spread[2 * at] = state[2 * index]!;
    spread[2 * at + 1] = state[2 * index + 1]!;
  }
  return spread;
}
