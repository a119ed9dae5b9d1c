import type { AmplitudeElement, StateLayout, Sweep } from '../vector-program.ts';

/** Padding follows every so many bytes of amplitudes, as a power of two. */
export const PADDING_PERIOD_BITS = 28;

/**
 * Bytes between periods: blocks whose distance is a multiple of 2^28 bytes fight for the same lines of the level-1 cache of AMD's Zen cores.
 * On a Zen 4, a pass that joins them moves 28 GB/s without padding and 54 with it; 1 KiB is not enough.
 */
export const PADDING_BYTES = 8192;

/** Bytes of one number. */
export function elementBytes(element: AmplitudeElement): 4 | 8 {
  return element === 'float64' ? 8 : 4;
}

/**
 * The bit of a byte offset that physical qubit `qubit` is, for a qubit above the lanes: a block of `2^laneQubits` amplitudes takes
 * `2^(laneQubits + 1)` numbers.
 */
export function byteBit({ element }: Pick<StateLayout, 'element'>, qubit: number): number {
  return qubit + 1 + Math.log2(elementBytes(element));
}

/** Bytes of all amplitudes, without padding. */
export function amplitudeBytes({ qubitCount, element }: StateLayout): number {
  return 2 ** (qubitCount + 1) * elementBytes(element);
}

/** Where byte `offset` of the amplitudes lies in memory. */
export function paddedOffset({ paddingBytes }: StateLayout, offset: number): number {
  return offset + Math.floor(offset / 2 ** PADDING_PERIOD_BITS) * paddingBytes;
}

/** Bytes of memory that a state takes, padding included. */
export function stateBytes(layout: StateLayout): number {
  return paddedOffset(layout, amplitudeBytes(layout) - 1) + 1;
}

/** Sums of `2^bit` over the bits of every row's number: `offsets[r]` is where row `r` lies. */
export function rowOffsets(bits: readonly number[]): number[] {
  const offsets = [0];
  for (const bit of bits) {
    const step = 2 ** bit;
    for (let row = 0, rows = offsets.length; row < rows; row++) offsets.push(offsets[row]! + step);
  }
  return offsets;
}

/** Which bits of byte offsets the qubits of a sweep are. */
export class SweepAddressing {
  readonly layout: StateLayout;
  /** Bit, in an offset within the tile, of each physical qubit; -1 for qubits outside of it. */
  readonly localBits: Int8Array;
  /** Qubits outside of the tile, as bits of offsets within the state. */
  readonly outerMask: number;
  readonly tileCount: number;
  readonly tileBytes: number;

  constructor(layout: StateLayout, { tileQubits }: Sweep) {
    this.layout = layout;
    this.localBits = new Int8Array(layout.qubitCount).fill(-1);
    tileQubits.forEach((qubit, index) => {
      this.localBits[qubit] = byteBit(layout, index);
    });
    let outerMask = 0;
    for (let qubit = 0; qubit < layout.qubitCount; qubit++) {
      if (this.localBits[qubit]! < 0) outerMask += 2 ** byteBit(layout, qubit);
    }
    this.outerMask = outerMask;
    this.tileCount = 2 ** (layout.qubitCount - tileQubits.length);
    this.tileBytes = 2 ** byteBit(layout, tileQubits.length);
  }

  isInner(qubit: number): boolean {
    return this.localBits[qubit]! >= 0;
  }

  /** The bit of an offset within the state. */
  stateBit(qubit: number): number {
    return byteBit(this.layout, qubit);
  }

  /** The offset within the state, without padding, of tile `index`. */
  tileOffset(index: number): number {
    let offset = 0;
    let rest = index;
    for (let qubit = 0; rest > 0; qubit++) {
      if (this.isInner(qubit)) continue;
      offset += (rest % 2) * 2 ** this.stateBit(qubit);
      rest = Math.floor(rest / 2);
    }
    return offset;
  }
}
