import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ModelGraph, Random, type StoredTensor } from '@qedge/core';
import { encodeModel } from '@qedge/memory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { built, repositoryRoot, runQedge } from './run-qedge.ts';

const BELL =
  'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0],q[1];\nmeasure q -> c;\n';

/** A small dense model with random weights: 4 inputs, 6 hidden units, 3 classes. */
function smallModel(): { graph: ModelGraph; tensors: StoredTensor[] } {
  const random = new Random(7);
  const tensor = (name: string, shape: number[]): StoredTensor => ({
    name,
    dtype: 'float32',
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
  });
  const dense = (name: string, inputSize: number, units: number, activation: 'relu' | 'linear') => ({
    kind: 'dense' as const,
    name,
    inputSize,
    units,
    activation,
    kernel: `${name}/kernel`,
    bias: `${name}/bias`,
    inputQuantization: null,
  });
  const layers = [dense('hidden_1', 4, 6, 'relu'), dense('logits', 6, 3, 'linear')];
  return {
    graph: {
      format: 'qedge-model-graph',
      version: 1,
      name: 'small',
      inputShape: [4],
      outputShape: [3],
      layers,
    },
    tensors: layers.flatMap((layer) => [
      tensor(layer.kernel, [layer.inputSize, layer.units]),
      tensor(layer.bias, [layer.units]),
    ]),
  };
}

describe.skipIf(!built)('qedge (needs the build)', () => {
  let folder = '';
  const file = (name: string) => join(folder, name);
  const qedge = (...args: string[]) => runQedge(args, folder);
  const json = async (...args: string[]) => {
    const { stdout, exitCode, stderr } = await qedge(...args, '--json');
    expect(exitCode, stderr).toBe(0);
    return JSON.parse(stdout);
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'qedge-cli-'));
    writeFileSync(file('bell.qasm'), BELL);
    const random = new Random(3);
    const features = Array.from({ length: 60 }, () => Array.from({ length: 4 }, () => random.normal()));
    const labels = features.map((row) => (row[0]! > 0 ? 0 : row[1]! > 0 ? 1 : 2));
    writeFileSync(file('data.json'), JSON.stringify({ features, labels }));
    writeFileSync(file('small.qez'), encodeModel(smallModel()));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  describe('helps', () => {
    it('lists every command with --help and exits with 0', async () => {
      const { stdout, exitCode } = await qedge('--help');
      expect(exitCode).toBe(0);
      for (const name of [
        'doctor',
        'run',
        'compress',
        'infer',
        'vqe',
        'transpile',
        'simulate',
        'monitor',
        'bench',
      ]) {
        expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
      }
    });

    it('says what is wrong with a bad call and exits with 2', async () => {
      const cases: [string[], RegExp][] = [
        [['juggle'], /unknown command 'juggle'/],
        [['simulate'], /missing required argument 'circuit'/],
        [['simulate', 'bell.qasm', '--shots', '-5'], /Expected an integer in 0\.\.10000000, got "-5"/],
        [['simulate', 'bell.qasm', '--shots', '0'], /Nothing was asked for/],
        [['compress', 'small.qez', '--bits', '-3'], /Expected an integer in 1\.\.8/],
        [['compress', 'small.qez', '--sparsity', '1.5'], /Expected a number in 0\.\.0\.999/],
        [['compress'], /There is nothing to compress/],
        [['compress', 'small.qez', '-o', 'small.zip'], /no ending that tells the format/],
        [['compress', 'small.qez', '--max-drop', '1'], /--max-drop needs data/],
        [['compress', 'small.qez', '--svg', 'points.svg'], /There is no accuracy to draw/],
        [['infer', 'small.qez', '--input', 'data.json', '--precision', 'int3'], /Allowed choices/],
        [['transpile', 'bell.qasm', '--target', 'moebius-7'], /There is no such target/],
        [['transpile', 'bell.qasm', '--basis', 'cx,warp'], /Expected names of gates .* got "warp"/],
      ];
      for (const [args, message] of cases) {
        const { stderr, stdout, exitCode } = await qedge(...args);
        expect(stderr).toMatch(message);
        expect(stderr).not.toMatch(/^\s+at /m);
        expect([exitCode, stdout]).toEqual([2, '']);
      }
    });

    it('reports an error as JSON when asked', async () => {
      const { stdout, exitCode } = await qedge('simulate', 'missing.qasm', '--json');
      expect(exitCode).toBe(1);
      expect(JSON.parse(stdout).error).toMatchObject({ code: 'FILE_NOT_FOUND' });
      const usage = await qedge('juggle', '--json');
      expect(usage.exitCode).toBe(2);
      expect(JSON.parse(usage.stdout).error.code).toBe('USAGE');
    });
  });

  it('doctor names every capability with a reason, and a remedy where one exists', async () => {
    const { capabilities } = await json('doctor');
    const names = capabilities.map((capability: { name: string }) => capability.name);
    expect(names).toEqual(
      expect.arrayContaining([
        'koffi',
        'wasm-strict',
        'threads',
        'webgpu',
        'cuda',
        'tfjs-node-gpu',
        'executable-memory',
        'battery',
      ]),
    );
    expect(new Set(names).size).toBe(names.length);
    for (const capability of capabilities) {
      expect(Object.keys(capability).sort()).toEqual(['available', 'name', 'reason', 'remedy']);
      expect(capability.reason).not.toBe('');
    }
    expect(
      capabilities.find((capability: { name: string }) => capability.name === 'wasm-strict').available,
    ).toBe(true);
  });

  describe('quantum', () => {
    it('simulate samples a Bell state reproducibly', async () => {
      const first = await json('simulate', 'bell.qasm', '--shots', '1000', '--seed', '5');
      expect(Object.keys(first.counts).sort()).toEqual(['00', '11']);
      expect(first.counts['00'] + first.counts['11']).toBe(1000);
      // Five standard deviations of a fair coin over 1,000 throws.
      expect(Math.abs(first.counts['00'] - 500)).toBeLessThan(80);
      expect((await json('simulate', 'bell.qasm', '--shots', '1000', '--seed', '5')).counts).toEqual(
        first.counts,
      );
    });

    it('simulate prints the keys that it promises, amplitudes by bit string, and takes parameters', async () => {
      writeFileSync(
        file('turned.qasm'),
        'OPENQASM 3.0; include "stdgates.inc"; input float theta; qubit[2] q; bit[2] c; rx(theta) q[1]; c = measure q;',
      );
      const args = [
        'turned.qasm',
        '--param',
        `theta=${Math.PI / 3}`,
        '--amplitudes',
        '4',
        '--precision',
        'f32',
      ];
      const report = await json('simulate', ...args);
      expect(Object.keys(report)).toEqual([
        ...['engine', 'target', 'reason', 'qubits', 'counts', 'amplitudes', 'timings'],
      ]);
      expect(report).toMatchObject({ engine: 'state-vector', qubits: 2 });
      expect(Object.keys(report.timings)).toEqual([
        ...['parseSeconds', 'planSeconds', 'compileSeconds', 'runSeconds'],
      ]);
      expect(report.amplitudes.map(({ basis }: { basis: string }) => basis)).toEqual([
        '00',
        '01',
        '10',
        '11',
      ]);
      // Single precision rounds at 6e-8.
      expect(report.amplitudes[0].re).toBeCloseTo(Math.cos(Math.PI / 6), 6);
      expect(report.amplitudes[2].im).toBeCloseTo(-0.5, 6);
      const { counts, amplitudes } = await json('simulate', ...args, '--shots', '0');
      expect([counts, amplitudes]).toEqual([{}, report.amplitudes]);
      const missing = await qedge('simulate', 'turned.qasm', '--json');
      expect(missing.exitCode).toBe(1);
      expect(JSON.parse(missing.stdout).error.code).toBe('INVALID_ARGUMENT');
      expect(JSON.parse(missing.stdout).error.remedy).toBe('Pass --param theta=<value>');
    });

    it('simulate refuses what no memory holds, with the bytes', async () => {
      writeFileSync(file('large.qasm'), 'OPENQASM 2.0; include "qelib1.inc"; qreg q[40]; h q;');
      const { stdout, exitCode } = await qedge('simulate', 'large.qasm', '--json');
      expect(exitCode).toBe(1);
      const { error } = JSON.parse(stdout);
      expect(error.code).toBe('CAPABILITY_UNAVAILABLE');
      expect(error.facts.qubitsInUse).toBe(40);
      // 16 bytes for each of 2^40 amplitudes, and a little padding.
      expect(error.facts.bytesNeeded / 2 ** 44).toBeCloseTo(1, 3);
    });

    it('transpile respects the target, verifies itself and writes a circuit that simulates to the same counts', async () => {
      const result = await json(
        'transpile',
        'bell.qasm',
        '--target',
        'line-5',
        '--verify',
        '-o',
        'compiled.qasm',
      );
      expect(result.verification.equivalent).toBe(true);
      expect(
        Object.keys(result.after.gateCounts).every((gate) =>
          ['rz', 'sx', 'x', 'cx', 'measure'].includes(gate),
        ),
      ).toBe(true);
      const { counts } = await json('simulate', 'compiled.qasm', '--shots', '200');
      expect(Object.keys(counts).sort()).toEqual(['00', '11']);
    });

    it('transpile verifies the state where nothing is measured and a reset was dropped', async () => {
      writeFileSync(
        file('reset.qasm'),
        'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; reset q[0]; h q[0]; cx q[0], q[1];',
      );
      const result = await json('transpile', 'reset.qasm', '--target', 'line-3', '--verify');
      expect(result).toMatchObject({ verified: true, preserves: 'measured distribution from |0>' });
    });

    it('transpile takes a target from a file', async () => {
      const target = {
        name: 'two',
        qubitCount: 2,
        couplingEdges: [[0, 1]],
        basisGates: ['rz', 'sx', 'x', 'cx'],
      };
      writeFileSync(file('target.json'), JSON.stringify(target));
      expect((await json('transpile', 'bell.qasm', '--target', 'target.json')).target).toBe('two');
    });

    it('transpile takes a coupling map as Qiskit writes it', async () => {
      writeFileSync(file('qiskit-map.json'), '{"num_qubits": 3, "coupling_map": [[0,1],[1,0],[1,2],[2,1]]}');
      const result = await json('transpile', 'bell.qasm', '--coupling', 'qiskit-map.json', '--verify');
      expect(result).toMatchObject({ verified: true, target: 'coupling map of 3' });
    });

    it('transpile takes a coupling map, a basis and OpenQASM 3 with control flow, and says what it made', async () => {
      writeFileSync(file('path.json'), '[[0,1],[1,2],[2,3]]');
      writeFileSync(
        file('dynamic.qasm'),
        'OPENQASM 3.0; include "stdgates.inc"; input float t; qubit[4] q; bit[1] c; h q[0]; cx q[0], q[3]; rz(t) q[3]; c[0] = measure q[0]; if (c[0] == 1) { cx q[3], q[1]; }',
      );
      const result = await json(
        ...['transpile', 'dynamic.qasm', '--coupling', 'path.json', '--basis', 'cz,rz,sx,x', '--level', '3'],
        ...['--seed', '1', '--verify', '-o', 'dynamic-compiled.qasm'],
      );
      expect(result).toMatchObject({ verified: true, level: 3, seed: 1, estimatedDurationSeconds: null });
      expect(result).toMatchObject({ estimatedSuccessProbability: null, initialLayout: { length: 4 } });
      expect(result.twoQubitGates).toBeGreaterThanOrEqual(2);
      for (const key of ['oneQubitGates', 'depth', 'twoQubitDepth', 'swapsAdded', 'finalLayout', 'timings']) {
        expect(result).toHaveProperty(key);
      }
      expect(readFileSync(file('dynamic-compiled.qasm'), 'utf8')).toMatch(/^OPENQASM 3/);
      const { parameters } = await json('circuit', 'info', 'dynamic-compiled.qasm');
      expect(parameters).toEqual(['t']);
    });

    it('circuit info counts what a circuit is made of', async () => {
      const info = await json('circuit', 'info', 'bell.qasm');
      expect(info).toEqual({
        ...{ circuit: 'bell.qasm', qubits: 2, classicalBits: 2, instructions: 4, depth: 3, twoQubitDepth: 1 },
        ...{ gateCounts: { measure: 2, cx: 1, h: 1 }, parameters: [], stateBytesF32: 32, stateBytesF64: 64 },
      });
    });

    it('circuit draw prints text, folds it, or writes an SVG', async () => {
      const { drawing } = await json('circuit', 'draw', 'bell.qasm');
      expect(drawing.split('\n')[1]).toMatch(/^q_0: ┤ H ├──■──┤ M ├/);
      const folded = await qedge('circuit', 'draw', 'bell.qasm', '--width', '20');
      expect(folded.exitCode).toBe(0);
      expect(folded.stdout).toContain('»');
      await json('circuit', 'draw', 'bell.qasm', '--svg', 'bell.svg');
      expect(readFileSync(file('bell.svg'), 'utf8')).toMatch(/^<svg .*<title>.*<\/svg>$/s);
      expect((await qedge('circuit', 'draw', 'bell.qasm', '--svg', 'no/bell.svg')).exitCode).toBe(1);
    });

    it('circuit convert goes through every format and back, and puts in parameters', async () => {
      await json('circuit', 'convert', 'bell.qasm', '--to', 'qasm3', '-o', 'bell3.qasm');
      await json('circuit', 'convert', 'bell3.qasm', '--to', 'json', '-o', 'bell.json');
      const { text } = await json('circuit', 'convert', 'bell.json', '--to', 'qasm2');
      expect(text).toContain('OPENQASM 2.0');
      expect(text).toContain('cx q[0],q[1]');
      writeFileSync(
        file('free.qasm'),
        'OPENQASM 3.0; include "stdgates.inc"; input float theta; qubit[1] q; rx(theta) q[0];',
      );
      const free = await qedge('circuit', 'convert', 'free.qasm', '--to', 'qasm2', '--json');
      expect(JSON.parse(free.stdout).error).toMatchObject({ code: 'INVALID_ARGUMENT', actual: 'theta' });
      const bound = await json('circuit', 'convert', 'free.qasm', '--to', 'qasm2', '--param', 'theta=0.5');
      expect(bound.text).toContain('rx(0.5) q[0]');
    });

    it('circuit says what is wrong with data that are no circuit', async () => {
      writeFileSync(file('odd.json'), '{"format":"qedge-circuit","version":1}');
      const { stdout, exitCode } = await qedge('circuit', 'info', 'odd.json', '--json');
      expect(exitCode).toBe(1);
      expect(JSON.parse(stdout).error).toMatchObject({ code: 'INVALID_ARGUMENT' });
    });

    it('bench quantum names the native simulators that are missing, and measures what needs none', async () => {
      const small = ['--qubits', '4', '--rounds', '2', '--threads', '1', '--python', file('no-python')];
      const report = await json('bench', 'quantum', '--groups', 'evolution,single-gate,gradient', ...small);
      expect(Object.keys(report)).toEqual([
        ...['compares', 'machine', 'missing', 'results', 'singleGates', 'sampling', 'roofline'],
      ]);
      expect(Object.keys(report.missing).sort()).toEqual(['aer', 'lightning', 'qsim', 'qulacs']);
      for (const reason of Object.values(report.missing)) expect(reason).toMatch(/cannot be started/);
      // Six families in two precisions, and gradients for two sums.
      expect(report.results).toHaveLength(14);
      for (const result of report.results) {
        expect(result).toMatchObject({ peer: null, theirsMs: null, ratio: null, met: null });
        expect(result.oursMs).toBeGreaterThan(0);
      }
      expect(report.roofline).toHaveLength(12);
      for (const point of report.roofline) expect(point.shareOfPeak).toBeGreaterThanOrEqual(0);
      expect(report.singleGates.map(({ precision }: { precision: string }) => precision)).toEqual([
        ...['f32', 'f64'],
      ]);
      const none = await qedge('bench', 'quantum', '--groups', 'sampling', '--precisions', 'f64', ...small);
      expect(none).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('nothing was measured') });
      expect((await qedge('bench', 'quantum', '--qsim', 'sse2')).exitCode).toBe(2);
    });

    it('vqe finds the exact energy of H2', async () => {
      const { points } = await json(
        'vqe',
        join(repositoryRoot, 'packages/quantum/data/h2/H2_0.7414.FCIDUMP'),
      );
      expect(points).toHaveLength(1);
      expect(points[0].exactHartree).toBeCloseTo(-1.13727017465, 8);
      expect(Math.abs(points[0].errorHartree)).toBeLessThan(1e-6);
    });

    it('says where a circuit is wrong', async () => {
      writeFileSync(file('bad.qasm'), BELL.replace('cx q[0],q[1]', 'cx q[0],q[7]'));
      const { stderr, exitCode } = await qedge('simulate', 'bad.qasm');
      expect(exitCode).not.toBe(0);
      expect(stderr).toMatch(/line 6|6:/);
    });
  });

  describe('models', () => {
    it('infer runs a float32 file and counts right answers', async () => {
      const result = await json('infer', 'small.qez', '--input', 'data.json', '--batch', '5');
      expect(result).toMatchObject({ precision: 'float32', samples: 12 });
      expect(result.outputs.predictions).toHaveLength(12);
      expect(result.accuracy.estimate).toBeGreaterThanOrEqual(0);
      // Two batches of five; the last one, of two, is no measure of a batch of five.
      expect(result.latencyMsPerBatch.count).toBe(2);
    });

    it.each(['tfjs', 'onnxruntime'])('infer on %s agrees with our kernels', async (device) => {
      const ours = await json('infer', 'small.qez', '--input', 'data.json');
      const theirs = await json('infer', 'small.qez', '--input', 'data.json', '--device', device);
      expect(theirs.outputs).toEqual(ours.outputs);
    });

    it('compress without data writes a smaller file that runs', async () => {
      const result = await json('compress', 'small.qez', '-o', 'as-is.qez', '--sparsity', '0.5');
      expect(result.bytesCompressed).toBe(readFileSync(file('as-is.qez')).length);
      expect(result.sparsity).toBeCloseTo(0.5, 1);
      expect([result.accuracyFloat32, result.accuracyCompressed]).toEqual([null, null]);
      expect((await json('infer', 'as-is.qez', '--input', 'data.json')).precision).toBe('float32');
    });

    it('compress with data trains, measures accuracy on data it never saw, and the file runs at int4', async () => {
      const args = ['--data', 'data.json', '--quick', '--bits', '4', '--sparsity', '0.3', '--seed', '5'];
      const result = await json('compress', 'small.qez', ...args, '-o', 'trained.qez', '--svg', 'points.svg');
      expect(readFileSync(file('points.svg'), 'utf8')).toMatch(/^<svg .*dense control.*<\/svg>$/s);
      expect(result).toMatchObject({ bytesFloat32: 4 * (4 * 6 + 6 + 6 * 3 + 3), seed: 5 });
      expect(Object.values(result.bitsPerLayer)).toEqual([4, 4]);
      expect(result.report.accuracy.compressed.count).toBe(12);
      expect(result.accuracyDenseControl).toBeGreaterThan(0);
      const run = await json('infer', 'trained.qez', '--input', 'data.json');
      expect(run.precision).toBe('int4');
      expect(run.accuracy.estimate).toBeCloseTo(result.accuracyCompressed, 10);
    });

    it('compress --quick shortens the stages that targets ask for, and says on stderr what they will take', async () => {
      const args = ['--data', 'data.json', '--quick', '--structured', '0.2', '-o', 'channels.qez'];
      const { stderr, exitCode } = await qedge('compress', 'small.qez', ...args);
      // 42 samples to train with are one step per epoch, a tenth of twenty epochs are two.
      expect([exitCode, stderr]).toEqual([
        0,
        expect.stringMatching(
          /Takes about \d+ s from the start: dense control 2 steps, pruning channels 2 steps\ndense control \d+ %.*\npruning channels /,
        ),
      ]);
    });

    it.each([
      ['too few samples', (labels: number[]) => labels.slice(0, 5), /too few samples.*USAGE/],
      [
        'a label without an output',
        (labels: number[]) => [...labels.slice(0, 59), 3],
        /no output for.*got 3/,
      ],
      [
        'labels in order',
        (labels: number[]) => [...labels].sort((a, b) => a - b),
        /no sample of class 2.*Shuffle/,
      ],
    ])('compress refuses data with %s before it trains', async (_, change, message) => {
      const { features, labels } = JSON.parse(readFileSync(file('data.json'), 'utf8'));
      const changed = change(labels);
      const content = { features: features.slice(0, changed.length), labels: changed };
      writeFileSync(file('unfit.json'), JSON.stringify(content));
      const args = ['compress', 'small.qez', '--data', 'unfit.json', '-o', 'never.qez'];
      const { stderr, exitCode } = await qedge(...args);
      expect([exitCode, stderr]).toEqual([2, expect.stringMatching(message)]);
    });

    it.each(['safetensors', 'onnx', 'gguf', 'json'])(
      'compress writes %s, and inspect reads it',
      async (ending) => {
        const output = `small-out.${ending}`;
        writeFileSync(file('weights.bin'), 'those of another model');
        const result = await json('compress', 'small.qez', '--bits', '8', '-o', output);
        expect(result.bytesCompressed).toBeGreaterThan(0);
        expect(readFileSync(file('weights.bin'), 'utf8')).toBe('those of another model');
        const seen = await json('compress', 'inspect', output);
        expect(seen.sparsity).toBeLessThanOrEqual(1);
        for (const { zeros, elements } of seen.tensors) expect(zeros).toBeLessThanOrEqual(elements);
        expect(seen.tensors.length).toBeGreaterThan(0);
      },
    );

    it('infer classifies with what compress wrote as ONNX', async () => {
      const args = ['--data', 'data.json', '--quick', '--recipe', 'int8'];
      const made = await json('compress', 'small.qez', ...args, '-o', 'classifier.onnx');
      const run = await json('infer', 'classifier.onnx', '--input', 'data.json');
      expect(run).toMatchObject({ samples: 12, batch: 1 });
      // Codes of inputs may round otherwise where a number lies between two.
      expect(Math.abs(run.accuracy.estimate - made.accuracyCompressed)).toBeLessThan(0.1);
    });

    it('bench compares with tfjs and keeps a history', async () => {
      const first = await json('bench', 'small.qez', '--repeats', '6', '--history', 'history.jsonl');
      expect(first.subjects.map((subject: { name: string }) => subject.name)[0]).toMatch(/tfjs/);
      expect(first.subjects.length).toBeGreaterThan(1);
      expect(first.changes.every((change: { verdict: string }) => change.verdict === 'new')).toBe(true);
      expect(readFileSync(file('history.jsonl'), 'utf8').trim().split('\n')).toHaveLength(1);
    });
  });

  it('monitor samples this machine', async () => {
    const result = await json('monitor', '--seconds', '1', '--interval', '100');
    expect(result.metrics.machine_memory_used_bytes.value).toBeGreaterThan(0);
    expect(Array.isArray(result.anomalies)).toBe(true);
  });

  it('monitor --serve says its address also under --json, and Ctrl-C ends it with a result', async () => {
    let page = '';
    const { stdout, exitCode } = await runQedge(['monitor', '--serve', '--json'], folder, (child) => {
      child.stderr?.once('data', async (text: string) => {
        const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(text)?.[0] ?? '';
        page = await fetch(url).then((response) => response.text());
        child.kill('SIGINT');
      });
    });
    expect(exitCode).toBe(0);
    expect(page).toContain('<title>Quantum Edge monitor</title>');
    expect(JSON.parse(stdout).anomalies).toEqual([]);
  });

  it('ends quietly when the reader of its output has gone', async () => {
    const { stderr, exitCode } = await runQedge(['doctor', '--json'], folder, (child) =>
      child.stdout?.destroy(),
    );
    expect([exitCode, stderr]).toEqual([0, '']);
  });

  describe('refuses bad files with a typed error, no stack trace, and writes nothing', () => {
    const bad: [string, () => Uint8Array | string | null, RegExp][] = [
      ['a missing file', () => null, /FILE_NOT_FOUND/],
      [
        'a wrong magic number',
        () => 'PK\u0003\u0004 this is a zip file, not a model, whatever its name says',
        /FILE_FORMAT/,
      ],
      ['a truncated file', () => encodeModel(smallModel()).slice(0, -40), /FILE_FORMAT/],
      ['an empty file', () => '', /FILE_FORMAT/],
    ];
    for (const [what, content, code] of bad) {
      it(what, async () => {
        const path = file('bad.qez');
        rmSync(path, { force: true });
        const bytes = content();
        if (bytes !== null) writeFileSync(path, bytes);
        const before = readdirSync(folder).sort();
        for (const args of [
          ['infer', 'bad.qez', '--input', 'data.json'],
          ['compress', 'bad.qez', '-o', 'never.qez'],
        ]) {
          const { stderr, stdout, exitCode } = await qedge(...args);
          expect(stderr).toMatch(code);
          expect(stderr).not.toMatch(/^\s+at /m);
          expect([exitCode, stdout]).toEqual([1, '']);
        }
        expect(readdirSync(folder).sort()).toEqual(before);
      });
    }

    it('NaN in the weights of a tfjs model, and an unknown layer', async () => {
      const weights = new Float32Array(4 * 3 + 3);
      weights[5] = Number.NaN;
      const model = (className: string, config: object, values: Float32Array, specs: object[]) => {
        writeFileSync(file('weights.bin'), new Uint8Array(values.buffer));
        const layers = [{ class_name: className, config }];
        writeFileSync(
          file('model.json'),
          JSON.stringify({
            modelTopology: { class_name: 'Sequential', config: { name: 'm', layers } },
            weightsManifest: [{ paths: ['weights.bin'], weights: specs }],
          }),
        );
      };
      model(
        'Dense',
        { name: 'd', units: 3, activation: 'linear', use_bias: true, batch_input_shape: [null, 4] },
        weights,
        [
          { name: 'd/kernel', shape: [4, 3], dtype: 'float32' },
          { name: 'd/bias', shape: [3], dtype: 'float32' },
        ],
      );
      const nan = await qedge('compress', 'model.json', '-o', 'never.qez');
      expect([nan.exitCode, nan.stderr]).toEqual([
        1,
        expect.stringMatching(/weight 5 of "d\/kernel" is not a number.*NON_FINITE_VALUE/),
      ]);
      model(
        'Warp',
        { name: 'c', filters: 1, kernel_size: [3], batch_input_shape: [null, 8, 1] },
        new Float32Array(4),
        [
          { name: 'c/kernel', shape: [3, 1, 1], dtype: 'float32' },
          { name: 'c/bias', shape: [1], dtype: 'float32' },
        ],
      );
      const unknown = await qedge('compress', 'model.json', '-o', 'never.qez');
      expect([unknown.exitCode, unknown.stderr]).toEqual([1, expect.stringMatching(/Warp/)]);
      expect(readdirSync(folder)).not.toContain('never.qez');
    });

    it.each([
      ['text for a number', { features: [['1', 2, 3, 4]], labels: [0] }, /got "1" in sample 0, value 0/],
      ['null for a number', { features: [[1, 2, 3, null]], labels: [0] }, /got null in sample 0, value 3/],
      [
        'a label that does not fit a byte',
        { features: [[1, 2, 3, 4]], labels: [256] },
        /got 256 for sample 0/,
      ],
      ['a label that is text', { features: [[1, 2, 3, 4]], labels: ['seven'] }, /got "seven" for sample 0/],
      ['one label for all', { features: [[1, 2, 3, 4]], labels: 3 }, /expected 1 labels, got number/],
      ['nothing', null, /holds no samples/],
    ])('data with %s', async (_, content, message) => {
      writeFileSync(file('broken.json'), JSON.stringify(content));
      const { stderr, stdout, exitCode } = await qedge('infer', 'small.qez', '--input', 'broken.json');
      expect([exitCode, stdout, stderr]).toEqual([1, '', expect.stringMatching(message)]);
    });

    it('an output that cannot be written, before any work', async () => {
      writeFileSync(file('plain'), 'x');
      mkdirSync(file('taken.qez'), { recursive: true });
      for (const args of [
        ['compress', 'small.qez', '-o', 'taken.qez'],
        ['compress', 'small.qez', '--data', 'data.json', '-o', 'plain/x.qez'],
        ['transpile', 'bell.qasm', '-o', 'plain/x.qasm'],
        ['run', '--quick', '-o', 'plain'],
      ]) {
        const { stderr, exitCode } = await qedge(...args);
        expect([exitCode, stderr]).toEqual([
          1,
          expect.stringMatching(/cannot be written: got .*FILE_ACCESS/),
        ]);
      }
      const read = await qedge('infer', 'small.qez', '--input', '.');
      expect([read.exitCode, read.stderr]).toEqual([1, expect.stringMatching(/FILE_ACCESS|FILE_FORMAT/)]);
    });

    it('an empty circuit, and a target that is too large to route on', async () => {
      writeFileSync(file('empty.qasm'), '');
      const empty = await qedge('simulate', 'empty.qasm');
      expect([empty.exitCode, empty.stderr]).toEqual([1, expect.stringMatching(/FILE_FORMAT/)]);
      const huge = await qedge('transpile', 'bell.qasm', '--target', 'grid-1000x1000');
      expect([huge.exitCode, huge.stderr]).toEqual([
        1,
        expect.stringMatching(/at most 4096 qubits.*UNSUPPORTED/),
      ]);
    });

    it('data of the wrong shape', async () => {
      writeFileSync(file('wide.json'), JSON.stringify({ features: [[1, 2, 3, 4, 5]], labels: [0] }));
      const { stderr, exitCode } = await qedge('infer', 'small.qez', '--input', 'wide.json');
      expect([exitCode, stderr]).toEqual([
        1,
        expect.stringMatching(/expected 4 numbers, got 5.*SHAPE_MISMATCH/),
      ]);
    });
  });
});
