import {
  type Clock,
  InvalidArgumentError,
  type Precision,
  systemClock,
  UseAfterReleaseError,
  type ValueSpec,
} from '@qedge/core';
import type { Lifetime } from '../engine/bound-kernel.ts';
import type { ValueData } from './operators/operator-definition.ts';
import { requireFunction } from './require-arguments.ts';

/** Where the bytes of a compiled graph are. */
export interface CompiledGraphMemory {
  /** Of all values, which share them where lifetimes allow. */
  readonly arenaBytes: number;
  /** No plan of the same order of nodes has a smaller arena. */
  readonly arenaLowerBoundBytes: number;
  /** Of weights and constants in the workspace, as kernels read them. */
  readonly weightBytes: number;
  /** Of weights that were packed before and are read where they lie in the file. Where no mapping can be, they are copied to the workspace. */
  readonly mappedBytes: number;
  /** That kernels overwrite while they run. */
  readonly scratchBytes: number;
  /** Of the arguments of kernels. */
  readonly argumentBytes: number;
}

/** How one node is computed. */
export interface NodeReport {
  readonly name: string;
  readonly kind: string;
  readonly precision: Precision;
  /** Why that is not what the graph was compiled for; null where it is, or where there is nothing to choose. */
  readonly reason: string | null;
  /** Kernels that run one after the other. */
  readonly steps: number;
  /** Additions and multiplications, about: exact for products and convolutions without their edges, a rough figure for others. */
  readonly operations: number;
  /** Of inputs, weights and outputs, each counted once at the width that the graph gives it: the least that the node must move. */
  readonly bytes: number;
}

/** How long a node takes. */
export interface NodeTiming extends NodeReport {
  /** Best of several runs. */
  readonly milliseconds: number;
}

/** How a graph is computed. */
export interface CompiledGraphReport {
  readonly precision: Precision;
  /** Threads that large steps are divided among; 1 where handing over would take longer. */
  readonly threads: number;
  /** In the order in which they run, after optimisation. */
  readonly nodes: readonly NodeReport[];
  /** Steps of all nodes. */
  readonly steps: number;
  /** `prepared`: the code comes from a prepared file, where it was generated and checked before. */
  readonly kernels: 'generated' | 'prepared';
  /** Why kernels were generated, or WebAssembly runs, although the graph comes from a (trusted) prepared file; null where there is nothing to say. */
  readonly reason: string | null;
}

/** Work that follows other work: generated code, or a function of the user. */
export interface Runnable {
  run(): void;
}

/** A node on its own, for comparisons. */
export interface TracedNode {
  readonly outputs: readonly {
    readonly name: string;
    readonly spec: ValueSpec;
    readonly data: ValueData['data'];
  }[];
  /** Made when it is first needed. */
  prepare(): readonly Runnable[];
}

/** What {@link CompiledGraph} is made of. */
export interface CompiledGraphParts {
  readonly inputs: Readonly<Record<string, ValueData>>;
  readonly outputs: Readonly<Record<string, ValueData>>;
  readonly segments: readonly Runnable[];
  readonly nodes: readonly TracedNode[];
  readonly memory: CompiledGraphMemory;
  readonly report: CompiledGraphReport;
  readonly lifetime: Lifetime;
  /** Called before kernels read weights; throws when mapped ones must not be read any more. Must not allocate. */
  verify(): void;
  /** Told once, by `dispose`. */
  onDispose(): void;
}

/**
 * A graph as a list of calls of generated code on one memory. Made by `compileGraph`. Numbers go in and out through the arrays of `inputs` and
 * `outputs`; a run allocates nothing. Not re-entrant.
 *
 * @example
 * const compiled = compileGraph(model, engine);
 * compiled.inputs.x!.data.set(pixels);
 * compiled.run();
 * const scores = compiled.outputs.y!.data.slice();
 */
export class CompiledGraph implements Disposable {
  /** By name. To be written before a run; they keep their numbers. */
  readonly inputs: Readonly<Record<string, ValueData>>;
  /** By name. To be read after a run, until the next one. */
  readonly outputs: Readonly<Record<string, ValueData>>;
  readonly memory: CompiledGraphMemory;
  readonly report: CompiledGraphReport;
  readonly #lifetime: Lifetime;
  readonly #verify: () => void;
  readonly #onDispose: () => void;
  #nodes: readonly TracedNode[];
  #traced: readonly (readonly Runnable[])[] | null = null;
  /** Null after `dispose`. */
  #segments: readonly Runnable[] | null;

  constructor(parts: CompiledGraphParts) {
    this.inputs = parts.inputs;
    this.outputs = parts.outputs;
    this.memory = parts.memory;
    this.report = parts.report;
    this.#segments = parts.segments;
    this.#nodes = parts.nodes;
    this.#lifetime = parts.lifetime;
    this.#verify = parts.verify;
    this.#onDispose = parts.onDispose;
  }

  /**
   * Computes all outputs, synchronously.
   *
   * @throws UseAfterReleaseError after `dispose` of the graph or of its engine, ThreadLostError when a thread has ended,
   *   FileFormatError when a file whose weights are read where they lie was truncated or replaced; InvalidArgumentError,
   *   ShapeMismatchError or UnsupportedError naming the node of a user's operator, with what that threw as the cause.
   */
  run(): void {
    const segments = this.#segments;
    if (segments === null || this.#lifetime.disposed) throw disposedError();
    this.#verify();
    for (let index = 0; index < segments.length; index++) segments[index]!.run();
  }

  /**
   * Runs node by node, to compare with another runtime.
   *
   * @param visit is told every value that a node has computed, in order. The data are lent for the call.
   * @throws as {@link run}.
   */
  runTraced(visit: (name: string, value: ValueData) => void): void {
    requireFunction('visit', visit);
    for (const [index, segments] of this.#prepareNodes().entries()) {
      this.#verify();
      for (const segment of segments) segment.run();
      for (const { name, spec, data } of this.#nodes[index]!.outputs) visit(name, { ...spec, data });
    }
  }

  /**
   * Runs node by node, in order, and times each. The sum is more than {@link run} takes: every node is a call of its own, and with
   * threads a handoff.
   *
   * @param rounds runs of the whole graph, at least 1.
   * @param clock default: the system's.
   * @returns one entry per node, in the order of {@link report}.
   * @throws as {@link run}.
   */
  profile(rounds: number, clock: Clock = systemClock): readonly NodeTiming[] {
    if (!Number.isSafeInteger(rounds) || rounds < 1) {
      throw new InvalidArgumentError('The rounds of a profile are out of range', {
        expected: 'an integer >= 1',
        actual: rounds,
      });
    }
    const nodes = this.#prepareNodes();
    const best = nodes.map(() => Number.POSITIVE_INFINITY);
    for (let round = 0; round < rounds; round++) {
      for (const [index, segments] of nodes.entries()) {
        this.#verify();
        const startMs = clock.nowMs();
        for (const segment of segments) segment.run();
        best[index] = Math.min(best[index]!, clock.nowMs() - startMs);
      }
    }
    return this.report.nodes.map((node, index) => ({ ...node, milliseconds: best[index]! }));
  }

  #prepareNodes(): readonly (readonly Runnable[])[] {
    if (this.#segments === null || this.#lifetime.disposed) throw disposedError();
    this.#traced ??= this.#nodes.map((node) => node.prepare());
    return this.#traced;
  }

  /** Lets go of code and memory. Further calls do nothing. */
  dispose(): void {
    if (this.#segments === null) return;
    this.#segments = null;
    this.#traced = null;
    this.#nodes = [];
    this.#onDispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function disposedError(): UseAfterReleaseError {
  return new UseAfterReleaseError('A compiled graph was run after dispose() of it or of its engine', {
    remedy: 'Compile it again, on an engine that lives.',
  });
}
