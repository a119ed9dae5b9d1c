import {
  ARGUMENT_BYTES,
  type AssembledKernels,
  type EmittedKernel,
  type KernelHost,
  type LoadedKernel,
  setArgument,
  type TeamPart,
  type ThreadTeam,
} from '@qedge/codegen';
import { InvalidArgumentError, UseAfterReleaseError } from '@qedge/core';
import type { LoadedProgram, MachineState } from '../state-machine.ts';
import type { Sweep, VectorProgram } from '../vector-program.ts';
import { SWEEP_ARGUMENTS } from './kernel-registers.ts';
import { RegionState } from './machine-state.ts';
import { bufferOffset, type Region, type RegionSource } from './memory-regions.ts';
import { elementBytes, SweepAddressing } from './state-addressing.ts';
import { emitSweep, referencesOf } from './sweep-code.ts';

const BLOCK_ALIGNMENT = 64;

/** What a program needs of the machine that runs it. */
export interface ProgramSupport {
  readonly host: KernelHost;
  readonly team: ThreadTeam;
  readonly regions: RegionSource;
  /** Compiles, perhaps with settings of the engine. */
  readonly compile: <Result>(work: () => Result) => Result;
  /** The address of each thread's scratch memory, with room for a tile of so many bytes. */
  scratch(tileBytes: number): readonly number[];
  /** False once the machine is disposed. */
  isUsable(): boolean;
}

/** One thread's share of a sweep: some tiles that follow each other. */
interface SweepPart {
  readonly thread: number;
  /** Where the argument block lies from the start of the region. */
  readonly blockOffset: number;
  readonly firstOffset: number;
  readonly tileCount: number;
}

interface PlacedSweep {
  readonly parts: readonly SweepPart[];
}

/** A program as code, with its tables and argument blocks in one region. */
export class RegionProgram implements LoadedProgram {
  readonly codeBytes: number;
  readonly compileSeconds: number;
  readonly #program: VectorProgram;
  readonly #support: ProgramSupport;
  readonly #region: Region;
  readonly #sweeps: readonly PlacedSweep[];
  readonly #assembled: AssembledKernels;
  readonly #tableOffset: number;
  readonly #tileBytes: number;
  readonly #run: () => void;
  #tables: Float32Array | Float64Array | null = null;
  #view: DataView | null = null;
  #disposed = false;

  constructor(program: VectorProgram, support: ProgramSupport, threads: number) {
    const start = performance.now();
    this.#program = program;
    this.#support = support;
    const { sweeps, blockBytes, tileBytes } = placeSweeps(program, threads);
    this.#sweeps = sweeps;
    this.#tileBytes = tileBytes;
    this.#tableOffset = blockBytes;
    const bytes = program.tableLength * elementBytes(program.layout.element);
    this.#region = support.regions.reserve(blockBytes + bytes, 'the tables of a program');
    try {
      this.#assembled = support.compile(() => assemble(program, support.host, this.#region));
    } catch (error) {
      this.#region.release();
      throw error;
    }
    this.codeBytes = this.#assembled.byteLength;
    try {
      this.#run = this.#prepare(this.#assembled.kernels);
    } catch (error) {
      this.#assembled.dispose();
      this.#region.release();
      throw error;
    }
    this.compileSeconds = (performance.now() - start) / 1000;
  }

  get tables(): Float32Array | Float64Array {
    this.#requireUsable();
    const { buffer } = this.#region.memory;
    if (this.#tables?.buffer !== buffer) {
      const View = this.#program.layout.element === 'float64' ? Float64Array : Float32Array;
      const offset = bufferOffset(this.#region) + this.#tableOffset;
      this.#tables = new View(buffer as ArrayBuffer, offset, this.#program.tableLength);
    }
    return this.#tables;
  }

  run(state: MachineState): void {
    this.#requireUsable();
    if (!(state instanceof RegionState) || !this.#suits(state)) {
      throw new InvalidArgumentError('A program runs on states of its own machine and layout', {
        expected: this.#program.layout,
        actual: state.layout,
      });
    }
    this.#fillBlocks(state.address);
    this.#run();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#assembled.dispose();
    this.#region.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #requireUsable(): void {
    if (!this.#disposed && this.#support.isUsable()) return;
    throw new UseAfterReleaseError('A program was used after dispose(), of it or of its machine', {
      remedy: 'Load it again.',
    });
  }

  #suits(state: RegionState): boolean {
    const { layout } = this.#program;
    return (
      state.regions === this.#support.regions &&
      state.layout.qubitCount === layout.qubitCount &&
      state.layout.laneQubits === layout.laneQubits &&
      state.layout.element === layout.element &&
      state.layout.paddingBytes === layout.paddingBytes
    );
  }

  /** Writes what a sweep changes or a run may find changed. */
  #fillBlocks(stateAddress: number): void {
    // First, because it may make the memory grow, which replaces its buffer.
    const scratch = this.#support.scratch(this.#tileBytes);
    const { address, memory } = this.#region;
    if (this.#view?.buffer !== memory.buffer)
      this.#view = new DataView(memory.buffer, bufferOffset(this.#region));
    const view = this.#view;
    for (const { parts } of this.#sweeps) {
      for (const { thread, blockOffset, firstOffset, tileCount } of parts) {
        setArgument(view, blockOffset, SWEEP_ARGUMENTS.state, stateAddress);
        setArgument(view, blockOffset, SWEEP_ARGUMENTS.scratch, scratch[thread]!);
        setArgument(view, blockOffset, SWEEP_ARGUMENTS.tables, address + this.#tableOffset);
        setArgument(view, blockOffset, SWEEP_ARGUMENTS.nextOffset, firstOffset);
        setArgument(view, blockOffset, SWEEP_ARGUMENTS.tileCount, tileCount);
      }
    }
  }

  #prepare(kernels: readonly LoadedKernel[]): () => void {
    const { address } = this.#region;
    const steps = this.#sweeps.map(({ parts }, index) =>
      parts.map(({ blockOffset }): TeamPart => ({ kernel: kernels[index]!, block: address + blockOffset })),
    );
    if (steps.some((parts) => parts.length > 1)) return this.#support.team.prepareSteps(steps);
    const calls = steps.map(([part]) => part!);
    return () => {
      for (const { kernel, block } of calls) kernel.run(block);
    };
  }
}

function assemble(program: VectorProgram, host: KernelHost, region: Region): AssembledKernels {
  const kernels = program.sweeps.map((sweep, index): EmittedKernel => {
    return { key: `sweep-${index}`, emit: (target) => emitSweep(target, program.layout, sweep) };
  });
  return host.assemble(kernels, region.memory, program.layout.element);
}

/** Divides tiles among threads and gives each share an argument block. */
function placeSweeps(
  program: VectorProgram,
  threads: number,
): { readonly sweeps: PlacedSweep[]; readonly blockBytes: number; readonly tileBytes: number } {
  let blockBytes = 0;
  let tileBytes = 0;
  const sweeps = program.sweeps.map((sweep): PlacedSweep => {
    const addressing = new SweepAddressing(program.layout, sweep);
    if (!sweep.inPlace) tileBytes = Math.max(tileBytes, addressing.tileBytes);
    const count = Math.min(threads, addressing.tileCount);
    const length = sweepBlockBytes(sweep);
    const parts = Array.from({ length: count }, (_, thread): SweepPart => {
      const [first, end] = [thread, thread + 1].map((each) =>
        Math.floor((each * addressing.tileCount) / count),
      );
      const blockOffset = blockBytes;
      blockBytes += length;
      return {
        thread,
        blockOffset,
        firstOffset: addressing.tileOffset(first!),
        tileCount: end! - first!,
      };
    });
    return { parts };
  });
  return { sweeps, blockBytes, tileBytes };
}

/** Whole cache lines, so that threads share none. */
function sweepBlockBytes({ kernels }: Sweep): number {
  let most = 0;
  for (const { operations } of kernels) {
    let entries = 0;
    for (const operation of operations) entries += referencesOf(operation).length;
    most = Math.max(most, entries);
  }
  const fields = SWEEP_ARGUMENTS.entries + most;
  return Math.ceil((fields * ARGUMENT_BYTES) / BLOCK_ALIGNMENT) * BLOCK_ALIGNMENT;
}
