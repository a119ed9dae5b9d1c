import { CancelledError, type Clock, InvalidArgumentError, Random, systemClock } from '@qedge/core';
import type { PauliSum } from '../operator/pauli-sum.ts';
import { orderParameterValues } from '../simulation/program/parameter-values.ts';
import type { QuantumState } from '../simulation/quantum-state.ts';
import type { ParameterValues, Simulator } from '../simulation/simulator.ts';
import { createReferenceSimulator } from '../simulation/state-simulator.ts';
import { createStateVectorSimulator } from '../simulation/state-vector-simulator.ts';
import type { Ansatz } from './ansatz.ts';
import { ExpectationFunction } from './expectation-function.ts';
import { searchLine } from './line-search.ts';
import { parameterShiftGradient } from './parameter-shift.ts';
import { solveDamped } from './solve-damped.ts';

/** How {@link vqe} goes downhill. */
export type VqeOptimizer = 'natural-gradient' | 'gradient-descent';

/** How {@link vqe} works out gradients: by parameter shifts, as hardware would, or by adjoint differentiation. */
export type VqeGradient = 'shift' | 'adjoint';

/** What a variational eigensolver is to do. */
export interface VqeOptions {
  /** In Hartree. */
  readonly hamiltonian: PauliSum;
  readonly ansatz: Ansatz;
  /** Default `natural-gradient`. */
  readonly optimizer?: VqeOptimizer;
  /** Default `adjoint`. */
  readonly gradient?: VqeGradient;
  /** Borrowed; default one in double precision: the reference for up to 8 qubits, a state-vector simulator for more. */
  readonly simulator?: Simulator;
  /** The first point, by position or by name; default the ansatz's own, else random angles from `seed`. */
  readonly initial?: ParameterValues;
  /** Converged when no component of the gradient is larger, in Hartree per radian; default 1e-6. */
  readonly tolerance?: number;
  /** Default 200. */
  readonly maxIterations?: number;
  /** Added to the diagonal of the Fubini-Study metric before it is inverted; default 1e-4. Natural gradient only. */
  readonly damping?: number;
  /** Decides random initial angles; default 0. */
  readonly seed?: number;
  /** Energies to remember; default 1024. */
  readonly cacheEntries?: number;
  /** The exact ground state, borrowed, to compare with. */
  readonly exactState?: QuantumState;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  /** Called after every iteration, the start (iteration 0) included. */
  readonly onIteration?: (iteration: VqeIteration) => void;
}

/** One point on the way down. */
export interface VqeIteration {
  readonly iteration: number;
  readonly energyHartree: number;
  /** The largest component of the gradient, in Hartree per radian. */
  readonly gradientMaximum: number;
  /** The multiple of the search direction that led here; 0 at the start. */
  readonly step: number;
  /** Energy evaluations so far. */
  readonly evaluations: number;
}

/** Why the iteration ended. */
export type VqeStopReason = 'gradient-below-tolerance' | 'no-further-decrease' | 'iteration-limit';

/** What a variational eigensolver found. Plain data. */
export interface VqeResult {
  /** At the best point seen, which need not be the last. */
  readonly energyHartree: number;
  /** The best point, in the order of `parameterNames`. */
  readonly parameters: readonly number[];
  readonly parameterNames: readonly string[];
  /** `<H^2> - <H>^2` at the best point, in square Hartree: 0 for an eigenstate. */
  readonly variance: number;
  /** True only when the gradient fell below the tolerance. */
  readonly converged: boolean;
  readonly reason: VqeStopReason;
  readonly iterations: number;
  /** Energy evaluations (circuit runs), those of shifted gradients included. */
  readonly evaluations: number;
  readonly cacheHits: number;
  /** `|<exact|found>|^2`, or null when no exact state was given. */
  readonly fidelityWithExact: number | null;
  readonly history: readonly VqeIteration[];
}

/**
 * The variational quantum eigensolver: lowers the energy of an ansatz's state until its gradient vanishes.
 *
 * `gradient-descent` follows the gradient, `natural-gradient` the gradient times the inverse damped Fubini-Study metric (Stokes et
 * al., Quantum 4 (2020) 269). Both search along the line, so the energy never rises. Deterministic for equal options.
 *
 * @throws InvalidArgumentError for options that do not fit; CancelledError (its `facts` hold the best energy and parameters) once
 *   the signal is aborted.
 */
export async function vqe(options: VqeOptions): Promise<VqeResult> {
  checkOptions(options);
  const { ansatz, hamiltonian } = options;
  const own = options.simulator ? null : await makeSimulator(ansatz.circuit.qubitCount);
  try {
    const simulator = options.simulator ?? own!;
    using expectation = new ExpectationFunction(simulator, ansatz.circuit, hamiltonian, options.cacheEntries);
    return await minimize(options, expectation);
  } finally {
    own?.dispose();
  }
}

/** Up to these, generating code takes longer than plain loops do for a whole optimisation. */
const FEW_QUBITS = 8;

async function makeSimulator(qubitCount: number): Promise<Simulator> {
  if (qubitCount <= FEW_QUBITS) return createReferenceSimulator();
  return await createStateVectorSimulator({ precision: 'f64' });
}

async function minimize(options: VqeOptions, expectation: ExpectationFunction): Promise<VqeResult> {
  const best = { energy: Number.POSITIVE_INFINITY, parameters: new Float64Array(0) };
  const evaluate = (parameters: Float64Array): number => {
    const energy = expectation.evaluate(parameters);
    if (energy < best.energy) {
      best.energy = energy;
      best.parameters = parameters.slice();
    }
    return energy;
  };
  const history: VqeIteration[] = [];
  const reason = await descend(options, expectation, evaluate, history, best);
  return {
    energyHartree: best.energy,
    parameters: Array.from(best.parameters),
    parameterNames: expectation.parameterNames,
    converged: reason === 'gradient-below-tolerance',
    reason,
    iterations: history.length - 1,
    evaluations: expectation.evaluations,
    cacheHits: expectation.cacheHits,
    history,
    ...judgeState(options, expectation, best.parameters),
  };
}

interface BestPoint {
  readonly energy: number;
  readonly parameters: Float64Array;
}

const DEFAULT_TOLERANCE = 1e-6;
const DEFAULT_MAX_ITERATIONS = 200;
const DEFAULT_DAMPING = 1e-4;

async function descend(
  options: VqeOptions,
  expectation: ExpectationFunction,
  evaluate: (parameters: Float64Array) => number,
  history: VqeIteration[],
  best: BestPoint,
): Promise<VqeStopReason> {
  const { tolerance = DEFAULT_TOLERANCE, maxIterations = DEFAULT_MAX_ITERATIONS } = options;
  const pause = makePause(options, best);
  let parameters = initialParameters(options, expectation);
  let value = evaluate(parameters);
  let step = 0;
  for (let iteration = 0; ; iteration++) {
    await pause();
    const gradient = gradientAt(options, expectation, parameters);
    const gradientMaximum = gradient.reduce((largest, g) => Math.max(largest, Math.abs(g)), 0);
    const { evaluations } = expectation;
    const record = { iteration, energyHartree: value, gradientMaximum, step, evaluations };
    history.push(record);
    options.onIteration?.(record);
    if (gradientMaximum <= tolerance) return 'gradient-below-tolerance';
    if (iteration >= maxIterations) return 'iteration-limit';
    const direction = directionAt(options, expectation, parameters, gradient);
    const found = searchLine(evaluate, { parameters, value, gradient }, direction, step || 0.5);
    if (found === null) return 'no-further-decrease';
    ({ parameters, value, step } = found);
  }
}

function gradientAt(
  { gradient = 'adjoint', ansatz }: VqeOptions,
  expectation: ExpectationFunction,
  parameters: Float64Array,
): Float64Array {
  if (gradient === 'adjoint') return expectation.differentiate(parameters, 'adjoint').gradient;
  return parameterShiftGradient(expectation, parameters, { frequencies: ansatz.frequencies });
}

function directionAt(
  { optimizer = 'natural-gradient', damping = DEFAULT_DAMPING }: VqeOptions,
  expectation: ExpectationFunction,
  parameters: Float64Array,
  gradient: Float64Array,
): Float64Array {
  if (optimizer === 'gradient-descent') return gradient;
  // The damped metric is positive definite but for rounding; the plain gradient is the natural one of a flat metric.
  return solveDamped(expectation.circuit.fubiniStudyMetric({ parameters }), gradient, damping) ?? gradient;
}

/** Lets the event loop run now and then, and ends the work once the signal is aborted. */
function makePause({ clock = systemClock, signal }: VqeOptions, best: BestPoint): () => Promise<void> {
  const sliceMs = 20;
  let lastMs = clock.nowMs();
  return async () => {
    if (clock.nowMs() - lastMs > sliceMs) {
      await clock.sleep(0);
      lastMs = clock.nowMs();
    }
    if (!signal?.aborted) return;
    throw new CancelledError('The eigensolver was cancelled', {
      cause: signal.reason,
      facts: { energyHartree: best.energy, parameters: Array.from(best.parameters) },
    });
  };
}

function initialParameters(
  { initial, ansatz, seed = 0 }: VqeOptions,
  { parameterNames }: ExpectationFunction,
): Float64Array {
  if (initial === undefined) {
    if (ansatz.initialParameters) return ansatz.initialParameters.slice();
    const random = new Random(seed);
    return Float64Array.from(parameterNames, () => (2 * random.uniform() - 1) * Math.PI);
  }
  return orderParameterValues(parameterNames, initial);
}

function judgeState(
  { hamiltonian, exactState }: VqeOptions,
  { circuit }: ExpectationFunction,
  parameters: Float64Array,
): Pick<VqeResult, 'variance' | 'fidelityWithExact'> {
  using state = circuit.run({ parameters });
  return {
    variance: state.variance(hamiltonian),
    fidelityWithExact: exactState ? state.fidelity(exactState) : null,
  };
}

function checkOptions(options: VqeOptions): void {
  const { tolerance = DEFAULT_TOLERANCE, maxIterations = DEFAULT_MAX_ITERATIONS, damping = 0 } = options;
  const { optimizer = 'natural-gradient', gradient = 'adjoint' } = options;
  const fits: [boolean, string, unknown][] = [
    [tolerance >= 0, 'tolerance >= 0', tolerance],
    [Number.isInteger(maxIterations) && maxIterations >= 0, 'maxIterations an integer >= 0', maxIterations],
    [damping >= 0 && Number.isFinite(damping), 'damping finite and >= 0', damping],
    [['natural-gradient', 'gradient-descent'].includes(optimizer), 'a known optimizer', optimizer],
    [['shift', 'adjoint'].includes(gradient), 'gradient "shift" or "adjoint"', gradient],
  ];
  for (const [ok, expected, actual] of fits) {
    if (!ok) throw new InvalidArgumentError('An option of vqe is unusable', { expected, actual });
  }
}
