import type { AssembledKernels } from '@qedge/codegen';
import { UseAfterReleaseError } from '@qedge/core';
import type { BatchKernel } from '../batch/plan-batch.ts';
import type { LoadedBatch } from '../state-machine.ts';
import { type BatchLayout, emitBatch, layOutBatch } from './batch-code.ts';
import type { ProgramSupport } from './loaded-program.ts';
import { bufferOffset, type Region } from './memory-regions.ts';
import { elementBytes } from './state-addressing.ts';

/** A batch as code, with all its numbers in one region. */
export class RegionBatch implements LoadedBatch {
  readonly width: number;
  readonly compileSeconds: number;
  readonly #element: 'float32' | 'float64';
  readonly #support: ProgramSupport;
  readonly #layout: BatchLayout;
  readonly #unitCount: number;
  readonly #amplitudeCount: number;
  readonly #region: Region;
  readonly #assembled: AssembledKernels;
  #units: Float32Array | Float64Array | null = null;
  #amplitudes: Float32Array | Float64Array | null = null;
  #isDisposed = false;

  constructor(
    element: 'float32' | 'float64',
    support: ProgramSupport,
    kernels: readonly BatchKernel[],
    unitCount: number,
    qubitCount: number,
  ) {
    const start = performance.now();
    this.width = support.host.traitsOf(element).lanes;
    this.#element = element;
    this.#support = support;
    this.#unitCount = unitCount;
    this.#amplitudeCount = 2 ** qubitCount;
    const layout = layOutBatch(this.width * elementBytes(element), unitCount, kernels, qubitCount);
    this.#layout = layout;
    this.#region = support.regions.reserve(layout.byteLength, 'a batch of circuits');
    try {
      this.#view(layout.one, this.width).fill(1);
      this.#assembled = support.compile(() =>
        support.host.assemble(
          [{ key: 'batch', emit: (target) => emitBatch(target, layout, kernels, qubitCount) }],
          this.#region.memory,
          element,
        ),
      );
    } catch (error) {
      this.#region.release();
      throw error;
    }
    this.compileSeconds = (performance.now() - start) / 1000;
  }

  get units(): Float32Array | Float64Array {
    this.#requireUsable();
    if (this.#units?.buffer !== this.#region.memory.buffer) {
      this.#units = this.#view(this.#layout.units, 2 * this.#unitCount * this.width);
    }
    return this.#units!;
  }

  get amplitudes(): Float32Array | Float64Array {
    this.#requireUsable();
    if (this.#amplitudes?.buffer !== this.#region.memory.buffer) {
      this.#amplitudes = this.#view(this.#layout.state, 2 * this.#amplitudeCount * this.width);
    }
    return this.#amplitudes!;
  }

  run(): void {
    this.#requireUsable();
    this.#assembled.kernels[0]!.run(this.#region.address);
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#units = this.#amplitudes = null;
    this.#assembled.dispose();
    this.#region.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #view(byteOffset: number, length: number): Float32Array | Float64Array {
    const View = this.#element === 'float64' ? Float64Array : Float32Array;
    const { buffer } = this.#region.memory;
    return new View(buffer as ArrayBuffer, bufferOffset(this.#region) + byteOffset, length);
  }

  #requireUsable(): void {
    if (!this.#isDisposed && this.#support.isUsable()) return;
    throw new UseAfterReleaseError('A batch was used after dispose(), of it or of its machine', {
      remedy: 'Load it again.',
    });
  }
}
