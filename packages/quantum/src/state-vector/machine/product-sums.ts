import { type AssembledKernels, type LoadedKernel, setArgument } from '@qedge/codegen';
import type { MachineState } from '../state-machine.ts';
import type { BitArithmeticParts } from './bit-arithmetic.ts';
import type { RegionState } from './machine-state.ts';
import { bufferOffset, type Region } from './memory-regions.ts';
import {
  emitProductSums,
  layOutProductSums,
  PRODUCT_SUMS_ARGUMENTS,
  type ProductSumsLayout,
  planSums,
} from './product-sums-code.ts';
import { elementBytes, paddedOffset } from './state-addressing.ts';

/** Most blocks that are worked on by one call, as a power of two: their sums stay in the level-2 cache. */
const TILE_BITS = 12;
/** Most results of one call. */
const MOST_RESULTS = 256;
/** Kernels that are kept; the one made first goes first. */
const MOST_KERNELS = 64;

/** What one call answers. */
interface SumsPart {
  readonly key: string;
  /** Masks of blocks within a tile: the results. */
  readonly blockMasks: readonly number[];
  readonly members: readonly {
    readonly query: number;
    readonly result: number;
    /** Masks of lanes and of the tile's number. */
    readonly lanes: number;
    readonly tile: number;
  }[];
}

interface PreparedSums {
  readonly tileBits: number;
  readonly parts: readonly SumsPart[];
}

/** Signed sums over products of the amplitudes of two states, as generated code on the calling thread. */
export class ProductSums implements Disposable {
  readonly #parts: BitArithmeticParts;
  readonly #rowBits: number;
  readonly #vectorBytes: number;
  readonly #layout: ProductSumsLayout;
  readonly #kernels = new Map<string, { readonly kernel: LoadedKernel; readonly code: AssembledKernels }>();
  /** By the list of masks, for states of one size. */
  readonly #prepared = new WeakMap<readonly number[], PreparedSums>();
  #workspace: Region | null = null;

  constructor(parts: BitArithmeticParts) {
    this.#parts = parts;
    const { host, element, laneQubits } = parts;
    // As many rows as fit into half of the registers beside what products need.
    this.#rowBits = host.traitsOf(element).vectors >= 31 ? 3 : 2;
    this.#vectorBytes = elementBytes(element) * 2 ** laneQubits;
    this.#layout = layOutProductSums(this.#vectorBytes, MOST_RESULTS, TILE_BITS, this.#rowBits);
  }

  /** See `StateArithmetic.sumProducts`. */
  sum(
    part: 'real' | 'imaginary',
    masks: readonly number[],
    left: MachineState,
    right: MachineState,
    out: Float64Array,
  ): void {
    const { tileBits, parts } = this.#prepare(masks, right.layout.qubitCount - this.#parts.laneQubits);
    const tileCount = 2 ** (right.layout.qubitCount - this.#parts.laneQubits - tileBits);
    out.fill(0);
    for (const each of parts) {
      const kernel = this.#kernel(part, each, tileBits);
      const workspace = this.#open();
      const start = bufferOffset(workspace);
      const view = new DataView(workspace.memory.buffer as ArrayBuffer, start);
      const results = this.#view(start + this.#layout.results, each.blockMasks.length);
      for (let tile = 0; tile < tileCount; tile++) {
        setArgument(view, 0, PRODUCT_SUMS_ARGUMENTS.left, this.#tileAddress(left, tile, tileBits));
        setArgument(view, 0, PRODUCT_SUMS_ARGUMENTS.right, this.#tileAddress(right, tile, tileBits));
        kernel.run(workspace.address);
        this.#collect(each, tile, results, out);
      }
    }
  }

  dispose(): void {
    for (const { code } of this.#kernels.values()) code.dispose();
    this.#kernels.clear();
    this.#workspace?.release();
    this.#workspace = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Adds the lanes of the results up, with their signs. */
  #collect(
    { members }: SumsPart,
    tile: number,
    results: Float32Array | Float64Array,
    out: Float64Array,
  ): void {
    const lanes = 2 ** this.#parts.laneQubits;
    for (let i = 0; i < members.length; i++) {
      const member = members[i]!;
      const from = member.result * lanes;
      let sum = 0;
      if (member.lanes === 0) for (let lane = 0; lane < lanes; lane++) sum += results[from + lane]!;
      else {
        for (let lane = 0; lane < lanes; lane++) {
          const value = results[from + lane]!;
          sum += isOdd(lane & member.lanes) ? -value : value;
        }
      }
      out[member.query] = out[member.query]! + (isOdd(tile & member.tile) ? -sum : sum);
    }
  }

  #prepare(masks: readonly number[], blockBits: number): PreparedSums {
    const tileBits = Math.min(TILE_BITS, blockBits);
    const known = this.#prepared.get(masks);
    if (known?.tileBits === tileBits) return known;
    const laneBits = this.#parts.laneQubits;
    const parts: { blockMasks: number[]; members: SumsPart['members'][number][] }[] = [];
    masks.forEach((mask, query) => {
      const block = (mask >>> laneBits) & (2 ** tileBits - 1);
      let part = parts.find(({ blockMasks }) => blockMasks.includes(block)) ?? parts.at(-1);
      if (
        part === undefined ||
        (part.blockMasks.length === MOST_RESULTS && !part.blockMasks.includes(block))
      ) {
        part = { blockMasks: [], members: [] };
        parts.push(part);
      }
      let result = part.blockMasks.indexOf(block);
      if (result < 0) result = part.blockMasks.push(block) - 1;
      const tile = laneBits + tileBits > 31 ? 0 : mask >>> (laneBits + tileBits);
      part.members.push({ query, result, lanes: mask & (2 ** laneBits - 1), tile });
    });
    const prepared = { tileBits, parts: parts.map((part) => ({ ...part, key: part.blockMasks.join() })) };
    this.#prepared.set(masks, prepared);
    return prepared;
  }

  #kernel(part: 'real' | 'imaginary', { key: own, blockMasks }: SumsPart, bits: number): LoadedKernel {
    const key = `${part} ${bits} ${own}`;
    const known = this.#kernels.get(key);
    if (known !== undefined) return known.kernel;
    const { host, element, compile } = this.#parts;
    const root = planSums(blockMasks, bits, this.#rowBits);
    // Smaller states need less of the workspace.
    const levels = layOutProductSums(this.#vectorBytes, MOST_RESULTS, bits, this.#rowBits);
    const emit: Parameters<typeof host.assemble>[0][number]['emit'] = (target) =>
      emitProductSums(target, element, part, root, bits, levels);
    const code = compile(() => host.assemble([{ key, emit }], this.#open().memory, element));
    const entry = { kernel: code.kernels[0]!, code };
    this.#kernels.set(key, entry);
    if (this.#kernels.size > MOST_KERNELS) {
      const [oldest, forgotten] = this.#kernels.entries().next().value!;
      this.#kernels.delete(oldest);
      forgotten.code.dispose();
    }
    return entry.kernel;
  }

  #open(): Region {
    this.#workspace ??= this.#parts.regions.reserve(this.#layout.byteLength, 'sums over states');
    return this.#workspace;
  }

  #view(byteOffset: number, resultCount: number): Float32Array | Float64Array {
    const View = this.#parts.element === 'float64' ? Float64Array : Float32Array;
    const { buffer } = this.#open().memory;
    return new View(buffer as ArrayBuffer, byteOffset, resultCount * 2 ** this.#parts.laneQubits);
  }

  #tileAddress(state: MachineState, tile: number, tileBits: number): number {
    const { layout, address } = state as RegionState;
    return address + paddedOffset(layout, tile * 2 ** tileBits * 2 * this.#vectorBytes);
  }
}

function isOdd(bits: number): boolean {
  let folded = bits ^ (bits >>> 16);
  folded ^= folded >>> 8;
  folded ^= folded >>> 4;
  return ((0x6996 >>> (folded & 15)) & 1) === 1;
}
