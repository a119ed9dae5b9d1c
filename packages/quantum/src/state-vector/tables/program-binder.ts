import { InvalidArgumentError } from '@qedge/core';
import type { LoweredCircuit } from '../lowering/lowered-circuit.ts';
import type { TablePlan } from '../planner/table-plan.ts';
import { fillMatrix } from './fill-matrix.ts';
import {
  createPhaseScratch,
  fillPhases,
  fillSelected,
  isSeparable,
  type PhaseScratch,
} from './fill-phases.ts';
import { fillStart } from './fill-start.ts';
import { fillTangents } from './fill-tangents.ts';
import { createOperationValues, evaluateUnits, type OperationValues } from './operation-values.ts';
import { replayTape } from './replay-tape.ts';

/**
 * How a stored state is read: the amplitude of logical basis state `i` is `e^(i phase)` times what is stored at the index whose bit
 * `qubits[q]` is bit `q` of `i`, xor `flips`.
 */
export interface BoundFrame {
  /** Physical qubit of each logical one; -1 for idle ones, which are |0>. */
  readonly qubits: Int32Array;
  /** 1 for each physical qubit whose bit is stored the other way round. */
  readonly flips: Uint8Array;
  /** Of everything, in radians. */
  readonly phase: number;
}

/** Fills the tables of a program for parameter after parameter. */
export class ProgramBinder {
  readonly #lowered: LoweredCircuit;
  readonly #plan: TablePlan;
  readonly #physicalOf: Int32Array;
  readonly #qubits: Int32Array;
  readonly #physicalCount: number;
  readonly #values: OperationValues;
  readonly #scales: Float64Array;
  readonly #scratch: PhaseScratch;
  readonly #separable: readonly boolean[];

  constructor(
    lowered: LoweredCircuit,
    plan: TablePlan,
    physicalOf: Int32Array,
    qubits: Int32Array,
    physicalCount: number,
  ) {
    this.#lowered = lowered;
    this.#plan = plan;
    this.#physicalOf = physicalOf;
    this.#qubits = qubits;
    this.#physicalCount = physicalCount;
    this.#values = createOperationValues(lowered);
    this.#scales = new Float64Array(plan.scaleGroups);
    this.#scratch = createPhaseScratch(plan.phases);
    this.#separable = plan.phases.map(isSeparable);
  }

  bind(
    values: ArrayLike<number>,
    tables: Float32Array | Float64Array,
    start?: { readonly flips: Uint8Array; readonly phase: number },
  ): BoundFrame {
    const state = this.#values;
    const plan = this.#plan;
    this.#check(values, tables);
    const physicalOf = this.#physicalOf;
    state.frameFlips = 0;
    state.frameSigns = 0;
    state.phaseReal = 1;
    state.phaseImaginary = 0;
    if (start !== undefined) {
      for (let wire = 0; wire < physicalOf.length; wire++) {
        if (start.flips[physicalOf[wire]!] === 1) state.frameFlips |= 1 << wire;
      }
      state.phaseReal = Math.cos(start.phase);
      state.phaseImaginary = Math.sin(start.phase);
    }
    evaluateUnits(this.#lowered, values, state);
    replayTape(this.#lowered, state);
    const scales = this.#scales.fill(1);
    fillTangents(plan.tangents, state, scales, tables);
    for (let i = 0; i < scales.length; i++) scales[i] = Math.sqrt(scales[i]!);
    for (let i = 0; i < plan.phases.length; i++) {
      const fill = plan.phases[i]!;
      const scale = fill.scaleGroup < 0 ? 1 : scales[fill.scaleGroup]!;
      fillPhases(fill, this.#separable[i]!, state, scale, this.#scratch, this.#lowered, tables);
    }
    for (const fill of plan.selected) fillSelected(fill, state, tables);
    for (const fill of plan.matrices) fillMatrix(fill, state, scales[fill.scaleGroup]!, tables);
    if (plan.start !== null) fillStart(plan.start, state.starts, tables);
    for (const fill of plan.scales) tables[fill.start] = scales[fill.scaleGroup]!;
    const flips = start === undefined ? new Uint8Array(this.#physicalCount) : start.flips.slice();
    for (let wire = 0; wire < physicalOf.length; wire++)
      flips[physicalOf[wire]!] = (state.frameFlips >>> wire) & 1;
    return { qubits: this.#qubits, flips, phase: Math.atan2(state.phaseImaginary, state.phaseReal) };
  }

  #check(values: ArrayLike<number>, tables: Float32Array | Float64Array): void {
    const parameters = this.#lowered.parameterNames.length;
    if (values.length < parameters) {
      throw new InvalidArgumentError('Parameters are missing', {
        expected: parameters,
        actual: values.length,
      });
    }
    if (tables.length < this.#plan.length) {
      throw new InvalidArgumentError('The tables are those of another program', {
        expected: `at least ${this.#plan.length} numbers`,
        actual: tables.length,
      });
    }
  }
}
