import { CancelledError, InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import {
  applyMasks,
  findLotteryTicket,
  kernelValues,
  maskSparsity,
  masksFromZeros,
  type PruningMasks,
} from '../../src/index.ts';
import type { ModelTopology } from '../../src/tfjs.ts';
import { kernelTopology } from './topologies.ts';

const early = kernelTopology({ first: [20, 10], second: [10, 5] });

/** Stands in for training: weights move by an amount that depends on their place and the round, masked ones stay 0. */
function drift(start: ModelTopology, masks: PruningMasks, round: number): ModelTopology {
  const layers = start.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.map((weight) => ({
      ...weight,
      data: weight.data.map((value, at) =>
        masks.get(weight.name)?.[at] === 0 ? 0 : value + Math.sin(at + round),
      ),
    })),
  }));
  return { ...start, layers };
}

describe('applyMasks', () => {
  it('makes removed weights exactly 0 and leaves all else as it was', () => {
    const masks = new Map([['first/kernel', Uint8Array.from({ length: 200 }, (_, at) => at % 2)]]);
    const before = early.layers[0]!.weights[0]!.data.slice();
    const masked = applyMasks(early, masks);
    const kernel = masked.layers[0]!.weights[0]!.data;
    expect(kernel).toEqual(before.map((value, at) => (at % 2 === 0 ? 0 : value)));
    expect(early.layers[0]!.weights[0]!.data).toEqual(before);
    expect(masked.layers[0]!.weights[1]).toBe(early.layers[0]!.weights[1]);
    expect(masked.layers[1]).toBe(early.layers[1]);
    // Reading the zeros gives the masks again.
    expect(masksFromZeros(masked).get('first/kernel')).toEqual(masks.get('first/kernel'));
  });

  it('refuses masks of other weights and lengths', () => {
    expect(() => applyMasks(early, new Map([['third/kernel', new Uint8Array(1)]]))).toThrow(
      InvalidArgumentError,
    );
    expect(() => applyMasks(early, new Map([['first/kernel', new Uint8Array(1)]]))).toThrow(
      ShapeMismatchError,
    );
  });
});

describe('findLotteryTicket', () => {
  it('gives the early weights where the masks keep them, at exactly the sparsity', async () => {
    const train = async (start: ModelTopology, masks: PruningMasks, round: number) =>
      drift(start, masks, round);
    const { topology, masks } = await findLotteryTicket(early, {
      rounds: 3,
      sparsity: 0.8,
      scope: 'global',
      train,
    });
    expect(maskSparsity(masks)).toBe(0.8);
    expect(topology).toEqual(applyMasks(early, masks));
    expect([...kernelValues(early).get('first/kernel')!].some((value) => value === 0)).toBe(false);
  });

  it('removes the same fraction of what is left in each round, never bringing any back', async () => {
    const seen: PruningMasks[] = [];
    await findLotteryTicket(early, {
      rounds: 3,
      sparsity: 1 - 0.512,
      scope: 'layer',
      train: async (start, masks, round) => {
        expect(round).toBe(seen.length);
        expect(start).toEqual(applyMasks(early, masks));
        seen.push(masks);
        return drift(start, masks, round);
      },
    });
    // 1, 0.8 and 0.64 are left: both kernels have sizes that these divide.
    expect(seen.map((masks) => maskSparsity(masks).toFixed(6))).toEqual(['0.000000', '0.200000', '0.360000']);
    for (const [name, before] of seen[1]!) {
      expect(seen[2]!.get(name)!.every((bit, at) => bit <= before[at]!)).toBe(true);
    }
  });

  it('removes what training made small, not what was small early on', async () => {
    const one = kernelTopology({ only: [4, 1] });
    const trained = Float32Array.of(0.1, 5, -6, 0.2);
    const { masks } = await findLotteryTicket(one, {
      rounds: 1,
      sparsity: 0.5,
      scope: 'global',
      train: async (start) => {
        const [layer] = start.layers;
        const weights = [{ ...layer!.weights[0]!, data: trained }, layer!.weights[1]!];
        return { ...start, layers: [{ ...layer!, weights }] };
      },
    });
    expect([...masks.get('only/kernel')!]).toEqual([0, 1, 1, 0]);
  });

  it('refuses impossible settings before training, and another model after it', async () => {
    const train = async () => kernelTopology({ other: [2, 2] });
    const settings = { rounds: 2, sparsity: 0.5, scope: 'global', train } as const;
    await expect(findLotteryTicket(early, settings)).rejects.toThrow(ShapeMismatchError);
    const untouched = async () => {
      throw new Error('trained');
    };
    for (const wrong of [{ rounds: 0 }, { rounds: 1.5 }, { sparsity: 2 }, { scope: 'channel' as 'layer' }]) {
      const ticket = findLotteryTicket(early, { ...settings, train: untouched, ...wrong });
      await expect(ticket).rejects.toThrow(InvalidArgumentError);
    }
    const signal = AbortSignal.abort();
    const stopped = findLotteryTicket(early, { ...settings, train: untouched, signal });
    await expect(stopped).rejects.toThrow(CancelledError);
  });
});
