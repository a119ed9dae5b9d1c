// Opening a file by mapping it against reading it, and what the first touch of mapped pages costs afterwards. Needs a build (`npx tsup`), room
// for 4 GiB on the disk of the temporary folder and 8 GiB of memory: `node --expose-gc bench/mapping.mjs`. The files are in the page
// cache; the two sides alternate within one process; the best and the median are printed. `--json` prints the figures as JSON.
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { mapFile } from '@qedge/memory/node';

const MEBIBYTE = 2 ** 20;
const PAGE_BYTES = 4096;
/** Node 20 has no longer typed arrays than 4 GiB, and views that are this long need no more than one collection each. */
const WINDOW_BYTES = 256 * MEBIBYTE;
const MAPPINGS_PER_ROUND = 20;
const SIZES = [
  { name: '256 MiB', byteLength: 256 * MEBIBYTE, rounds: 7 },
  { name: '4 GiB', byteLength: 4096 * MEBIBYTE, rounds: 3 },
];

function makeFile(path, byteLength) {
  const descriptor = openSync(path, 'w');
  const piece = new Uint8Array(16 * MEBIBYTE);
  for (let i = 0; i < piece.length; i++) piece[i] = Math.imul(i, 2654435761) >>> 24;
  for (let at = 0; at < byteLength; at += piece.length) writeSync(descriptor, piece);
  closeSync(descriptor);
}

/** The whole file in memory: `readFileSync` stops at 2 GiB. */
function readWhole(path) {
  const descriptor = openSync(path, 'r');
  const bytes = new Uint8Array(fstatSync(descriptor).size);
  for (let at = 0; at < bytes.length; ) {
    at += readSync(descriptor, bytes, at, Math.min(bytes.length - at, 1024 * MEBIBYTE), at);
  }
  closeSync(descriptor);
  return bytes;
}

function sumPages(bytes) {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) sum += bytes[at];
  return sum;
}

function touchMapped(file) {
  let sum = 0;
  for (let at = 0; at < file.byteLength; at += WINDOW_BYTES) {
    sum += file.borrow(at, Math.min(WINDOW_BYTES, file.byteLength - at), sumPages);
  }
  return sum;
}

function timed(samples, name, work) {
  const start = performance.now();
  const result = work();
  const durationMs = performance.now() - start;
  if (!samples.has(name)) samples.set(name, []);
  samples.get(name).push(durationMs);
  return result;
}

/** Collects, and waits until what was collected has been given back to the system: meanwhile nobody else gets to change mappings. */
async function settle() {
  globalThis.gc?.();
  await setTimeout(1000);
}

async function measure(path, rounds) {
  const samples = new Map();
  for (let round = 0; round < rounds; round++) {
    await settle();
    for (let i = 0; i < MAPPINGS_PER_ROUND; i++) timed(samples, 'map', () => mapFile(path)).dispose();
    const file = timed(samples, 'map', () => mapFile(path));
    if (file.loading !== 'mapped') throw new Error(file.fallbacks[0].why);
    const touched = timed(samples, 'first touch of every mapped page', () => touchMapped(file));
    const again = timed(samples, 'second touch', () => touchMapped(file));
    timed(samples, 'close the mapping', () => file.dispose());
    await settle();
    let bytes = timed(samples, 'read', () => readWhole(path));
    const read = timed(samples, 'touch what was read', () => sumPages(bytes));
    bytes = null;
    if (touched !== read || again !== read) throw new Error('the mapped bytes differ from those read');
  }
  return [...samples].map(([name, list]) => {
    const sorted = list.sort((a, b) => a - b);
    return { name, bestMs: sorted[0], medianMs: sorted[sorted.length >> 1] };
  });
}

const directory = mkdtempSync(join(tmpdir(), 'qedge-mapping-bench-'));
try {
  // The first mapping of a process loads koffi.
  const warm = join(directory, 'warm.bin');
  makeFile(warm, 16 * MEBIBYTE);
  for (let i = 0; i < 20; i++) mapFile(warm).dispose();
  rmSync(warm);
  const results = [];
  for (const { name, byteLength, rounds } of SIZES) {
    const path = join(directory, 'weights.bin');
    makeFile(path, byteLength);
    const rows = await measure(path, rounds);
    rmSync(path);
    const [map, read] = ['map', 'read'].map((key) => rows.find((row) => row.name === key));
    const ratioOfBest = read.bestMs / map.bestMs;
    results.push({ name, rows, ratioOfBest, ratioOfMedians: read.medianMs / map.medianMs });
  }
  if (process.argv.includes('--json')) console.log(JSON.stringify(results));
  else print(results);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function print(results) {
  console.log(
    `${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, ${process.platform} ${process.arch}`,
  );
  for (const { name, rows, ratioOfBest, ratioOfMedians } of results) {
    console.log(
      `\n${name}: mapping is ${ratioOfBest.toFixed(0)} times faster than reading (medians: ${ratioOfMedians.toFixed(0)})`,
    );
    for (const row of rows) {
      console.log(
        `  ${row.name.padEnd(36)} best ${row.bestMs.toFixed(4)} ms, median ${row.medianMs.toFixed(4)} ms`,
      );
    }
  }
}
