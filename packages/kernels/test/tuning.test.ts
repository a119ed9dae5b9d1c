import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKernelHost } from '@qedge/codegen/node';
import { FileAccessError, FileFormatError, InvalidArgumentError, Random } from '@qedge/core';
import { afterAll, describe, expect, it } from 'vitest';
import type { KernelEngine } from '../src/engine/kernel-engine.ts';
import { fastestCandidate } from '../src/engine/measure-blocking.ts';
import { openTuningFile } from '../src/engine/tuning-file.ts';
import { compileGraph, createKernelEngine } from '../src/node.ts';
import { caseModel, GRAPH_CASES } from './graph-cases.ts';
import { presentIsas } from './present-ways.ts';

const folder = mkdtempSync(join(tmpdir(), 'qedge-tuning-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** One of each kind that has something to choose. @returns all results. */
function runWorks(engine: KernelEngine): number[] {
  const random = new Random(1);
  const space = engine.workspace(1 << 22);
  const fill = (values: Float32Array) => {
    for (let i = 0; i < values.length; i++) values[i] = random.normal();
    return values;
  };
  const [m, n, k] = [37, 100, 65];
  const [a, b, c] = [fill(space.float32(m * k)), fill(space.float32(k * n)), space.float32(m * n)];
  space.gemm({ m, n, k, a, b, c }).run();
  const sums = space.int32(m * n);
  const codes = space.uint8(m * k).map(() => random.integer(256));
  const placed = space.uint8(m * k);
  placed.set(codes);
  space
    .integerGemm({ m, n, k, a: placed, b: new Int8Array(k * n).map(() => random.integer(256)), c: sums })
    .run();
  const nibbles = new Uint8Array(n * 3 * 16).map(() => random.integer(256));
  const products = space.float32(m * n);
  space.nibbleGemm({ m, n, k, a, nibbles, scales: fill(new Float32Array(n * 3)), c: products }).run();
  const image = { height: 12, width: 11, channels: 8, outputChannels: 40, window: 3, padding: 1 } as const;
  const [input, output] = [fill(space.float32(12 * 11 * 8)), space.float32(12 * 11 * 40)];
  space.convolution({ ...image, input, weights: fill(new Float32Array(9 * 8 * 40)), output }).run();
  return [...c, ...sums, ...products, ...output];
}

describe('tuning', () => {
  it.each(presentIsas())('changes no bit of a result on %s', async (isa) => {
    using plain = await createKernelEngine({ isa });
    using tuned = await createKernelEngine({ isa, tuning: 'measure' });
    expect(runWorks(tuned)).toEqual(runWorks(plain));
  });

  it('keeps what was measured in a file, and takes it from there', async () => {
    const file = join(folder, 'new', 'tuning.json');
    const isa = 'wasm-strict';
    using first = await createKernelEngine({ isa, tuning: { file } });
    runWorks(first);
    const written = JSON.parse(readFileSync(file, 'utf8'));
    expect(written).toMatchObject({ format: 'qedge-kernel-tuning', version: 1 });
    const [entries] = Object.values(written.processors) as [object];
    expect(Object.keys(entries).every((key) => key.startsWith('wasm-strict strict {'))).toBe(true);
    expect(Object.keys(entries).map((key) => JSON.parse(key.slice(key.indexOf('{'))).kind)).toEqual([
      'gemm',
      'integer-gemm',
      'nibble-gemm',
      'convolution',
    ]);
    const before = readFileSync(file, 'utf8');
    using second = await createKernelEngine({ isa, tuning: { file } });
    runWorks(second);
    expect(readFileSync(file, 'utf8')).toBe(before);
    // No temporary file is left.
    expect(readdirSync(join(folder, 'new'))).toEqual(['tuning.json']);
  });

  it('measures the products and convolutions of compiled graphs', async () => {
    const file = join(folder, 'graph.json');
    using engine = await createKernelEngine({ isa: 'wasm-strict', tuning: { file } });
    for (const name of ['matmul', 'convolution']) {
      const { model } = caseModel(GRAPH_CASES.find((each) => each.name === name)!);
      compileGraph(model, engine).dispose();
    }
    const [entries] = Object.values(JSON.parse(readFileSync(file, 'utf8')).processors) as [object];
    const kinds = Object.keys(entries).map((key) => JSON.parse(key.slice(key.indexOf('{'))).kind);
    expect(kinds).toEqual(['gemm', 'convolution']);
  });

  it('measures again where a file names a blocking that is no candidate', async () => {
    const file = join(folder, 'strange.json');
    const isa = 'wasm-strict';
    using first = await createKernelEngine({ isa, tuning: { file } });
    const results = runWorks(first);
    const written = JSON.parse(readFileSync(file, 'utf8'));
    for (const entries of Object.values(written.processors) as Record<string, object>[]) {
      for (const key of Object.keys(entries)) entries[key] = { tileRows: 1000, tileVectors: 1000 };
    }
    writeFileSync(file, JSON.stringify(written));
    using second = await createKernelEngine({ isa, tuning: { file } });
    expect(runWorks(second)).toEqual(results);
    expect(readFileSync(file, 'utf8')).not.toContain('1000');
  });

  it('refuses files that are something else, and options that it does not know', async () => {
    const file = join(folder, 'broken.json');
    for (const text of ['{', '[]', 'null', '{"format":"qedge-kernel-tuning","version":2,"processors":{}}']) {
      writeFileSync(file, text);
      await expect(createKernelEngine({ tuning: { file } })).rejects.toThrow(FileFormatError);
    }
    await expect(createKernelEngine({ tuning: { file: folder } })).rejects.toThrow(FileAccessError);
    await expect(createKernelEngine({ tuning: 'best' as 'off' })).rejects.toThrow(InvalidArgumentError);
    expect(() => openTuningFile(join(file, 'below')).set('key', {})).toThrow(FileAccessError);
  });

  it('stops when its time is over, and always measures the most promising', () => {
    const { host } = createKernelHost({ isa: 'wasm-strict' });
    const candidates = [1, 2, 3, 4].map(
      (turns) => ({ kind: 'peak', operation: 'fma', turns: turns * 1000 }) as const,
    );
    let [now, reads] = [0, 0];
    const slow = () => {
      reads += 1;
      now += 6;
      return now;
    };
    expect(fastestCandidate(host, candidates, slow)).toBe(0);
    // The start, the end of one sample, and two for each of its runs: only the first candidate was measured.
    expect(reads).toBeLessThan(12);
    expect(fastestCandidate(host, [candidates[3]!, candidates[0]!])).toBe(1);
  });
});
