import { FileFormatError, QedgeError, Random, UnsupportedError } from '@qedge/core';
import { expect, it } from 'vitest';
import { bytesInMemory, encodeSafetensors, SafetensorsFile, TfjsWeights } from '../src/index.ts';

// Damaged and hostile files: whatever the bytes, opening and loading everything ends in time with tensors or with a typed error.

/** In full with QEDGE_FULL=1. */
const MUTATIONS = process.env.QEDGE_FULL === '1' ? 50_000 : 5_000;
/** A mutation takes well below a millisecond; the slowest may meet a pause of the collector or of a busy machine. */
const LONGEST_MS = 2_000;
/** Nothing in a file of a few kilobytes may make the reader hold much more than it. */
const LARGEST_HEAP_GROWTH_BYTES = 256 * 2 ** 20;

const safetensors = encodeSafetensors({
  tensors: [
    {
      name: 'embedding',
      dtype: 'float32',
      shape: [8, 16],
      data: Float32Array.from({ length: 128 }, Math.sin),
    },
    { name: 'norm', dtype: 'float16', shape: [16], data: new Uint16Array(16).fill(0x3c00) },
    { name: 'codes', dtype: 'int8', shape: [4, 4], data: Int8Array.from({ length: 16 }, (_, i) => i - 8) },
    { name: 'scalar', dtype: 'int32', shape: [], data: Int32Array.of(7) },
    { name: 'empty', dtype: 'float64', shape: [0, 3], data: new Float64Array(0) },
  ],
  metadata: { format: 'pt', note: 'hostile \u00e9' },
});

const manifest = JSON.stringify({
  format: 'layers-model',
  modelTopology: { class_name: 'Sequential', config: [{ units: 3 }] },
  weightsManifest: [
    {
      paths: ['one.bin', 'two.bin'],
      weights: [
        {
          name: 'kernel',
          shape: [3, 5],
          dtype: 'float32',
          quantization: { dtype: 'uint8', scale: 0.01, min: -1.2 },
        },
        { name: 'bias', shape: [5], dtype: 'float32' },
        { name: 'words', shape: [2], dtype: 'string' },
        { name: 'wide', shape: [2, 2], dtype: 'int32', quantization: { dtype: 'uint16', scale: 2, min: -5 } },
        { name: 'half', shape: [3], dtype: 'float32', quantization: { dtype: 'float16' } },
      ],
    },
    { paths: ['three.bin'], weights: [{ name: 'mask', shape: [4], dtype: 'bool' }] },
  ],
});
const shards: Readonly<Record<string, Uint8Array>> = {
  'one.bin': Uint8Array.from({ length: 20 }, (_, i) => i * 9),
  // The rest of the bias, two strings of 2 and 0 bytes, four codes, three half floats.
  'two.bin': Uint8Array.from([
    ...new Array(15).fill(1),
    2,
    0,
    0,
    0,
    97,
    98,
    0,
    0,
    0,
    0,
    ...new Array(14).fill(3),
  ]),
  'three.bin': Uint8Array.of(0, 1, 1, 0),
};

/** Numbers that readers trip over. */
const TRAPS = [
  '0',
  '-1',
  '1e308',
  '1.5',
  '4294967296',
  '9007199254740993',
  '18446744073709551615',
  'null',
  '""',
  '[]',
  '{}',
  '[[]]',
];
const TOKEN = /"[^"]*"|-?\d+(\.\d+)?|[[\]{}:,]|true|false|null/g;

/** Changes one token of a JSON text: removes, repeats, exchanges it, or puts a trap in its place. */
function editJson(text: string, random: Random): string {
  const tokens = [...text.matchAll(TOKEN)];
  const pick = () => tokens[random.integer(tokens.length)]!;
  const token = pick();
  const replacement = [
    () => '',
    () => token[0] + token[0],
    () => pick()[0],
    () => TRAPS[random.integer(TRAPS.length)]!,
    () => `"${'x'.repeat(random.integer(2000))}"`,
    () => '['.repeat(random.integer(3000)),
  ][random.integer(6)]!();
  return text.slice(0, token.index) + replacement + text.slice(token.index + token[0].length);
}

/** Flips bits, cuts, extends, or overwrites a run of bytes. */
function editBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.integer(bytes.length);
  const kind = random.integer(4);
  if (kind === 0) return bytes.slice(0, at);
  if (kind === 1) {
    const longer = new Uint8Array(bytes.length + 1 + at);
    longer.set(bytes);
    return longer;
  }
  const copy = bytes.slice();
  const count = kind === 2 ? 1 + random.integer(3) : 1 + random.integer(12);
  for (let i = 0; i < count; i++) {
    if (kind === 2) copy[random.integer(bytes.length)]! ^= 1 << random.integer(8);
    else copy[Math.min(at + i, bytes.length - 1)] = random.integer(256);
  }
  return copy;
}

function mutateSafetensors(random: Random): Uint8Array {
  const kind = random.uniform();
  if (kind < 0.35) return editBytes(safetensors, random);
  const headerLength = Number(new DataView(safetensors.buffer).getBigUint64(0, true));
  if (kind < 0.5) {
    const copy = safetensors.slice();
    const shift = random.integer(64);
    const length = kind < 0.42 ? BigInt(headerLength) + BigInt(shift) - 32n : 2n ** BigInt(shift);
    new DataView(copy.buffer).setBigUint64(0, length, true);
    return copy;
  }
  let json = new TextDecoder().decode(safetensors.subarray(8, 8 + headerLength));
  for (let edits = random.uniform() < 0.7 ? 1 : 3; edits > 0; edits--) json = editJson(json, random);
  const header = new TextEncoder().encode(json);
  const bytes = new Uint8Array(8 + header.length + safetensors.length - 8 - headerLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  bytes.set(safetensors.subarray(8 + headerLength), 8 + header.length);
  return bytes;
}

type Outcome = 'read' | 'refused' | 'some refused';

/** Opens and loads everything; anything but a typed error fails the test. */
function readAll(open: () => SafetensorsFile | TfjsWeights, names: Set<string>): Outcome {
  const typed = (error: unknown): void => {
    if (error instanceof FileFormatError || error instanceof UnsupportedError) {
      names.add(error.message.replace(/\d+|"[^"]*"|\[.*/g, '').slice(0, 60));
      return;
    }
    throw error instanceof QedgeError ? new Error(`an unexpected ${error.code}`, { cause: error }) : error;
  };
  let file: SafetensorsFile | TfjsWeights;
  try {
    file = open();
  } catch (error) {
    typed(error);
    return 'refused';
  }
  let outcome: Outcome = 'read';
  for (const name of file.names()) {
    try {
      const { data } = file.load(name);
      file.borrow(name, () => data.length);
    } catch (error) {
      typed(error);
      // The strings of the manifest are refused by name in the undamaged file too.
      if (error instanceof FileFormatError) outcome = 'some refused';
    }
  }
  file.dispose();
  return outcome;
}

function campaign(mutate: (random: Random) => () => SafetensorsFile | TfjsWeights) {
  const outcomes: Record<Outcome, number> = { read: 0, refused: 0, 'some refused': 0 };
  const messages = new Set<string>();
  const heapBefore = process.memoryUsage();
  let slowestMs = 0;
  let largestGrowth = 0;
  for (let seed = 0; seed < MUTATIONS; seed++) {
    const open = mutate(new Random(seed));
    const start = performance.now();
    outcomes[readAll(open, messages)]++;
    slowestMs = Math.max(slowestMs, performance.now() - start);
    if (seed % 100 === 0) {
      const { heapUsed, external } = process.memoryUsage();
      largestGrowth = Math.max(
        largestGrowth,
        heapUsed + external - heapBefore.heapUsed - heapBefore.external,
      );
    }
  }
  expect(slowestMs).toBeLessThan(LONGEST_MS);
  expect(largestGrowth).toBeLessThan(LARGEST_HEAP_GROWTH_BYTES);
  // The mutations are neither all harmless nor all refused for one reason.
  expect(outcomes.refused).toBeGreaterThan(MUTATIONS / 4);
  expect(outcomes.read).toBeGreaterThan(MUTATIONS / 100);
  expect(messages.size).toBeGreaterThan(10);
  if (process.env.QEDGE_FULL === '1')
    console.log(outcomes, { messages: messages.size, slowestMs, largestGrowth });
}

it('damaged safetensors files are read or refused with a typed error', () => {
  campaign((random) => {
    const bytes = mutateSafetensors(random);
    return () => SafetensorsFile.fromBytes(bytes);
  });
});

it('damaged weights manifests and shards are read or refused with a typed error', () => {
  campaign((random) => {
    const kind = random.uniform();
    const text = kind < 0.6 ? editJson(manifest, random) : manifest;
    const clean = new TextEncoder().encode(text);
    const json = kind >= 0.6 && kind < 0.8 ? editBytes(clean, random) : clean;
    const changed = kind < 0.8 ? null : Object.keys(shards)[random.integer(3)];
    const damaged = changed ? editBytes(shards[changed]!, random) : null;
    return () =>
      TfjsWeights.fromManifest(json, (path) => {
        const bytes = path === changed ? damaged : Object.hasOwn(shards, path) ? shards[path] : null;
        if (!bytes) throw new FileFormatError(`no shard ${path}`);
        return bytesInMemory(bytes, path);
      });
  });
});

it('the undamaged files are read', () => {
  const messages = new Set<string>();
  expect(readAll(() => SafetensorsFile.fromBytes(safetensors), messages)).toBe('read');
  const weights = () =>
    TfjsWeights.fromManifest(new TextEncoder().encode(manifest), (path) =>
      bytesInMemory(shards[path]!, path),
    );
  expect(readAll(weights, messages)).toBe('read');
  expect([...messages]).toEqual([expect.stringMatching(/^Weight {2}has a dtype that cannot be loaded/)]);
});
