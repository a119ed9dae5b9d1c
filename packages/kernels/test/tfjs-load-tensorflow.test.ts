import { createRequire } from 'node:module';
import { CapabilityUnavailableError } from '@qedge/core';
import { describe, expect, it, vi } from 'vitest';
import { loadTensorflow, TENSORFLOW_LIBRARIES } from '../src/node.ts';
import type { Tensorflow } from '../src/tfjs.ts';
import { packageFolder } from './packages-on-disk.ts';

const require = createRequire(import.meta.url);
/** A package that is the real one, installed elsewhere. */
const real = (name: string) => `module.exports = require(${JSON.stringify(require.resolve(name))});`;
const REAL_TFJS = { '@tensorflow/tfjs': real('@tensorflow/tfjs') };

describe('loadTensorflow', () => {
  it('takes the best library that works and names every better one with the reason', async () => {
    const loaded = await loadTensorflow<Tensorflow>();
    expect(loaded.tf.getBackend()).toBe(loaded.backend);
    const tried = TENSORFLOW_LIBRARIES.slice(0, TENSORFLOW_LIBRARIES.indexOf(loaded.library));
    expect(loaded.fallbacks.slice(0, tried.length).map(({ from }) => from)).toEqual(tried);
    for (const { to, why } of loaded.fallbacks.slice(0, tried.length)) {
      expect(to).toBe(loaded.library);
      expect(why).toMatch(/^[^\n]{10,}$/);
    }
    const product = loaded.tf.tidy(() => loaded.tf.matMul([[1, 2]], [[3], [4]]).dataSync());
    expect([...product]).toEqual([11]);
  });

  it('survives native packages that are missing and native packages that are broken', async () => {
    using folder = packageFolder({
      ...REAL_TFJS,
      '@tensorflow/tfjs-node-gpu': `throw new Error('libcudart.so.11.0: cannot open shared object file\\nRequire stack');`,
    });
    const quiet = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const loaded = await loadTensorflow({ from: folder.path });
    expect(quiet).not.toHaveBeenCalled();
    quiet.mockRestore();
    expect([loaded.backend, loaded.library]).toEqual(['cpu', 'cpu']);
    expect(loaded.fallbacks).toEqual([
      { from: 'tfjs-node-gpu', to: 'cpu', why: 'libcudart.so.11.0: cannot open shared object file' },
      { from: 'tfjs-node', to: 'cpu', why: "Cannot find module '@tensorflow/tfjs-node'" },
      { from: 'wasm', to: 'cpu', why: "Cannot find module '@tensorflow/tfjs-backend-wasm'" },
    ]);
  });

  it('takes back what a broken native package has registered before it failed', async () => {
    const halfLoading = `
      require('@tensorflow/tfjs').registerKernel({ kernelName: 'Probe', backendName: 'tensorflow', kernelFunc() {} });
      throw new Error('no binary');`;
    using folder = packageFolder({
      ...REAL_TFJS,
      '@tensorflow/tfjs-node-gpu': halfLoading,
      '@tensorflow/tfjs-node': halfLoading,
    });
    const warnings = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const { tf, fallbacks } = await loadTensorflow<Tensorflow>({ from: folder.path });
    expect(warnings).not.toHaveBeenCalled();
    warnings.mockRestore();
    expect(fallbacks.slice(0, 2).map(({ why }) => why)).toEqual(['no binary', 'no binary']);
    expect(tf.getKernelsForBackend('tensorflow')).toEqual([]);
  });

  it('throws only when nothing at all is there, with every reason and the remedy', async () => {
    using folder = packageFolder();
    const error = await loadTensorflow({ from: folder.path }).catch((reason) => reason);
    expect(error).toBeInstanceOf(CapabilityUnavailableError);
    for (const library of TENSORFLOW_LIBRARIES)
      expect(error.actual).toContain(`${library}: Cannot find module`);
    expect(error.remedy).toMatch(/^npm install @tensorflow\/tfjs@/);
    await expect(loadTensorflow({ prefer: [] })).rejects.toMatchObject({ actual: 'none was asked for' });
    await expect(loadTensorflow({ from: 'relative' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('tries only what is preferred, in that order', async () => {
    const first = await loadTensorflow({ prefer: ['cpu', 'wasm'] });
    expect([first.library, first.fallbacks]).toEqual(['cpu', []]);
    const second = await loadTensorflow({ prefer: ['tfjs-node', 'wasm'], from: import.meta.dirname });
    expect(['tfjs-node', 'wasm']).toContain(second.library);
  });

  it('defines the functions that Node 23 removed before a native package loads, and there only', async () => {
    using folder = packageFolder({
      ...REAL_TFJS,
      '@tensorflow/tfjs-node': `
        const util = require('util');
        throw new Error([typeof util.isNullOrUndefined, util.isNullOrUndefined(undefined), util.isArray([])].join());`,
    });
    const loaded = await loadTensorflow({ prefer: ['tfjs-node', 'cpu'], from: folder.path });
    expect(loaded.fallbacks[0]!.why).toBe('function,true,true');
  });
});
