import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  FileFormatError,
  FileNotFoundError,
  InvalidArgumentError,
  NonFiniteValueError,
  UseAfterReleaseError,
} from '@qedge/core';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesInMemory, encodeModel } from '../src/index.ts';
import { loadKoffi, mapFile, openModelFile, saveModelFile } from '../src/node.ts';
import { floatWeights, perceptronGraph, quantizedWeights } from './model-content.ts';

const directory = mkdtempSync(join(tmpdir(), 'qedge-memory-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const canMap = ['linux', 'darwin'].includes(platform()) && loadKoffi().available;
const pattern = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31) & 255);
const writePattern = (name: string) => {
  const path = join(directory, name);
  writeFileSync(path, pattern);
  return path;
};

describe('mapFile', () => {
  it('reads any range of a file, and says how', () => {
    using file = mapFile(writePattern('ranges.bin'));
    expect(file.byteLength).toBe(pattern.length);
    expect(file.loading).toBe(canMap ? 'mapped' : 'copied');
    expect(file.fallbacks).toHaveLength(canMap ? 0 : 1);
    for (const [offset, length] of [
      [0, 100_000],
      [4095, 2],
      [99_999, 1],
      [100_000, 0],
      [0, 0],
    ] as const) {
      expect(file.read(offset, length)).toEqual(pattern.slice(offset, offset + length));
    }
  });

  it.each([
    [-1, 1],
    [0, 100_001],
    [100_000, 1],
    [0.5, 1],
    [Number.NaN, 1],
    [2 ** 53, 1],
  ])('refuses the range at %d of %d bytes', (offset, length) => {
    using file = mapFile(writePattern('bad-ranges.bin'));
    expect(() => file.read(offset, length)).toThrow(InvalidArgumentError);
  });

  it('names what is wrong with a path', () => {
    expect(() => mapFile(join(directory, 'nowhere.bin'))).toThrow(FileNotFoundError);
    expect(() => mapFile(join(writePattern('plain.bin'), 'inside.bin'))).toThrow(FileNotFoundError);
    expect(() => mapFile(directory)).toThrow(/expected a file, got a directory/);
    expect(() => mapFile('/dev/null')).toThrow(/special file/);
  });

  it('opens an empty file and says why it is not mapped', () => {
    const path = join(directory, 'empty.bin');
    writeFileSync(path, '');
    using file = mapFile(path);
    expect(file.byteLength).toBe(0);
    expect(file.read(0, 0)).toEqual(new Uint8Array());
    expect(file.loading).toBe('copied');
    expect(file.fallbacks).toEqual([
      { from: 'mmap', to: 'reading on demand', why: 'an empty file has no pages to map' },
    ]);
  });

  it('refuses to read a file that was truncated, changed, replaced or removed, instead of dying', () => {
    const changes: [string, (path: string) => void][] = [
      ['truncated from 100000 to 10', (path) => truncateSync(path, 10)],
      ['truncated from 100000 to 0', (path) => truncateSync(path, 0)],
      ['was changed', (path) => truncateSync(path, 200_000)],
      ['was changed', (path) => utimesSync(path, 1, 1)],
      [
        'was replaced',
        (path) => {
          writeFileSync(`${path}.new`, pattern);
          renameSync(`${path}.new`, path);
        },
      ],
      ['was removed', (path) => rmSync(path)],
    ];
    for (const [message, change] of changes) {
      const path = writePattern('victim.bin');
      using file = mapFile(path);
      expect(file.read(5000, 1)[0]).toBe(pattern[5000]);
      change(path);
      expect(() => file.read(5000, 1)).toThrow(FileFormatError);
      expect(() => file.read(5000, 1)).toThrow(message);
      rmSync(path, { force: true });
    }
  });

  it('refuses again and again what was changed before the first use', () => {
    const path = writePattern('early.bin');
    using file = mapFile(path);
    truncateSync(path, 10);
    for (let i = 0; i < 3; i++) expect(() => file.read(5000, 1)).toThrow(/was truncated/);
  });

  it('counts handles and closes with the last one', () => {
    const first = mapFile(writePattern('shared.bin'));
    const second = first.share();
    first.dispose();
    first.dispose();
    expect(() => first.read(0, 1)).toThrow(UseAfterReleaseError);
    expect(() => first.share()).toThrow(UseAfterReleaseError);
    expect(second.read(0, 2)).toEqual(pattern.slice(0, 2));
    second.dispose();
    expect(() => second.read(0, 1)).toThrow(UseAfterReleaseError);
  });

  it('maps beyond 4 GiB', () => {
    const path = join(directory, 'huge.bin');
    const descriptor = openSync(path, 'w');
    const offset = 5 * 2 ** 30;
    writeSync(descriptor, Uint8Array.of(1, 2, 3), 0, 3, offset);
    closeSync(descriptor);
    using file = mapFile(path);
    expect(file.byteLength).toBe(offset + 3);
    expect(file.loading).toBe(canMap ? 'mapped' : 'copied');
    expect(file.read(offset - 1, 4)).toEqual(Uint8Array.of(0, 1, 2, 3));
    expect(file.read(2 ** 32 - 1, 2)).toEqual(new Uint8Array(2));
    rmSync(path);
  });

  it('says that a file cannot be found any more when a folder on the way is none', () => {
    const folder = join(directory, 'moved');
    mkdirSync(folder);
    using file = mapFile(writePattern('moved/file.bin'));
    renameSync(folder, `${folder} away`);
    writeFileSync(folder, '');
    expect(() => file.read(0, 1)).toThrow(FileFormatError);
    rmSync(folder);
    renameSync(`${folder} away`, folder);
    expect(file.read(0, 1)).toEqual(pattern.slice(0, 1));
  });
});

describe('bytesInMemory', () => {
  it('gives no bytes beyond those it was given', () => {
    const source = bytesInMemory(pattern.subarray(10, 20));
    expect(source.borrow(8, 2, (bytes) => [...bytes])).toEqual([...pattern.subarray(18, 20)]);
    for (const [offset, byteLength] of [
      [8, 3],
      [-1, 2],
      [11, 0],
      [0.5, 1],
      [0, Number.NaN],
    ] as const) {
      expect(() => source.borrow(offset, byteLength, () => 0)).toThrow(InvalidArgumentError);
    }
  });
});

describe('openModelFile and saveModelFile', () => {
  const graph = perceptronGraph([784, 32, 10]);

  it('bring back a model from disk, tensor by tensor', async () => {
    const path = join(directory, 'digits.qez');
    const tensors = quantizedWeights(graph, { seed: 2, bits: 4, sparsity: 0.9 });
    const byteLength = await saveModelFile(path, { graph, tensors, metadata: { accuracy: 0.97 } });
    expect(readFileSync(path).length).toBe(byteLength);
    using model = openModelFile(path);
    expect(model.loading).toBe(canMap ? 'mapped' : 'copied');
    expect(model.fileByteLength).toBe(byteLength);
    expect(model.metadata).toEqual({ accuracy: 0.97 });
    for (const tensor of tensors) expect(model.load(tensor.name)).toEqual(tensor);
  });

  it('never hand out memory of the mapping', async () => {
    const path = join(directory, 'float.qez');
    const tensors = floatWeights(graph, 2);
    await saveModelFile(path, { graph, tensors });
    const model = openModelFile(path);
    const kernel = model.load('dense0/kernel').data;
    expect(model.residency()[0]).toMatchObject({ loaded: true, residentBytes: kernel.byteLength });
    kernel[0] = 42; // Would end the process if it were a read-only page.
    truncateSync(path, 0); // So would this, at the next read.
    expect(kernel.slice(1)).toEqual(tensors[0]!.data.slice(1));
    expect(() => model.load('dense1/kernel')).toThrow(FileFormatError);
    model.dispose();
    expect(kernel[1]).toBe(tensors[0]!.data[1]);
  });

  it('refuse a missing file, a directory, an empty file, a foreign file and a truncated one', () => {
    expect(() => openModelFile(join(directory, 'nowhere.qez'))).toThrow(FileNotFoundError);
    expect(() => openModelFile(directory)).toThrow(InvalidArgumentError);
    const path = join(directory, 'bad.qez');
    writeFileSync(path, '');
    expect(() => openModelFile(path)).toThrow(/wrong magic number: .* an empty file/);
    writeFileSync(path, pattern);
    expect(() => openModelFile(path)).toThrow(FileFormatError);
    const good = encodeModel({ graph, tensors: floatWeights(graph, 1) });
    writeFileSync(path, good.subarray(0, good.length - 1000));
    expect(() => openModelFile(path)).toThrow(`${path} is truncated: 1000 bytes are missing`);
  });

  it('leave the old file alone when the new model is refused', async () => {
    const path = join(directory, 'kept.qez');
    const tensors = floatWeights(graph, 1);
    await saveModelFile(path, { graph, tensors });
    const before = readFileSync(path);
    tensors[0]!.data[3] = Number.NaN;
    await expect(saveModelFile(path, { graph, tensors })).rejects.toThrow(NonFiniteValueError);
    expect(readFileSync(path)).toEqual(before);
    const nowhere = join(directory, 'nowhere', 'model.qez');
    await expect(saveModelFile(nowhere, { graph, tensors: floatWeights(graph, 1) })).rejects.toThrow(
      FileNotFoundError,
    );
  });
});

describe('in a process of its own', () => {
  const project = join(directory, 'project');
  const bundle = join(project, 'memory.mjs');
  const model = join(project, 'model.qez');
  const graph = perceptronGraph([4, 3]);

  beforeAll(async () => {
    mkdirSync(join(project, 'node_modules', 'koffi'), { recursive: true });
    await build({
      config: false,
      entry: { memory: fileURLToPath(new URL('../src/node.ts', import.meta.url)) },
      outDir: project,
      outExtension: () => ({ js: '.mjs' }),
      format: 'esm',
      target: 'node20',
      platform: 'node',
      external: ['koffi'],
      noExternal: [/^@qedge\//],
      silent: true,
      esbuildOptions: (options) => {
        options.conditions = ['@qedge/source'];
      },
    });
    writeFileSync(model, encodeModel({ graph, tensors: floatWeights(graph, 1) }));
  });

  const runInProject = (program: string, flags: string[] = []) =>
    JSON.parse(
      execFileSync(
        process.execPath,
        [...flags, '--input-type=module', '--eval', `import * as memory from '${bundle}';${program}`],
        { cwd: project, encoding: 'utf8', env: { ...process.env, NODE_PATH: '' } },
      ),
    );
  const openProgram = `
    const model = memory.openModelFile('model.qez');
    const { data } = model.load('dense0/kernel');
    const { koffi, ...result } = memory.loadKoffi();
    console.log(JSON.stringify({ loading: model.loading, fallbacks: model.fallbacks, first: data[0], result }));`;
  const first = floatWeights(graph, 1)[0]!.data[0];

  it.each<[string, string | null, RegExp]>([
    ['missing', null, /^koffi is not installed$/],
    [
      'broken',
      'throw new Error("Cannot find the native Koffi module");',
      /does not load: Cannot find the native/,
    ],
    ['of another kind', 'module.exports = { load: 1 };', /lacks load\(\)/],
    ['too old', 'module.exports = { load() {}, view() {}, version: "2.9.0" };', /^koffi 2\.9\.0 is too old$/],
    ['made to throw something odd', 'throw undefined;', /does not load/],
  ])('files open without mapping when koffi is %s, and say so', (_, source, reason) => {
    const koffi = join(project, 'node_modules', 'koffi');
    rmSync(koffi, { recursive: true });
    if (source !== null) {
      mkdirSync(koffi);
      writeFileSync(join(koffi, 'index.js'), source);
      writeFileSync(join(koffi, 'package.json'), '{"name":"koffi","main":"index.js"}');
    } else mkdirSync(koffi);
    const told = runInProject(openProgram);
    expect(told).toMatchObject({ loading: 'copied', first });
    expect(told.result.available).toBe(false);
    expect(told.result.reason).toMatch(reason);
    expect(told.result.remedy).toMatch(/npm install koffi/);
    expect(told.fallbacks[0]).toMatchObject({ from: 'mmap', to: 'reading on demand' });
  });

  it.skipIf(!canMap || platform() !== 'linux')(
    'a view that is kept is emptied, or keeps the memory mapped until it is forgotten',
    () => {
      const core = createRequire(fileURLToPath(import.meta.resolve('@qedge/core/package.json')));
      const source = JSON.stringify(core.resolve('koffi'));
      const koffi = join(project, 'node_modules', 'koffi');
      rmSync(koffi, { recursive: true, force: true });
      mkdirSync(koffi);
      writeFileSync(join(koffi, 'index.js'), `module.exports = require(${source});`);
      writeFileSync(join(koffi, 'package.json'), '{"name":"koffi","main":"index.js"}');
      const told = runInProject(
        `
        import { readFileSync } from 'node:fs';
        import { setTimeout } from 'node:timers/promises';
        const isMapped = () => readFileSync('/proc/self/maps', 'utf8').includes('model.qez');
        const canDetach = 'transfer' in ArrayBuffer.prototype;
        let file = memory.mapFile('model.qez');
        let during;
        let leaked = file.borrow(0, 8, (bytes) => { during = bytes[0]; return bytes; });
        // Ignored by Node 20, an error in later ones; either way nobody else gets the memory.
        try { structuredClone(leaked.buffer, { transfer: [leaked.buffer] }); } catch {}
        const length = leaked.length;
        const whileOpen = isMapped();
        file.dispose();
        file = null;
        for (let i = 0; i < 5; i++) { globalThis.gc(); await setTimeout(5); }
        const whileViewed = isMapped();
        const first = leaked[0];
        leaked = null;
        for (let i = 0; i < 50 && isMapped(); i++) { globalThis.gc(); await setTimeout(10); }
        console.log(JSON.stringify({ canDetach, during, length, whileOpen, whileViewed, first, afterwards: isMapped() }));`,
        ['--expose-gc'],
      );
      const kept = told.canDetach
        ? { length: 0, whileViewed: false }
        : { length: 8, whileViewed: true, first: 0x89 };
      expect(told).toEqual({
        canDetach: 'transfer' in ArrayBuffer.prototype,
        during: 0x89,
        whileOpen: true,
        afterwards: false,
        ...kept,
      });
    },
  );

  it.skipIf(!canMap || platform() !== 'linux')(
    'memory that a borrower transferred to itself stays mapped',
    () => {
      const told = runInProject(
        `
      const file = memory.mapFile('model.qez');
      const taken = file.borrow(0, 8, (bytes) => bytes.buffer.transfer?.() ?? bytes.slice().buffer);
      file.dispose();
      globalThis.gc();
      console.log(JSON.stringify(new Uint8Array(taken)[0]));`,
        ['--expose-gc'],
      );
      expect(told).toBe(0x89);
    },
  );

  it.skipIf(!canMap)('a file can be closed while it is borrowed', () => {
    const told = runInProject(`
      const file = memory.mapFile('model.qez');
      const first = file.borrow(0, 8, (bytes) => { file.dispose(); return bytes[0]; });
      console.log(JSON.stringify(first));`);
    expect(told).toBe(0x89);
  });
});
