import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Random, systemClock } from '@qedge/core';
import { workerThreadTrials } from '@qedge/quantum/node';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectInteractions } from '../../src/compiler/interaction/collect-interactions.ts';
import { layOutAndRoute } from '../../src/compiler/routing/lay-out-and-route.ts';
import { routingOfLevel } from '../../src/compiler/routing/routing-settings.ts';
import { graphOf, randomConnectedEdges, randomPairCircuit } from './routed-state.ts';

const folder = mkdtempSync(join(tmpdir(), 'qedge-trials-'));
const module = pathToFileURL(join(folder, 'task.mjs')).href;

beforeAll(async () => {
  // Threads import JavaScript; tests run from the sources.
  await build({
    config: false,
    entry: {
      task: fileURLToPath(new URL('../../src/compiler/routing/layout-trial-task.ts', import.meta.url)),
    },
    outDir: folder,
    outExtension: () => ({ js: '.mjs' }),
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    splitting: false,
    noExternal: [/^@qedge\//],
    silent: true,
    esbuildOptions: (options) => {
      options.conditions = ['@qedge/source'];
    },
  });
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

const random = new Random(7);
const circuit = collectInteractions(randomPairCircuit(random, 8, 120));
const graph = graphOf(9, randomConnectedEdges(random, 9, 2));
const settings = { ...routingOfLevel(3), layouts: 16 };
const contextOf = (signal?: AbortSignal) => ({
  random: new Random(1),
  clock: systemClock,
  deadlineMs: Number.POSITIVE_INFINITY,
  signal,
});

describe('layout trials on worker threads', () => {
  it('find what trials in one thread find, with any number of threads', async () => {
    const expected = await layOutAndRoute(circuit, graph, settings, contextOf());
    for (const threads of [1, 2, 3]) {
      await using executor = workerThreadTrials({ threads, module });
      expect(await layOutAndRoute(circuit, graph, settings, contextOf(), { executor })).toEqual(expected);
    }
  }, 60_000);

  it('end with the signal', async () => {
    await using executor = workerThreadTrials({ threads: 2, module });
    const stop = new AbortController();
    const long = { ...settings, layouts: 1_000_000, patience: 1_000_000 };
    setTimeout(() => stop.abort(), 100);
    await expect(
      layOutAndRoute(circuit, graph, long, contextOf(stop.signal), { executor }),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
  }, 60_000);

  it('refuse impossible numbers of threads', () => {
    expect(() => workerThreadTrials({ threads: 0, module })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});
