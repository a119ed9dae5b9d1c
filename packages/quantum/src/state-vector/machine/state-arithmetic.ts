import { type AssembledKernels, type EmittedKernel, type LoadedKernel, setArgument } from '@qedge/codegen';
import type { MachineState, PauliTermOfState, StateArithmetic } from '../state-machine.ts';
import { ADD_PAULI_ARGUMENTS, emitAddPauli } from './arithmetic-code.ts';
import { BitArithmetic, type BitArithmeticParts } from './bit-arithmetic.ts';
import type { RegionState } from './machine-state.ts';
import { bufferOffset, type Region } from './memory-regions.ts';
import { ProductSums } from './product-sums.ts';
import { elementBytes, paddedOffset } from './state-addressing.ts';

/** Blocks that are worked on by one call. */
const TILE_BLOCKS_BITS = 12;
const TILE_BLOCKS = 2 ** TILE_BLOCKS_BITS;
const LINE_BYTES = 64;

/** Where things lie in the workspace, in bytes from its start. */
interface WorkspaceLayout {
  readonly words: number;
  readonly signs: number;
  readonly lanes: number;
  readonly byteLength: number;
}

/** Sums over states, as generated code: those of products on the calling thread, those of single qubits on all. */
export class VectorArithmetic implements StateArithmetic {
  readonly laneQubits: number;
  readonly #parts: BitArithmeticParts;
  readonly #bits: BitArithmetic;
  readonly #products: ProductSums;
  readonly #layout: WorkspaceLayout;
  readonly #numberBytes: 4 | 8;
  readonly #blockBytes: number;
  readonly #kernels = new Map<string, LoadedKernel>();
  readonly #assembled: AssembledKernels[] = [];
  #workspace: Region | null = null;

  constructor(parts: BitArithmeticParts) {
    this.#parts = parts;
    this.#bits = new BitArithmetic(parts);
    this.#products = new ProductSums(parts);
    this.laneQubits = parts.laneQubits;
    this.#numberBytes = elementBytes(parts.element);
    this.#blockBytes = 2 * this.#numberBytes * 2 ** parts.laneQubits;
    const vectorBytes = this.#blockBytes / 2;
    // An argument block of up to eight fields stands in front.
    const words = LINE_BYTES;
    const signs = words + 4 * TILE_BLOCKS;
    const lanes = signs + this.#numberBytes * TILE_BLOCKS;
    this.#layout = { words, signs, lanes, byteLength: lanes + 2 * vectorBytes };
  }

  addPauli(
    out: MachineState,
    state: MachineState,
    { x, z, coefficient, isImaginary }: PauliTermOfState,
  ): void {
    const { laneQubits } = this;
    const laneMask = 2 ** laneQubits - 1;
    const [laneX, laneZ] = [x & laneMask, z & laneMask];
    const kernel = this.#kernel(`add-pauli ${laneX} ${isImaginary}`, (target) =>
      emitAddPauli(target, this.#parts.element, laneX, isImaginary),
    );
    const blockBits = out.layout.qubitCount - laneQubits;
    const tileBits = Math.min(TILE_BLOCKS_BITS, blockBits);
    const [blockX, blockZ] = [x >>> laneQubits, z >>> laneQubits];
    const workspace = this.#open();
    const { buffer } = workspace.memory;
    const start = bufferOffset(workspace);
    const { words, signs, lanes } = this.#layout;
    const wordTable = new Uint32Array(buffer as ArrayBuffer, start + words, 2 ** tileBits);
    const signTable = this.#view(start + signs, 2 ** tileBits);
    const lowX = blockX & (2 ** tileBits - 1);
    fillSigns(signTable, blockZ, lowX);
    for (let block = 0; block < wordTable.length; block++) wordTable[block] = block ^ lowX;
    const laneTable = this.#view(start + lanes, 2 * 2 ** laneQubits);
    for (let lane = 0; lane <= laneMask; lane++) {
      const value = isOdd((lane ^ laneX) & laneZ) ? -coefficient : coefficient;
      laneTable[lane] = value;
      laneTable[laneMask + 1 + lane] = -value;
    }
    const view = new DataView(buffer as ArrayBuffer, start);
    setArgument(view, 0, ADD_PAULI_ARGUMENTS.words, workspace.address + words);
    setArgument(view, 0, ADD_PAULI_ARGUMENTS.signs, workspace.address + signs);
    setArgument(view, 0, ADD_PAULI_ARGUMENTS.blockCount, 2 ** tileBits);
    for (let tile = 0; tile < 2 ** (blockBits - tileBits); tile++) {
      const source = tile ^ (blockX >>> tileBits);
      const half = isOdd(source & (blockZ >>> tileBits)) ? 1 : 0;
      setArgument(view, 0, ADD_PAULI_ARGUMENTS.out, this.#tileAddress(out, tile, tileBits));
      setArgument(view, 0, ADD_PAULI_ARGUMENTS.state, this.#tileAddress(state, source, tileBits));
      setArgument(
        view,
        0,
        ADD_PAULI_ARGUMENTS.lanes,
        workspace.address + lanes + (half * this.#blockBytes) / 2,
      );
      kernel.run(workspace.address);
    }
  }

  sumProducts(
    part: 'real' | 'imaginary',
    masks: readonly number[],
    left: MachineState,
    right: MachineState,
    out: Float64Array,
  ): void {
    this.#products.sum(part, masks, left, right, out);
  }

  bitWeights(state: MachineState, qubit: number): [number, number] {
    return this.#bits.bitWeights(state, qubit);
  }

  projectBit(out: MachineState, state: MachineState, qubit: number, bit: 0 | 1, factor: number): void {
    this.#bits.projectBit(out, state, qubit, bit, factor);
  }

  extractBit(out: MachineState, state: MachineState, qubit: number, bit: 0 | 1, factor: number): void {
    this.#bits.extractBit(out, state, qubit, bit, factor);
  }

  dispose(): void {
    this.#bits.dispose();
    this.#products.dispose();
    for (const kernels of this.#assembled) kernels.dispose();
    this.#assembled.length = 0;
    this.#kernels.clear();
    this.#workspace?.release();
    this.#workspace = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #kernel(key: string, emit: EmittedKernel['emit']): LoadedKernel {
    let kernel = this.#kernels.get(key);
    if (kernel === undefined) {
      const { host, element, compile } = this.#parts;
      const { memory } = this.#open();
      const assembled = compile(() => host.assemble([{ key, emit }], memory, element));
      this.#assembled.push(assembled);
      kernel = assembled.kernels[0]!;
      this.#kernels.set(key, kernel);
    }
    return kernel;
  }

  #open(): Region {
    this.#workspace ??= this.#parts.regions.reserve(this.#layout.byteLength, 'sums over states');
    return this.#workspace;
  }

  #view(byteOffset: number, length: number): Float32Array | Float64Array {
    const View = this.#parts.element === 'float64' ? Float64Array : Float32Array;
    return new View(this.#open().memory.buffer as ArrayBuffer, byteOffset, length);
  }

  #tileAddress(state: MachineState, tile: number, tileBits: number): number {
    const { layout, address } = state as RegionState;
    return address + paddedOffset(layout, tile * 2 ** tileBits * this.#blockBytes);
  }
}

/** `signs[b]` is -1 where an odd number of bits of `(b xor x) & z` are set, else 1. */
function fillSigns(signs: Float32Array | Float64Array, z: number, x: number): void {
  signs[0] = isOdd(x & z) ? -1 : 1;
  for (let half = 1; half < signs.length; half *= 2) {
    if ((z & half) === 0) signs.copyWithin(half, 0, half);
    else for (let i = 0; i < half; i++) signs[half + i] = -signs[i]!;
  }
}

function isOdd(bits: number): boolean {
  let folded = bits ^ (bits >>> 16);
  folded ^= folded >>> 8;
  folded ^= folded >>> 4;
  return ((0x6996 >>> (folded & 15)) & 1) === 1;
}
