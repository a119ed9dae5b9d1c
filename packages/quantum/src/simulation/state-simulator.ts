import { InvalidArgumentError, UseAfterReleaseError } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import { plainFrame } from './amplitudes/stored-state.ts';
import { CompiledStateCircuit } from './compiled-state-circuit.ts';
import { allocateState, checkStateMemory } from './engine/allocate-state.ts';
import { ProgramCache } from './engine/program-cache.ts';
import { createReferenceEngine } from './engine/reference-engine.ts';
import type { AmplitudePrecision, StateEngine } from './engine/state-engine.ts';
import { checkInitialState, writeInitialState } from './program/initial-state.ts';
import type { Sample } from './sampling/sample.ts';
import type { InitialState, RunOptions, SampleOptions, Simulator } from './simulator.ts';
import { StateVector } from './state-vector.ts';

/** A simulator of pure states on any {@link StateEngine}. */
export class StateSimulator implements Simulator {
  readonly engine: string;
  readonly target: string;
  readonly reason: string;
  readonly precision: AmplitudePrecision;
  readonly threads: number;
  readonly #engine: StateEngine;
  readonly #cache: ProgramCache;
  #isDisposed = false;

  /** Takes ownership of the engine. */
  constructor(engine: StateEngine) {
    this.engine = engine.name;
    this.target = engine.target;
    this.reason = engine.reason;
    this.precision = engine.precision;
    this.threads = engine.threads;
    this.#engine = engine;
    this.#cache = new ProgramCache(engine);
  }

  compile(circuit: Circuit): CompiledStateCircuit {
    if (this.#isDisposed) throw new UseAfterReleaseError('A simulator was used after dispose()');
    return new CompiledStateCircuit(circuit, this.#engine, this.#cache);
  }

  run(circuit: Circuit, options?: RunOptions): StateVector {
    using compiled = this.compile(circuit);
    return compiled.run(options);
  }

  async sample(circuit: Circuit, shots: number, options?: SampleOptions): Promise<Sample> {
    using compiled = this.compile(circuit);
    return await compiled.sample(shots, options);
  }

  prepare(qubitCount: number, initial: InitialState): StateVector {
    if (this.#isDisposed) throw new UseAfterReleaseError('A simulator was used after dispose()');
    if (!Number.isInteger(qubitCount) || qubitCount < 0) {
      throw new InvalidArgumentError('A state has an impossible number of qubits', {
        expected: 'an integer >= 0',
        actual: qubitCount,
      });
    }
    checkInitialState(initial, qubitCount);
    checkStateMemory(this.#engine, qubitCount);
    const state = allocateState(this.#engine, qubitCount);
    try {
      const frame = plainFrame(qubitCount, state.qubitCount);
      writeInitialState(initial, state, frame);
      return new StateVector(this.#engine, state, frame);
    } catch (error) {
      state.dispose();
      throw error;
    }
  }

  /** Gives all programs and memory back; states that are still held with them. Harmless when repeated. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#cache.dispose();
    this.#engine.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * The simulator that others are checked against: plain loops in double precision, one gate at a time, at most 24 qubits. Small circuits
 * need no other.
 *
 * @example
 * using simulator = createReferenceSimulator();
 * using state = simulator.run(new Circuit(2).h(0).cx(0, 1));
 * state.probabilities(); // [0.5, 0, 0, 0.5]
 */
export function createReferenceSimulator(): StateSimulator {
  return new StateSimulator(createReferenceEngine());
}
