import type { UnitaryKind } from '../../circuit/instruction.ts';
import { placeUnitary } from '../../circuit/place-instruction.ts';
import { plainFrame, type StateFrame, type StoredState } from '../amplitudes/stored-state.ts';
import { allocateState, checkStateMemory, tryAllocateState } from '../engine/allocate-state.ts';
import type { ProgramCache } from '../engine/program-cache.ts';
import { SegmentRunner } from '../engine/segment-runner.ts';
import type { AmplitudePrecision, EngineProgram, StateEngine } from '../engine/state-engine.ts';
import { expandFully } from '../program/expand-fully.ts';
import { writeInitialState } from '../program/initial-state.ts';
import { liftAngles } from '../program/lift-angles.ts';
import { circuitFrame, type ProgramLayout } from '../program/program-layout.ts';
import type { InitialState } from '../simulator.ts';
import { type AngleDerivative, differentiateAngle } from './angle-derivative.ts';
import { cutGates } from './cut-gates.ts';
import { type DiagonalGenerators, prepareGenerators } from './diagonal-generator.ts';
import { type Generator, splitGeneralGate } from './generator.ts';

/** What runs programs. */
export interface SequenceHost {
  readonly engine: StateEngine;
  readonly cache: ProgramCache;
  readonly onCompile: (program: EngineProgram) => void;
}

/** What is to be differentiated. */
export interface SequenceSource {
  readonly layout: ProgramLayout;
  readonly gates: readonly UnitaryKind[];
  readonly parameterNames: readonly string[];
  readonly initial: InitialState | undefined;
}

/** A cut (see {@link cutGates}) with the program that leads to it. */
export class SequenceCut {
  readonly runner: SegmentRunner;
  /** How each generator's angle depends on parameters. */
  readonly derivatives: readonly (readonly AngleDerivative[])[];
  readonly #generators: readonly Generator[];
  #prepared: { readonly key: string; readonly generators: DiagonalGenerators } | null = null;

  constructor(
    generators: readonly Generator[],
    runner: SegmentRunner,
    derivatives: readonly (readonly AngleDerivative[])[],
  ) {
    this.#generators = generators;
    this.runner = runner;
    this.derivatives = derivatives;
  }

  /** The generators for states with this frame, after the program. */
  at(frame: StateFrame): DiagonalGenerators {
    const key = frame.qubits.join();
    if (this.#prepared?.key !== key) {
      const generators = prepareGenerators(this.#generators, frame.qubits, frame.flips.length);
      this.#prepared = { key, generators };
    }
    return this.#prepared.generators;
  }
}

/** The gates of a circuit without measurements, ready to be run forward and, cut by cut, backward. */
export class GateSequence {
  readonly parameterNames: readonly string[];
  readonly initial: InitialState | undefined;
  readonly layout: ProgramLayout;
  /** Gates on dense qubits, their angles as in the circuit. */
  readonly gates: readonly UnitaryKind[];
  readonly #host: SequenceHost;
  readonly #forward: SegmentRunner;
  #cuts: readonly SequenceCut[] | null = null;

  constructor(host: SequenceHost, { layout, gates, parameterNames, initial }: SequenceSource) {
    this.#host = host;
    this.layout = layout;
    this.parameterNames = parameterNames;
    this.initial = initial;
    this.gates = gates.map((gate) => placeUnitary(gate, (qubit) => layout.places[qubit]!));
    this.#forward = this.runnerOf(this.gates);
  }

  get precision(): AmplitudePrecision {
    return this.#host.engine.precision;
  }

  /** From the last one to the first. */
  get cuts(): readonly SequenceCut[] {
    this.#cuts ??= this.#cut();
    return this.#cuts;
  }

  /** A program for gates on dense qubits. */
  runnerOf(gates: readonly UnitaryKind[]): SegmentRunner {
    const { activeCount } = this.layout;
    const places = Array.from({ length: activeCount }, (_, qubit) => qubit);
    const { cache, onCompile } = this.#host;
    return new SegmentRunner(cache, liftAngles(gates, places), activeCount, this.parameterNames, onCompile);
  }

  /**
   * Memory for some states, at once, so that it is known before any work whether there is enough.
   *
   * @throws what `checkStateMemory` throws.
   */
  allocate(count: number): StoredState[] {
    const { engine } = this.#host;
    checkStateMemory(engine, this.layout.activeCount, count);
    const states: StoredState[] = [];
    try {
      while (states.length < count) states.push(allocateState(engine, this.layout.activeCount));
      return states;
    } catch (error) {
      for (const state of states) state.dispose();
      throw error;
    }
  }

  /** Memory for one more state, or null where there is not enough. */
  tryAllocate(): StoredState | null {
    return tryAllocateState(this.#host.engine, this.layout.activeCount);
  }

  /** Fills a state with the result of all gates, and returns its frame of dense qubits. */
  runForward(values: ArrayLike<number>, state: StoredState): StateFrame {
    return this.runFrom(this.#forward, this.#forward.evaluateAngles(values), state);
  }

  /** Fills a state with the initial one and applies a program. */
  runFrom(runner: SegmentRunner, angles: Float64Array, state: StoredState): StateFrame {
    const frame = plainFrame(this.layout.activeCount, state.qubitCount);
    // Without one, the program begins with |0...0>.
    if (this.initial !== undefined) writeInitialState(this.initial, state, this.circuitFrame(frame));
    return runner.run(angles, state, frame, this.initial === undefined ? 'zero' : 'plain');
  }

  /** The frame of the circuit's qubits. */
  circuitFrame(dense: StateFrame): StateFrame {
    return circuitFrame(this.layout, dense);
  }

  #cut(): SequenceCut[] {
    const elementary = this.gates.flatMap(expandFully).flatMap(splitGeneralGate);
    const isFree = ({ angle }: Generator) => typeof angle !== 'number';
    return cutGates(elementary, this.layout.activeCount, isFree).map(({ generators, backward }) => {
      const derivatives = generators.map(({ angle }) => differentiateAngle(angle, this.parameterNames));
      return new SequenceCut(generators, this.runnerOf(backward), derivatives);
    });
  }
}
