import { QedgeError, Random, type StoredTensor } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { encodeModel, LazyModel } from '../src/index.ts';
import {
  type CompactLengths,
  compactPrefixByteLength,
  decodeCompactPrefix,
  encodeCompactPrefix,
  frontByteLength,
} from '../src/model-file/compact-prefix.ts';
import { crc32 } from '../src/model-file/crc32.ts';
import { checksumText } from '../src/model-file/header.ts';
import { decodeHeaderText } from '../src/model-file/header-text.ts';
import {
  encodePrefix,
  type FormatVersion,
  LINE_BYTES,
  PAGE_BYTES,
  payloadAreaOffset,
} from '../src/model-file/prefix.ts';
import { constantsGraph, madeTensors } from './graph-content.ts';
import { perceptronGraph, quantizedWeights } from './model-content.ts';

// Files that are damaged, and files whose checksums are right around a header that a hostile writer changed.

/** Set QEDGE_FULL=1 for the whole campaign. */
const CASES = process.env.QEDGE_FULL === '1' ? 50_000 : 3000;
/** Each is a longer piece of work. */
const COMPACT_CASES = process.env.QEDGE_FULL === '1' ? 20_000 : 1000;
const PREFIX_BYTES = 32;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The parts of a compact file; the header is coded again when they are joined. */
interface CompactParts {
  header: Json;
  parameters: Uint8Array;
  small: Uint8Array;
  /** What follows the front, with its padding. */
  readonly rest: Uint8Array;
}

function splitCompact(bytes: Uint8Array): CompactParts {
  const prefix = decodeCompactPrefix(bytes, bytes.length, 'x');
  const headerEnd = prefix.prefixByteLength + prefix.headerByteLength;
  const coded = {
    bytes: bytes.subarray(prefix.prefixByteLength, headerEnd),
    textByteLength: prefix.textByteLength,
  };
  const parametersEnd = headerEnd + prefix.parameterByteLength;
  const end = frontByteLength(prefix);
  return {
    header: JSON.parse(new TextDecoder().decode(decodeHeaderText(coded, 'x'))),
    parameters: bytes.slice(headerEnd, parametersEnd),
    small: bytes.slice(parametersEnd, end),
    rest: bytes.slice(end),
  };
}

/** With right checksums, whatever the parts and lengths are. */
function joinCompact(
  { header, parameters, small, rest }: CompactParts,
  lie: Partial<CompactLengths> = {},
): Uint8Array {
  // Plain, which readers take too and which is faster to make.
  const json = new TextEncoder().encode(JSON.stringify(header));
  const front = Uint8Array.of(...json, ...parameters, ...small);
  const lengths = {
    ...{ headerByteLength: json.length, textByteLength: 0, parameterByteLength: parameters.length },
    smallPayloadByteLength: small.length,
    ...lie,
  };
  let fileByteLength = 0;
  for (let round = 0; round < 3; round++) {
    fileByteLength = compactPrefixByteLength({ ...lengths, fileByteLength }) + front.length + rest.length;
  }
  const prefix = encodeCompactPrefix({ fileByteLength, ...lengths }, front);
  const file = new Uint8Array(prefix.length + front.length + rest.length);
  file.set(prefix);
  file.set(front, prefix.length);
  file.set(rest, prefix.length + front.length);
  return file;
}

interface FileParts {
  readonly version: FormatVersion;
  readonly header: Json;
  readonly parameters: Uint8Array;
  readonly payloads: Uint8Array;
}

function splitFile(bytes: Uint8Array): FileParts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [version, headerByteLength, parameterByteLength] = [8, 12, 24].map((at) =>
    view.getUint32(at, true),
  ) as [FormatVersion, number, number];
  const end = PREFIX_BYTES + headerByteLength;
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(PREFIX_BYTES, end)));
  const area = payloadAreaOffset(
    { headerByteLength, parameterByteLength },
    header.payloadAlignment ?? LINE_BYTES,
  );
  return {
    version,
    header,
    parameters: bytes.slice(end, end + parameterByteLength),
    payloads: bytes.slice(area),
  };
}

function joinFile(
  { version, header, parameters, payloads }: FileParts,
  text = JSON.stringify(header),
): Uint8Array {
  const json = new TextEncoder().encode(text);
  const lengths = { version, headerByteLength: json.length, parameterByteLength: parameters.length };
  const { payloadAlignment } = (header ?? {}) as { payloadAlignment?: Json };
  const start = payloadAreaOffset(lengths, payloadAlignment === PAGE_BYTES ? PAGE_BYTES : LINE_BYTES);
  const bytes = new Uint8Array(start + payloads.length);
  bytes.set(json, PREFIX_BYTES);
  bytes.set(parameters, PREFIX_BYTES + json.length);
  bytes.set(payloads, start);
  const checked = bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + json.length + parameters.length);
  bytes.set(encodePrefix({ ...lengths, fileByteLength: bytes.length }, checked));
  return bytes;
}

/** The same file as the writer of version 1 wrote it. */
function asVersion1(bytes: Uint8Array): Uint8Array {
  const parts = splitFile(bytes);
  const { graph, metadata, tensors } = parts.header as { [key: string]: Json };
  const numbered = (tensors as { crc32: string }[]).map((entry) => ({
    ...entry,
    crc32: Number.parseInt(entry.crc32, 16),
  }));
  return joinFile({
    ...parts,
    version: 1,
    header: { graph: graph!, metadata: metadata!, tensors: numbered as never },
  });
}

const graph = perceptronGraph([16, 8]);
const tensors: StoredTensor[] = quantizedWeights(graph, { seed: 1, bits: 4, sparsity: 0.8 });
const sections = [70_000, 100].map((byteLength) => ({
  key: `panel ${byteLength}`,
  byteLength,
  read: () => [new Uint8Array(byteLength).fill(5)],
}));
const constants = { a: 30, b: 3 };
const linear = encodeModel({ graph, tensors, metadata: { note: 'x' } });
const files = [
  linear,
  asVersion1(linear),
  encodeModel({ graph, tensors, sections }),
  encodeModel({
    graph: constantsGraph(constants),
    tensors: madeTensors(constants),
    sections: sections.slice(1),
  }),
];

function useAll(bytes: Uint8Array): void {
  using model = LazyModel.fromBytes(bytes);
  model.residency();
  for (const name of model.names()) {
    model.spec(name);
    model.load(name);
    model.borrow(name, ({ data }) => data.length);
  }
  for (const key of model.sectionKeys()) model.borrowSection(key, (lent) => lent.length);
  if (model.format === 'qedge-model-graph') model.graph.layers.length;
  else model.operatorGraph.nodes;
}

/** Whether the file was read; every refusal must be a typed one. */
function isRead(bytes: Uint8Array): boolean {
  try {
    useAll(bytes);
    return true;
  } catch (error) {
    if (!(error instanceof QedgeError)) throw error;
    expect(['FILE_FORMAT', 'UNSUPPORTED']).toContain(error.code);
    return false;
  }
}

const STRANGE_VALUES: readonly Json[] = [
  ...[null, true, 0, -1, 0.5, 64, 65_536, 2 ** 31, 2 ** 53, 1e308, '', 'raw', 'float32', 'x', '00000000'],
  ...[[], [1e9, 1e9], [[]], {}, { toString: 1 }, { length: 3 }, { $number: 'NaN' }, { $number: 7 }],
];

/** Changes one value somewhere inside, of any kind, to a strange one, or takes it away, or repeats it. */
function mutate(root: Json, random: Random): Json {
  const path: (string | number)[] = [];
  let here = root;
  while (typeof here === 'object' && here !== null && (path.length === 0 || random.uniform() < 0.85)) {
    const keys = Object.keys(here);
    if (keys.length === 0) break;
    const key = keys[random.integer(keys.length)]!;
    path.push(key);
    here = (here as { [key: string]: Json })[key]!;
  }
  const copy = structuredClone(root) as { [key: string]: Json };
  let holder = copy;
  for (const key of path.slice(0, -1)) holder = holder[key] as typeof holder;
  const last = path.at(-1)!;
  const action = random.integer(8);
  if (action === 0) delete holder[last];
  else if (action === 1 && Array.isArray(holder)) holder.push(structuredClone(here));
  else if (action === 2 && typeof here === 'number') holder[last] = here + random.integer(129) - 64;
  else holder[last] = STRANGE_VALUES[random.integer(STRANGE_VALUES.length)]!;
  return copy;
}

function damage(file: Uint8Array, random: Random): Uint8Array {
  let bytes = file.slice();
  for (let flips = random.integer(8); flips >= 0; flips--) {
    // Mostly where the structure is.
    const range = random.uniform() < 0.7 ? Math.min(bytes.length, 2000) : bytes.length;
    bytes[random.integer(range)] = random.integer(256);
  }
  if (random.uniform() < 0.2) bytes = bytes.slice(0, random.integer(bytes.length));
  if (random.uniform() < 0.1) {
    const longer = new Uint8Array(bytes.length + random.integer(64));
    longer.set(bytes);
    bytes = longer;
  }
  return bytes;
}

describe('a hostile model file', () => {
  it('of which nothing was changed is read', () => {
    for (const file of files) {
      useAll(file);
      useAll(joinFile(splitFile(file)));
    }
  });

  it(`is refused with a typed error, or read, in bounded time: ${CASES} mutations`, {
    timeout: 120_000,
  }, () => {
    const random = new Random(17);
    const counts = { read: 0, refused: 0 };
    let longestMs = 0;
    let heaviestBytes = 0;
    for (let round = 0; round < CASES; round++) {
      const file = files[round % files.length]!;
      const startMs = performance.now();
      let bytes: Uint8Array;
      if (round % 3 === 0) bytes = damage(file, random);
      else {
        const parts = splitFile(file);
        let { header } = parts;
        for (let changes = 1 + random.integer(2); changes > 0; changes--) header = mutate(header, random);
        bytes = joinFile({ ...parts, header });
      }
      const before = process.memoryUsage().arrayBuffers;
      if (isRead(bytes)) counts.read++;
      else counts.refused++;
      heaviestBytes = Math.max(heaviestBytes, process.memoryUsage().arrayBuffers - before);
      longestMs = Math.max(longestMs, performance.now() - startMs);
    }
    expect(counts.refused).toBeGreaterThan(CASES / 3);
    expect(counts.read).toBeGreaterThan(CASES / 50);
    // Decoding a bitmap takes eight times its bytes; a file that says it is larger than it is must not be believed.
    expect(heaviestBytes).toBeLessThan(2 ** 22);
    expect(longestMs).toBeLessThan(2000);
    if (process.env.QEDGE_FULL === '1') console.log(counts, { longestMs, heaviestBytes });
  });

  it.each<[string, (text: string) => string]>([
    ['metadata', (nested) => `{"metadata":${nested}}`],
    ['a name', (nested) => `{"metadata":{},"payloadAlignment":64,"tensors":[{"name":${nested}}]}`],
    [
      'a dtype',
      (nested) => `{"metadata":{},"payloadAlignment":64,"tensors":[{"name":"a","dtype":${nested}}]}`,
    ],
    [
      'a graph',
      (nested) =>
        `{"metadata":{},"payloadAlignment":64,"tensors":[],"sections":[],"graph":{"format":"qedge-operator-graph","version":${nested}}}`,
    ],
    [
      'the shape of a graph',
      (nested) =>
        `{"metadata":{},"payloadAlignment":64,"tensors":[],"sections":[],"graph":{"format":"qedge-model-graph","version":1,"layers":[{}],"inputShape":${nested},"outputShape":[]}}`,
    ],
  ])('with %s that nests deeper than any stack is refused or read', (_, write) => {
    const parts = splitFile(files[3]!);
    for (const depth of [1000, 100_000]) {
      const nested = '['.repeat(depth) + ']'.repeat(depth);
      expect(isRead(joinFile({ ...parts, header: null, parameters: new Uint8Array() }, write(nested)))).toBe(
        false,
      );
    }
  });

  it('cannot set prototypes, and numbers are restored at any depth', () => {
    const parts = splitFile(files[3]!);
    const deep = `${'{"a":'.repeat(50_000)}{"$number":"-0"}${'}'.repeat(50_000)}`;
    const text = JSON.stringify(parts.header).replace(
      '"nodes":',
      `"deep":${deep},"__proto__":{"polluted":true,"more":{"$number":"NaN"}},"nodes":`,
    );
    using model = LazyModel.fromBytes(joinFile(parts, text));
    const graph = model.operatorGraph as unknown as { polluted?: boolean; deep: { a?: unknown } };
    expect(graph.polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    let inner: unknown = graph.deep;
    for (let depth = 0; depth < 50_000; depth++) inner = (inner as { a: unknown }).a;
    expect(inner).toBe(-0);
  });

  it.each<[string, (section: { [key: string]: Json }) => void, RegExp]>([
    ['without a key', (section) => void delete section.key, /without a key/],
    [
      'with the key of another',
      (section) => Object.assign(section, { key: 'panel 100' }),
      /two sections|overlap/,
    ],
    ['beyond the end', (section) => Object.assign(section, { offset: 2 ** 40 }), /outside of the file/],
    [
      'that is not aligned',
      (section) => Object.assign(section, { offset: (section.offset as number) + 64 }),
      /aligned/,
    ],
    ['over a tensor', (section) => Object.assign(section, { offset: 0, byteLength: 128 }), /overlap/],
    ['without a checksum', (section) => Object.assign(section, { crc32: 12 }), /no checksum/],
    [
      'with another checksum',
      (section) => Object.assign(section, { crc32: checksumText(crc32(Uint8Array.of(1))) }),
      /damaged/,
    ],
  ])('with a section %s is refused', (_, change, message) => {
    const parts = splitFile(files[2]!);
    const header = structuredClone(parts.header) as { sections: { [key: string]: Json }[] };
    change(header.sections[0]!);
    expect(() => useAll(joinFile({ ...parts, header: header as never }))).toThrow(message);
  });
});

describe('a hostile compact file', () => {
  const halves: StoredTensor = {
    ...{ name: 'halves', dtype: 'float16', shape: [40] },
    data: Uint16Array.from({ length: 40 }, (_, i) => 0x2c00 + 31 * i),
  };
  const normal = new Random(6);
  const dense: StoredTensor = {
    ...{ name: 'dense codes', dtype: 'int8', shape: [30, 50] },
    data: Int8Array.from({ length: 1500 }, () =>
      Math.max(-127, Math.min(127, Math.round(40 * normal.normal()))),
    ),
    quantization: {
      ...{ bits: 8, symmetric: true, axis: null },
      scales: Float32Array.of(0.5),
      zeroPoints: new Int32Array(1),
    },
  };
  const compact = [
    encodeModel(
      { graph, tensors: [...tensors, halves, dense], metadata: { note: 'x' } },
      { coding: 'smallest' },
    ),
    encodeModel(
      {
        graph: constantsGraph({ a: 2000, b: 3 }),
        tensors: madeTensors({ a: 2000, b: 3 }),
        sections: sections.slice(1),
      },
      { coding: 'smallest' },
    ),
  ];
  const compactParts = compact.map(splitCompact);

  it('of which nothing was changed is read', () => {
    using first = LazyModel.fromBytes(compact[0]!);
    const encodings = new Set(first.residency().map(({ encoding }) => encoding));
    expect(encodings).toContain('rans');
    expect(encodings).toContain('arithmetic');
    for (const file of compact) {
      useAll(file);
      // Sections are aligned to the file, so only files without are joined again as they are.
      const parts = splitCompact(file);
      if (parts.rest.length === 0) useAll(joinCompact(parts));
    }
  });

  it(`is refused with a typed error, or read, in bounded time and memory: ${COMPACT_CASES} mutations`, {
    timeout: 600_000,
  }, () => {
    const random = new Random(23);
    const counts = { read: 0, refused: 0 };
    let longestMs = 0;
    let heaviestBytes = 0;
    for (let round = 0; round < COMPACT_CASES; round++) {
      const which = round % compact.length;
      const startMs = performance.now();
      let bytes: Uint8Array;
      if (round % 4 === 0) bytes = damage(compact[which]!, random);
      else {
        const parts = { ...compactParts[which]! };
        if (round % 4 === 1) parts.small = damage(parts.small, random);
        else parts.header = mutate(parts.header, random);
        if (random.uniform() < 0.2) parts.parameters = damage(parts.parameters, random);
        const lie =
          random.uniform() < 0.1
            ? { textByteLength: [1, 5000, 10 ** 6, 2 ** 40][random.integer(4)]! }
            : random.uniform() < 0.1
              ? { smallPayloadByteLength: random.integer(2 ** 20) }
              : {};
        bytes = joinCompact(parts, lie);
      }
      const before = process.memoryUsage().arrayBuffers;
      if (isRead(bytes)) counts.read++;
      else counts.refused++;
      heaviestBytes = Math.max(heaviestBytes, process.memoryUsage().arrayBuffers - before);
      longestMs = Math.max(longestMs, performance.now() - startMs);
    }
    expect(counts.refused).toBeGreaterThan(COMPACT_CASES / 3);
    expect(counts.read).toBeGreaterThan(COMPACT_CASES / 50);
    // Tables of the header's coder take 1.8 MB.
    expect(heaviestBytes).toBeLessThan(2 ** 23);
    expect(longestMs).toBeLessThan(2000);
    if (process.env.QEDGE_FULL === '1') console.log(counts, { longestMs, heaviestBytes });
  });

  it('cannot ask for more memory than its bytes are worth', () => {
    const parts = structuredClone(compactParts[0]!) as CompactParts & {
      header: { graph: { [key: string]: Json }; tensors: { [key: string]: Json }[] };
    };
    parts.header.tensors.push({
      ...{ name: 'huge', shape: [2 ** 20, 2 ** 20], dtype: 'int8', encoding: 'arithmetic', byteLength: 1 },
      quantization: { bits: 3, symmetric: true, axis: null },
    });
    const bytes = joinCompact({
      ...parts,
      parameters: Uint8Array.of(...parts.parameters, 0, 0, 128, 63),
      small: Uint8Array.of(...parts.small, 1),
    });
    expect(() => LazyModel.fromBytes(bytes)).toThrow(/huge.*cannot be arithmetic/);
  });
});
