import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError } from '@qedge/core';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeModel } from '../src/index.ts';
import { crc32 } from '../src/model-file/crc32.ts';
import { checksumText } from '../src/model-file/header.ts';
import { encodePrefix, PAGE_BYTES, PREFIX_BYTES, payloadAreaOffset } from '../src/model-file/prefix.ts';
import { openModelFile, openSafetensors, openTfjsWeights } from '../src/node.ts';
import { perceptronGraph } from './model-content.ts';

const directory = mkdtempSync(join(tmpdir(), 'qedge-beyond-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const GAP_BYTES = 5 * 2 ** 30;
const head = Float32Array.of(1, -2);
const tail = Float32Array.of(3, Number.NEGATIVE_INFINITY, -0);

/** A file with holes, which take no room on disk. */
function writeSparse(
  name: string,
  byteLength: number,
  pieces: readonly { readonly position: number; readonly bytes: Uint8Array }[],
): string {
  const path = join(directory, name);
  const descriptor = openSync(path, 'w');
  ftruncateSync(descriptor, byteLength);
  for (const { position, bytes } of pieces) writeSync(descriptor, bytes, 0, bytes.length, position);
  closeSync(descriptor);
  return path;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => {
  return new Uint8Array(buffer, byteOffset, byteLength);
};

describe('files beyond 4 GiB', () => {
  it('of safetensors give the tensors at both ends', () => {
    const tailStart = head.byteLength + GAP_BYTES;
    const json = JSON.stringify({
      head: { dtype: 'F32', shape: [2], data_offsets: [0, head.byteLength] },
      gap: { dtype: 'U8', shape: [GAP_BYTES], data_offsets: [head.byteLength, tailStart] },
      tail: { dtype: 'F32', shape: [3], data_offsets: [tailStart, tailStart + tail.byteLength] },
    }).padEnd(248);
    const front = new Uint8Array(8 + json.length);
    front[0] = json.length;
    front.set(new TextEncoder().encode(json), 8);
    const path = writeSparse('huge.safetensors', front.length + tailStart + tail.byteLength, [
      { position: 0, bytes: front },
      { position: front.length, bytes: bytesOf(head) },
      { position: front.length + tailStart, bytes: bytesOf(tail) },
    ]);
    using file = openSafetensors(path);
    expect(file.entry('tail').fileOffset).toBe(front.length + tailStart);
    expect(file.load('head').data).toEqual(head);
    expect(file.load('tail').data).toEqual(tail);
    expect(file.borrow('tail', ({ data }) => [...data])).toEqual([...tail]);
    // Longer than any typed array of Node 20; later ones can lend it.
    if (process.versions.node.startsWith('20.')) {
      expect(() => file.load('gap')).toThrow(InvalidArgumentError);
    }
  });

  it('of models give the tensors and sections at both ends', () => {
    const graph = perceptronGraph([1, 1]);
    const tensor = (name: string, data: Float32Array, shape: readonly number[]) => {
      return { name, dtype: 'float32' as const, shape, data };
    };
    const small = encodeModel({
      graph,
      tensors: [
        tensor('dense0/kernel', Float32Array.of(4), [1, 1]),
        tensor('dense0/bias', Float32Array.of(5), [1]),
        tensor('tail', Float32Array.of(6, 7), [2]),
      ],
    });
    const jsonBytes = new DataView(small.buffer).getUint32(12, true);
    const header = JSON.parse(
      new TextDecoder().decode(small.subarray(PREFIX_BYTES, PREFIX_BYTES + jsonBytes)),
    );
    const [kernel, bias, last] = header.tensors;
    const section = Uint8Array.from({ length: 100 }, (_, i) => i);
    last.offset = GAP_BYTES;
    header.payloadAlignment = PAGE_BYTES;
    header.sections = [
      {
        ...{ key: 'panels', offset: GAP_BYTES + PAGE_BYTES, byteLength: section.length },
        crc32: checksumText(crc32(section)),
      },
    ];
    const json = new TextEncoder().encode(JSON.stringify(header));
    const lengths = { version: 2 as const, headerByteLength: json.length, parameterByteLength: 0 };
    const area = payloadAreaOffset(lengths, PAGE_BYTES);
    const fileByteLength = area + GAP_BYTES + PAGE_BYTES + section.length;
    const path = writeSparse('huge.qez', fileByteLength, [
      { position: 0, bytes: encodePrefix({ ...lengths, fileByteLength }, json) },
      { position: PREFIX_BYTES, bytes: json },
      { position: area + kernel.offset, bytes: bytesOf(Float32Array.of(4)) },
      { position: area + bias.offset, bytes: bytesOf(Float32Array.of(5)) },
      { position: area + GAP_BYTES, bytes: bytesOf(Float32Array.of(6, 7)) },
      { position: area + GAP_BYTES + PAGE_BYTES, bytes: section },
    ]);
    using model = openModelFile(path);
    expect(model.load('dense0/kernel').data).toEqual(Float32Array.of(4));
    expect(model.load('tail').data).toEqual(Float32Array.of(6, 7));
    expect(model.section('panels')!.byteOffset).toBeGreaterThan(2 ** 32);
    expect(model.borrowSection('panels', (bytes) => bytes.slice())).toEqual(section);
  });

  it('of TensorFlow.js give the weights at both ends of a shard', () => {
    const shard = writeSparse('shard.bin', head.byteLength + GAP_BYTES + tail.byteLength, [
      { position: 0, bytes: bytesOf(head) },
      { position: head.byteLength + GAP_BYTES, bytes: bytesOf(tail) },
    ]);
    const weights = [
      { name: 'head', dtype: 'float32', shape: [2] },
      { name: 'gap', dtype: 'bool', shape: [GAP_BYTES] },
      { name: 'tail', dtype: 'float32', shape: [3] },
    ];
    const path = join(directory, 'manifest.json');
    writeFileSync(path, JSON.stringify([{ paths: ['shard.bin'], weights }]));
    using file = openTfjsWeights(path);
    expect(file.load('head').data).toEqual(head);
    expect(file.load('tail').data).toEqual(tail);
    rmSync(shard);
  });
});
