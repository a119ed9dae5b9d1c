import { createHash } from 'node:crypto';
import { Random } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHalfFloats, encodeHalfFloats } from '../../src/entropy-coding/half-float-coder.ts';
import { RangeCoder } from '../../src/entropy-coding/range-coder.ts';
import { decodeText, encodeText, mixtureOf } from '../../src/entropy-coding/text-coder.ts';
import { presetHeader } from '../../src/model-file/preset-header.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);

describe('the range coder', () => {
  it('gives back bits of any probability, certain or surprising, in about their information', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 1000 }), (seed, count) => {
        const random = new Random(seed);
        const items = Array.from({ length: count }, () => {
          const probability = [1, 24, 32_768, 65_500, 65_535, 1 + random.integer(65_535)][random.integer(6)]!;
          const likely = random.uniform() * 65_536 < probability ? 1 : 0;
          return { probability, bit: random.uniform() < 0.99 ? likely : 1 - likely };
        });
        const writer = RangeCoder.writer();
        let information = 0;
        for (const { bit, probability } of items) {
          writer.code(bit, probability);
          information -= Math.log2((bit === 1 ? probability : 65_536 - probability) / 65_536);
        }
        const bytes = writer.finish();
        // A range of 24 bits or more loses less than 2^-8 of a bit per decision.
        expect(bytes.length).toBeLessThanOrEqual(information / 8 + count / 2048 + 4);
        const reader = RangeCoder.reader(bytes);
        const read = items.map(({ probability }) => reader.code(0, probability));
        expect(read).toEqual(items.map(({ bit }) => bit));
      }),
      { seed: 2, numRuns: 30 },
    );
  });
});

describe('the coder of headers', () => {
  it('gives back any bytes, with any text known before', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 40 }), (text, bytes) => {
        const preset = { bytes };
        expect(decodeText(encodeText(text, preset), text.length, preset)).toEqual(text);
      }),
      { seed: 4, numRuns: 10 },
    );
  });

  it('writes what it has seen in a few bytes, and other text of the kind in far fewer than it has', () => {
    const known = presetHeader();
    const seen = known.bytes.slice(-1200);
    expect(encodeText(seen, known).length).toBeLessThan(12);
    const other = bytesOf(
      new TextDecoder().decode(seen).replaceAll('dense_Dense', 'hidden').replaceAll('784', '900'),
    );
    expect(encodeText(other, known).length).toBeLessThan(60);
  });

  it('knows what its text has taught about mixing without learning it again', () => {
    const { bytes, mixture } = presetHeader();
    expect(mixture).toEqual(mixtureOf(bytes));
    const text = bytesOf('{"graph":{"format":"qedge-model-graph","version":1,"name":"x"},"metadata":{}}');
    expect(encodeText(text, presetHeader())).toEqual(encodeText(text, { bytes }));
  });

  it('writes the same bytes on every machine', () => {
    const text = bytesOf(
      '{"graph":{"name":"δ","layers":[{"kind":"dense","units":300}]},"metadata":{"a":-0.5}}',
    );
    const hash = createHash('sha256').update(encodeText(text, presetHeader())).update(presetHeader().bytes);
    expect(hash.digest('hex')).toBe('11a6f59850f1101e51feb251145c61d093fbc04b80ea6d1a5d600fa2c6dc7085');
  });
});

describe('the coder of half floats', () => {
  it('gives back half floats of every exponent, in fewer bytes where they are alike', () => {
    const all = Uint16Array.from({ length: 65_536 / 8 }, (_, i) => 8 * i + (i % 8));
    const decoded = new Uint16Array(all.length);
    decodeHalfFloats(encodeHalfFloats(all), decoded);
    expect(decoded).toEqual(all);
    const random = new Random(1);
    // 0.02 to 0.08, of either sign.
    const biases = Uint16Array.from(
      { length: 400 },
      () => 0x2400 + random.integer(0x800) + 0x8000 * random.integer(2),
    );
    expect(encodeHalfFloats(biases).length).toBeLessThan(800 * 0.85);
  });
});
