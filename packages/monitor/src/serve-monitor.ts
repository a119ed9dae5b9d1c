import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, InvalidArgumentError, systemClock, throwIfCancelled } from '@qedge/core';
import type { AnomalyConfig } from './detectors/detect-anomalies.ts';
import { renderLivePage } from './live-page.ts';
import type { MetricRegistry } from './metric-registry.ts';
import { MonitorFeed } from './monitor-feed.ts';
import { formatPrometheus, PROMETHEUS_CONTENT_TYPE } from './prometheus-text.ts';
import type { Tracer } from './tracer.ts';

/** Options of {@link serveMonitor}. */
export interface ServeMonitorOptions {
  readonly registry: MetricRegistry;
  readonly tracer?: Tracer;
  /** Default 0: any free one. */
  readonly port?: number;
  /** Default `127.0.0.1`: only this machine can connect. There is no password; think before you widen it. */
  readonly host?: string;
  /** Ends the server when aborted. */
  readonly signal?: AbortSignal;
  /** Dates ticks; must be the clock of registry and tracer. Default: the machine's clock. */
  readonly clock?: Clock;
  /** Time between ticks of the page. Default 1000, at least 10. */
  readonly intervalMs?: number;
  /** Ticks kept for charts and detectors. Default 900. */
  readonly historyCapacity?: number;
  /** Limits of the detectors. */
  readonly anomalies?: AnomalyConfig;
}

/** A running monitor. */
export interface MonitorServer extends AsyncDisposable {
  /** With a slash at the end, e.g. `http://127.0.0.1:41234/`. */
  readonly url: string;
  /** Ends open pages and frees the port. Harmless when repeated. */
  close(): Promise<void>;
}

/** A page that is slower than this much unsent data is disconnected; it reconnects by itself. */
const LARGEST_BACKLOG_BYTES = 4_000_000;

/**
 * Serves a live page (`/`), Prometheus metrics (`/metrics`), everything as JSON (`/api/snapshot`) and the page's server-sent
 * events (`/events`). A request never waits for a measurement: it shows what is recorded.
 *
 * @throws CancelledError when the signal is aborted before the server is up, InvalidArgumentError for a bad interval, and the system's own error
 *   when the port cannot be had.
 *
 * @example
 * const server = await serveMonitor({ registry, tracer });
 * console.log(`Open ${server.url}`);
 */
export async function serveMonitor(options: ServeMonitorOptions): Promise<MonitorServer> {
  const { host = '127.0.0.1', port = 0, intervalMs = 1000, signal } = options;
  throwIfCancelled(signal, 'Serving the monitor');
  if (!(intervalMs >= 10 && Number.isFinite(intervalMs))) {
    throw new InvalidArgumentError('A tick interval is out of range', {
      expected: 'at least 10 ms',
      actual: intervalMs,
    });
  }
  const clock = options.clock ?? systemClock;
  const feed = new MonitorFeed(
    options.registry,
    options.tracer,
    clock,
    options.historyCapacity ?? 900,
    options.anomalies,
  );
  const pages = new Set<ServerResponse>();
  const loopback = isLoopbackName(host);
  const server = createServer((request, response) => {
    if (!acceptable(request, response, loopback)) return;
    answer(request, response, { registry: options.registry, feed, pages, intervalMs });
  });
  try {
    await listen(server, port, host);
  } catch (error) {
    feed.dispose();
    throw error;
  }
  const timer = setInterval(() => broadcast(pages, 'tick', feed.tick()), intervalMs);
  feed.tick();
  let closing: Promise<void> | null = null;
  const close = () => {
    signal?.removeEventListener('abort', close);
    closing ??= shutDown(server, pages, timer, feed);
    return closing;
  };
  signal?.addEventListener('abort', close, { once: true });
  if (signal?.aborted) {
    // Aborted while the port was being opened: the listener came too late for that.
    await close();
    throwIfCancelled(signal, 'Serving the monitor');
  }
  const address = server.address() as AddressInfo;
  const authority = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return { url: `http://${authority}:${address.port}/`, close, [Symbol.asyncDispose]: close };
}

interface Served {
  readonly registry: MetricRegistry;
  readonly feed: MonitorFeed;
  readonly pages: Set<ServerResponse>;
  readonly intervalMs: number;
}

function answer(request: IncomingMessage, response: ServerResponse, served: Served): void {
  // Not parsed as a URL: a request target may be anything, and a parser may throw.
  const pathname = request.url?.split('?', 1)[0];
  switch (pathname) {
    case '/':
      sendPage(response);
      return;
    case '/metrics':
      send(response, 200, PROMETHEUS_CONTENT_TYPE, formatPrometheus(served.registry));
      return;
    case '/api/snapshot':
      send(response, 200, 'application/json; charset=utf-8', toJson(served.feed.snapshot()));
      return;
    case '/events':
      openEvents(request, response, served);
      return;
    case '/favicon.ico':
      response.writeHead(204).end();
      return;
    default:
      send(
        response,
        404,
        'text/plain; charset=utf-8',
        'Not found. Try /, /metrics, /api/snapshot or /events.\n',
      );
  }
}

function sendPage(response: ServerResponse): void {
  const nonce = randomBytes(16).toString('base64');
  response.setHeader(
    'content-security-policy',
    `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  send(response, 200, 'text/html; charset=utf-8', renderLivePage(nonce));
}

function openEvents(
  request: IncomingMessage,
  response: ServerResponse,
  { feed, pages, intervalMs }: Served,
): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  response.write(`retry: ${Math.max(1000, intervalMs)}\n\n`);
  response.write(eventText('snapshot', feed.snapshot()));
  pages.add(response);
  response.on('close', () => pages.delete(response));
}

function broadcast(pages: Set<ServerResponse>, event: string, data: unknown): void {
  if (pages.size === 0) return;
  const text = eventText(event, data);
  for (const page of pages) {
    if (page.writableLength > LARGEST_BACKLOG_BYTES) page.destroy();
    else page.write(text);
  }
}

function eventText(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${toJson(data)}\n\n`;
}

function toJson(data: unknown): string {
  return JSON.stringify(data);
}

/** Refuses what is no reading request, and foreign host names: a web page elsewhere could otherwise read the monitor by rebinding its name to this machine. */
function acceptable(request: IncomingMessage, response: ServerResponse, loopback: boolean): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    send(response, 405, 'text/plain; charset=utf-8', 'Only GET and HEAD are answered.\n');
    return false;
  }
  const name = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (loopback && !isLoopbackName(name)) {
    send(response, 403, 'text/plain; charset=utf-8', 'This monitor answers only under a loopback name.\n');
    return false;
  }
  return true;
}

function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name);
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  // Node itself drops the body of an answer to HEAD.
  response.end(body);
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function shutDown(
  server: Server,
  pages: Set<ServerResponse>,
  timer: NodeJS.Timeout,
  feed: MonitorFeed,
): Promise<void> {
  clearInterval(timer);
  feed.dispose();
  // Said aloud, so that a page does not look for a server that has finished its work.
  for (const page of pages) page.end(eventText('end', {}));
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
