/**
 * @file Bytes and speed of the entropy coders against packed codes, a bitmap, the entropy of the codes and Fraunhofer's NNC coder.
 *
 * npx tsup && node bench/coder.mjs [--python <python with tooling/peers/coders/requirements.txt>] [--json] [model.qez ...]
 *
 * Synthetic matrices, and the coded tensors of model files: those that `qedge compress` writes, for example. Times are CPU time of this
 * process, the best of some repetitions.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Random } from '@qedge/core';
import { encodeModel, LazyModel } from '@qedge/memory';

const { values: options, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { python: { type: 'string' }, json: { type: 'boolean', default: false } },
});

/** Codes whose rows and columns differ in density, as those of pruned layers do. */
function prunedMatrix(rows, columns, bits, density, seed) {
  const random = new Random(seed);
  const highest = 2 ** (bits - 1) - 1;
  const perRow = Float64Array.from({ length: rows }, () => random.uniform() ** 3);
  const perColumn = Float64Array.from({ length: columns }, () => random.uniform());
  return Int8Array.from({ length: rows * columns }, (_, i) => {
    if (random.uniform() >= density * 8 * perRow[Math.floor(i / columns)] * perColumn[i % columns]) return 0;
    const magnitude = Math.min(highest, 1 + Math.floor(Math.abs(random.normal()) * (highest / 3)));
    return random.uniform() < 0.5 ? -magnitude : magnitude;
  });
}

function denseMatrix(rows, columns, bits, seed) {
  const random = new Random(seed);
  const highest = 2 ** (bits - 1) - 1;
  return Int8Array.from({ length: rows * columns }, () =>
    Math.max(-highest, Math.min(highest, Math.round((random.normal() * highest) / 3.5))),
  );
}

function codesTensor(name, rows, columns, bits, data) {
  const quantization = {
    ...{ bits, symmetric: true, axis: null },
    scales: Float32Array.of(0.5),
    zeroPoints: new Int32Array(1),
  };
  return { name, dtype: 'int8', shape: [rows, columns], data, quantization };
}

async function* listTensors() {
  for (const density of [0.1, 0.05, 0.03]) {
    for (const bits of [3, 4]) {
      const name = `pruned ${100 - 100 * density} %, ${bits} bits`;
      yield codesTensor(name, 784, 256, bits, prunedMatrix(784, 256, bits, density, bits));
    }
  }
  for (const bits of [8, 4, 2]) {
    yield codesTensor(`dense, ${bits} bits`, 512, 512, bits, denseMatrix(512, 512, bits, bits));
  }
  for (const file of files) {
    const model = LazyModel.fromBytes(await readFile(file));
    for (const name of model.names()) {
      const tensor = model.load(name);
      if (tensor.quantization && tensor.data instanceof Int8Array && tensor.shape.length > 1) {
        yield { ...tensor, name: `${file}: ${name}` };
      }
    }
    model.dispose();
  }
}

/** A file around one tensor, so that its payload can be measured. */
function fileAround(tensor, coding) {
  const { name, shape } = tensor;
  const values = { [name]: { dtype: 'int8', shape } };
  const graph = {
    ...{ format: 'qedge-operator-graph', version: 1, name: 'bench', inputs: [], outputs: [name] },
    ...{ constants: [name], values, nodes: [] },
  };
  return encodeModel({ graph, tensors: [tensor] }, { coding });
}

function payloadBytes(file) {
  const model = LazyModel.fromBytes(file);
  const [{ encoding, fileBytes }] = model.residency();
  model.dispose();
  return { encoding, fileBytes };
}

function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function bestMs(repetitions, work) {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repetitions; i++) {
    const start = cpuMs();
    work();
    best = Math.min(best, cpuMs() - start);
  }
  return best;
}

function entropyBytes(codes) {
  const counts = new Map();
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / codes.length);
  return Math.round(bits / 8);
}

function measure(tensor) {
  const { name, data } = tensor;
  const fast = payloadBytes(fileAround(tensor, 'fast'));
  const file = fileAround(tensor, 'smallest');
  const smallest = payloadBytes(file);
  const model = LazyModel.fromBytes(file);
  const decodeMs = bestMs(7, () => {
    model.load(name);
    model.evict(name);
  });
  model.dispose();
  const encodeMs = bestMs(2, () => fileAround(tensor, 'smallest'));
  return {
    name,
    weights: data.length,
    packedBytes: Math.ceil((data.length * tensor.quantization.bits) / 8),
    fastBytes: fast.fileBytes,
    encoding: smallest.encoding,
    bytes: smallest.fileBytes,
    entropyBytes: entropyBytes(data),
    encodeNsPerWeight: (encodeMs * 1e6) / data.length,
    decodeNsPerWeight: (decodeMs * 1e6) / data.length,
  };
}

/** The native coder, or why there is none. */
async function startPeer(python) {
  if (!python) return { absent: 'no --python' };
  const script = fileURLToPath(new URL('../../../tooling/peers/coders/serve.py', import.meta.url));
  const child = spawn(python, [script, 'nnc'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => JSON.parse((await lines.next()).value);
  const { version, error } = await answer();
  if (error) return { absent: error };
  const size = async ({ data, shape }) => {
    const columns = shape.at(-1);
    const request = {
      call: 'measure',
      codes: Buffer.from(data.buffer, data.byteOffset, data.length).toString('base64'),
    };
    child.stdin.write(`${JSON.stringify({ ...request, rows: data.length / columns, columns })}\n`);
    const result = await answer();
    if (result.error) throw new Error(result.error);
    return result.value.bytes;
  };
  return { version, size, end: () => child.stdin.end() };
}

const peer = await startPeer(options.python);
const rows = [];
for await (const tensor of listTensors()) {
  rows.push({ ...measure(tensor), nncBytes: peer.size ? await peer.size(tensor) : null });
}
peer.end?.();
if (options.json) console.log(JSON.stringify({ peer: peer.version ?? peer.absent, rows }));
else {
  console.log(`peer: ${peer.version ?? `absent (${peer.absent})`}`);
  for (const row of rows) {
    const { name, bytes, nncBytes, encoding, entropyBytes: h0, fastBytes, packedBytes } = row;
    const peerText = nncBytes === null ? '' : `, NNC ${nncBytes} (${(bytes / nncBytes).toFixed(3)})`;
    const mbPerSecond = 4000 / row.decodeNsPerWeight;
    console.log(
      `${name}: ${bytes} bytes ${encoding}${peerText}, entropy ${h0}, fast ${fastBytes}, packed ${packedBytes}; encode ${row.encodeNsPerWeight.toFixed(0)} ns, ` +
        `decode ${row.decodeNsPerWeight.toFixed(0)} ns per weight (${mbPerSecond.toFixed(0)} MB/s of float32)`,
    );
  }
}
