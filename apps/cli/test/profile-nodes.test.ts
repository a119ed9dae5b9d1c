import { compileGraph } from '@qedge/kernels';
import { GraphBuilder } from '@qedge/kernels/graph';
import { createKernelEngine } from '@qedge/kernels/node';
import { describe, expect, it } from 'vitest';
import { describeProfile, profileNodes } from '../src/inference/profile-nodes.ts';

/** Two products and a softmax. */
function smallModel() {
  const builder = new GraphBuilder('small');
  const constant = (name: string, shape: readonly number[]) => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(0.1);
    return builder.constant(name, { dtype: 'float32', shape, data });
  };
  const product = {
    kind: 'matmul',
    transposeA: false,
    transposeB: false,
    alpha: 1,
    activation: null,
  } as const;
  const x = builder.input('x', { dtype: 'float32', shape: [16, 64] });
  const [hidden] = builder.add(product, [x, constant('first', [64, 256])]);
  const [scores] = builder.add(product, [hidden!, constant('second', [256, 8])]);
  const [shares] = builder.add({ kind: 'softmax', log: false }, [scores!]);
  builder.output(shares!);
  return builder.finish();
}

describe('profileNodes', () => {
  it('times every node; kinds are sums of nodes, shares add up to 1, the longest comes first', async () => {
    using engine = await createKernelEngine();
    using compiled = compileGraph(smallModel(), engine);
    const profile = profileNodes(compiled, 5);
    expect(profile.nodes).toHaveLength(compiled.report.nodes.length);
    const products = profile.kinds.find(({ kind }) => kind === 'matmul')!;
    expect(products.count).toBe(2);
    const operations = 2 * 16 * (64 * 256 + 256 * 8);
    expect(products.gigaflops * products.milliseconds * 1e6).toBeCloseTo(operations, 3);
    for (const rows of [profile.kinds, profile.nodes]) {
      const times = rows.map(({ milliseconds }) => milliseconds);
      expect(times).toEqual([...times].sort((a, b) => b - a));
      expect(times.reduce((sum, time) => sum + time, 0)).toBeCloseTo(profile.milliseconds, 9);
      expect(rows.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
    }
  });

  it('prints a table of kinds and one of nodes', async () => {
    using engine = await createKernelEngine();
    using compiled = compileGraph(smallModel(), engine);
    const profile = profileNodes(compiled, 2);
    const text = describeProfile(profile);
    for (const column of ['kind', 'GFLOPS', 'GB/s', 'share']) expect(text).toContain(column);
    for (const { name } of profile.nodes) expect(text).toContain(name);
  });
});
