import type { StateFrame } from '../amplitudes/stored-state.ts';
import type { EngineProgram, ProgramRequest, StartKnowledge, StateEngine } from './state-engine.ts';
import { StructureKeys } from './structure-keys.ts';

/** Programs that a simulator remembers. */
const MOST_PROGRAMS = 256;

/** A program and the places that it was made for. */
export interface CachedProgram {
  readonly program: EngineProgram;
  readonly places: Int32Array;
  readonly known: StartKnowledge;
  /** False once the program was forgotten; it must be asked for again. */
  isAlive: boolean;
}

/** The programs of a simulator by the structure of their gates; the one used least recently goes first. */
export class ProgramCache {
  readonly #engine: StateEngine;
  readonly #entries = new Map<string, CachedProgram>();
  readonly #keys = new StructureKeys();
  readonly #requestKeys = new WeakMap<ProgramRequest, string>();

  constructor(engine: StateEngine) {
    this.#engine = engine;
  }

  /** The program for a request at the places of a frame of which so much is known; `onCompile` is told of one that was made. */
  get(
    request: ProgramRequest,
    frame: StateFrame,
    known: StartKnowledge,
    onCompile: (program: EngineProgram) => void,
  ): CachedProgram {
    let own = this.#requestKeys.get(request);
    if (own === undefined) {
      own = `${request.qubitCount}|${this.#keys.keyOf(request.instructions)}`;
      this.#requestKeys.set(request, own);
    }
    const key = `${known}|${frame.qubits.join()}|${own}`;
    const found = this.#entries.get(key);
    if (found !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, found);
      return found;
    }
    const places = frame.qubits.slice();
    const program = this.#engine.compile(request, { places, known });
    onCompile(program);
    const entry: CachedProgram = { program, places, known, isAlive: true };
    this.#entries.set(key, entry);
    if (this.#entries.size > MOST_PROGRAMS) this.#forget(this.#entries.keys().next().value!);
    return entry;
  }

  dispose(): void {
    for (const key of [...this.#entries.keys()]) this.#forget(key);
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key)!;
    this.#entries.delete(key);
    entry.isAlive = false;
    entry.program.dispose();
  }
}
