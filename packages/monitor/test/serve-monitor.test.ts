import { get, type IncomingMessage, request } from 'node:http';
import { createConnection } from 'node:net';
import { CancelledError, InvalidArgumentError } from '@qedge/core';
import { MetricRegistry, Tracer } from '@qedge/monitor';
import {
  type MonitorServer,
  type MonitorSnapshot,
  type MonitorTick,
  serveMonitor,
} from '@qedge/monitor/node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let registry: MetricRegistry;
let tracer: Tracer;
let server: MonitorServer;
beforeEach(async () => {
  registry = new MetricRegistry();
  tracer = new Tracer();
  server = await serveMonitor({ registry, tracer, intervalMs: 20 });
});
afterEach(() => server.close());

/** Reads server-sent events until `enough` of one kind have come; `onConnected` runs after the first event of any kind. */
async function events<T>(url: string, kind: string, enough: number, onConnected?: () => void): Promise<T[]> {
  const stop = new AbortController();
  const response = await fetch(`${url}events`, { signal: stop.signal });
  const found: T[] = [];
  let text = '';
  let tell = onConnected;
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const blocks = text.split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks) {
      const [, name, data] = /^event: (.+)\ndata: (.+)$/.exec(block) ?? [];
      if (name === kind) found.push(JSON.parse(data!) as T);
      if (name) {
        tell?.();
        tell = undefined;
      }
    }
    if (found.length >= enough) break;
  }
  stop.abort();
  return found;
}

describe('serveMonitor', () => {
  test('listens on this machine only, on a port of its own', async () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const second = await serveMonitor({ registry });
    expect(second.url).not.toBe(server.url);
    await second.close();
  });

  test('serves metrics to Prometheus', async () => {
    registry.counter('runs_total', { precision: 'int8' }).increment(3);
    const response = await fetch(`${server.url}metrics`);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).toBe('# TYPE runs_total counter\nruns_total{precision="int8"} 3\n');
  });

  test('serves everything as JSON', async () => {
    registry.gauge('quantum_fidelity_fraction').set(0.5);
    tracer.span('step', () => {});
    await events<MonitorTick>(server.url, 'tick', 2);
    const response = await fetch(`${server.url}api/snapshot`);
    expect(response.headers.get('content-type')).toContain('application/json');
    const snapshot = (await response.json()) as MonitorSnapshot;
    expect(snapshot).toMatchObject({
      version: 1,
      metrics: [{ name: 'quantum_fidelity_fraction', value: 0.5 }],
      spans: [{ name: 'step' }],
      anomalies: [{ kind: 'low-fidelity' }],
    });
    expect(snapshot.series[0]!.values.length).toBeGreaterThanOrEqual(2);
    expect(Math.abs(snapshot.timestampMs + snapshot.epochOffsetMs - Date.now())).toBeLessThan(5000);
  });

  test('sends what is new with every tick, and each span once', async () => {
    const gauge = registry.gauge('g');
    gauge.set(1);
    const ticks = await events<MonitorTick>(server.url, 'tick', 4, () => {
      tracer.span('once', () => {});
      gauge.set(2);
    });
    expect(ticks.flatMap(({ spans }) => spans).map(({ name }) => name)).toEqual(['once']);
    expect(ticks.at(-1)!.points).toMatchObject([{ name: 'g', value: 2 }]);
  });

  test('the page carries its own scripts and forbids all others', async () => {
    const response = await fetch(server.url);
    const page = await response.text();
    const policy = response.headers.get('content-security-policy')!;
    const nonce = /script-src 'nonce-([^']+)'/.exec(policy)![1]!;
    expect(policy).toContain("default-src 'none'");
    expect(page.match(/<(script|style)\b[^>]*>/g)!.every((tag) => tag.includes(`nonce="${nonce}"`))).toBe(
      true,
    );
    expect(page).not.toMatch(/<(script|link|img)[^>]+(src|href)=/);
    expect(page).not.toMatch(/%NONCE%|\/\* (STYLES|CHART_LIBRARY|SCRIPT) \*\//);
    expect(page).toContain('uPlot');
    expect(await (await fetch(server.url)).text()).not.toContain(nonce);
  });

  test('answers HEAD without a body and refuses everything that is not reading', async () => {
    const head = await fetch(`${server.url}metrics`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect((await fetch(`${server.url}events`, { method: 'HEAD' })).status).toBe(200);
    const post = await fetch(`${server.url}metrics`, { method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await fetch(`${server.url}nothing`)).status).toBe(404);
    expect((await fetch(`${server.url}favicon.ico`)).status).toBe(204);
  });

  test('survives requests that are no requests', async () => {
    for (const target of ['//', '/%', '/\\', 'http://[', '*'])
      expect(await statusOf(server.url, target, '127.0.0.1')).toBeGreaterThanOrEqual(400);
    await new Promise<void>((resolve) => {
      const { hostname, port } = new URL(server.url);
      const socket = createConnection(Number(port), hostname, () => socket.end('nonsense\r\n\r\n'));
      socket.resume().on('close', () => resolve());
    });
    expect((await fetch(`${server.url}metrics`)).status).toBe(200);
  });

  test('refuses foreign host names, so that no web page can read it by rebinding its own', async () => {
    expect(await statusOf(server.url, '/metrics', 'evil.example')).toBe(403);
    expect(await statusOf(server.url, '/metrics', '127.0.0.1.evil.example:80')).toBe(403);
    expect(await statusOf(server.url, '/metrics', 'localhost:1234')).toBe(200);
  });

  test('closes with pages open, frees the port, and may be closed twice', async () => {
    const open = await new Promise<IncomingMessage>((resolve) => get(`${server.url}events`, resolve));
    const ended = new Promise((resolve) => open.on('close', resolve).resume());
    await server.close();
    await server.close();
    await ended;
    const again = await serveMonitor({ registry, port: Number(new URL(server.url).port) });
    expect(again.url).toBe(server.url);
    await expect(serveMonitor({ registry, port: Number(new URL(server.url).port) })).rejects.toThrow(
      'EADDRINUSE',
    );
    await again.close();
    await expect(fetch(server.url)).rejects.toThrow();
  });

  test('ends with its signal and does not begin with an aborted one', async () => {
    const stop = new AbortController();
    const served = await serveMonitor({ registry, signal: stop.signal });
    stop.abort();
    await served.close();
    await expect(fetch(served.url)).rejects.toThrow();
    await expect(serveMonitor({ registry, signal: stop.signal })).rejects.toThrow(CancelledError);
    const early = new AbortController();
    const port = Number(new URL(served.url).port);
    const starting = serveMonitor({ registry, port, signal: early.signal });
    early.abort();
    await expect(starting).rejects.toThrow(CancelledError);
    await expect(fetch(served.url)).rejects.toThrow();
    await expect(serveMonitor({ registry, intervalMs: 1 })).rejects.toThrow(InvalidArgumentError);
  });
});

function statusOf(url: string, path: string, host: string): Promise<number> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    })
      .on('error', reject)
      .end();
  });
}
