import { formatPrometheus, MetricRegistry } from '@qedge/monitor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

interface ParsedSample {
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly value: number;
}

interface ParsedFamily {
  readonly type: string;
  readonly help: string | null;
  readonly samples: ParsedSample[];
}

/** A strict reader of the text exposition format 0.0.4, written from its specification. Throws on the first deviation. */
function parse(text: string): Map<string, ParsedFamily> {
  const families = new Map<string, ParsedFamily>();
  if (text === '') return families;
  if (!text.endsWith('\n')) throw new Error('the last line has no line feed');
  let help: { name: string; text: string } | null = null;
  let current: { name: string; family: ParsedFamily } | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line);
    if (comment?.[1] === 'HELP') {
      if (families.has(comment[2]!)) throw new Error(`HELP after samples: ${line}`);
      help = { name: comment[2]!, text: unescapeText(comment[3]!, /^(\\\\|\\n)$/) };
      continue;
    }
    if (comment) {
      const name = comment[2]!;
      if (families.has(name)) throw new Error(`second TYPE: ${line}`);
      if (!['counter', 'gauge', 'summary', 'histogram', 'untyped'].includes(comment[3]!))
        throw new Error(line);
      current = {
        name,
        family: { type: comment[3]!, help: help?.name === name ? help.text : null, samples: [] },
      };
      families.set(name, current.family);
      continue;
    }
    const sample = parseSample(line);
    const base = current?.family.type === 'summary' ? sample.name.replace(/_(sum|count)$/, '') : sample.name;
    if (!current || base !== current.name) throw new Error(`sample outside its family: ${line}`);
    current.family.samples.push(sample);
  }
  return families;
}

function parseSample(line: string): ParsedSample {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (!match) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  let rest = match[2] ?? '';
  while (rest !== '') {
    const pair = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/.exec(rest);
    if (!pair || pair[1]! in labels) throw new Error(`bad labels: ${line}`);
    labels[pair[1]!] = unescapeText(pair[2]!, /^(\\\\|\\n|\\")$/);
    rest = rest.slice(pair[0].length);
  }
  const words: Record<string, number> = {
    '+Inf': Number.POSITIVE_INFINITY,
    '-Inf': Number.NEGATIVE_INFINITY,
    NaN: Number.NaN,
  };
  const text = match[3]!;
  const value = words[text] ?? (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : null);
  if (value === null) throw new Error(`bad value: ${line}`);
  return { name: match[1]!, labels, value };
}

function unescapeText(text: string, allowed: RegExp): string {
  return text.replace(/\\(.?)/g, (sequence) => {
    if (!allowed.test(sequence)) throw new Error(`bad escape ${sequence}`);
    return sequence === '\\n' ? '\n' : sequence[1]!;
  });
}

describe('formatPrometheus', () => {
  test('writes the text that the specification prescribes', () => {
    const registry = new MetricRegistry();
    registry.counter('runs_total', { precision: 'int8' }, { help: 'Inferences.' }).increment(3);
    registry.gauge('temperature_celsius').set(61.5);
    const latency = registry.histogram('latency_ms', {}, { help: 'Time.' });
    latency.record(2);
    expect(formatPrometheus(registry)).toBe(
      [
        '# HELP runs_total Inferences.',
        '# TYPE runs_total counter',
        'runs_total{precision="int8"} 3',
        '# TYPE temperature_celsius gauge',
        'temperature_celsius 61.5',
        '# HELP latency_ms Time.',
        '# TYPE latency_ms summary',
        'latency_ms{quantile="0.5"} 2',
        'latency_ms{quantile="0.9"} 2',
        'latency_ms{quantile="0.95"} 2',
        'latency_ms{quantile="0.99"} 2',
        'latency_ms_sum 2',
        'latency_ms_count 1',
        '',
      ].join('\n'),
    );
  });

  test('law: label values, help and numbers of every kind come back from a strict parser', () => {
    const hostile = fc.string({
      unit: fc.constantFrom('\\', '"', '\n', '{', '}', ',', '=', 'n', ' ', 'é', '#', '\t', '😀'),
    });
    const number = fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(0, -0, 1e21, 1e-7, Number.MAX_VALUE));
    fc.assert(
      fc.property(hostile, hostile, hostile, number, (a, b, help, value) => {
        const registry = new MetricRegistry();
        registry.gauge('g', { a, b }, { help }).set(value);
        const family = parse(formatPrometheus(registry)).get('g')!;
        expect(family.help ?? '').toBe(help);
        expect(family.samples).toEqual([
          { name: 'g', labels: { a, b }, value: value === 0 ? expect.closeTo(0, 20) : value },
        ]);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  test('nothing recorded is an empty text, and gauges that were never set are left out', () => {
    const registry = new MetricRegistry();
    expect(formatPrometheus(registry)).toBe('');
    registry.gauge('never_set', {}, { help: 'x' });
    expect(formatPrometheus(registry)).toBe('');
    registry.histogram('empty_ms');
    const { samples } = parse(formatPrometheus(registry)).get('empty_ms')!;
    expect(samples.map(({ value }) => value)).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN, 0, 0]);
  });

  test('the parser of this test is strict', () => {
    for (const bad of [
      'a 1',
      '# TYPE a counter\na{b="\\x"} 1\n',
      '# TYPE a counter\na{b=c} 1\n',
      '# TYPE a counter\nb 1\n',
      '# TYPE a counter\na one\n',
      '# TYPE a nonsense\n',
      'a 1\n',
    ])
      expect(() => parse(bad)).toThrow();
  });

  test('ten thousand series take less than a tenth of a second', () => {
    const registry = new MetricRegistry({ maxSeriesPerMetric: 10_000 });
    for (let i = 0; i < 10_000; i++) registry.counter('c', { i: String(i) }).increment(i);
    const times = Array.from({ length: 5 }, () => {
      const begun = performance.now();
      expect(formatPrometheus(registry).length).toBeGreaterThan(100_000);
      return performance.now() - begun;
    });
    expect(Math.min(...times)).toBeLessThan(100);
  });
});
