// What a kernel costs before and around its work, on every way of execution that is there, as a Markdown table.
//
//   npm run build, then: node packages/codegen/bench/costs.bench.mjs

import {
  Avx2Target,
  Avx512Target,
  BANDWIDTH_ARGUMENTS,
  defaultGemmBlocking,
  emitKernel,
  encodeModule,
  setArgument,
  WasmTarget,
} from '@qedge/codegen';
import { createKernelHost, createNodeTeam } from '@qedge/codegen/node';

const SMALL = [8, 64, 64];
const LARGE = [512, 512, 512];

/** A product of float32 matrices without gaps. */
function describeProduct(host, [rows, columns, depth]) {
  const product = {
    kind: 'gemm',
    batch: 1,
    rows,
    columns,
    depth,
    a: { rowStride: depth, columnStride: 1, batchStride: 0 },
    b: { packed: false, rowStride: columns, columnStride: 1, batchStride: 0 },
    c: { rowStride: columns, columnStride: 1, batchStride: 0 },
    alpha: 'one',
    beta: 'zero',
    epilogue: { bias: true, activation: 'relu', softmax: false },
  };
  return { ...product, blocking: defaultGemmBlocking(product, host.traits) };
}

/** The code of a kernel, not yet loaded. */
function emit(host, description) {
  if (host.isa === 'avx512') {
    return emitKernel(new Avx512Target(host.cpu.features, { strict: false }), description);
  }
  if (host.isa === 'avx2') {
    return emitKernel(new Avx2Target(host.cpu.features, { strict: false }), description);
  }
  const target = new WasmTarget(host.isa === 'wasm' ? 'relaxed' : 'strict', 0, host.traits.hoistsLoads);
  return encodeModule([{ name: 'kernel', kernel: emitKernel(target, description) }], { shared: false });
}

/** Microseconds of a call: the lower quartile, because a busy machine only adds to it. */
function quartile(repeats, run) {
  const times = Array.from({ length: repeats }, (_, turn) => {
    const start = performance.now();
    run(turn);
    return (performance.now() - start) * 1e3;
  });
  return times.sort((a, b) => a - b)[repeats >> 2];
}

/** Nanoseconds of a call of a kernel that does nothing. */
function measureCall(host) {
  const memory = host.createMemory(4096);
  const view = new DataView(memory.buffer, memory.byteOffset);
  setArgument(view, 0, BANDWIDTH_ARGUMENTS.source, memory.address);
  setArgument(view, 0, BANDWIDTH_ARGUMENTS.result, memory.address + 1024);
  const [{ run }] = host.load([{ kind: 'bandwidth' }], memory);
  const calls = 1e5;
  const microseconds = quartile(40, () => {
    for (let call = 0; call < calls; call++) run(memory.address);
  });
  return (microseconds * 1e3) / calls;
}

function measure(host) {
  const memory = host.createMemory(4096);
  const ofProduct = (shape, repeats) => {
    const [m, n, k] = shape;
    const description = describeProduct(host, shape);
    const emission = quartile(repeats, () => emit(host, description));
    // Another depth each time, so that nothing is known.
    const loading = quartile(repeats, (turn) => {
      host.load([describeProduct(host, [m, n, k + turn + 1])], memory);
    });
    return { emission, loading, byteLength: emit(host, description).length };
  };
  const [small, large] = [ofProduct(SMALL, 400), ofProduct(LARGE, 60)];
  const known = describeProduct(host, SMALL);
  host.load([known], memory);
  const again = quartile(400, () => host.load([known], memory));
  return [
    ['float32 8x64x64: emit', `${small.emission.toFixed(0)} µs, ${small.byteLength} bytes`],
    ['float32 8x64x64: emit, load and check', `${(small.loading / 1e3).toFixed(2)} ms`],
    ['float32 512x512x512: emit', `${large.emission.toFixed(0)} µs, ${large.byteLength} bytes`],
    ['float32 512x512x512: emit, load and check', `${(large.loading / 1e3).toFixed(1)} ms`],
    ['load a known one for another memory', `${again.toFixed(1)} µs`],
    ['call', `${measureCall(host).toFixed(0)} ns`],
  ];
}

const columns = [];
for (const isa of ['avx512', 'avx2', 'wasm', 'wasm-strict']) {
  try {
    const { host } = createKernelHost({ isa });
    columns.push({ isa, cells: measure(host) });
    host.dispose();
  } catch (error) {
    console.error(error.message);
  }
}
const team = await createNodeTeam(2);
console.log(
  `Node ${process.versions.node}. Handing over to a second thread: ${team.handoffMicroseconds.toFixed(1)} µs.\n`,
);
team.dispose();
console.log(`| What | ${columns.map(({ isa }) => `\`${isa}\``).join(' | ')} |`);
console.log(`| --- |${columns.map(() => ' --- |').join('')}`);
for (const [index, [what]] of (columns[0]?.cells ?? []).entries()) {
  console.log(`| ${what} | ${columns.map(({ cells }) => cells[index][1]).join(' | ')} |`);
}
