import { UseAfterReleaseError } from '@qedge/core';
import type { MachineState, StateArithmetic } from '../../state-vector/state-machine.ts';
import type { StateLayout } from '../../state-vector/vector-program.ts';

/** Numbers of a state: real and imaginary parts of single or double precision. */
export type AmplitudeArray = Float32Array | Float64Array;

/**
 * Which amplitude of a circuit's state a stored number is: the amplitude of basis state `i` is
 * `e^(i phase) stored[(bit q of i at place qubits[q]) xor flips]`.
 */
export interface StateFrame {
  /** For each qubit of the circuit its physical one, or -1 where it is |0> and has none. */
  readonly qubits: Int32Array;
  /** For each physical qubit 1 where its bit is stored inverted. */
  readonly flips: Uint8Array;
  /** Of the whole state, in radians. */
  readonly phase: number;
}

/** Bytes of amplitudes between two insertions of padding. */
const REGION_BYTES = 2 ** 28;

/**
 * A state in memory seen as regions without padding. Inside of a region the amplitude of physical index `p` has its real part at
 * `p + (p & -lanes)`, the imaginary one `lanes` numbers later.
 */
export class StoredState {
  readonly lanes: number;
  /** Physical qubits, those of padding to whole blocks included. */
  readonly qubitCount: number;
  /** Physical qubits inside of a region. */
  readonly regionQubits: number;
  readonly arithmetic: StateArithmetic | null;
  readonly #memory: MachineState;
  #regions: readonly AmplitudeArray[] = [];
  #viewed: ArrayBufferLike | null = null;
  #isDisposed = false;

  /** @param arithmetic of the machine that the memory belongs to; without one, sums are made by loops. */
  constructor(memory: MachineState, arithmetic: StateArithmetic | null = null) {
    const { layout } = memory;
    this.arithmetic = arithmetic;
    this.#memory = memory;
    this.qubitCount = layout.qubitCount;
    this.lanes = 2 ** layout.laneQubits;
    const amplitudeBytes = layout.element === 'float32' ? 8 : 16;
    this.regionQubits = Math.min(layout.qubitCount, Math.log2(REGION_BYTES / amplitudeBytes));
  }

  get memory(): MachineState {
    return this.#memory;
  }

  /** The numbers, region by region; borrowed, and found anew when memory moved. @throws UseAfterReleaseError after `dispose`. */
  get regions(): readonly AmplitudeArray[] {
    if (this.#isDisposed) throw new UseAfterReleaseError('A state was used after dispose()');
    const first = this.#memory.chunks[0]!;
    if (first.buffer !== this.#viewed) {
      this.#regions = viewRegions(first, this.#memory.layout, this.regionQubits);
      this.#viewed = first.buffer;
    }
    return this.#regions;
  }

  /** The region of a physical index and the place of the real part in it. */
  locate(index: number): [region: AmplitudeArray, position: number] {
    const inside = index % 2 ** this.regionQubits;
    const region = this.regions[(index - inside) / 2 ** this.regionQubits]!;
    return [region, inside + (inside - (inside % this.lanes))];
  }

  /** All amplitudes 0 but one, which is 1. */
  setBasisState(index = 0): void {
    for (const region of this.regions) region.fill(0);
    const [region, position] = this.locate(index);
    region[position] = 1;
  }

  /** Copies the amplitudes of a state of the same layout. */
  copyFrom(other: StoredState): void {
    const source = other.regions;
    for (const [index, region] of this.regions.entries()) region.set(source[index]!);
  }

  /** Gives the memory back. Harmless when repeated. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#regions = [];
    this.#viewed = null;
    this.#memory.dispose();
  }
}

/** Views of what lies between paddings; all chunks of a state are views of one buffer, one after the other. */
function viewRegions(
  first: AmplitudeArray,
  { element, qubitCount, paddingBytes }: StateLayout,
  regionQubits: number,
): AmplitudeArray[] {
  const View = element === 'float32' ? Float32Array : Float64Array;
  const length = 2 * 2 ** regionQubits;
  const stride = length * View.BYTES_PER_ELEMENT + paddingBytes;
  return Array.from(
    { length: 2 ** (qubitCount - regionQubits) },
    (_, region) => new View(first.buffer as ArrayBuffer, first.byteOffset + region * stride, length),
  );
}

/** A frame in which every qubit of the circuit has the physical qubit of its number. */
export function plainFrame(qubitCount: number, physicalCount: number): StateFrame {
  return {
    qubits: Int32Array.from({ length: qubitCount }, (_, qubit) => qubit),
    flips: new Uint8Array(physicalCount),
    phase: 0,
  };
}

export function copyFrame({ qubits, flips, phase }: StateFrame): StateFrame {
  return { qubits: qubits.slice(), flips: flips.slice(), phase };
}

/** The same state seen as one of some of its qubits, all others being 0. */
export function selectQubits(frame: StateFrame, qubits: readonly number[]): StateFrame {
  return { ...frame, qubits: Int32Array.from(qubits, (qubit) => frame.qubits[qubit]!) };
}

/** The qubits that have memory, ascending. */
export function qubitsWithMemory({ qubits }: StateFrame): number[] {
  return Array.from(qubits.keys()).filter((qubit) => qubits[qubit]! >= 0);
}

/** The numbers that the qubits of a frame have without those that have no memory, -1 for these; null where all have memory. */
export function densePlaces({ qubits }: StateFrame): readonly number[] | null {
  if (!qubits.includes(-1)) return null;
  let count = 0;
  return Array.from(qubits, (physical) => (physical < 0 ? -1 : count++));
}

/** The frame of the qubits that have memory. */
export function withoutGaps(frame: StateFrame): StateFrame {
  if (!frame.qubits.includes(-1)) return frame;
  return { ...frame, qubits: frame.qubits.filter((physical) => physical >= 0) };
}

/** The frame with the qubits that have no memory, from one of those that have (see {@link densePlaces}). */
export function withGaps(frame: StateFrame, places: readonly number[] | null): StateFrame {
  if (places === null) return frame;
  return { ...frame, qubits: Int32Array.from(places, (place) => (place < 0 ? -1 : frame.qubits[place]!)) };
}

/** The flips as a number with a bit per physical qubit. */
export function flipMask(flips: Uint8Array): number {
  let mask = 0;
  for (let qubit = 0; qubit < flips.length; qubit++) if (flips[qubit] === 1) mask += 2 ** qubit;
  return mask;
}
