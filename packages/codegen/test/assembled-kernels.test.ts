import './relaxed-simd.ts';
import { InvalidArgumentError, UseAfterReleaseError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { type EmittedKernel, setArgument, type Vector } from '../src/index.ts';
import { openVectorHosts } from './vector-hosts.ts';

/** `b = a + a` on one vector. */
function doubling(key: string, times: number): EmittedKernel {
  return {
    key,
    emit(target) {
      const pointer = target.pointer('numbers');
      const [vector] = target.vectors('numbers', 1) as [Vector];
      target.argument(pointer, 0);
      target.load(vector, { base: pointer, offset: 0 });
      for (let i = 0; i < times; i++) target.float('add', vector, vector, vector);
      target.store(vector, { base: pointer, offset: 64 });
    },
  };
}

describe.each(openVectorHosts())('kernels assembled by $name', ({ host }) => {
  it.each(['float32', 'float64'] as const)('run on %s', (element) => {
    const memory = host.createMemory(4096);
    const { lanes } = host.traitsOf(element);
    const View = element === 'float64' ? Float64Array : Float32Array;
    const numbers = new View(memory.buffer as ArrayBuffer, memory.byteOffset + 1024, 256);
    const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    setArgument(view, 64, 0, memory.address + 1024);
    // Code of disposed kernels makes room for that of others.
    for (let round = 1; round <= 3; round++) {
      using assembled = host.assemble([doubling('once', 1), doubling('more', round)], memory, element);
      for (let lane = 0; lane < lanes; lane++) numbers[lane] = lane + 1 / 8;
      for (const [index, factor] of [2, 2 ** round].entries()) {
        assembled.kernels[index]!.run(memory.address + 64);
        const results = numbers.subarray(64 / View.BYTES_PER_ELEMENT).subarray(0, lanes);
        expect([...results]).toEqual(Array.from({ length: lanes }, (_, lane) => factor * (lane + 1 / 8)));
      }
    }
  });

  it('need different keys', () => {
    const memory = host.createMemory(4096);
    expect(() => host.assemble([doubling('a', 1), doubling('a', 2)], memory, 'float32')).toThrow(
      InvalidArgumentError,
    );
  });

  it('are refused after dispose()', () => {
    const memory = host.createMemory(4096);
    host.dispose();
    expect(() => host.assemble([doubling('a', 1)], memory, 'float32')).toThrow(UseAfterReleaseError);
  });
});
