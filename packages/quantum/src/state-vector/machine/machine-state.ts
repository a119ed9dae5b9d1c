import { UseAfterReleaseError } from '@qedge/core';
import type { MachineState } from '../state-machine.ts';
import type { StateLayout } from '../vector-program.ts';
import { bufferOffset, type Region, type RegionSource } from './memory-regions.ts';
import { elementBytes, stateBytes } from './state-addressing.ts';

/** Bytes of all views of a state but the last: engines limit the length of one view. */
const CHUNK_BYTES = 2 ** 30;

/** A state in a region of its machine's memory. */
export class RegionState implements MachineState {
  readonly layout: StateLayout;
  /** Tells the machine: states and programs of one machine have the same. */
  readonly regions: RegionSource;
  readonly #region: Region;
  readonly #onDispose: () => void;
  #chunks: readonly (Float32Array | Float64Array)[] = [];
  #viewed: ArrayBufferLike | null = null;
  #disposed = false;

  /** @throws CapabilityUnavailableError, with the bytes needed, where there is not enough memory. */
  static reserve(layout: StateLayout, regions: RegionSource, onDispose: () => void): RegionState {
    const region = regions.reserve(stateBytes(layout), `a state of ${layout.qubitCount} qubits`);
    return new RegionState(layout, regions, region, () => {
      region.release();
      onDispose();
    });
  }

  /** A state in memory that another one owns. */
  static within(region: Region, layout: StateLayout, regions: RegionSource): RegionState {
    return new RegionState(layout, regions, region, () => {});
  }

  private constructor(layout: StateLayout, regions: RegionSource, region: Region, onDispose: () => void) {
    this.layout = layout;
    this.regions = regions;
    this.#region = region;
    this.#onDispose = onDispose;
  }

  get chunks(): readonly (Float32Array | Float64Array)[] {
    const { buffer } = this.#usable().memory;
    if (buffer !== this.#viewed) {
      this.#chunks = viewChunks(buffer, bufferOffset(this.#region), this.layout);
      this.#viewed = buffer;
    }
    return this.#chunks;
  }

  get address(): number {
    return this.#usable().address;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#chunks = [];
    this.#viewed = null;
    this.#onDispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #usable(): Region {
    if (!this.#disposed) return this.#region;
    throw new UseAfterReleaseError('A state was used after dispose()', { remedy: 'Create another state.' });
  }
}

function viewChunks(
  buffer: ArrayBufferLike,
  byteOffset: number,
  layout: StateLayout,
): (Float32Array | Float64Array)[] {
  const View = layout.element === 'float64' ? Float64Array : Float32Array;
  const bytes = elementBytes(layout.element);
  const whole = stateBytes(layout);
  const chunks: (Float32Array | Float64Array)[] = [];
  for (let start = 0; start < whole; start += CHUNK_BYTES) {
    chunks.push(
      new View(buffer as ArrayBuffer, byteOffset + start, Math.min(CHUNK_BYTES, whole - start) / bytes),
    );
  }
  return chunks;
}
