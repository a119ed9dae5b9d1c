import { FileFormatError, UnsupportedError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { encodeModel, LazyModel } from '../src/index.ts';
import { crc32 } from '../src/model-file/crc32.ts';
import { checksumText } from '../src/model-file/header.ts';
import { encodePrefix, LINE_BYTES, PREFIX_BYTES, payloadAreaOffset } from '../src/model-file/prefix.ts';
import { perceptronGraph, quantizedWeights } from './model-content.ts';

// Files whose checksums are right but whose content is not: what a mistaken or hostile writer could make.

const graph = perceptronGraph([16, 8]);
const tensors = quantizedWeights(graph, { seed: 1, bits: 4, sparsity: 0.8 });
const good = encodeModel({ graph, tensors });
const jsonLength = new DataView(good.buffer).getUint32(12, true);
const parameterLength = new DataView(good.buffer).getUint32(24, true);
const area = payloadAreaOffset(
  { headerByteLength: jsonLength, parameterByteLength: parameterLength },
  LINE_BYTES,
);

interface LooseHeader {
  graph: Record<string, unknown>;
  metadata: unknown;
  tensors: Record<string, unknown>[];
}

function rewrite(
  change: (header: LooseHeader, payloads: Uint8Array) => unknown,
  parameters = good.slice(PREFIX_BYTES + jsonLength, PREFIX_BYTES + jsonLength + parameterLength),
): Uint8Array {
  const header = JSON.parse(new TextDecoder().decode(good.subarray(PREFIX_BYTES, PREFIX_BYTES + jsonLength)));
  const payloads = good.slice(area);
  const replaced = change(header, payloads);
  const json = new TextEncoder().encode(typeof replaced === 'string' ? replaced : JSON.stringify(header));
  const lengths = {
    version: 2 as const,
    headerByteLength: json.length,
    parameterByteLength: parameters.length,
  };
  const start = payloadAreaOffset(lengths, LINE_BYTES);
  const bytes = new Uint8Array(start + payloads.length);
  bytes.set(json, PREFIX_BYTES);
  bytes.set(parameters, PREFIX_BYTES + json.length);
  bytes.set(payloads, start);
  const checked = bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + json.length + parameters.length);
  bytes.set(encodePrefix({ ...lengths, fileByteLength: bytes.length }, checked));
  return bytes;
}

const openAll = (bytes: Uint8Array) => {
  const model = LazyModel.fromBytes(bytes);
  for (const name of model.names()) model.load(name);
};

describe('a header with a right checksum', () => {
  it('is accepted when nothing else was changed', () => {
    expect(() => openAll(rewrite(() => null))).not.toThrow();
  });

  it('is accepted with keys from a later writer', () => {
    expect(() =>
      openAll(
        rewrite((header) => {
          header.tensors[0]!.comment = 'new';
        }),
      ),
    ).not.toThrow();
  });

  const first = (change: Record<string, unknown>) => (header: LooseHeader) => {
    Object.assign(header.tensors[0]!, change);
  };
  it.each<[string, (header: LooseHeader, payloads: Uint8Array) => unknown, RegExp]>([
    ['is not JSON', () => '{', /not JSON/],
    ['is not an object', () => '7', /not a JSON object/],
    ['is null', () => 'null', /not a JSON object/],
    ['is an array', () => '[]', /metadata/],
    [
      'has metadata that is a list',
      (header) => {
        header.metadata = [];
      },
      /metadata/,
    ],
    [
      'has no tensors',
      (header) => {
        header.tensors = undefined as never;
      },
      /no list of tensors/,
    ],
    [
      'lists null as a tensor',
      (header) => {
        header.tensors[0] = null as never;
      },
      /without a name/,
    ],
    ['lists a tensor without a name', first({ name: '' }), /without a name/],
    ['lists a number as a name', first({ name: 7 }), /without a name/],
    [
      'names a tensor twice',
      (header) => {
        header.tensors[1]!.name = header.tensors[0]!.name;
      },
      /two tensors|overlap/,
    ],
    ['has an unknown dtype', first({ dtype: 'int3' }), /unknown dtype/],
    ['has an inherited dtype', first({ dtype: 'toString' }), /unknown dtype/],
    ['has an unknown encoding', first({ encoding: 'zip' }), /unknown encoding/],
    ['has an inherited encoding', first({ encoding: 'constructor' }), /unknown encoding/],
    ['has a negative size', first({ shape: [-16, -8] }), /impossible shape/],
    ['has an absurd shape', first({ shape: [2 ** 40, 2 ** 40] }), /impossible shape/],
    ['has a huge shape for few bytes', first({ shape: [2 ** 30, 8] }), /cannot be sparse-codes/],
    ['has a shape that is no list', first({ shape: { length: 2 } }), /impossible shape/],
    ['has a payload beyond the end', first({ offset: 2 ** 40 }), /outside of the file/],
    ['has a negative offset', first({ offset: -8 }), /outside of the file/],
    ['has a fractional offset', first({ offset: 0.5 }), /outside of the file/],
    ['has an absurd length', first({ byteLength: 1e300 }), /outside of the file/],
    [
      'has overlapping payloads',
      (header) => {
        header.tensors[1]!.offset = 0;
      },
      /overlap/,
    ],
    ['has no checksum', first({ crc32: undefined }), /no checksum/],
    ['has a number as a checksum', first({ crc32: 1 }), /no checksum/],
    ['has the wrong checksum', first({ crc32: '00000001' }), /damaged/],
    [
      'has negative bits',
      first({ quantization: { bits: -4, symmetric: true, axis: null } }),
      /impossible quantisation/,
    ],
    [
      'has 99 bits',
      first({ quantization: { bits: 99, symmetric: true, axis: null } }),
      /impossible quantisation/,
    ],
    ['has a strange axis', first({ quantization: { bits: 4, symmetric: true, axis: 'x' } }), /axis/],
    [
      'has an axis of another shape',
      first({ quantization: { bits: 4, symmetric: true, axis: 1 } }),
      /too few/,
    ],
    [
      'has zero points that are not there',
      first({ quantization: { bits: 4, symmetric: false, axis: null } }),
      /too few/,
    ],
    ['has a scale that nobody uses', first({ quantization: undefined, encoding: 'raw' }), /cannot be raw/],
    ['quantises floats', first({ dtype: 'float32' }), /wrong dtype/],
    ['quantises to null', first({ quantization: null }), /tensor/],
    [
      'has a graph of another format',
      (header) => {
        header.graph.format = 'x';
      },
      /impossible model graph/,
    ],
    [
      'has no graph',
      (header) => {
        header.graph = undefined as never;
      },
      /impossible model graph/,
    ],
    [
      'has a graph with null as a layer',
      (header) => {
        header.graph.layers = [null];
      },
      /impossible model graph/,
    ],
    [
      'has a graph without shapes',
      (header) => {
        header.graph.inputShape = undefined;
      },
      /impossible model graph/,
    ],
    ['lacks a weight', (header) => void header.tensors.pop(), /does not hold/],
    ['has a weight of another shape', first({ shape: [8, 16] }), /does not hold/],
    [
      'has a code that symmetric kernels cannot take',
      (header, payloads) => {
        const entry = header.tensors[0]!;
        const bytes = payloads.subarray(0, entry.byteLength as number);
        bytes[16] = 0x88; // The first two kept codes, after 16 bytes of bitmap, become -8.
        entry.crc32 = checksumText(crc32(bytes));
      },
      /code out of range/,
    ],
    [
      'has a bitmap with other codes than it says',
      (header, payloads) => {
        const entry = header.tensors[0]!;
        const bytes = payloads.subarray(0, entry.byteLength as number);
        bytes.fill(0xff, 0, 8);
        entry.crc32 = checksumText(crc32(bytes));
      },
      /contradicts its occupancy bitmap/,
    ],
  ])('%s: refused', (_, change, message) => {
    const bytes = rewrite(change);
    expect(() => openAll(bytes)).toThrow(FileFormatError);
    expect(() => openAll(bytes)).toThrow(message);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('a scale of %d: refused', (scale) => {
    const bytes = rewrite(() => null, new Uint8Array(Float32Array.of(scale).buffer));
    expect(() => openAll(bytes)).toThrow(/impossible quantisation parameters/);
  });

  it('superfluous parameters: refused', () => {
    const bytes = rewrite(() => null, new Uint8Array(Float32Array.of(0.05, 1).buffer));
    expect(() => openAll(bytes)).toThrow(/that no tensor uses/);
  });

  it('an unknown kind of layer is named', () => {
    const bytes = rewrite((header) => {
      header.graph.layers = [{ kind: 'attention', name: 'a1' }];
    });
    expect(() => openAll(bytes)).toThrow(UnsupportedError);
    expect(() => openAll(bytes)).toThrow(/a1.*attention/);
  });
});

describe('crc32', () => {
  it('gives the published check value and continues where it stopped', () => {
    const digits = new TextEncoder().encode('123456789');
    expect(crc32(digits)).toBe(0xcbf43926);
    for (let cut = 0; cut <= 9; cut++) {
      expect(crc32(digits.subarray(cut), crc32(digits.subarray(0, cut)))).toBe(0xcbf43926);
    }
    expect(crc32(new Uint8Array())).toBe(0);
    // From zlib's crc32.
    expect(crc32(new Uint8Array(32).fill(0xff))).toBe(0xff6cab0b);
  });
});
