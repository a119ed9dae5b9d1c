import type { AssembledKernels } from '@qedge/codegen';
import { UseAfterReleaseError } from '@qedge/core';
import type { BatchKernel } from '../batch/plan-batch.ts';
import type { LoadedBatch } from '../state-machine.ts';
import type { StateLayout } from '../vector-program.ts';
import { type BatchLayout, batchConstants, emitBatch, layOutBatch } from './batch-code.ts';
import type { ProgramSupport } from './loaded-program.ts';
import { RegionState } from './machine-state.ts';
import { bufferOffset, type Region } from './memory-regions.ts';
import { elementBytes, stateBytes } from './state-addressing.ts';

/** A batch as code, with all its numbers in one region. */
export class RegionBatch implements LoadedBatch {
  readonly width: number;
  readonly compileSeconds: number;
  /** Of its states and all other numbers. */
  readonly byteLength: number;
  readonly #released: () => void;
  readonly #element: 'float32' | 'float64';
  readonly #support: ProgramSupport;
  readonly #layout: BatchLayout;
  readonly states: readonly RegionState[];
  readonly #region: Region;
  readonly #assembled: AssembledKernels;
  #angles: Float32Array | Float64Array | null = null;
  #isDisposed = false;

  /**
   * @param stateLayout of states of so many qubits.
   * @param released called once, when its memory is given back.
   */
  constructor(
    support: ProgramSupport,
    kernels: readonly BatchKernel[],
    unitCount: number,
    qubitCount: number,
    stateLayout: StateLayout,
    released: () => void,
  ) {
    const start = performance.now();
    const { element } = stateLayout;
    const bytes = elementBytes(element);
    this.width = support.host.traitsOf(element).lanes;
    this.#element = element;
    this.#support = support;
    const layout = layOutBatch(bytes, this.width, unitCount, kernels, qubitCount, stateBytes(stateLayout));
    this.#layout = layout;
    this.byteLength = layout.byteLength;
    this.#released = released;
    this.#region = support.regions.reserve(layout.byteLength, 'a batch of circuits');
    try {
      this.#view(0, layout.byteLength / bytes).fill(0);
      batchConstants(bytes).forEach((constant, index) => {
        this.#view(layout.constants + index * layout.vectorBytes, this.width).fill(constant);
      });
      this.#assembled = support.compile(() =>
        support.host.assemble(
          [{ key: 'batch', emit: (target) => emitBatch(target, layout, kernels) }],
          this.#region.memory,
          element,
        ),
      );
    } catch (error) {
      this.#region.release();
      throw error;
    }
    this.states = Array.from({ length: this.width }, (_, set) => this.#stateOf(set, stateLayout));
    this.compileSeconds = (performance.now() - start) / 1000;
  }

  get angles(): Float32Array | Float64Array {
    this.#requireUsable();
    if (this.#angles?.buffer !== this.#region.memory.buffer) {
      this.#angles = this.#view(this.#layout.angles, 3 * this.#layout.unitCount * this.width);
    }
    return this.#angles!;
  }

  run(): void {
    this.#requireUsable();
    this.#assembled.kernels[0]!.run(this.#region.address);
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#angles = null;
    for (const state of this.states) state.dispose();
    this.#assembled.dispose();
    this.#region.release();
    this.#released();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** A state in a part of the region, which it does not own. */
  #stateOf(set: number, layout: StateLayout): RegionState {
    const { memory, address } = this.#region;
    const { states, stateBytes: byteLength } = this.#layout;
    const region = { memory, address: address + states + set * byteLength, byteLength, release() {} };
    return RegionState.within(region, layout, this.#support.regions);
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
