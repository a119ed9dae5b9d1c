import { LazyModel } from '@qedge/memory';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Recogniser } from '../src/recogniser.ts';
import { randomDigitsModel } from './random-digits-model.ts';

const url = `data:application/octet-stream;base64,${Buffer.from(randomDigitsModel()).toString('base64')}`;
const image = new Float32Array(784).fill(0.5);

afterEach(() => vi.restoreAllMocks());

describe('Recogniser', () => {
  it('compiles once per precision, however many strokes come meanwhile', async () => {
    const recogniser = await Recogniser.load(url);
    // The weights are dropped after every compilation.
    const compilations = vi.spyOn(LazyModel.prototype, 'evict');
    const [first, second] = await Promise.all([
      recogniser.recognise(image, 'int8'),
      recogniser.recognise(image, 'int8'),
    ]);
    expect(compilations).toHaveBeenCalledTimes(1);
    expect(second.probabilities).toEqual(first.probabilities);
    expect(first.probabilities.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    await recogniser.recognise(image, 'int4');
    expect(compilations).toHaveBeenCalledTimes(2);
    recogniser.dispose();
  });

  it('tries a compilation again that has failed', async () => {
    const recogniser = await Recogniser.load(url);
    const evict = vi.spyOn(LazyModel.prototype, 'evict').mockImplementationOnce(() => {
      throw new Error('no memory');
    });
    await expect(recogniser.recognise(image, 'int4')).rejects.toThrow('no memory');
    expect((await recogniser.recognise(image, 'int4')).precision).toBe('int4');
    expect(evict).toHaveBeenCalledTimes(2);
    recogniser.dispose();
  });
});
