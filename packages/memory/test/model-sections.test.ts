import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FileFormatError,
  FileNotFoundError,
  InvalidArgumentError,
  Random,
  type StoredTensor,
  UnsupportedError,
  UseAfterReleaseError,
} from '@qedge/core';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeModel, LazyModel, type ModelSection } from '../src/index.ts';
import { mapFile, openModelFile, saveModelFile } from '../src/node.ts';
import { constantsGraph, madeTensors } from './graph-content.ts';
import { floatWeights, perceptronGraph, quantizedWeights } from './model-content.ts';

const directory = mkdtempSync(join(tmpdir(), 'qedge-sections-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const graph = perceptronGraph([6, 4, 3]);
const tensors = floatWeights(graph, 1);

/** Random bytes from a seed, read in pieces. */
function section(key: string, byteLength: number, pieceBytes = Math.max(1, byteLength)): ModelSection {
  const bytes = bytesOf(key, byteLength);
  return {
    key,
    byteLength,
    *read() {
      for (let at = 0; at < byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
    },
  };
}

function bytesOf(key: string, byteLength: number): Uint8Array {
  const random = new Random([...key].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) % 2 ** 31);
  return Uint8Array.from({ length: byteLength }, () => random.integer(256));
}

describe('sections of a model file', () => {
  it('come back whole, in any number of pieces, aligned so that they can be used where they lie', () => {
    const lengths = fc.array(fc.constantFrom(0, 1, 63, 64, 5000, 65_535, 65_536, 65_537, 150_000), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(lengths, fc.constantFrom(1000, 7777, 65_536), (list, pieceBytes) => {
        const sections = list.map((byteLength, index) => section(`panel ${index}`, byteLength, pieceBytes));
        const bytes = encodeModel({ graph, tensors, sections });
        using model = LazyModel.fromBytes(bytes);
        expect(model.sectionKeys()).toEqual(sections.map(({ key }) => key));
        for (const { key, byteLength } of sections) {
          const { byteOffset, ...range } = model.section(key)!;
          expect(range).toEqual({ byteLength });
          expect(byteOffset % (byteLength >= 65_536 ? 65_536 : 64)).toBe(0);
          const expected = bytesOf(key, byteLength);
          expect(Buffer.compare(bytes.subarray(byteOffset, byteOffset + byteLength), expected)).toBe(0);
          expect(model.borrowSection(key, (lent) => Buffer.compare(lent, expected))).toBe(0);
        }
        for (const tensor of tensors) expect(model.load(tensor.name)).toEqual(tensor);
        expect(model.section('other')).toBeNull();
      }),
      { seed: 1, numRuns: 25 },
    );
  });

  it('are verified when first borrowed or when asked, each apart from the others, and not at all on request', () => {
    const sections = [section('a', 70_000), section('b', 100)];
    const bytes = encodeModel({ graph, tensors, sections });
    const { byteOffset } = LazyModel.fromBytes(bytes).section('a')!;
    bytes[byteOffset + 69_999]! ^= 1;
    using model = LazyModel.fromBytes(bytes);
    model.verifySection('b');
    expect(() => model.verifySection('a')).toThrow(FileFormatError);
    expect(() => model.borrowSection('a', () => 1)).toThrow(/section "a" is damaged: expected CRC-32 0x/);
    using trusting = LazyModel.fromBytes(bytes, { verification: 'none' });
    expect(trusting.borrowSection('a', (lent) => lent.length)).toBe(70_000);
    expect(() => trusting.verifySection('a')).toThrow(FileFormatError);
    bytes[byteOffset + 69_999]! ^= 1;
    model.verifySection('a');
    // Once is enough.
    bytes[byteOffset]! ^= 1;
    model.verifySection('a');
    for (const use of [
      model.verifySection,
      model.holdSection,
      (key: string) => model.borrowSection(key, () => 1),
    ]) {
      expect(() => use.call(model, 'other')).toThrow(InvalidArgumentError);
    }
    model.dispose();
    expect(() => model.borrowSection('b', () => 1)).toThrow(UseAfterReleaseError);
    expect(() => model.holdSection('b')).toThrow(UseAfterReleaseError);
  });

  it('are refused with impossible keys or lengths, and when they give other bytes than they announced', () => {
    const refuse = (sections: readonly ModelSection[]) =>
      expect(() => encodeModel({ graph, tensors, sections })).toThrow(InvalidArgumentError);
    refuse([section('', 1)]);
    refuse([section('a', 1), section('a', 2)]);
    for (const byteLength of [-1, 0.5, Number.NaN]) refuse([{ ...section('a', 1), byteLength }]);
    refuse([{ ...section('a', 10), byteLength: 9 }]);
    refuse([{ ...section('a', 10), byteLength: 11 }]);
  });
});

describe('a model file with an operator graph', () => {
  it('keeps numbers that JSON lacks, in the graph and in its constants', () => {
    const operatorGraph = constantsGraph({ mask: 4 });
    const mask: StoredTensor = {
      name: 'mask',
      dtype: 'float32',
      shape: [4],
      data: Float32Array.of(Number.NEGATIVE_INFINITY, Number.NaN, -0, 1),
    };
    using model = LazyModel.fromBytes(encodeModel({ graph: operatorGraph, tensors: [mask] }));
    expect(model.format).toBe('qedge-operator-graph');
    // `toEqual` tells -0 from 0 and takes NaN for equal.
    expect(model.operatorGraph).toEqual(operatorGraph);
    expect(model.load('mask')).toEqual(mask);
    expect(() => model.graph).toThrow(UnsupportedError);
    expect(() => model.graph).toThrow(/operatorGraph/);
    using linear = LazyModel.fromBytes(encodeModel({ graph, tensors }));
    expect(linear.format).toBe('qedge-model-graph');
    expect(() => linear.operatorGraph).toThrow(UnsupportedError);
  });

  it('refuses what cannot be kept', () => {
    const operatorGraph = constantsGraph({});
    const withAttributes = (attributes: Record<string, unknown>) => ({
      ...operatorGraph,
      nodes: [
        {
          name: 'n',
          operator: { kind: 'custom', operator: 'f', attributes } as const,
          inputs: [],
          outputs: ['y'],
        },
      ],
    });
    for (const value of [new Float32Array(1), 1n, () => 1, { $number: 'NaN' }]) {
      expect(() => encodeModel({ graph: withAttributes({ value }), tensors: [] })).toThrow(
        InvalidArgumentError,
      );
    }
    expect(() => encodeModel({ graph: { ...operatorGraph, version: 2 as 1 }, tensors: [] })).toThrow(
      UnsupportedError,
    );
    const bytes = encodeModel({ graph: operatorGraph, tensors: [] });
    const text = Buffer.from(bytes).toString('latin1');
    expect(text).toContain('{"$number":"-Infinity"}');
  });
});

describe('saveModelFile', () => {
  it('writes what encodeModel gives, from a source that makes one tensor at a time', async () => {
    const constants = { a: 20_000, b: 1, c: 70_000 };
    const content = {
      graph: constantsGraph(constants),
      tensors: madeTensors(constants),
      sections: [section('float32', 100_000, 4096), section('int8', 300)],
      metadata: { note: 'streamed' },
    };
    const path = join(directory, 'streamed.qez');
    const byteLength = await saveModelFile(path, content);
    expect(readFileSync(path).equals(encodeModel(content))).toBe(true);
    using model = openModelFile(path);
    expect(model.fileByteLength).toBe(byteLength);
    for (const name of model.names()) {
      expect(model.borrow(name, ({ data }) => [...data])).toEqual([...content.tensors.load(name).data]);
    }
    model.verifySection('float32');
    using file = mapFile(path);
    const { byteOffset } = model.section('float32')!;
    expect(
      file.borrow(byteOffset, 100_000, (bytes) => Buffer.compare(bytes, bytesOf('float32', 100_000))),
    ).toBe(0);
  });

  it('copies sections from one file to the next without holding them', async () => {
    const first = join(directory, 'first.qez');
    await saveModelFile(first, { graph, tensors, sections: [section('panel', 200_000)] });
    using model = openModelFile(first);
    const copied: ModelSection = {
      key: 'panel',
      byteLength: 200_000,
      read: () => [model.borrowSection('panel', (bytes) => bytes.slice())],
    };
    const second = join(directory, 'second.qez');
    await saveModelFile(second, { graph, tensors: model, sections: [copied] });
    expect(readFileSync(second).equals(readFileSync(first))).toBe(true);
  });

  it('leaves nothing behind when a section fails half-way', async () => {
    const path = join(directory, 'failed.qez');
    const failing: ModelSection = {
      key: 'a',
      byteLength: 100,
      *read() {
        yield new Uint8Array(50);
        throw new RangeError('the panel is gone');
      },
    };
    await expect(saveModelFile(path, { graph, tensors, sections: [failing] })).rejects.toThrow(
      'the panel is gone',
    );
    expect(readdirSync(directory).filter((name) => name.includes('failed'))).toEqual([]);
    const nowhere = join(directory, 'nowhere', 'a.qez');
    await expect(saveModelFile(nowhere, { graph, tensors })).rejects.toThrow(FileNotFoundError);
  });
});

describe('a file of version 1', () => {
  // Written by the last release that wrote version 1.
  const written = Buffer.from(
    [
      'iVFFWg0KGgoBAAAAkAQAAPQEAAAAAAAACAAAABDS2yd7ImdyYXBoIjp7ImZvcm1hdCI6InFlZGdlLW1vZGVsLWdyYXBoIiwidmVy',
      'c2lvbiI6MSwibmFtZSI6InBlcmNlcHRyb24iLCJpbnB1dFNoYXBlIjpbNl0sIm91dHB1dFNoYXBlIjpbM10sImxheWVycyI6W3si',
      'a2luZCI6ImRlbnNlIiwibmFtZSI6ImRlbnNlMCIsImlucHV0U2l6ZSI6NiwidW5pdHMiOjQsImFjdGl2YXRpb24iOiJyZWx1Iiwi',
      'a2VybmVsIjoiZGVuc2UwL2tlcm5lbCIsImJpYXMiOiJkZW5zZTAvYmlhcyIsImlucHV0UXVhbnRpemF0aW9uIjp7InNjYWxlIjow',
      'LjAwMzkyMTU2ODYyNzQ1MDk4LCJ6ZXJvUG9pbnQiOjB9fSx7ImtpbmQiOiJkZW5zZSIsIm5hbWUiOiJkZW5zZTEiLCJpbnB1dFNp',
      'emUiOjQsInVuaXRzIjozLCJhY3RpdmF0aW9uIjoibGluZWFyIiwia2VybmVsIjoiZGVuc2UxL2tlcm5lbCIsImJpYXMiOiJkZW5z',
      'ZTEvYmlhcyIsImlucHV0UXVhbnRpemF0aW9uIjp7InNjYWxlIjowLjAwMzkyMTU2ODYyNzQ1MDk4LCJ6ZXJvUG9pbnQiOjB9fSx7',
      'ImtpbmQiOiJzb2Z0bWF4IiwibmFtZSI6InByb2JhYmlsaXRpZXMifV19LCJtZXRhZGF0YSI6eyJhY2N1cmFjeSI6MC41fSwidGVu',
      'c29ycyI6W3sibmFtZSI6ImRlbnNlMC9rZXJuZWwiLCJzaGFwZSI6WzYsNF0sImR0eXBlIjoiaW50OCIsImVuY29kaW5nIjoic3Bh',
      'cnNlLWNvZGVzIiwib2Zmc2V0IjowLCJieXRlTGVuZ3RoIjo5LCJjcmMzMiI6Mjk3NzAwNjkzMCwicXVhbnRpemF0aW9uIjp7ImJp',
      'dHMiOjQsInN5bW1ldHJpYyI6dHJ1ZSwiYXhpcyI6bnVsbH19LHsibmFtZSI6ImRlbnNlMC9iaWFzIiwic2hhcGUiOls0XSwiZHR5',
      'cGUiOiJmbG9hdDMyIiwiZW5jb2RpbmciOiJyYXciLCJvZmZzZXQiOjE2LCJieXRlTGVuZ3RoIjoxNiwiY3JjMzIiOjIwMjEzODcx',
      'Nn0seyJuYW1lIjoiZGVuc2UxL2tlcm5lbCIsInNoYXBlIjpbNCwzXSwiZHR5cGUiOiJpbnQ4IiwiZW5jb2RpbmciOiJzcGFyc2Ut',
      'Y29kZXMiLCJvZmZzZXQiOjMyLCJieXRlTGVuZ3RoIjo1LCJjcmMzMiI6NTg4NTQwMTE0LCJxdWFudGl6YXRpb24iOnsiYml0cyI6',
      'NCwic3ltbWV0cmljIjp0cnVlLCJheGlzIjpudWxsfX0seyJuYW1lIjoiZGVuc2UxL2JpYXMiLCJzaGFwZSI6WzNdLCJkdHlwZSI6',
      'ImZsb2F0MzIiLCJlbmNvZGluZyI6InJhdyIsIm9mZnNldCI6NDAsImJ5dGVMZW5ndGgiOjEyLCJjcmMzMiI6OTU1NDA1MzU3fV19',
      'zcxMPc3MTD0AAAAAAAAAAMJvmBp/0S3bQQAAAAAAAABoUFDAfJfSvjCjXL/8Vp+74wg0zM8AAAC8C7++ez/pvV1lFD4=',
    ].join(''),
    'base64',
  );

  it('is still read', () => {
    using model = LazyModel.fromBytes(new Uint8Array(written));
    expect(written.readUInt32LE(8)).toBe(1);
    expect(model.graph).toEqual(graph);
    expect(model.metadata).toEqual({ accuracy: 0.5 });
    const expected = quantizedWeights(graph, { seed: 5, bits: 4, sparsity: 0.5 });
    expect(model.names()).toEqual(expected.map(({ name }) => name));
    for (const tensor of expected) expect(model.load(tensor.name)).toEqual(tensor);
    expect(model.sectionKeys()).toEqual([]);
    // Written again it becomes one of version 2.
    const again = encodeModel({ graph: model.graph, tensors: model, metadata: model.metadata });
    expect(new DataView(again.buffer).getUint32(8, true)).toBe(2);
    expect(LazyModel.fromBytes(again).load('dense0/kernel')).toEqual(expected[0]);
  });

  it('is refused when any bit of it is wrong', () => {
    const path = join(directory, 'version-1.qez');
    writeFileSync(path, written);
    for (let at = 0; at < written.length; at += 7) {
      const bytes = new Uint8Array(written);
      bytes[at]! ^= 1 << (at % 8);
      const readAll = () => {
        using model = LazyModel.fromBytes(bytes);
        return model.names().map((name) => model.load(name));
      };
      try {
        expect(readAll()).toHaveLength(4);
      } catch (error) {
        expect(error).toBeInstanceOf(FileFormatError);
      }
    }
    using model = openModelFile(path);
    expect(model.load('dense1/bias').shape).toEqual([3]);
  });
});
