import type { Isa, KernelHost, ThreadTeam } from '@qedge/codegen';
import { type Fallback, InvalidArgumentError, UseAfterReleaseError } from '@qedge/core';
import type { BatchKernel } from '../batch/plan-batch.ts';
import type { LoadedBatch, LoadedProgram, MachineState, StateMachine } from '../state-machine.ts';
import type { AmplitudeElement, StateLayout, SweepShape, VectorProgram } from '../vector-program.ts';
import { requireProgram } from './check-program.ts';
import { WORKSPACE_BYTES } from './kernel-registers.ts';
import { RegionBatch } from './loaded-batch.ts';
import { type ProgramSupport, RegionProgram } from './loaded-program.ts';
import { RegionState } from './machine-state.ts';
import type { Region, RegionSource } from './memory-regions.ts';
import { estimateMicroseconds } from './run-time-estimate.ts';
import { stateBytes } from './state-addressing.ts';
import { VectorArithmetic } from './state-arithmetic.ts';

/** More qubits than any memory holds: amplitudes are counted in numbers that are exact. */
const MOST_QUBITS = 44;

/** What a machine is made of. */
export interface MachineParts {
  readonly host: KernelHost;
  readonly element: AmplitudeElement;
  readonly shape: SweepShape;
  readonly team: ThreadTeam;
  readonly regions: RegionSource;
  readonly paddingBytes: number;
  readonly compile: <Result>(work: () => Result) => Result;
  /** Faster ways of execution that were not there. */
  readonly fallbacks: readonly Fallback[];
}

/** Runs programs as code of a kernel host, on the threads of a team. */
export class VectorMachine implements StateMachine {
  readonly isa: Isa;
  readonly element: AmplitudeElement;
  readonly threads: number;
  readonly shape: SweepShape;
  readonly fallbacks: readonly Fallback[];
  readonly #parts: MachineParts;
  readonly #support: ProgramSupport;
  readonly arithmetic: VectorArithmetic;
  #scratch: readonly Region[] = [];
  #scratchAddresses: readonly number[] = [];
  #scratchBytes = -1;
  #stateBytesInUse = 0;
  #disposed = false;

  constructor(parts: MachineParts) {
    this.#parts = parts;
    this.isa = parts.host.isa;
    this.element = parts.element;
    // Interpreted steps cannot move to other threads.
    this.threads = parts.host.isa === 'interpreter' ? 1 : parts.team.size;
    this.shape = parts.shape;
    this.fallbacks = parts.fallbacks;
    const { host, element, regions, compile, team } = parts;
    const { laneQubits } = parts.shape;
    const { threads } = this;
    this.arithmetic = new VectorArithmetic({ host, element, regions, compile, laneQubits, team, threads });
    this.#support = {
      host: parts.host,
      team: parts.team,
      regions: parts.regions,
      compile: parts.compile,
      scratch: (tileBytes) => this.#scratchOf(tileBytes),
      isUsable: () => !this.#disposed,
    };
  }

  layoutOf(qubitCount: number): StateLayout {
    if (!Number.isInteger(qubitCount) || qubitCount < 0 || qubitCount > MOST_QUBITS) {
      throw new InvalidArgumentError('A state has an impossible number of qubits', {
        expected: `an integer from 0 to ${MOST_QUBITS}`,
        actual: qubitCount,
      });
    }
    const { laneQubits } = this.shape;
    const { paddingBytes } = this.#parts;
    return { qubitCount: Math.max(qubitCount, laneQubits), laneQubits, element: this.element, paddingBytes };
  }

  createState(qubitCount: number): MachineState {
    this.#requireUsable();
    const layout = this.layoutOf(qubitCount);
    const bytes = stateBytes(layout);
    const state = RegionState.reserve(layout, this.#parts.regions, () => {
      this.#stateBytesInUse -= bytes;
    });
    this.#stateBytesInUse += bytes;
    return state;
  }

  availableBytes(): number {
    return this.#parts.regions.availableBytes();
  }

  get stateBytesInUse(): number {
    return this.#stateBytesInUse;
  }

  load(program: VectorProgram): LoadedProgram {
    this.#requireUsable();
    const layout = this.layoutOf(program.layout.qubitCount);
    requireProgram(program, { layout, blockQubits: this.shape.blockQubits });
    return new RegionProgram(program, this.#support, this.#threadsFor(program));
  }

  loadBatch(kernels: readonly BatchKernel[], unitCount: number, qubitCount: number): LoadedBatch {
    this.#requireUsable();
    const layout = this.layoutOf(qubitCount);
    const batch = new RegionBatch(this.#support, kernels, unitCount, qubitCount, layout, () => {
      this.#stateBytesInUse -= batch.byteLength;
    });
    this.#stateBytesInUse += batch.byteLength;
    return batch;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.arithmetic.dispose();
    this.#parts.team.dispose();
    this.#parts.host.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** All threads where they save more time than it costs to hand work to them. */
  #threadsFor(program: VectorProgram): number {
    const { handoffMicroseconds } = this.#parts.team;
    const saved = estimateMicroseconds(program) * (1 - 1 / this.threads);
    return saved > handoffMicroseconds * program.sweeps.length ? this.threads : 1;
  }

  /** Scratch memory of every thread; allocated anew when a program has larger tiles than those before it. */
  #scratchOf(tileBytes: number): readonly number[] {
    if (tileBytes > this.#scratchBytes) {
      const larger = this.#reserveScratch(WORKSPACE_BYTES + tileBytes);
      for (const region of this.#scratch) region.release();
      this.#scratch = larger;
      this.#scratchAddresses = this.#scratch.map(({ address }) => address);
      this.#scratchBytes = tileBytes;
    }
    return this.#scratchAddresses;
  }

  /** All threads' or nothing. */
  #reserveScratch(byteLength: number): Region[] {
    const reserved: Region[] = [];
    try {
      while (reserved.length < this.threads)
        reserved.push(this.#parts.regions.reserve(byteLength, 'scratch tiles'));
      return reserved;
    } catch (error) {
      for (const region of reserved) region.release();
      throw error;
    }
  }

  #requireUsable(): void {
    if (!this.#disposed) return;
    throw new UseAfterReleaseError('A state machine was used after dispose()', {
      remedy: 'Create another one.',
    });
  }
}
