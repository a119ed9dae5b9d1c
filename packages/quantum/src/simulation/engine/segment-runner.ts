import type { StateFrame, StoredState } from '../amplitudes/stored-state.ts';
import { type AngleTable, prepareAngles } from '../program/angle-table.ts';
import type { LiftedInstructions } from '../program/lift-angles.ts';
import type { CachedProgram, ProgramCache } from './program-cache.ts';
import type { EngineProgram, ProgramRequest, StartKnowledge } from './state-engine.ts';

/** Runs sequences of gates on states, with programs from a cache. */
export class SegmentRunner {
  /** The names behind `names` that angles use: classical variables. */
  readonly variables: readonly string[];
  readonly #cache: ProgramCache;
  readonly #request: ProgramRequest;
  readonly #angles: AngleTable;
  readonly #values: Float64Array;
  readonly #onCompile: (program: EngineProgram) => void;
  #last: CachedProgram | null = null;

  /** @param names of the parameters that angles are worked out from; those of classical variables come behind them. */
  constructor(
    cache: ProgramCache,
    { instructions, angles }: LiftedInstructions,
    qubitCount: number,
    names: readonly string[],
    onCompile: (program: EngineProgram) => void,
  ) {
    this.#cache = cache;
    this.#request = { instructions, qubitCount, angleCount: angles.length };
    const used = new Set(angles.flatMap((angle) => (typeof angle === 'number' ? [] : angle.names)));
    this.variables = [...used].filter((name) => !names.includes(name));
    this.#angles = prepareAngles(angles, [...names, ...this.variables]);
    this.#values = new Float64Array(angles.length);
    this.#onCompile = onCompile;
  }

  /** What is run, every angle a parameter. */
  get request(): ProgramRequest {
    return this.#request;
  }

  /** Angles for the values of the names and of `variables`, in their order; overwritten by the next call. */
  evaluateAngles(values: ArrayLike<number>): Float64Array {
    this.#angles.evaluate(values, this.#values);
    return this.#values;
  }

  /** The program for states with this frame, with its numbers worked out, and the frame that it leads to. */
  bind(
    angles: Float64Array,
    frame: StateFrame,
    known: StartKnowledge,
  ): { readonly program: EngineProgram; readonly frame: StateFrame } {
    const { program } = this.#find(frame, known);
    return { program, frame: program.bind(angles, frame) };
  }

  /** Applies the gates. @returns the frame that they lead to. */
  run(angles: Float64Array, state: StoredState, frame: StateFrame, known: StartKnowledge): StateFrame {
    const bound = this.bind(angles, frame, known);
    bound.program.run(state);
    return bound.frame;
  }

  /** Plans and generates the code, where that was not done. */
  compile(frame: StateFrame, known: StartKnowledge): EngineProgram {
    return this.#find(frame, known).program;
  }

  #find(frame: StateFrame, known: StartKnowledge): CachedProgram {
    const last = this.#last;
    if (last?.isAlive && last.known === known && samePlaces(last.places, frame.qubits)) return last;
    this.#last = this.#cache.get(this.#request, frame, known, this.#onCompile);
    return this.#last;
  }
}

function samePlaces(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}
