import { AsyncLocalStorage } from 'node:async_hooks';
import type { ActiveSpan, SpanContext } from './tracer.ts';

/**
 * A context that follows calls, promises and timers, so that spans nest without passing them along.
 *
 * @example
 * const tracer = new Tracer({ context: asyncSpanContext() });
 */
export function asyncSpanContext(): SpanContext {
  const storage = new AsyncLocalStorage<ActiveSpan>();
  return {
    current: () => storage.getStore() ?? null,
    run: (span, work) => storage.run(span, work),
  };
}
