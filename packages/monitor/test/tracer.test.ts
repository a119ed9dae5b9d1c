import {
  CancelledError,
  InvalidArgumentError,
  ManualClock,
  type Span,
  UseAfterReleaseError,
} from '@qedge/core';
import { Tracer } from '@qedge/monitor';
import { asyncSpanContext } from '@qedge/monitor/node';
import { describe, expect, test } from 'vitest';

describe('Tracer', () => {
  test('dates synchronous work and returns its result', () => {
    const clock = new ManualClock(100);
    const tracer = new Tracer({ clock });
    const work = () => {
      clock.advance(5);
      return 42;
    };
    const result = tracer.span('work', work, { bits: 8 });
    expect(result).toBe(42);
    expect(tracer.spans()).toEqual([
      {
        id: 1,
        parentId: null,
        name: 'work',
        startMs: 100,
        endMs: 105,
        status: 'ok',
        attributes: { bits: 8 },
      },
    ]);
  });

  test('ends asynchronous work when its promise settles, not before', async () => {
    const clock = new ManualClock();
    const tracer = new Tracer({ clock });
    const done = tracer.span('sleep', () => clock.sleep(1000));
    expect(tracer.spans()).toEqual([]);
    clock.advance(1000);
    await done;
    expect(tracer.spans()[0]).toMatchObject({ startMs: 0, endMs: 1000, status: 'ok' });
  });

  test('records failures and cancellations and throws them on', async () => {
    const tracer = new Tracer();
    const fail = (error: unknown) => () => {
      throw error;
    };
    expect(() => tracer.span('a', fail(new RangeError('too far')))).toThrow(RangeError);
    await expect(tracer.span('b', async () => fail(new Error('later'))())).rejects.toThrow('later');
    expect(() => tracer.span('c', fail(new CancelledError('stop')))).toThrow(CancelledError);
    const stop = AbortSignal.abort();
    await expect(tracer.span('d', async () => stop.throwIfAborted())).rejects.toThrow();
    expect(() => tracer.span('e', fail('a string'))).toThrow('a string');
    expect(tracer.spans().map(({ name, status, attributes }) => [name, status, attributes.error])).toEqual([
      ['a', 'error', 'too far'],
      ['b', 'error', 'later'],
      ['c', 'cancelled', 'stop'],
      ['d', 'cancelled', 'This operation was aborted'],
      ['e', 'error', undefined],
    ]);
  });

  test('nests by explicit parent, also across awaits and in parallel', async () => {
    const tracer = new Tracer();
    await tracer.span('outer', async (outer) => {
      await Promise.all(
        ['left', 'right'].map((side) =>
          outer.span(side, async (span) => {
            await Promise.resolve();
            span.span(`${side} inner`, () => {});
          }),
        ),
      );
      tracer.span('stranger', () => {});
    });
    const byName = new Map(tracer.spans().map((span) => [span.name, span]));
    const parentOf = (name: string) =>
      tracer.spans().find((span) => span.id === byName.get(name)?.parentId)?.name ?? null;
    expect(['left', 'right', 'left inner', 'right inner', 'stranger', 'outer'].map(parentOf)).toEqual([
      'outer',
      'outer',
      'left',
      'right',
      null,
      null,
    ]);
  });

  test('with the context of Node nests by itself, each branch on its own', async () => {
    const tracer = new Tracer({ context: asyncSpanContext() });
    await tracer.span('outer', async () => {
      await Promise.all([
        tracer.span('slow', async () => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          tracer.span('in slow', () => {});
        }),
        tracer.span('fast', async () => tracer.startSpan('in fast').end()),
      ]);
    });
    tracer.span('after', () => {});
    const spans = tracer.spans();
    const parentOf = (name: string) =>
      spans.find(({ id }) => id === spans.find((span) => span.name === name)!.parentId)?.name ?? null;
    expect(['slow', 'fast', 'in slow', 'in fast', 'after'].map(parentOf)).toEqual([
      'outer',
      'outer',
      'slow',
      'fast',
      null,
    ]);
  });

  test('spans begun by hand take attributes until they end, once', () => {
    const clock = new ManualClock();
    const tracer = new Tracer({ clock });
    const span = tracer.startSpan('manual', { a: 1 });
    const child = span.startSpan('child');
    span.setAttribute('b', true);
    child.end('cancelled');
    clock.advance(3);
    span.end();
    span.setAttribute('late', 1);
    expect(tracer.spans()).toMatchObject([
      { name: 'child', parentId: span.id, status: 'cancelled' },
      { attributes: { a: 1, b: true }, endMs: 3 },
    ]);
    expect(tracer.spans()[1]!.attributes).not.toHaveProperty('late');
    expect(() => span.end()).toThrow(UseAfterReleaseError);
  });

  test('listeners hear every span until they stop listening', () => {
    const tracer = new Tracer();
    const heard: Span[] = [];
    const stop = tracer.onSpan((span) => heard.push(span));
    tracer.span('one', () => {});
    stop();
    tracer.span('two', () => {});
    expect(heard.map(({ name }) => name)).toEqual(['one']);
  });

  test('keeps the newest spans and counts the others', () => {
    const tracer = new Tracer({ capacity: 3 });
    for (let i = 0; i < 10; i++) tracer.span(String(i), () => {});
    expect(tracer.spans().map(({ name }) => name)).toEqual(['7', '8', '9']);
    expect(tracer.droppedSpans).toBe(7);
    expect(() => new Tracer({ capacity: 0 })).toThrow(InvalidArgumentError);
  });
});
