import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSafetensors } from '../src/node.ts';

const models = process.env.QEDGE_MODELS;
const miniLm = models
  ? readdirSync(models, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('model.safetensors'))
      .map((path) => join(models, path))
      .find((path) => existsSync(path))
  : undefined;

describe.skipIf(!miniLm)(
  'MiniLM-L6, a real file (set QEDGE_MODELS to the folder that holds model.safetensors)',
  () => {
    it('loads every tensor with the bytes that an independent parse finds', () => {
      const bytes = readFileSync(miniLm!);
      const start = 8 + Number(bytes.readBigUInt64LE(0));
      const header = JSON.parse(bytes.toString('utf8', 8, start));
      using file = openSafetensors(miniLm!);
      expect(file.metadata).toEqual(header.__metadata__);
      delete header.__metadata__;
      expect([...file.names()].sort()).toEqual(Object.keys(header).sort());
      expect(file.names()).toHaveLength(104);
      for (const [name, { dtype, shape, data_offsets }] of Object.entries<{
        dtype: string;
        shape: number[];
        data_offsets: [number, number];
      }>(header)) {
        const tensor = file.load(name);
        expect(tensor.shape).toEqual(shape);
        const raw = Buffer.from(bytes.subarray(start + data_offsets[0], start + data_offsets[1]));
        if (dtype === 'F32') {
          expect(
            raw.equals(new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength)),
          ).toBe(true);
        } else {
          expect(dtype).toBe('I64');
          for (let i = 0; i < tensor.data.length; i++)
            expect(BigInt(tensor.data[i]!)).toBe(raw.readBigInt64LE(8 * i));
        }
        expect(
          file.borrow(name, ({ data }) =>
            Buffer.compare(
              Buffer.from(data.buffer, data.byteOffset, data.byteLength),
              Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength),
            ),
          ),
        ).toBe(0);
      }
    });
  },
);
