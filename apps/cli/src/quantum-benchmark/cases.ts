import type { Circuit } from '@qedge/quantum';
import {
  brickwork,
  isingTrotter,
  maxCutAnsatz,
  onProductState,
  quantumFourierTransform,
  quantumVolume,
  randomPairs,
} from './circuits.ts';

/** Kinds of work that can be chosen. */
export const QUANTUM_GROUPS = ['evolution', 'single-gate', 'gradient', 'batch', 'sampling', 'cold'] as const;
export type QuantumGroup = (typeof QUANTUM_GROUPS)[number];

export const PRECISIONS = ['f32', 'f64'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** A family of circuits whose whole state is asked for. */
export interface EvolutionFamily {
  readonly name: string;
  readonly qubitCounts: readonly number[];
  /** Times as fast as qsim (float32) and as the better of Qulacs and Aer (float64) that are aimed at; null: no goal. */
  readonly goals: Readonly<Record<Precision, number | null>>;
  build(qubitCount: number, seed: number): Circuit;
}

const SIZES = [20, 22, 24, 26];

/**
 * From the friendliest to the most adverse. Where the first gates would find |0...0> and so have nothing to do, or little, the state is made a
 * product of random qubits first, for all sides.
 */
export const EVOLUTION_FAMILIES: readonly EvolutionFamily[] = [
  {
    name: 'brickwork, depth 20',
    qubitCounts: SIZES,
    goals: { f32: 3.5, f64: 10 },
    build: (n, seed) => brickwork(n, 20, seed),
  },
  {
    name: 'quantum Fourier transform of a product state',
    qubitCounts: SIZES,
    goals: { f32: 40, f64: 20 },
    build: (n, seed) => onProductState(quantumFourierTransform(n), seed),
  },
  {
    name: 'QAOA MaxCut, p = 4',
    qubitCounts: [20, 24],
    goals: { f32: 10, f64: null },
    build: (n, seed) => maxCutAnsatz(n, 4, seed),
  },
  {
    name: 'Ising, 10 Trotter steps of a product state',
    qubitCounts: [20, 24],
    goals: { f32: 10, f64: null },
    build: (n, seed) => onProductState(isingTrotter(n, 10), seed),
  },
  {
    name: 'random pairs, depth 20',
    qubitCounts: [20, 24],
    goals: { f32: 3, f64: null },
    build: (n, seed) => randomPairs(n, 20, seed),
  },
  {
    name: 'Quantum Volume, depth 10, of a product state',
    qubitCounts: [20, 24],
    goals: { f32: 1.5, f64: null },
    build: (n, seed) => onProductState(quantumVolume(n, 10, seed), seed + 1),
  },
];
