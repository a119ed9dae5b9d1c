import { FileFormatError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { SafetensorsFile } from '../src/index.ts';
import { fileOf } from './safetensors-bytes.ts';

describe('a header', () => {
  const u8 = (begin: number, end: number, shape: unknown = [end - begin]) => ({
    dtype: 'U8',
    shape,
    data_offsets: [begin, end],
  });
  const eight = new Uint8Array(8);
  it.each<[string, Uint8Array, RegExp]>([
    ['of an empty file', new Uint8Array(0), /too short/],
    ['of 7 bytes', new Uint8Array(7), /too short/],
    ['without content', new Uint8Array(8), /does not begin with "\{"/],
    ['longer than 100 MB', fileOf('{}', eight, 100_000_001n), /too long: expected at most 100000000/],
    ['of 2^64 - 1 bytes', fileOf('{}', eight, 2n ** 64n - 1n), /too long/],
    ['longer than the file', fileOf('{}', eight, 11n), /leaves it/],
    ['that is not UTF-8', fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), /not UTF-8/],
    ['with a byte order mark', fileOf('\ufeff{}'), /does not begin/],
    ['after a space', fileOf(' {}'), /does not begin/],
    ['that is an array', fileOf('[]'), /does not begin/],
    ['that is not JSON', fileOf('{"a":}'), /not JSON/],
    ['that ends early', fileOf('{"a'), /not JSON/],
    ['with bytes after it', fileOf('{}x'), /not JSON/],
    [
      'with a tensor twice',
      fileOf(
        '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
      ),
      /key twice: got "a"/,
    ],
    [
      'with a tensor twice, spelled otherwise',
      fileOf(
        '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
      ),
      /key twice/,
    ],
    [
      'with a field twice',
      fileOf('{"a":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}'),
      /key twice: got "dtype"/,
    ],
    [
      'with a fraction',
      fileOf('{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}', Uint8Array.of(0)),
      /impossible number/,
    ],
    [
      'with an exponent',
      fileOf('{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}', Uint8Array.of(0)),
      /impossible number/,
    ],
    ['with a negative size', fileOf({ a: u8(0, 8, [-8]) }, eight), /impossible number/],
    [
      'of five million values',
      fileOf(`{"a":[${'0,'.repeat(5_000_000)}0]}`),
      /too many values: expected at most 4000000/,
    ],
    ['that is deeply nested', fileOf(`{"a":${'['.repeat(1_000_000)}`), /nested too deeply/],
    ['with a tensor that is no object', fileOf({ a: 3 }), /impossible description/],
    ['without a dtype', fileOf({ a: { shape: [0], data_offsets: [0, 0] } }), /impossible dtype/],
    ['without a shape', fileOf({ a: { dtype: 'U8', data_offsets: [0, 0] } }), /impossible shape/],
    ['without offsets', fileOf({ a: { dtype: 'U8', shape: [0] } }), /impossible data offsets/],
    [
      'with three offsets',
      fileOf({ a: { dtype: 'U8', shape: [0], data_offsets: [0, 0, 0] } }),
      /impossible data offsets/,
    ],
    ['with offsets the wrong way round', fileOf({ a: u8(8, 0) }, eight), /impossible/],
    ['with a size that is a text', fileOf({ a: u8(0, 8, ['8']) }, eight), /impossible shape/],
    ['with another size than the shape', fileOf({ a: u8(0, 8, [9]) }, eight), /another size than its shape/],
    ['with a shape beyond 2^53', fileOf({ a: u8(0, 8, [2 ** 30, 2 ** 30, 8]) }, eight), /at most 2\^53/],
    ['with a shape beyond 2^53 times 0', fileOf({ a: u8(0, 0, [2 ** 30, 2 ** 30, 0]) }), /at most 2\^53/],
    [
      'with a size beyond 2^53',
      fileOf('{"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,0]}}'),
      /impossible shape/,
    ],
    [
      'with nibbles that fill no byte',
      fileOf({ a: { dtype: 'F4', shape: [3], data_offsets: [0, 2] } }, new Uint8Array(2)),
      /another size/,
    ],
    ['with overlapping tensors', fileOf({ a: u8(0, 5), b: u8(4, 8) }, eight), /"b" overlaps/],
    ['with tensors in the same place', fileOf({ a: u8(0, 8), b: u8(0, 8) }, eight), /overlaps/],
    ['with a hole', fileOf({ a: u8(0, 3), b: u8(4, 8) }, eight), /"b" leaves a hole/],
    ['with a hole at the start', fileOf({ a: u8(1, 8) }, eight), /leaves a hole/],
    ['with bytes of no tensor at the end', fileOf({ a: u8(0, 7) }, eight), /bytes of no tensor/],
    ['beyond the end of the file', fileOf({ a: u8(0, 9) }, eight), /truncated: 1 bytes are missing/],
    ['with metadata that are a list', fileOf({ __metadata__: [] }), /metadata that is not an object/],
    [
      'with metadata that are numbers',
      fileOf({ __metadata__: { a: 1 } }),
      /metadata "a" that is not a string/,
    ],
    ['with metadata that are null', fileOf({ __metadata__: null }), /metadata that is not an object/],
  ])('%s is refused', (_, bytes, message) => {
    expect(() => SafetensorsFile.fromBytes(bytes)).toThrow(FileFormatError);
    expect(() => SafetensorsFile.fromBytes(bytes)).toThrow(message);
  });

  it('may name tensors as it likes', () => {
    const names = ['', '7', '__proto__', 'constructor', 'é\u0000"\\', '名'];
    const text = `{${names.map((name, i) => `${JSON.stringify(name)}:${JSON.stringify(u8(i, i + 1))}`).join(',')}}`;
    const file = SafetensorsFile.fromBytes(
      fileOf(
        text,
        Uint8Array.from(names, (_, i) => i),
      ),
    );
    expect(file.names()).toEqual(names);
    for (const [i, name] of names.entries()) expect(file.load(name).data[0]).toBe(i);
  });

  it('may hold fields of a later version', () => {
    const file = SafetensorsFile.fromBytes(fileOf({ a: { ...u8(0, 8), note: 'x' } }, eight));
    expect(file.load('a').data).toEqual(eight);
  });
});
