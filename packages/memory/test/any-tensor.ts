import { Random, type StoredTensor } from '@qedge/core';
import fc from 'fast-check';

/** A stored tensor of any dtype, shape, bits, sparsity and kind of quantisation. */
export const anyTensor = (name: string): fc.Arbitrary<StoredTensor> =>
  fc
    .record({
      seed: fc.nat(),
      shape: fc.array(fc.nat(7), { maxLength: 3 }),
      kind: fc.constantFrom(
        'float32',
        'float64',
        'float16',
        'int32',
        'int16',
        'int8',
        'uint8',
        'int4',
        'codes',
      ),
      bits: fc.integer({ min: 2, max: 8 }),
      symmetric: fc.boolean(),
      unsigned: fc.boolean(),
      perChannel: fc.boolean(),
      sparsity: fc.constantFrom(0, 0.5, 0.95, 1),
    })
    .map(({ seed, shape, kind, bits, symmetric, unsigned, perChannel, sparsity }): StoredTensor => {
      const random = new Random(seed);
      const count = shape.reduce((a, b) => a * b, 1);
      const fill = <T extends Float32Array | Float64Array | Int32Array | Int16Array | Int8Array | Uint8Array>(
        data: T,
      ): T => {
        for (let i = 0; i < data.length; i++) data[i] = Math.round(100 * random.normal());
        return data;
      };
      switch (kind) {
        case 'float32':
          return { name, shape, dtype: kind, data: fill(new Float32Array(count)) };
        case 'float64':
          return { name, shape, dtype: kind, data: fill(new Float64Array(count)) };
        case 'float16':
          return { name, shape, dtype: kind, data: new Uint16Array(count).fill(0x3c01) };
        case 'int32':
          return { name, shape, dtype: kind, data: fill(new Int32Array(count)) };
        case 'int16':
          return { name, shape, dtype: kind, data: fill(new Int16Array(count)) };
        case 'int8':
          return { name, shape, dtype: kind, data: fill(new Int8Array(count)) };
        case 'uint8':
          return { name, shape, dtype: kind, data: fill(new Uint8Array(count)) };
        case 'int4':
          return { name, shape, dtype: kind, data: fill(new Uint8Array(Math.ceil(count / 2))) };
      }
      const signed = symmetric || !unsigned;
      const axis = perChannel && shape.length > 0 ? random.integer(shape.length) : null;
      const channels = axis === null ? 1 : shape[axis]!;
      const lowest = signed ? -(2 ** (bits - 1)) + (symmetric ? 1 : 0) : 0;
      const codes = 2 ** bits - (symmetric ? 1 : 0);
      const zeroPoints = Int32Array.from({ length: channels }, () =>
        symmetric ? 0 : lowest + random.integer(codes),
      );
      const zero = axis === null ? zeroPoints[0]! : 0;
      const data = signed ? new Int8Array(count) : new Uint8Array(count);
      for (let i = 0; i < count; i++) {
        data[i] = random.uniform() < sparsity ? zero : lowest + random.integer(codes);
      }
      const scales = Float32Array.from({ length: channels }, () => random.uniform() + 1e-6);
      const quantization = { bits, symmetric, scales, zeroPoints, axis };
      return { name, shape, dtype: signed ? 'int8' : 'uint8', data, quantization };
    });
