import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONVERSION_ARGUMENTS, type ConversionDescription, setArgument } from '../src/index.ts';
import { referenceHalfRounded, referenceHalfValue } from '../src/reference/conversion.ts';
import { openVectorHosts, type VectorHost } from './vector-hosts.ts';

const ALL = 65536;
const FORMATS = ['float16', 'bfloat16'] as const;
const BLOCK_BYTES = 64;

/** Runs a conversion on one host; `input` is placed after the block, the output after the input. */
function convert(
  { host }: VectorHost,
  description: ConversionDescription,
  input: ArrayBufferView,
): Uint8Array {
  const outputBytes = description.length * (description.to === 'float32' ? 4 : 2);
  const outputStart = BLOCK_BYTES + Math.ceil(input.byteLength / 64) * 64;
  const memory = host.createMemory(outputStart + outputBytes);
  const [kernel] = host.load([description], memory);
  const bytes = new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength);
  bytes.set(new Uint8Array(input.buffer, input.byteOffset, input.byteLength), BLOCK_BYTES);
  const view = new DataView(memory.buffer, memory.byteOffset);
  setArgument(view, 0, CONVERSION_ARGUMENTS.input, memory.address + BLOCK_BYTES);
  setArgument(view, 0, CONVERSION_ARGUMENTS.output, memory.address + outputStart);
  kernel!.run(memory.address);
  return bytes.slice(outputStart, outputStart + outputBytes);
}

/** Each representable number, the middle between it and the next, and the float32 numbers on both sides of both. */
function roundingCases(format: (typeof FORMATS)[number]): Float32Array {
  const bits: number[] = [];
  const word = new Float32Array(1);
  const wordBits = new Uint32Array(word.buffer);
  for (let code = 0; code < ALL; code++) {
    const value = referenceHalfValue(format, code);
    if (!Number.isFinite(value)) continue;
    const next = referenceHalfValue(format, code + 1);
    // Beyond the largest number the middle is where rounding goes over to infinity.
    const step = value - referenceHalfValue(format, code - 1);
    for (const point of [value, Number.isFinite(next) ? (value + next) / 2 : value + step / 2]) {
      word[0] = point;
      bits.push(wordBits[0]! - 1, wordBits[0]!, wordBits[0]! + 1);
    }
  }
  return new Float32Array(Uint32Array.from(bits).buffer);
}

describe('16-bit floats on every target', () => {
  let hosts: VectorHost[];

  beforeAll(() => {
    // The interpreter takes seconds for so many numbers; its conversions are compared with plain loops in a test of their own.
    hosts = openVectorHosts().filter(({ host }) => host.isa !== 'interpreter');
  });

  afterAll(() => {
    for (const { host } of hosts) host.dispose();
  });

  it.each(FORMATS)('all 65,536 numbers of %s become the float32 that they are', (format) => {
    const codes = Uint16Array.from({ length: ALL }, (_, code) => code);
    const expected = Float32Array.from(codes, (code) => referenceHalfValue(format, code));
    for (const host of hosts) {
      const bytes = convert(host, { kind: 'conversion', from: format, to: 'float32', length: ALL }, codes);
      const actual = new Float32Array(bytes.buffer);
      const wrong = actual.findIndex((value, code) => !Object.is(value, expected[code]));
      expect(wrong < 0 ? null : [wrong, actual[wrong]], host.name).toBeNull();
    }
  });

  it.each(FORMATS)('all numbers of %s come back from float32, a NaN as a NaN', (format) => {
    const values = Float32Array.from({ length: ALL }, (_, code) => referenceHalfValue(format, code));
    for (const host of hosts) {
      const bytes = convert(host, { kind: 'conversion', from: 'float32', to: format, length: ALL }, values);
      const codes = new Uint16Array(bytes.buffer);
      const wrong = codes.findIndex((code, i) =>
        Number.isNaN(values[i]) ? !Number.isNaN(referenceHalfValue(format, code)) : code !== i,
      );
      expect(wrong < 0 ? null : [wrong, codes[wrong]], host.name).toBeNull();
    }
  });

  it.each(FORMATS)(
    'float32 around every rounding boundary of %s goes to the nearest, ties to even',
    (format) => {
      const values = roundingCases(format);
      const { length } = values;
      const expected = Array.from(values, (value) => referenceHalfRounded(format, value));
      for (const host of hosts) {
        const bytes = convert(host, { kind: 'conversion', from: 'float32', to: format, length }, values);
        const codes = new Uint16Array(bytes.buffer);
        const wrong = codes.findIndex((code, i) => !Object.is(referenceHalfValue(format, code), expected[i]));
        expect(wrong < 0 ? null : [values[wrong], codes[wrong]], host.name).toBeNull();
      }
    },
  );
});
