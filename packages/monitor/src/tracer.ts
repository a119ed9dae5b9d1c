import {
  CancelledError,
  type Clock,
  InvalidArgumentError,
  type Span,
  systemClock,
  UseAfterReleaseError,
} from '@qedge/core';

/** Facts about a piece of work. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Knows which span the running code belongs to. `asyncSpanContext()` of `@qedge/monitor/node` follows `await`. */
export interface SpanContext {
  current(): ActiveSpan | null;
  run<T>(span: ActiveSpan, work: () => T): T;
}

/** Options of {@link Tracer}. */
export interface TracerOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Makes spans children of the one they run in, without passing it along. Default: only explicit parents. */
  readonly context?: SpanContext;
  /** Finished spans to keep; the oldest are dropped and counted. Default 10,000. */
  readonly capacity?: number;
}

/** A piece of work that has begun. */
export interface ActiveSpan {
  readonly id: number;
  readonly parentId: number | null;
  readonly name: string;
  readonly startMs: number;
  setAttribute(name: string, value: string | number | boolean): void;
  /** Runs a part of this work in a span of its own; as {@link Tracer.span} with this span as parent. */
  span<T>(name: string, work: (span: ActiveSpan) => T, attributes?: SpanAttributes): T;
  /** Begins a part of this work. */
  startSpan(name: string, attributes?: SpanAttributes): ActiveSpan;
  /** Finishes the work, once. @throws UseAfterReleaseError when it was finished already. */
  end(status?: Span['status']): void;
}

const DEFAULT_CAPACITY = 10_000;

/**
 * Records what was done when. Work that throws ends with status `error`, cancelled work with `cancelled`.
 *
 * @example
 * const tracer = new Tracer();
 * const total = await tracer.span('compress', async (span) => {
 *   span.span('prune', () => prune(model));
 *   return span.span('quantise', () => quantise(model), { bits: 8 });
 * });
 */
export class Tracer {
  readonly #clock: Clock;
  readonly #context: SpanContext | null;
  readonly #capacity: number;
  readonly #listeners = new Set<(span: Span) => void>();
  #finished: Span[] = [];
  #dropped = 0;
  #nextId = 1;

  /** @throws InvalidArgumentError when `capacity` is not a positive integer. */
  constructor(options: TracerOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#context = options.context ?? null;
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
    if (!Number.isInteger(this.#capacity) || this.#capacity < 1) {
      throw new InvalidArgumentError('A capacity is out of range', {
        expected: 'an integer >= 1',
        actual: this.#capacity,
      });
    }
  }

  /** Spans that were forgotten because the capacity was reached. */
  get droppedSpans(): number {
    return this.#dropped;
  }

  /**
   * Runs work in a span and returns what it returns; a promise is awaited before the span ends. What the work throws is
   * thrown on. The span ends by itself: the work must not end it.
   */
  span<T>(name: string, work: (span: ActiveSpan) => T, attributes: SpanAttributes = {}): T {
    return this.#runIn(this.startSpan(name, attributes), work);
  }

  /** Begins a span that the caller ends. Its parent is the context's current span, if there is one. */
  startSpan(name: string, attributes: SpanAttributes = {}): ActiveSpan {
    return this.#start(name, this.#context?.current()?.id ?? null, attributes);
  }

  /** Finished spans in the order in which they ended, oldest first. */
  spans(): Span[] {
    return this.#finished.slice(-this.#capacity);
  }

  /** Calls back at the end of every span; the callback must not throw. Returns the function that stops it. */
  onSpan(listener: (span: Span) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #start(name: string, parentId: number | null, initial: SpanAttributes): ActiveSpan {
    const attributes: Record<string, string | number | boolean> = { ...initial };
    const startMs = this.#clock.nowMs();
    const id = this.#nextId++;
    let ended = false;
    const active: ActiveSpan = {
      id,
      parentId,
      name,
      startMs,
      setAttribute(key, value) {
        attributes[key] = value;
      },
      span: (child, work, facts = {}) => this.#runIn(this.#start(child, id, facts), work),
      startSpan: (child, facts = {}) => this.#start(child, id, facts),
      end: (status = 'ok') => {
        if (ended) throw new UseAfterReleaseError(`Span "${name}" was ended twice`);
        ended = true;
        this.#finish({
          id,
          parentId,
          name,
          startMs,
          endMs: this.#clock.nowMs(),
          status,
          attributes: { ...attributes },
        });
      },
    };
    return active;
  }

  #runIn<T>(active: ActiveSpan, work: (span: ActiveSpan) => T): T {
    const settle = (error: unknown) => {
      if (error instanceof Error) active.setAttribute('error', error.message);
      active.end(isCancellation(error) ? 'cancelled' : 'error');
    };
    let result: T;
    try {
      result = this.#context ? this.#context.run(active, () => work(active)) : work(active);
    } catch (error) {
      settle(error);
      throw error;
    }
    if (!isPromise(result)) {
      active.end();
      return result;
    }
    return result.then(
      (value) => {
        active.end();
        return value;
      },
      (error) => {
        settle(error);
        throw error;
      },
    ) as T;
  }

  #finish(span: Span): void {
    this.#finished.push(span);
    if (this.#finished.length > this.#capacity) this.#dropped++;
    // Cutting only once the list is twice as long keeps the mean cost of an append constant.
    if (this.#finished.length >= 2 * this.#capacity) this.#finished = this.#finished.slice(-this.#capacity);
    for (const listener of this.#listeners) listener(span);
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function isCancellation(error: unknown): boolean {
  return error instanceof CancelledError || (error instanceof Error && error.name === 'AbortError');
}
