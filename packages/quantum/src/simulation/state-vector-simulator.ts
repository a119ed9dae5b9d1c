import { Random, ShapeMismatchError, throwIfCancelled, UnsupportedError } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import { applyOneQubitMatrix, applyScalar, applyTwoQubitMatrix, applyX } from './apply-matrix.ts';
import {
  type CircuitPlan,
  orderParameters,
  type PlannedGate,
  planCircuit,
  plannedMatrix,
  resolveAngles,
} from './circuit-plan.ts';
import { countOutcomes, formatBits, type SampleCounts } from './sample-counts.ts';
import type { PreparedCircuit, SimulationOptions, Simulator } from './simulator.ts';
import { checkShots, StateVector } from './state-vector.ts';

/** Applies a planned gate, with the given matrix, to amplitudes in place. */
export function applyPlannedGate(
  step: PlannedGate,
  matrix: Float64Array,
  re: Float64Array,
  im: Float64Array,
): void {
  const [first, second] = step.targets;
  if (first === undefined) applyScalar(re, im, step.controlMask, matrix);
  else if (second !== undefined) applyTwoQubitMatrix(re, im, first, second, step.controlMask, matrix);
  else if (isX(matrix)) applyX(re, im, first, step.controlMask);
  else applyOneQubitMatrix(re, im, first, step.controlMask, matrix);
}

const X_ENTRIES = [0, 0, 1, 0, 1, 0, 0, 0];

function isX(matrix: Float64Array): boolean {
  for (let i = 0; i < 8; i++) if (matrix[i] !== X_ENTRIES[i]) return false;
  return true;
}

/**
 * Simulates circuits exactly with one complex double per basis state: 16 bytes times `2^qubits`. Plain JavaScript, one thread.
 *
 * @example
 * const simulator = new StateVectorSimulator();
 * using state = simulator.run(new Circuit(2).h(0).cx(0, 1));
 * state.probabilities(); // [0.5, 0, 0, 0.5]
 */
export class StateVectorSimulator implements Simulator {
  readonly name = 'state vector (JavaScript, float64)';
  /** 2^24 amplitudes are 256 MiB. */
  readonly maxQubits = 24;

  prepare(circuit: Circuit): PreparedCircuit {
    if (circuit.qubitCount > this.maxQubits) {
      throw new UnsupportedError('The circuit is too large for a state vector', {
        expected: `at most ${this.maxQubits} qubits`,
        actual: circuit.qubitCount,
      });
    }
    const plan = planCircuit(circuit);
    const dispose = () => undefined;
    return {
      plan,
      run: (angles, options = {}) => runPlan(plan, angles, options),
      dispose,
      [Symbol.dispose]: dispose,
    };
  }

  run(circuit: Circuit, options: SimulationOptions = {}): StateVector {
    const { plan, run } = this.prepare(circuit);
    return run(resolveAngles(plan, orderParameters(plan, options.parameters ?? {})), options);
  }

  sample(circuit: Circuit, shots: number, options: SimulationOptions = {}): SampleCounts {
    checkShots(shots);
    const random = options.random ?? new Random(0);
    const { plan, run } = this.prepare(circuit);
    const angles = resolveAngles(plan, orderParameters(plan, options.parameters ?? {}));
    const measured = finalMeasurements(plan);
    if (measured !== null) {
      const steps = plan.steps.filter((step) => step.kind !== 'measure');
      const state = runPlan({ ...plan, steps }, angles, options);
      const indices = state.sampleIndices(shots, random);
      state.dispose();
      if (measured.size === 0) return countOutcomes(indices, (index) => formatBits(index, plan.qubitCount));
      return countOutcomes(indices, (index) => {
        const clbits = new Uint8Array(plan.clbitCount);
        for (const [clbit, qubit] of measured) clbits[clbit] = (index >>> qubit) & 1;
        return formatClbits(clbits);
      });
    }
    const measures = plan.steps.some(({ kind }) => kind === 'measure');
    const outcomes: string[] = [];
    for (let shot = 0; shot < shots; shot++) {
      throwIfCancelled(options.signal, 'Sampling');
      const state = run(angles, { ...options, random });
      const [index] = measures ? [] : state.sampleIndices(1, random);
      outcomes.push(index === undefined ? formatClbits(state.clbits) : formatBits(index, plan.qubitCount));
      state.dispose();
    }
    return countOutcomes(outcomes, (text) => text);
  }
}

/** Which qubit each classical bit ends up reading; null when a measured qubit is used again or a qubit is reset. */
function finalMeasurements(plan: CircuitPlan): Map<number, number> | null {
  const qubitOf = new Map<number, number>();
  let measured = 0;
  for (const step of plan.steps) {
    if (step.kind === 'reset') return null;
    if (step.kind === 'measure') {
      measured |= 1 << step.qubit;
      qubitOf.set(step.clbit, step.qubit);
      continue;
    }
    let used = step.controlMask;
    for (const qubit of step.targets) used |= 1 << qubit;
    if ((used & measured) !== 0) return null;
  }
  return qubitOf;
}

/** Classical bit 0 rightmost. */
function formatClbits(clbits: Uint8Array): string {
  return Array.from(clbits).reverse().join('');
}

function runPlan(
  plan: CircuitPlan,
  angles: Float64Array,
  { initialState, random = new Random(0), signal }: Omit<SimulationOptions, 'parameters'>,
): StateVector {
  if (initialState && initialState.qubitCount !== plan.qubitCount) {
    throw new ShapeMismatchError('The initial state does not fit the circuit', {
      expected: plan.qubitCount,
      actual: initialState.qubitCount,
    });
  }
  const start = initialState ?? StateVector.basisState(plan.qubitCount);
  const re = initialState ? start.re.slice() : start.re;
  const im = initialState ? start.im.slice() : start.im;
  const clbits = new Uint8Array(plan.clbitCount);
  for (const step of plan.steps) {
    throwIfCancelled(signal, 'The simulation');
    if (step.kind === 'gate') applyPlannedGate(step, plannedMatrix(step, angles), re, im);
    else {
      const bit = measureQubit(re, im, step.qubit, random);
      if (step.kind === 'measure') clbits[step.clbit] = bit;
      else if (bit === 1) applyX(re, im, step.qubit, 0);
    }
  }
  return new StateVector(re, im, clbits);
}

/** Measures one qubit, projects the state on the outcome and normalises it. */
function measureQubit(re: Float64Array, im: Float64Array, qubit: number, random: Random): 0 | 1 {
  const weights = [0, 0];
  for (let i = 0; i < re.length; i++) {
    const bit = (i >>> qubit) & 1;
    weights[bit] = weights[bit]! + re[i]! * re[i]! + im[i]! * im[i]!;
  }
  const outcome = random.uniform() * (weights[0]! + weights[1]!) < weights[0]! ? 0 : 1;
  const factor = 1 / Math.sqrt(weights[outcome]!);
  for (let i = 0; i < re.length; i++) {
    const kept = ((i >>> qubit) & 1) === outcome ? factor : 0;
    re[i] = re[i]! * kept;
    im[i] = im[i]! * kept;
  }
  return outcome;
}
