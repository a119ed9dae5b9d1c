import './relaxed-simd.ts';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CapabilityUnavailableError,
  FileAccessError,
  FileFormatError,
  FileNotFoundError,
  InvalidArgumentError,
  type OperatorModel,
  type Precision,
  QedgeError,
  Random,
  UnsupportedError,
  UseAfterReleaseError,
} from '@qedge/core';
import { LazyModel, type ModelSection } from '@qedge/memory';
import { openModelFile, saveModelFile } from '@qedge/memory/node';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { KernelEngine } from '../src/engine/kernel-engine.ts';
import { compileGraph } from '../src/graph/compile-graph.ts';
import type { CompiledGraph } from '../src/graph/compiled-graph.ts';
import { GraphBuilder } from '../src/graph/graph-builder.ts';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';
import { openPreparedModel, savePreparedModel } from '../src/graph/prepared-model.ts';
import type { Program } from '../src/graph/program/program.ts';
import { decodeProgram, encodeProgram } from '../src/graph/program/program-bytes.ts';
import { createKernelEngine } from '../src/node.ts';
import { openPreparedProgram } from '../src/prepared.ts';
import { openPreparedProgram as openNativeProgram } from '../src/prepared-node.ts';
import { randomGraph, randomGraphInputs } from '../src/testing/random-graph.ts';
import { caseModel, caseNumbers, GRAPH_CASES } from './graph-cases.ts';
import { eagerEngine, presentIsas } from './present-ways.ts';
import { findAllocation } from './steady-state.ts';

const folder = mkdtempSync(join(tmpdir(), 'qedge-program-'));
afterAll(() => rmSync(folder, { recursive: true }));

const FULL = process.env.QEDGE_FULL === '1';
const PRECISIONS: readonly Precision[] = ['float32', 'float16', 'int8', 'int4'];
const TRUSTED = { trusted: true };
const PRESENT = presentIsas().filter((isa) => isa !== 'interpreter');
/** One host of each kind has all that is asked here; the others differ in their code only. */
const CODED = FULL ? PRESENT : [...new Set([PRESENT[0]!, 'wasm-strict' as const])];

type Inputs = Readonly<Record<string, ValueData>>;

/** A convolution, an addition of a constant that is large enough to be read from the tensors, and a product. */
function network(): OperatorModel {
  const builder = new GraphBuilder('network');
  const constant = (seed: number, ...shape: number[]) => builder.constant('w', caseNumbers({ shape }, seed));
  const window = { size: [3, 3], strides: [1, 1], dilations: [1, 1], padding: [1, 1, 1, 1] } as const;
  const x = builder.input('x', { dtype: 'float32', shape: [1, 32, 32, 8] });
  const [h] = builder.add({ kind: 'convolution', window, groups: 1, activation: { kind: 'relu' } }, [
    x,
    constant(1, 3, 3, 8, 48),
    constant(2, 48),
  ]);
  const product = { operation: 'multiply', a: { input: 0 }, b: { input: 1 } } as const;
  const [scaled] = builder.add({ kind: 'pointwise', expression: product }, [h!, constant(5, 1, 32, 32, 48)]);
  const [flat] = builder.add({ kind: 'reshape', shape: [1, 49152] }, [scaled!]);
  const [y] = builder.add(
    { kind: 'matmul', transposeA: false, transposeB: false, alpha: 1, activation: null },
    [flat!, constant(3, 49152, 8), constant(4, 8)],
  );
  builder.output(y!);
  return builder.finish();
}

const INPUTS: Inputs = { x: caseNumbers({ shape: [1, 32, 32, 8] }, 9) };

function answersOf(compiled: CompiledGraph, inputs: Inputs): Record<string, number[]> {
  for (const [name, { data }] of Object.entries(inputs)) compiled.inputs[name]!.data.set(data);
  compiled.run();
  return Object.fromEntries(Object.entries(compiled.outputs).map(([name, { data }]) => [name, [...data]]));
}

function directAnswers(
  model: OperatorModel,
  engine: KernelEngine,
  inputs: Inputs,
  precision: Precision = 'float32',
) {
  using direct = compileGraph(model, engine, { precision });
  return answersOf(direct, inputs);
}

/** The sections of a file, to be written again with changes. */
async function rewrite(
  path: string,
  change: (key: string, bytes: Uint8Array) => readonly [string, Uint8Array] | null,
): Promise<string> {
  using file = openModelFile(path);
  const sections: ModelSection[] = [];
  for (const key of file.sectionKeys()) {
    const changed = file.borrowSection(key, (bytes) => change(key, bytes.slice()));
    if (changed === null) continue;
    const [newKey, bytes] = changed;
    sections.push({ key: newKey, byteLength: bytes.byteLength, read: () => [bytes] });
  }
  const target = join(folder, 'rewritten.qez');
  await saveModelFile(target, {
    graph: file.operatorGraph,
    tensors: file,
    sections,
    metadata: file.metadata,
  });
  return target;
}

/** Writes a file with other programs. */
function rewritePrograms(path: string, change: (program: Program) => Program): Promise<string> {
  return rewrite(path, (key, bytes) => {
    if (!key.startsWith('program ')) return [key, bytes];
    return [key, encodeProgram(change(decodeProgram(bytes, path)))];
  });
}

describe.each(CODED)('a program for %s', (isa) => {
  it('gives the bits of a graph that is compiled, at every precision, value by value, and is generated by nobody', async () => {
    const model = network();
    const path = join(folder, `${isa}.qez`);
    using engine = await createKernelEngine({ isa });
    await savePreparedModel(path, model, engine, { precisions: PRECISIONS });
    using prepared = openPreparedModel(path, TRUSTED);
    expect(prepared.programs.map(({ reason }) => reason)).toEqual([null, null, null, null]);
    for (const precision of PRECISIONS) {
      using other = await createKernelEngine({ isa });
      using program = prepared.compile(other, { precision });
      expect(program.report.kernels).toBe('prepared');
      expect(program.report.reason).toBeNull();
      const expected = directAnswers(model, engine, INPUTS, precision);
      expect(answersOf(program, INPUTS), precision).toEqual(expected);
      expect(answersOf(program, INPUTS), `${precision}, again`).toEqual(expected);
      using direct = compileGraph(model, engine, { precision });
      expect({ ...program.report, kernels: 'generated' }).toEqual(direct.report);
      expect(program.memory.mappedBytes).toBeGreaterThan(49152 * 8 * 0.5);
      const values = (graph: CompiledGraph) => {
        const seen: unknown[] = [];
        answersOf(graph, INPUTS);
        graph.runTraced((name, { data }) => seen.push([name, [...data]]));
        return seen;
      };
      expect(values(program)).toEqual(values(direct));
      expect(program.profile(1).length).toBe(direct.report.nodes.length);
    }
  });

  it('gives the bits of every kind of node and of random graphs, or says why there is none', async () => {
    const path = join(folder, `${isa}-cases.qez`);
    using engine = await createKernelEngine({ isa });
    const random = Array.from({ length: FULL ? 100 : 3 }, (_, seed) => {
      const model = randomGraph({ seed: seed + 1, operators: 8 });
      return { name: `random ${seed + 1}`, model, inputs: randomGraphInputs(model, seed) };
    });
    const cases = GRAPH_CASES.map((each) => ({ name: each.name, ...caseModel(each) }));
    const without: string[] = [];
    for (const { name, model, inputs } of [...cases, ...random]) {
      await savePreparedModel(path, model, engine);
      using prepared = openPreparedModel(path, TRUSTED);
      using program = prepared.compile(engine);
      if (program.report.kernels === 'prepared') {
        expect(answersOf(program, inputs), name).toEqual(directAnswers(model, engine, inputs));
      } else {
        expect(program.report.reason).toMatch(/holds no program .* calls a function between kernels/);
        without.push(name);
      }
    }
    // Indices and scales that are known at run time only.
    expect(without.length).toBeLessThan(0.15 * (cases.length + random.length));
  }, 30_000);

  it('may be divided among threads, and is for as many as it was made for', async () => {
    const model = network();
    const path = join(folder, `${isa}-threads.qez`);
    using engine = await eagerEngine(isa, 2);
    using alone = await eagerEngine(isa, 1);
    await savePreparedModel(path, model, engine);
    using prepared = openPreparedModel(path, TRUSTED);
    using program = prepared.compile(engine);
    expect(program.report).toMatchObject({ kernels: 'prepared', threads: 2 });
    expect(answersOf(program, INPUTS)).toEqual(directAnswers(model, engine, INPUTS));
    using other = prepared.compile(alone);
    expect(other.report.reason).toMatch(/no program for .*, 1 thread, float32/);
    expect(answersOf(other, INPUTS)).toEqual(directAnswers(model, alone, INPUTS));
  });
});

describe('a prepared file with programs', () => {
  const path = join(folder, 'model.qez');
  const [native] = CODED.filter((isa) => isa.startsWith('avx'));

  it.skipIf(native === undefined)('is not trusted with machine code unless it is said to be', async () => {
    using engine = await createKernelEngine({ isa: native! });
    await savePreparedModel(path, network(), engine);
    using prepared = openPreparedModel(path);
    using compiled = prepared.compile(engine);
    expect(compiled.report).toMatchObject({ kernels: 'generated', reason: /trusted: true/ });
    expect(compiled.memory.mappedBytes).toBeGreaterThan(0);
    expect(answersOf(compiled, INPUTS)).toEqual(directAnswers(network(), engine, INPUTS));
  });

  it.skipIf(native === undefined)('is compiled where the processor lacks what its code needs', async () => {
    using engine = await createKernelEngine({ isa: native! });
    await savePreparedModel(path, network(), engine);
    const greedy = await rewritePrograms(path, ({ kernels, ...program }) => {
      return { ...program, kernels: { ...kernels, features: [...kernels.features, 'avx1024'] } };
    });
    using prepared = openPreparedModel(greedy, TRUSTED);
    using compiled = prepared.compile(engine);
    expect(compiled.report).toMatchObject({ kernels: 'generated', reason: /more features/ });
    expect(answersOf(compiled, INPUTS)).toEqual(directAnswers(network(), engine, INPUTS));
  });

  it('is for several engines, and is compiled for others', async () => {
    using strict = await createKernelEngine({ isa: 'wasm-strict' });
    using best = await createKernelEngine();
    using interpreter = await createKernelEngine({ isa: 'interpreter' });
    const engines = [strict, ...(best.isa === 'wasm-strict' ? [] : [best]), interpreter];
    await savePreparedModel(path, network(), engines);
    using prepared = openPreparedModel(path, TRUSTED);
    expect(prepared.programs.filter(({ reason }) => reason === null).length).toBe(engines.length - 1);
    expect(prepared.programs.at(-1)!.reason).toMatch(/interpreter has no code/);
    for (const engine of engines) {
      using compiled = prepared.compile(engine);
      expect(compiled.report.kernels).toBe(engine === interpreter ? 'generated' : 'prepared');
      expect(answersOf(compiled, INPUTS)).toEqual(directAnswers(network(), engine, INPUTS));
    }
    await expect(savePreparedModel(path, network(), [])).rejects.toThrow(InvalidArgumentError);
  });

  it('is compiled where its programs are of another version, and says so', async () => {
    using engine = await createKernelEngine({ isa: 'wasm-strict' });
    await savePreparedModel(path, network(), engine);
    const old = await rewrite(path, (key, bytes) => [key.replace(/^program \d+/, 'program 99'), bytes]);
    using prepared = openPreparedModel(old, TRUSTED);
    using compiled = prepared.compile(engine);
    expect(compiled.report).toMatchObject({ kernels: 'generated', reason: /version 99/ });
    expect(() => openPreparedProgram(old)).toThrow(UnsupportedError);
  });

  it('has no program for functions between kernels', async () => {
    const custom = { kind: 'custom', operator: 'twice', attributes: {} } as const;
    const customs = {
      twice: {
        infer: () => [{ dtype: 'float32', shape: [4] }] as const,
        evaluate: ([given]: readonly (ValueData | null)[], [out]: readonly ValueData[]) => {
          out!.data.set(given!.data.map((value) => 2 * value));
        },
      },
    };
    const withCustoms = new GraphBuilder('custom', { customs });
    const [y] = withCustoms.add(custom, [withCustoms.input('x', { dtype: 'float32', shape: [4] })]);
    withCustoms.output(y!);
    using engine = await createKernelEngine({ isa: 'wasm-strict' });
    await savePreparedModel(path, withCustoms.finish(), engine, { customs });
    using prepared = openPreparedModel(path);
    using compiled = prepared.compile(engine, { customs });
    expect(compiled.report.reason).toMatch(/custom .* calls a function between kernels/);
    expect(Object.values(answersOf(compiled, { x: caseNumbers({ shape: [4] }, 1) }))[0]!.length).toBe(4);
  });
});

describe('a program without a generator', () => {
  const path = join(folder, 'lean.qez');
  const model = network();

  it('gives the same bits from a path and from bytes, and holds on to neither', async () => {
    using engine = await createKernelEngine({ isa: 'wasm-strict' });
    await savePreparedModel(path, model, engine, { precisions: ['float32', 'int8'] });
    for (const precision of ['float32', 'int8'] as const) {
      const expected = directAnswers(model, engine, INPUTS, precision);
      const bytes = readFileSync(path);
      const unaligned = new Uint8Array(bytes.byteLength + 1).subarray(1);
      unaligned.set(bytes);
      for (const file of [path, new Uint8Array(bytes), unaligned]) {
        using program = openPreparedProgram(file, { precision, verify: file === path });
        if (typeof file !== 'string') file.fill(0xff);
        expect(answersOf(program, INPUTS)).toEqual(expected);
        expect(program.report).toMatchObject({ kernels: 'prepared', precision, threads: 1 });
        // All of it was copied.
        expect(program.memory.mappedBytes).toBe(0);
        expect(program.memory.weightBytes).toBeGreaterThan(49152 * 8);
      }
    }
    const program = openPreparedProgram(path);
    program.dispose();
    program.dispose();
    expect(() => program.run()).toThrow(UseAfterReleaseError);
  });

  it('refuses what is no such file, and damage, by its type', async () => {
    using engine = await createKernelEngine({ isa: 'wasm-strict' });
    await savePreparedModel(path, model, engine);
    expect(() => openPreparedProgram(join(folder, 'missing.qez'))).toThrow(FileNotFoundError);
    expect(() => openPreparedProgram(folder)).toThrow(FileAccessError);
    expect(() => openPreparedProgram(new Uint8Array(0))).toThrow(FileFormatError);
    expect(() => openPreparedProgram(5 as unknown as string)).toThrow(InvalidArgumentError);
    expect(() => openPreparedProgram(path, { precision: 'int4' })).toThrow(UnsupportedError);
    expect(() => openPreparedProgram(path, { precision: 'int2' as 'int4' })).toThrow(InvalidArgumentError);
    const bytes = new Uint8Array(readFileSync(path));
    using file = LazyModel.fromBytes(bytes);
    const [key] = file.sectionKeys().filter((each) => each.startsWith('program '));
    const { byteOffset, byteLength } = file.section(key!)!;
    const random = new Random(1);
    for (let count = 0; count < 200; count++) {
      const at = byteOffset + random.integer(byteLength);
      bytes[at] = bytes[at]! ^ (1 << random.integer(8));
      expect(() => openPreparedProgram(bytes)).toThrow(FileFormatError);
      bytes.set(readFileSync(path).subarray(at, at + 1), at);
    }
    const weights = file.section(file.sectionKeys().find((each) => each.startsWith('packed '))!)!;
    bytes[weights.byteOffset + 7]! ^= 1;
    openPreparedProgram(bytes).dispose();
    expect(() => openPreparedProgram(bytes, { verify: true })).toThrow(FileFormatError);
    truncateSync(path, byteOffset);
    expect(() => openPreparedProgram(path)).toThrow(FileFormatError);
    using damaged = await damagedModel(engine);
    expect(() => damaged.compile(engine)).toThrow(FileFormatError);
  });

  async function damagedModel(engine: KernelEngine) {
    await savePreparedModel(path, model, engine);
    const bytes = readFileSync(path);
    using file = LazyModel.fromBytes(new Uint8Array(bytes));
    const key = file.sectionKeys().find((each) => each.startsWith('program '))!;
    const at = file.section(key)!.byteOffset + 1000;
    bytes[at] = bytes[at]! ^ 1;
    writeFileSync(path, bytes);
    return openPreparedModel(path);
  }

  it('refuses weights that are not there', async () => {
    using engine = await createKernelEngine({ isa: 'wasm-strict' });
    await savePreparedModel(path, model, engine);
    const light = await rewrite(path, (key, bytes) => (key.startsWith('packed ') ? null : [key, bytes]));
    expect(() => openPreparedProgram(light)).toThrow(FileFormatError);
    using prepared = openPreparedModel(light);
    expect(() => prepared.compile(engine)).toThrow(FileFormatError);
  });
});

const NATIVE = PRESENT.find((isa) => isa.startsWith('avx'));

describe.skipIf(NATIVE === undefined)('a trusted program without a generator', () => {
  const path = join(folder, 'native.qez');
  const model = network();

  async function prepare(isas: readonly (typeof PRESENT)[number][]): Promise<Record<string, number[]>> {
    const engines = await Promise.all(isas.map((isa) => createKernelEngine({ isa })));
    await savePreparedModel(path, model, engines, { precisions: ['float32', 'int8'] });
    const expected = directAnswers(model, engines[0]!, INPUTS);
    for (const engine of engines) engine.dispose();
    return expected;
  }

  it('gives the bits of machine code, and reads the weights where they lie', async () => {
    const expected = await prepare([NATIVE!]);
    for (const verify of [false, true]) {
      using program = openNativeProgram(path, { ...TRUSTED, verify });
      expect(program.report).toMatchObject({ kernels: 'prepared', reason: null, precision: 'float32' });
      expect(answersOf(program, INPUTS)).toEqual(expected);
      expect(program.memory.mappedBytes).toBeGreaterThan(49152 * 8);
    }
    using narrow = openNativeProgram(path, { ...TRUSTED, precision: 'int8' });
    expect(narrow.report.precision).toBe('int8');
    const program = openNativeProgram(path, TRUSTED);
    program.dispose();
    expect(() => program.run()).toThrow(UseAfterReleaseError);
    using open = openNativeProgram(path, TRUSTED);
    truncateSync(path, 5000);
    expect(() => open.run()).toThrow(FileFormatError);
  });

  it('is WebAssembly where it is not trusted or cannot be, and says why', async () => {
    const machine = await prepare([NATIVE!, 'wasm-strict']);
    using strict = await createKernelEngine({ isa: 'wasm-strict' });
    const portable = directAnswers(model, strict, INPUTS);
    expect(portable).not.toEqual(machine);
    const reasons = (file: string | Uint8Array, trusted: boolean) => {
      using program = openNativeProgram(file, { trusted });
      expect(answersOf(program, INPUTS)).toEqual(portable);
      return program.report.reason;
    };
    expect(reasons(path, false)).toBeNull();
    expect(reasons(new Uint8Array(readFileSync(path)), true)).toBeNull();
    vi.stubEnv('QEDGE_NATIVE', '0');
    expect(reasons(path, true)).toMatch(/QEDGE_NATIVE=0/);
    vi.unstubAllEnvs();
    const greedy = await rewritePrograms(path, ({ kernels, ...program }) => {
      if (kernels.features.length === 0) return { ...program, kernels };
      return { ...program, kernels: { ...kernels, features: [...kernels.features, 'avx1024'] } };
    });
    expect(reasons(greedy, true)).toMatch(/more features/);
    await prepare(['wasm-strict']);
    expect(reasons(path, true)).toMatch(/no machine code/);
  });

  it('is never run when it is damaged', async () => {
    await prepare([NATIVE!]);
    const bytes = readFileSync(path);
    using file = LazyModel.fromBytes(new Uint8Array(bytes));
    const { byteOffset, byteLength } = file.section(
      file.sectionKeys().find((key) => key.startsWith('program '))!,
    )!;
    const random = new Random(3);
    for (let count = 0; count < 30; count++) {
      const damaged = Buffer.from(bytes);
      const at = byteOffset + random.integer(byteLength);
      damaged[at] = damaged[at]! ^ (1 << random.integer(8));
      writeFileSync(path, damaged);
      expect(() => openNativeProgram(path, TRUSTED)).toThrow(FileFormatError);
    }
    writeFileSync(path, bytes);
    const light = await rewrite(path, (key, section) => (key.startsWith('packed ') ? null : [key, section]));
    expect(() => openNativeProgram(light, TRUSTED)).toThrow(FileFormatError);
    expect(() => openNativeProgram(join(folder, 'missing.qez'), TRUSTED)).toThrow(FileNotFoundError);
  });
});

describe('a program at work', () => {
  it('allocates nothing', async () => {
    const path = join(folder, 'steady.qez');
    const isas = [...new Set([NATIVE ?? ('wasm-strict' as const), 'wasm-strict' as const])];
    const engines = await Promise.all(isas.map((isa) => createKernelEngine({ isa })));
    const { model } = caseModel(GRAPH_CASES.find(({ name }) => name === 'matmul')!);
    await savePreparedModel(path, model, engines);
    for (const engine of engines) engine.dispose();
    using portable = openPreparedProgram(path);
    expect(findAllocation(() => portable.run())).toBeNull();
    using native = openNativeProgram(path, TRUSTED);
    expect(findAllocation(() => native.run())).toBeNull();
  }, 30_000);
});

describe('programs by a hostile writer', () => {
  const path = join(folder, 'hostile.qez');

  it('stop with a typed error when they leave their memory', async () => {
    using engine = await createKernelEngine({ isa: 'wasm-strict' });
    await savePreparedModel(path, network(), engine);
    const wild = await rewritePrograms(path, (program) => {
      const image = program.image.slice();
      const view = new DataView(image.buffer);
      const { pieces, relocations } = program;
      for (let index = 0; index < relocations.length; index += 2) {
        let from = 0;
        for (const { byteOffset, byteLength } of pieces) {
          const at = relocations[index]! - byteOffset;
          if (at >= 0 && at < byteLength) view.setUint32(from + at, 0xff00_0000, true);
          from += byteLength;
        }
      }
      return { ...program, image };
    });
    using program = openPreparedProgram(wild);
    expect(() => program.run()).toThrow(FileFormatError);
    using prepared = openPreparedModel(wild);
    using compiled = prepared.compile(engine);
    expect(() => compiled.run()).toThrow(FileFormatError);
  });

  it('are refused when they name what lies outside of their memory', async () => {
    using engine = await createKernelEngine({ isa: 'wasm-strict' });
    await savePreparedModel(path, network(), engine);
    const value = (program: Program, change: object) => [{ ...program.inputs[0]!, ...change }];
    const wrong: readonly ((program: Program) => Partial<Program>)[] = [
      () => ({ frontBytes: -1 }),
      () => ({ frontBytes: 64 }),
      () => ({ temporaryBytes: 0.5 }),
      (program) => ({ pieces: [...program.pieces, { byteOffset: 0, byteLength: 2 ** 39 }] }),
      (program) => ({ image: program.image.subarray(8) }),
      (program) => ({ inputs: value(program, { byteOffset: program.frontBytes }) }),
      (program) => ({ outputs: value(program, { byteOffset: 2 }) }),
      (program) => ({ inputs: value(program, { dtype: 'float64' }) }),
      (program) => ({ inputs: value(program, { shape: [2 ** 30, 2 ** 30] }) }),
      (program) => ({ relocations: Uint32Array.of(program.frontBytes, 0) }),
      () => ({ relocations: Uint32Array.of(0, 99) }),
      () => ({ relocations: Uint32Array.of(0) }),
      ({ kernels }) => ({ kernels: { ...kernels, starts: [...kernels.starts, -1] } }),
      ({ nodes: [node, ...rest] }) => ({ nodes: [{ ...node!, steps: [[[99, 0]]] }, ...rest] }),
      ({ nodes: [node, ...rest] }) => ({ nodes: [{ ...node!, steps: [[[0, 2 ** 39]]] }, ...rest] }),
      ({ nodes: [node, ...rest] }) => ({ nodes: [{ ...node!, steps: [[]] }, ...rest] }),
      () => ({ nodes: null as unknown as [] }),
      () => ({ weights: [{ key: 'unknown', byteLength: 64 }] }),
    ];
    const original = new Map<string, Program>();
    await rewritePrograms(path, (program) => {
      original.set('program', structuredClone(program));
      return program;
    });
    for (const [index, change] of wrong.entries()) {
      const program = original.get('program')!;
      const bytes = encodeProgram({ ...program, ...change(program) });
      const file = await rewrite(path, (key, old) => [key, key.startsWith('program ') ? bytes : old]);
      expect(() => openPreparedProgram(file), `change ${index}`).toThrow(FileFormatError);
    }
    const large = encodeProgram({ ...original.get('program')!, temporaryBytes: 2 ** 39 });
    const file = await rewrite(path, (key, old) => [key, key.startsWith('program ') ? large : old]);
    expect(() => openPreparedProgram(file)).toThrow(CapabilityUnavailableError);
  });

  it('are read or refused by their type, whatever byte is another', async () => {
    using engine = await createKernelEngine({ isa: 'wasm-strict' });
    await savePreparedModel(path, network(), engine);
    let section: Uint8Array = new Uint8Array(0);
    await rewrite(path, (key, bytes) => {
      if (key.startsWith('program ')) section = bytes;
      return [key, bytes];
    });
    // Code and image are any bytes; what is read is in front of them.
    const front = Math.min(section.byteLength, 4000);
    const random = new Random(2);
    const refused = { typed: 0, read: 0 };
    for (let count = 0; count < (FULL ? 100_000 : 2000); count++) {
      const mutated = section.slice();
      for (let change = random.integer(3); change >= 0; change--) {
        mutated[random.integer(front)] = random.integer(256);
      }
      try {
        decodeProgram(mutated, 'a file');
        refused.read++;
      } catch (error) {
        if (!(error instanceof FileFormatError)) throw error;
        expect(error).toBeInstanceOf(QedgeError);
        refused.typed++;
      }
    }
    expect(refused.typed).toBeGreaterThan(refused.read / 10);
  });
});
