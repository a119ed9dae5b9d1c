import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluateGraph, GraphBuilder } from '@qedge/kernels/graph';
import { encodeOperatorModelAsOnnx } from '@qedge/kernels/ort';
import { encodeSafetensors, SafetensorsFile } from '@qedge/memory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { built, repositoryRoot, runQedge } from './run-qedge.ts';

/** `y = relu(x * w)`. */
function smallModel() {
  const builder = new GraphBuilder('small');
  const x = builder.input('x', { dtype: 'float32', shape: [2, 3] });
  const w = builder.constant('w', {
    dtype: 'float32',
    shape: [3, 2],
    data: Float32Array.of(1, -1, 2, 0.5, -3, 4),
  });
  const activation = { kind: 'relu' } as const;
  const [y] = builder.add(
    { kind: 'matmul', transposeA: false, transposeB: false, alpha: 1, activation },
    [x, w],
    {
      outputs: ['y'],
    },
  );
  builder.output(y);
  return builder.finish();
}

describe.skipIf(!built)('qedge infer on tensors (needs the build)', () => {
  let folder = '';
  const file = (name: string) => join(folder, name);
  const qedge = (...args: string[]) => runQedge(args, folder);
  const json = async (...args: string[]) => {
    const { stdout, exitCode, stderr } = await qedge(...args, '--json');
    expect(exitCode, stderr).toBe(0);
    return JSON.parse(stdout);
  };
  const x = { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, 3, -1, 0.5, 0.25) } as const;
  const expected = () => Array.from(evaluateGraph(smallModel(), { x }).get('y')!.data);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'qedge-infer-'));
    writeFileSync(file('small.onnx'), encodeOperatorModelAsOnnx(smallModel()));
    writeFileSync(file('x.safetensors'), encodeSafetensors({ tensors: [{ name: 'x', ...x }] }));
    writeFileSync(
      file('x.json'),
      JSON.stringify({ inputs: { x: { shape: x.shape, data: Array.from(x.data) } } }),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('prints outputs, and what loading, planning and running took and hold', async () => {
    const result = await json('infer', 'small.onnx', '--input', 'x.json', '--threads', '1', '--repeats', '3');
    expect(result.outputs).toEqual({ y: { shape: [2, 2], first: expected() } });
    expect(result).toMatchObject({
      device: 'cpu, 1 thread',
      target: expect.any(String),
      precision: 'float32',
    });
    expect(result.reason).toMatch(/ranges/);
    for (const value of Object.values(result.timings)) expect(value).toBeGreaterThanOrEqual(0);
    expect(Object.keys(result.timings)).toEqual(['load', 'plan', 'firstRun', 'run']);
    const { memory } = result;
    expect(Object.keys(memory)).toEqual(
      expect.arrayContaining(['mapped', 'resident', 'arenaPeak', 'arenaLowerBound']),
    );
    expect(memory.arenaPeak).toBeGreaterThanOrEqual(memory.arenaLowerBound);
  });

  it('prepares a file that runs as it lies, at each precision, and writes outputs', async () => {
    const targets = ['--targets', 'auto,wasm-strict'];
    const names = ['--precisions', 'float32,int8'];
    const prepared = await json('prepare', 'small.onnx', ...names, ...targets, '-o', 'small.qez');
    expect(prepared).toMatchObject({ inputs: { x: [2, 3] }, precisions: ['float32', 'int8'] });
    const program = (isa: string, precision: string) => ({ isa, precision, threads: 1, reason: null });
    for (const precision of ['float32', 'int8']) {
      expect(prepared.programs).toContainEqual(expect.objectContaining(program('wasm-strict', precision)));
      expect(prepared.programs).toContainEqual(expect.objectContaining(program(prepared.target, precision)));
    }
    const args = ['infer', 'small.qez', '--input', 'x.safetensors', '--repeats', '0'];
    const exact = await json(...args, '--output', 'y.safetensors');
    expect(exact.outputs.y.first).toEqual(expected());
    expect(exact.timings.run).toBeNull();
    const trusted = await json(...args, '--trusted');
    expect(trusted.outputs).toEqual(exact.outputs);
    expect(trusted).toMatchObject({ kernels: 'prepared', kernelsReason: null });
    using outputs = SafetensorsFile.fromBytes(readFileSync(file('y.safetensors')));
    expect(Array.from(outputs.load('y').data)).toEqual(expected());
    const narrow = await json(...args, '--precision', 'int8');
    for (const [at, value] of expected().entries()) expect(narrow.outputs.y.first[at]).toBeCloseTo(value, 0);
  });

  it('refuses what does not fit, in words that help', async () => {
    writeFileSync(file('other.json'), JSON.stringify({ inputs: { z: { shape: [1], data: [1] } } }));
    writeFileSync(file('short.json'), JSON.stringify({ inputs: { x: { shape: [2, 3], data: [1] } } }));
    for (const [args, message] of [
      [['--input', 'other.json'], /no tensor for the input "x"/],
      [['--input', 'short.json'], /does not fit its shape/],
      [['--input', 'random', '--shape', 'x=axb'], /Expected name=1x3x48x320, got "x=axb"/],
      [['--input', 'random', '--shape', 'x=3x3'], /does not fit/],
      [['--input', 'random', '--device', 'tfjs'], /runs classifiers only/],
      [['--input', 'missing.safetensors'], /missing\.safetensors/],
      [['--input', 'random', '--limit', '3'], /--limit is for samples/],
      [['--input', 'random', '--output', 'nowhere/y.safetensors'], /nowhere/],
      [['--input', 'digits', '--profile', '--output', 'y'], /--output, --profile: for tensors/],
    ] as const) {
      const { stdout, stderr, exitCode } = await qedge('infer', 'small.onnx', ...args);
      expect([exitCode === 0, stdout, stderr]).toEqual([false, '', expect.stringMatching(message)]);
      expect(stderr).not.toMatch(/\n {4}at /);
    }
  });

  it('never writes a prepared model over the model it was made from', async () => {
    const before = readFileSync(file('small.onnx'));
    const { stderr, exitCode } = await qedge('prepare', 'small.onnx', '-o', 'small.onnx');
    expect([exitCode === 0, stderr]).toEqual([false, expect.stringMatching(/Expected a \.qez file/)]);
    expect(readFileSync(file('small.onnx'))).toEqual(before);
  });

  it('compares whole models with other libraries', { timeout: 120_000 }, async () => {
    const peers = ['--peers', 'onnxruntime-node', '--peers-from', join(repositoryRoot, 'tooling/peers')];
    const options = [
      '--models',
      'classification',
      '--precisions',
      'float32',
      '--rounds',
      '6',
      '--block-ms',
      '1',
    ];
    const { results } = await json('bench', 'infer', ...options, ...peers);
    expect(results.map(({ threads }: { threads: number }) => threads)).toEqual([1, 2]);
    for (const { ratio, goal, met } of results) expect(met).toBe(ratio >= goal);
  });
});
