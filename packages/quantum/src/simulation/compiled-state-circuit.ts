import {
  InvalidArgumentError,
  Random,
  systemClock,
  throwIfCancelled,
  UnsupportedError,
  UseAfterReleaseError,
} from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import { ClassicalMemory } from '../circuit/classical-memory.ts';
import type { PauliSum } from '../operator/pauli-sum.ts';
import type { PlanStatistics } from '../state-vector/planner/plan-statistics.ts';
import { densePlaces, plainFrame, withGaps, withoutGaps } from './amplitudes/stored-state.ts';
import { allocateState, checkStateMemory, tryAllocateState } from './engine/allocate-state.ts';
import { evolveState } from './engine/evolve-state.ts';
import type { ProgramCache } from './engine/program-cache.ts';
import { runSideBySide } from './engine/run-side-by-side.ts';
import { SegmentRunner } from './engine/segment-runner.ts';
import type { EngineBatch, EngineProgram, StateEngine } from './engine/state-engine.ts';
import { circuitGradient } from './gradient/circuit-gradient.ts';
import { fubiniStudyMetric } from './gradient/fubini-study-metric.ts';
import { GateSequence } from './gradient/gate-sequence.ts';
import type { Branch } from './program/branch.ts';
import { type BranchHost, exploreBranches } from './program/explore-branches.ts';
import type { SegmentStep } from './program/flatten-circuit.ts';
import { writeInitialState } from './program/initial-state.ts';
import { liftAngles } from './program/lift-angles.ts';
import { liveAfter } from './program/live-qubits.ts';
import { measuredPart } from './program/measured-part.ts';
import { checkBatch, orderParameterValues, withVariables } from './program/parameter-values.ts';
import { circuitFrame, layOutProgram, type ProgramLayout } from './program/program-layout.ts';
import type { QuantumState } from './quantum-state.ts';
import { checkShots } from './sampling/draw-indices.ts';
import { Sample } from './sampling/sample.ts';
import { joinParts, type SamplePart, sampleBranch } from './sampling/sample-branch.ts';
import type {
  CompiledCircuit,
  GradientOptions,
  InitialState,
  RunOptions,
  SampleOptions,
  ValueAndGradient,
} from './simulator.ts';
import { checkWidth, StateVector } from './state-vector.ts';

const DEFAULT_LOOP_ROUNDS = 1_000_000;
/** For fewer vectors of parameters, code of their own takes longer to generate than it saves. */
const LEAST_BATCH = 64;
/** How long sampling keeps the event loop waiting. */
const SLICE_MS = 20;

/** A circuit on a {@link StateEngine}. */
export class CompiledStateCircuit implements CompiledCircuit {
  readonly qubitCount: number;
  readonly clbitCount: number;
  readonly parameterNames: readonly string[];
  readonly activeQubitCount: number;
  readonly #circuit: Circuit;
  readonly #engine: StateEngine;
  readonly #cache: ProgramCache;
  /** For initial states of |0...0>. */
  readonly #layout: ProgramLayout;
  /** The same for what measurements depend on; made when first needed. */
  #sampled: ProgramLayout | null = null;
  readonly #runners = new WeakMap<SegmentStep, Map<string, SegmentRunner>>();
  /** By the dense numbers of the qubits of a state. */
  readonly #evolvers = new Map<string, SegmentRunner>();
  readonly #timings = { planSeconds: 0, compileSeconds: 0 };
  #gates: GateSequence | null = null;
  /** Null where the circuit has none; undefined before anybody asked. */
  #batch: EngineBatch | null | undefined;
  /** True while the states of the batch are lent out. */
  #isBatchLent = false;
  #isDisposed = false;

  constructor(circuit: Circuit, engine: StateEngine, cache: ProgramCache) {
    this.#circuit = circuit.clone();
    this.#engine = engine;
    this.#cache = cache;
    this.qubitCount = circuit.qubitCount;
    this.clbitCount = circuit.clbitCount;
    this.parameterNames = circuit.parameterNames;
    this.#layout = layOutProgram(this.#circuit, undefined);
    this.activeQubitCount = this.#layout.activeCount;
    checkStateMemory(engine, this.activeQubitCount);
    this.#compileFirstSegment();
  }

  get timings(): { readonly planSeconds: number; readonly compileSeconds: number } {
    return { ...this.#timings };
  }

  get statistics(): PlanStatistics | null {
    this.#checkUsable();
    const { program, activeCount } = this.#layout;
    const [segment] = program.steps;
    if (program.steps.length !== 1 || segment?.kind !== 'segment') return null;
    return this.#runnerOf(segment, this.#layout).compile(plainFrame(activeCount, 0), 'zero').statistics;
  }

  run(options: RunOptions = {}): StateVector {
    const layout = this.#layoutFor(options.initial);
    const ends: Branch[] = [];
    const random = new Random(options.seed ?? 0);
    const steps = this.#explore(layout, 1, options, random, null, (branch) => ends.push(branch));
    while (!steps.next().done);
    const { state, frame, memory } = ends[0]!;
    return new StateVector(this.#engine, state, circuitFrame(layout, frame), memory.bits);
  }

  evolve(state: QuantumState, { parameters }: Pick<RunOptions, 'parameters'> = {}): void {
    this.#checkUsable();
    const segment = this.#onlySegment(this.#layout, 'A change of a state');
    const values = orderParameterValues(this.parameterNames, parameters);
    if (!(state instanceof StateVector) || !state.isOn(this.#engine)) {
      throw new InvalidArgumentError('The state belongs to another simulator', {
        expected: 'a state that this simulator made',
        remedy: "Start from it with initial: { kind: 'state', state }",
      });
    }
    checkWidth(state, this.qubitCount, 'The state');
    if (segment === null) return;
    evolveState(state, values, (places, count) => {
      const key = `${places}`;
      let runner = this.#evolvers.get(key);
      if (runner === undefined) {
        const lifted = liftAngles(segment.gates, places);
        runner = new SegmentRunner(this.#cache, lifted, count, this.parameterNames, this.#count);
        this.#evolvers.set(key, runner);
      }
      return runner;
    });
  }

  runBatch(parameters: Float64Array, visit: (state: StateVector, index: number) => void): void {
    this.#checkUsable();
    const segment = this.#onlySegment(this.#layout, 'A batch');
    const width = this.parameterNames.length;
    checkBatch(parameters, width);
    const runner = segment && this.#runnerOf(segment, this.#layout);
    const count = parameters.length / width;
    // A batch inside of another one's visit must not overwrite the states that the outer one is still to hand out.
    const batch = runner && count >= LEAST_BATCH && !this.#isBatchLent ? this.#batchOf(runner) : null;
    if (batch !== null) {
      const frame = circuitFrame(this.#layout, batch.frame);
      this.#isBatchLent = true;
      try {
        runSideBySide(batch, runner!, parameters, width, (state, index) => {
          visit(new StateVector(this.#engine, state, frame), index);
        });
      } finally {
        this.#isBatchLent = false;
      }
      return;
    }
    const state = allocateState(this.#engine, this.#layout.activeCount);
    try {
      const start = plainFrame(this.#layout.activeCount, state.qubitCount);
      if (runner === null) state.setBasisState();
      for (let index = 0; index < count; index++) {
        const values = parameters.subarray(index * width, (index + 1) * width);
        const frame = runner ? runner.run(runner.evaluateAngles(values), state, start, 'zero') : start;
        visit(new StateVector(this.#engine, state, circuitFrame(this.#layout, frame)), index);
      }
    } finally {
      state.dispose();
    }
  }

  async sample(shots: number, options: SampleOptions = {}): Promise<Sample> {
    checkShots(shots);
    throwIfCancelled(options.signal, 'Sampling');
    const layout = this.#sampledLayout(options.initial);
    const bitCount = layout.measures ? this.clbitCount : this.qubitCount;
    const output = layout.measures ? this.#outputBits() : null;
    if (shots === 0) {
      return Sample.fromOutcomes(output?.length ?? bitCount, new Uint32Array(0), new Uint32Array(0));
    }
    const parts: SamplePart[] = [];
    const random = new Random(options.seed ?? 0);
    const live = layout.measures ? liveAfter(layout) : null;
    const steps = this.#explore(layout, shots, options, random, live, (branch) => {
      try {
        parts.push(sampleBranch(branch, layout, bitCount, random));
      } finally {
        branch.state.dispose();
      }
    });
    let sliceEndMs = systemClock.nowMs() + SLICE_MS;
    try {
      while (!steps.next().done) {
        throwIfCancelled(options.signal, 'Sampling');
        if (systemClock.nowMs() < sliceEndMs) continue;
        await systemClock.sleep(0);
        sliceEndMs = systemClock.nowMs() + SLICE_MS;
      }
    } finally {
      steps.return();
    }
    const sample = joinParts(bitCount, parts);
    return output === null ? sample : sample.marginal(output);
  }

  /** The classical bits that are no program's own affair; null where all are. */
  #outputBits(): number[] | null {
    const local = new Set<number>();
    for (const { start, size, isLocal } of this.#circuit.classicalRegisters) {
      if (isLocal) for (let bit = start; bit < start + size; bit++) local.add(bit);
    }
    if (local.size === 0) return null;
    return Array.from({ length: this.clbitCount }, (_, bit) => bit).filter((bit) => !local.has(bit));
  }

  expectation(observable: PauliSum, options?: RunOptions): number;
  expectation(observables: readonly PauliSum[], options?: RunOptions): Float64Array;
  expectation(observables: PauliSum | readonly PauliSum[], options: RunOptions = {}): number | Float64Array {
    for (const observable of 'terms' in observables ? [observables] : observables) {
      checkWidth(observable, this.qubitCount, 'The observable');
    }
    this.#onlySegment(this.#layout, 'An expectation value');
    const state = this.run(options);
    try {
      return state.expectation(observables as PauliSum);
    } finally {
      state.dispose();
    }
  }

  gradient(observable: PauliSum, options: GradientOptions = {}): ValueAndGradient {
    checkWidth(observable, this.qubitCount, 'The observable');
    return circuitGradient(this.#gateSequence(options.initial), observable, options);
  }

  fubiniStudyMetric(options: Pick<RunOptions, 'parameters' | 'initial'> = {}): Float64Array {
    return fubiniStudyMetric(this.#gateSequence(options.initial), options);
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#gates = null;
    this.#evolvers.clear();
    this.#batch?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The gates of a circuit that has nothing else, for derivatives. */
  #gateSequence(initial: InitialState | undefined): GateSequence {
    this.#checkUsable();
    if (this.#gates !== null && this.#gates.initial === initial) return this.#gates;
    const layout = this.#layoutFor(initial);
    const segment = this.#onlySegment(layout, 'A derivative');
    const sequence = new GateSequence(
      { engine: this.#engine, cache: this.#cache, onCompile: this.#count },
      { layout, gates: segment?.gates ?? [], parameterNames: this.parameterNames, initial },
    );
    this.#gates = sequence;
    return sequence;
  }

  #explore(
    layout: ProgramLayout,
    shots: number,
    { parameters, initial, maxLoopRounds = DEFAULT_LOOP_ROUNDS }: RunOptions,
    random: Random,
    liveQubits: Uint32Array | null,
    finish: (branch: Branch) => void,
  ): Generator<void, void> {
    this.#checkUsable();
    checkLoopRounds(maxLoopRounds);
    const { program, activeCount } = layout;
    const { variables } = this.#circuit;
    const values = orderParameterValues(this.parameterNames, parameters);
    const host: BranchHost = {
      random,
      maxLoopRounds,
      tryAllocate: (qubitCount) => tryAllocateState(this.#engine, qubitCount),
      liveQubits,
      begin: () => {
        const state = allocateState(this.#engine, activeCount);
        try {
          const frame = plainFrame(activeCount, state.qubitCount);
          // Gates that come first begin with |0...0> by themselves.
          if (initial !== undefined || program.steps[0]?.kind !== 'segment') {
            writeInitialState(initial, state, circuitFrame(layout, frame));
          }
          const memory = new ClassicalMemory(this.clbitCount, variables);
          const values = new Array<0 | null>(activeCount).fill(initial === undefined ? 0 : null);
          return { state, frame, memory, values };
        } catch (error) {
          state.dispose();
          throw error;
        }
      },
      runSegment: (step, state, frame, memory) => {
        this.#checkUsable();
        const places = densePlaces(frame);
        const runner = this.#runnerOf(step, layout, places);
        const all = runner.variables.length === 0 ? values : withVariables(values, runner.variables, memory);
        const first = initial === undefined ? 'zero' : 'plain';
        const known = step === program.steps[0] ? first : 'nothing';
        const moved = runner.run(runner.evaluateAngles(all), state, withoutGaps(frame), known);
        return withGaps(moved, places);
      },
    };
    return exploreBranches(program, shots, host, finish);
  }

  /** The layout of what the outcomes of measurements depend on. */
  #sampledLayout(initial: InitialState | undefined): ProgramLayout {
    if (!this.#layout.measures) return this.#layoutFor(initial);
    if (initial === undefined && this.#sampled !== null) return this.#sampled;
    const { instructions } = this.#circuit;
    const part = measuredPart(instructions);
    if (part === instructions) return this.#layoutFor(initial);
    const layout = layOutProgram(this.#circuit, initial, part);
    if (initial === undefined) this.#sampled = layout;
    return layout;
  }

  #layoutFor(initial: InitialState | undefined): ProgramLayout {
    return initial === undefined ? this.#layout : layOutProgram(this.#circuit, initial);
  }

  /** @param places the numbers of qubits without those that have left the state; null where none has. */
  #runnerOf(
    segment: SegmentStep,
    { activeCount, places: all }: ProgramLayout,
    places: readonly number[] | null = null,
  ): SegmentRunner {
    let runners = this.#runners.get(segment);
    if (runners === undefined) {
      runners = new Map();
      this.#runners.set(segment, runners);
    }
    const key = places === null ? '' : places.join();
    let runner = runners.get(key);
    if (runner === undefined) {
      const lifted =
        places === null
          ? segment
          : liftAngles(
              segment.gates,
              all.map((place) => (place < 0 ? -1 : places[place]!)),
            );
      const count = places === null ? activeCount : places.filter((place) => place >= 0).length;
      runner = new SegmentRunner(this.#cache, lifted, count, this.parameterNames, this.#count);
      runners.set(key, runner);
    }
    return runner;
  }

  /** The circuit for several sets of parameters at the same time. */
  #batchOf({ request }: SegmentRunner): EngineBatch | null {
    if (this.#batch === undefined) {
      this.#batch = this.#engine.compileBatch(request);
      if (this.#batch !== null) this.#count(this.#batch);
    }
    return this.#batch;
  }

  /** The gates of a circuit without anything else in its middle; null when there are none. */
  #onlySegment({ program }: ProgramLayout, what: string): SegmentStep | null {
    const other = program.steps.find(({ kind }) => kind !== 'segment');
    if (other === undefined) return (program.steps[0] as SegmentStep | undefined) ?? null;
    throw new UnsupportedError(`${what} needs a circuit of gates only`, {
      actual: other.kind,
      remedy: 'Measurements may stand at the end only; sample the circuit instead',
    });
  }

  #compileFirstSegment(): void {
    const first = this.#layout.program.steps[0];
    if (first?.kind !== 'segment') return;
    const { activeCount } = this.#layout;
    this.#runnerOf(first, this.#layout).compile(plainFrame(activeCount, 0), 'zero');
  }

  readonly #count = ({ planSeconds, compileSeconds }: EngineProgram | EngineBatch): void => {
    this.#timings.planSeconds += planSeconds;
    this.#timings.compileSeconds += compileSeconds;
  };

  #checkUsable(): void {
    if (this.#isDisposed) throw new UseAfterReleaseError('A compiled circuit was used after dispose()');
  }
}

/** @throws InvalidArgumentError unless a limit of rounds is one. */
function checkLoopRounds(maxLoopRounds: number): void {
  if (maxLoopRounds >= 0) return;
  throw new InvalidArgumentError('A limit of rounds is out of range', {
    expected: 'maxLoopRounds >= 0',
    actual: maxLoopRounds,
  });
}
