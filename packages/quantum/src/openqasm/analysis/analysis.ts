import type { Register } from '../../circuit/classical-expression.ts';
import { addAngles, type ParameterValue } from '../../circuit/parameter.ts';
import type { OpenQasmOptions } from '../parse-openqasm.ts';
import type { SourceText } from '../syntax/source-text.ts';
import type { Statement } from '../syntax/syntax-tree.ts';
import type { Draft } from './draft.ts';
import { type Entity, Scope } from './scope.ts';
import type { Slot } from './slot.ts';
import { Storages } from './storages.ts';

/** Steps of reading, gates and definitions included: each definition may double what comes before. */
const MAX_STEPS = 5_000_000;
/** What other work counts: a classical operation takes about as long as so many gates, a loop that is read twice longer. */
export const CLASSICAL_STEPS = 5;
export const RETRY_STEPS = 500;
/** Operations, blocks and calls within one another, each by what it takes of the stack. */
const MAX_DEPTH = 600;
const DEPTHS = { operation: 1, block: 2, call: 3 } as const;
/** Qubits, and classical bits, of one program: a statement on a whole register takes memory for each. */
export const MAX_BITS = 1_000_000;

/** Instructions behind which the rest of a body may not run. */
const MOVES_ON: ReadonlySet<Draft['kind']> = new Set(['if', 'while', 'for', 'switch', 'break', 'continue']);

/** How a statement ended. `stopped`: whatever follows in the same body never runs. */
export type Completion = 'normal' | 'break' | 'continue' | 'return' | 'end' | 'stopped';

/** A loop around the current statement. */
export interface LoopFrame {
  /** Unrolled while reading, or kept for the running program. */
  readonly form: 'unrolled' | 'kept';
  /** How many bodies of kept control flow surround the loop's own body. */
  readonly runtimeDepth: number;
}

/** The subroutine that is being inlined. */
export interface CallFrame {
  readonly runtimeDepth: number;
  /** Takes the value of `return`. */
  readonly deliver: (statement: Extract<Statement, { kind: 'return' }>) => void;
  readonly outer: CallFrame | null;
}

/** Thrown when a loop that is being unrolled turns out to depend on what only the running program knows. */
export class KeepLoop {
  readonly loop: LoopFrame;

  constructor(loop: LoopFrame) {
    this.loop = loop;
  }
}

/** The state of reading a program: names, classical values so far, and the instructions that came out. */
export class Analysis {
  source: SourceText;
  scope: Scope;
  /** Where instructions go. */
  output: Draft[] = [];
  readonly options: OpenQasmOptions;
  readonly storages: Storages;
  /** Live classical variables. */
  readonly slots: Slot[] = [];
  /** Variables that each surrounding body of kept control flow assigns, outermost first. */
  readonly runtimeBodies: (readonly Slot[])[] = [];
  loop: LoopFrame | null = null;
  call: CallFrame | null = null;
  /** The order of the latest declaration. */
  order = 0;
  qubitCount = 0;
  readonly quantumRegisters: Register[] = [];
  /** The largest hardware qubit and where it was used first. */
  hardwareQubits: { count: number; readonly start: number; readonly source: SourceText } | null = null;
  /** Names declared `output`; null when there are none, which makes every global variable one. */
  outputs: Slot[] | null = null;
  readonly globals: Slot[] = [];
  /** Global phase that U gates brought since the latest instruction with a body. */
  #phase: ParameterValue = 0;
  #steps = 0;
  #depth = 0;
  readonly #places = new Map<SourceText, Map<string, object>>();

  constructor(source: SourceText, library: Scope, options: OpenQasmOptions) {
    this.source = source;
    this.scope = new Scope(library);
    this.options = options;
    this.storages = new Storages(this);
  }

  get runtimeDepth(): number {
    return this.runtimeBodies.length;
  }

  /** True in statements that stand in no body at all. */
  get atTop(): boolean {
    return this.call === null && this.scope.parent?.parent === null;
  }

  /** Counts work. @throws FileFormatError when a program expands to too much. */
  count(steps: number, start: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) this.fail(start, `a program of at most ${MAX_STEPS} expanded steps`, 'more');
  }

  /** Refuses work that is known to be too much before it begins. */
  checkRoom(steps: number, start: number): void {
    if (this.#steps + steps > MAX_STEPS) this.count(steps, start);
  }

  /** Counts a level of recursion; `leave` undoes it. */
  enter(level: keyof typeof DEPTHS, start: number): void {
    this.#depth += DEPTHS[level];
    if (this.#depth > MAX_DEPTH)
      this.fail(start, `at most ${MAX_DEPTH / DEPTHS[level]} ${level}s within one another`, 'more');
  }

  leave(level: keyof typeof DEPTHS): void {
    this.#depth -= DEPTHS[level];
  }

  /** Runs a function with a new scope, and forgets the variables that it declares. */
  inScope<T>(run: () => T, scope = new Scope(this.scope)): T {
    const { scope: outer, slots } = this;
    const count = slots.length;
    this.scope = scope;
    try {
      return run();
    } finally {
      this.scope = outer;
      slots.length = count;
    }
  }

  /** Runs a function and returns the instructions that it made, which go nowhere else. */
  collect(run: () => void): Draft[] {
    const { output: outer } = this;
    const phase = this.#phase;
    const own: Draft[] = [];
    this.output = own;
    this.#phase = 0;
    try {
      run();
      this.flushPhase();
    } finally {
      this.output = outer;
      this.#phase = phase;
    }
    return own;
  }

  emit(draft: Draft): void {
    if (MOVES_ON.has(draft.kind)) this.flushPhase();
    this.output.push(draft);
  }

  /** Notes a global phase, which commutes with whatever comes next in this body. */
  addPhase(phase: ParameterValue): void {
    this.#phase = addAngles(this.#phase, phase);
  }

  /** Appends the global phase that was noted. */
  flushPhase(): void {
    const phase = this.#phase;
    this.#phase = 0;
    if (phase === 0) return;
    this.output.push({ kind: 'gate', name: 'global_phase', qubits: [], parameters: [phase] });
  }

  /** Stands for what is kept for a purpose at a place of the current file: always the same object. */
  placeOf(purpose: string, start: number): object {
    const places = this.#places.get(this.source) ?? new Map<string, object>();
    this.#places.set(this.source, places);
    const key = `${purpose} ${start}`;
    const place = places.get(key) ?? {};
    places.set(key, place);
    return place;
  }

  declare(name: string, entity: Entity, start: number): void {
    if (this.scope.has(name)) this.fail(start, 'a name that this scope does not have yet', `"${name}"`);
    this.scope.set(name, entity, ++this.order);
  }

  /** What a name stands for. @throws FileFormatError for an unknown one. */
  find(name: string, start: number, what: string): Entity {
    return this.scope.find(name) ?? this.fail(start, `${what} declared above`, `"${name}"`);
  }

  /** Ends the program: its outputs (without any, its global variables) have their values in memory. */
  finish(end: number): void {
    const { hardwareQubits } = this;
    if (hardwareQubits !== null && this.qubitCount > 0) {
      const { source, start } = hardwareQubits;
      throw source.unsupportedError(start, 'hardware qubits beside declared ones are not supported');
    }
    for (const slot of this.outputs ?? this.globals) this.storages.sync(slot, end);
    this.flushPhase();
  }

  /** Remembers all values, and returns a function that brings them back and drops what came out since. */
  checkpoint(): () => void {
    const values = this.slots.map(({ known, synced }) => ({ known, synced }));
    const { output, scope, loop, call, source, slots } = this;
    const [length, bodies, depth, phase] = [
      output.length,
      this.runtimeBodies.length,
      this.#depth,
      this.#phase,
    ];
    return () => {
      slots.length = values.length;
      for (const [index, value] of values.entries()) Object.assign(slots[index]!, value);
      output.length = length;
      this.runtimeBodies.length = bodies;
      this.#depth = depth;
      this.#phase = phase;
      Object.assign(this, { output, scope, loop, call, source });
    };
  }

  /** @throws FileFormatError at a place of the file that is being read. */
  fail(start: number, expected: string, actual: string, remedy?: string): never {
    throw this.source.formatError(start, expected, actual, remedy);
  }

  /** @throws UnsupportedError naming what is not done. */
  refuse(start: number, what: string, remedy?: string): never {
    throw this.source.unsupportedError(start, what, remedy);
  }
}
