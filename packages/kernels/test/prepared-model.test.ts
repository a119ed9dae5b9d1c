import './relaxed-simd.ts';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileFormatError, FileNotFoundError, type Precision, UseAfterReleaseError } from '@qedge/core';
import { afterAll, describe, expect, it } from 'vitest';
import { compileGraph } from '../src/graph/compile-graph.ts';
import type { CompiledGraph } from '../src/graph/compiled-graph.ts';
import { GraphBuilder } from '../src/graph/graph-builder.ts';
import { openPreparedModel, savePreparedModel } from '../src/graph/prepared-model.ts';
import { createKernelEngine } from '../src/node.ts';
import { caseNumbers } from './graph-cases.ts';
import { presentIsas } from './present-ways.ts';

const folder = mkdtempSync(join(tmpdir(), 'qedge-prepared-'));
afterAll(() => rmSync(folder, { recursive: true }));

const PRECISIONS: readonly Precision[] = ['float32', 'float16', 'int8', 'int4'];

/** A convolution and a product, large enough for pages. */
function network() {
  const builder = new GraphBuilder('network');
  const constant = (seed: number, ...shape: number[]) => builder.constant('w', caseNumbers({ shape }, seed));
  const window = { size: [3, 3], strides: [1, 1], dilations: [1, 1], padding: [1, 1, 1, 1] } as const;
  const x = builder.input('x', { dtype: 'float32', shape: [1, 8, 8, 16] });
  const [h] = builder.add({ kind: 'convolution', window, groups: 1, activation: { kind: 'relu' } }, [
    x,
    constant(1, 3, 3, 16, 32),
    constant(2, 32),
  ]);
  const [flat] = builder.add({ kind: 'reshape', shape: [1, 2048] }, [h!]);
  const [y] = builder.add(
    { kind: 'matmul', transposeA: false, transposeB: false, alpha: 1, activation: null },
    [flat!, constant(3, 2048, 40), constant(4, 40)],
  );
  builder.output(y!);
  return builder.finish();
}

const input = caseNumbers({ shape: [1, 8, 8, 16] }, 9).data;

function run(compiled: CompiledGraph): number[] {
  compiled.inputs.x!.data.set(input);
  compiled.run();
  return [...Object.values(compiled.outputs)[0]!.data];
}

describe.each(presentIsas())('a prepared model on %s', (isa) => {
  it('gives the same bits as a graph that is compiled from its weights, at every precision, and packs nothing', async () => {
    using engine = await createKernelEngine({ isa });
    const path = join(folder, `${isa}.qez`);
    const model = network();
    const bytes = await savePreparedModel(path, model, engine, { precisions: PRECISIONS });
    using prepared = openPreparedModel(path);
    expect(prepared.fileByteLength).toBe(bytes);
    expect(prepared.precisions).toEqual(PRECISIONS);
    prepared.verify();
    for (const precision of PRECISIONS) {
      using direct = compileGraph(model, engine, { precision });
      using mapped = prepared.compile(engine, { precision });
      expect(run(mapped), precision).toEqual(run(direct));
      const { mappedBytes, weightBytes } = mapped.memory;
      // The interpreter reads no mapped pages: what it found was copied.
      const [found, other] = isa === 'interpreter' ? [weightBytes, mappedBytes] : [mappedBytes, 0];
      expect(found).toBeGreaterThan(40 * 2048 * 0.5);
      expect(other).toBe(0);
    }
  });
});

describe('a prepared model', () => {
  const path = join(folder, 'model.qez');

  it('is packed again for kernels of another layout', async () => {
    using engine = await createKernelEngine({ isa: 'wasm-strict' });
    using other = await createKernelEngine({ isa: 'interpreter' });
    await savePreparedModel(path, network(), engine);
    using prepared = openPreparedModel(path);
    using asItIs = prepared.compile(engine);
    using unprepared = prepared.compile(engine, { precision: 'int8' });
    // The convolution is float32 at int8 too.
    expect(unprepared.memory.mappedBytes).toBeLessThan(40 * 2048);
    using elsewhere = prepared.compile(other);
    expect(run(elsewhere)).toEqual(run(asItIs));
  });

  it('stays usable when the file is closed, and is given back by dispose', async () => {
    using engine = await createKernelEngine();
    await savePreparedModel(path, network(), engine);
    const prepared = openPreparedModel(path);
    using compiled = prepared.compile(engine);
    const before = run(compiled);
    prepared.dispose();
    prepared.dispose();
    expect(run(compiled)).toEqual(before);
    expect(() => prepared.compile(engine)).toThrow(UseAfterReleaseError);
    compiled.dispose();
    expect(() => compiled.run()).toThrow(UseAfterReleaseError);
  });

  it('notices that its file was truncated or damaged', async () => {
    using engine = await createKernelEngine();
    const length = await savePreparedModel(path, network(), engine);
    using prepared = openPreparedModel(path);
    using compiled = prepared.compile(engine);
    const bytes = readFileSync(path);
    truncateSync(path, length >> 1);
    expect(() => prepared.compile(engine)).toThrow(FileFormatError);
    expect(() => compiled.run()).toThrow(FileFormatError);
    expect(() => compiled.runTraced(() => {})).toThrow(FileFormatError);
    expect(() => compiled.profile(1)).toThrow(FileFormatError);
    expect(() => openPreparedModel(path)).toThrow(FileFormatError);
    bytes[length - 100] = bytes[length - 100]! ^ 1;
    writeFileSync(path, bytes);
    using damaged = openPreparedModel(path);
    expect(() => damaged.verify()).toThrow(FileFormatError);
    expect(() => openPreparedModel(join(folder, 'missing.qez'))).toThrow(FileNotFoundError);
  });
});
