import type { ParameterExpression } from '../../circuit/parameter.ts';
import { Interaction, type InteractionCircuit, InteractionKind } from './interaction.ts';
import { coreMatrix, exchangeWires, multiply4 } from './matrix4.ts';

const NOTHING = new Float64Array(0);
const NO_FRAMES: readonly Float64Array[] = [];
const earlier = new Float64Array(32);
const later = new Float64Array(32);

/**
 * The steps of a circuit in columns, to be changed in place: one array for each property, used for one circuit after another, so
 * that passes over thousands of steps and thousands of small circuits make no garbage. The order of the steps is that of their indices; steps that are dropped leave a gap.
 */
export class StepTable {
  count = 0;
  /** Whether the circuit came with free rotations. */
  hasRotations = false;
  kinds = new Uint8Array(0);
  /** 0 where the step was dropped. */
  alive = new Uint8Array(0);
  /** 1 where the step is no longer the one that it was made from. */
  changed = new Uint8Array(0);
  /** `[steps, 3]`: wires of all but fences, -1 where there are fewer. */
  wires = new Int32Array(0);
  /** `[steps, 3, 3]`. */
  axes = new Float64Array(0);
  /** NaN where the angle is free. */
  angles = new Float64Array(0);
  costs = new Uint8Array(0);
  readonly freeAngles: (ParameterExpression | null)[] = [];
  readonly matrices: (Float64Array | null)[] = [];
  /** What each step was made from; passes replace those of fences. */
  readonly sources: Interaction[] = [];

  /** Fills the table with the steps of a circuit, in the memory that it has where that is enough. */
  load({ interactions }: InteractionCircuit): void {
    const count = interactions.length;
    this.count = count;
    this.hasRotations = false;
    if (count > this.kinds.length) this.#grow(Math.max(count, 2 * this.kinds.length));
    this.alive.fill(1, 0, count);
    this.changed.fill(0, 0, count);
    this.wires.fill(-1, 0, 3 * count);
    this.sources.length = count;
    this.matrices.length = count;
    this.freeAngles.length = count;
    for (let i = 0; i < count; i++) this.#load(i, interactions[i]!);
  }

  /** Lets go of everything that belongs to a circuit, and of memory for more than `count` steps. */
  release(count: number): void {
    this.count = 0;
    this.sources.length = 0;
    this.matrices.length = 0;
    this.freeAngles.length = 0;
    if (this.kinds.length > count) this.#grow(count);
  }

  #grow(count: number): void {
    this.kinds = new Uint8Array(count);
    this.alive = new Uint8Array(count);
    this.changed = new Uint8Array(count);
    this.wires = new Int32Array(3 * count);
    this.axes = new Float64Array(9 * count);
    this.angles = new Float64Array(count);
    this.costs = new Uint8Array(count);
  }

  #load(i: number, step: Interaction): void {
    this.kinds[i] = step.kind;
    this.costs[i] = step.cost;
    this.sources[i] = step;
    this.matrices[i] = step.kind === InteractionKind.block ? step.matrix.slice() : null;
    this.freeAngles[i] = null;
    if (step.kind === InteractionKind.fence) return;
    if (step.kind === InteractionKind.rotation) this.hasRotations = true;
    const { wires, axes, angle } = step;
    for (let k = 0; k < wires.length; k++) this.wires[3 * i + k] = wires[k]!;
    for (let k = 0; k < axes.length; k++) this.axes[9 * i + k] = axes[k]!;
    if (typeof angle === 'number') this.angles[i] = angle;
    else {
      this.angles[i] = Number.NaN;
      this.freeAngles[i] = angle;
    }
  }

  /** Where a wire stands among those of a step, -1 where the step does not touch it. */
  placeOf(i: number, wire: number): number {
    const at = 3 * i;
    if (this.wires[at] === wire) return 0;
    if (this.wires[at + 1] === wire) return 1;
    return this.wires[at + 2] === wire ? 2 : -1;
  }

  /** Whether a step is described by axes alone. */
  hasAxes(i: number): boolean {
    const kind = this.kinds[i]!;
    return kind !== InteractionKind.block && kind !== InteractionKind.fence;
  }

  /**
   * Writes the matrix of step `i` after step `p`, both cores or blocks with numbers, in the order of p's wires.
   *
   * @param exchanged whether i has them in the other order.
   */
  multiply(p: number, i: number, exchanged: boolean, product: Float64Array): void {
    const first = this.#matrixOf(p, earlier);
    const second = this.#matrixOf(i, later);
    if (exchanged && second !== later) later.set(second);
    multiply4(exchanged ? exchangeWires(later) : second, first, product);
  }

  #matrixOf(i: number, scratch: Float64Array): Float64Array {
    return this.matrices[i] ?? coreMatrix(this.angles[i]!, this.axes, 9 * i, scratch);
  }

  /** The sum of the costs of all steps but ccz. */
  totalCost(): number {
    let cost = 0;
    for (let i = 0; i < this.count; i++) if (this.alive[i] === 1) cost += this.costs[i]!;
    return cost;
  }

  /** The steps that are left, as objects; those that did not change are the ones they were made from. */
  toInteractions(): Interaction[] {
    const steps: Interaction[] = [];
    for (let i = 0; i < this.count; i++) {
      if (this.alive[i] === 1) steps.push(this.changed[i] === 1 ? this.#store(i) : this.sources[i]!);
    }
    return steps;
  }

  #store(i: number): Interaction {
    const kind = this.kinds[i]! as InteractionKind;
    const wires: number[] = [];
    for (let k = 0; k < 3; k++) if (this.wires[3 * i + k]! >= 0) wires.push(this.wires[3 * i + k]!);
    const isBlock = kind === InteractionKind.block;
    const axes = isBlock ? NOTHING : this.axes.slice(9 * i, 9 * i + 3 * wires.length);
    const angle = this.freeAngles[i] ?? this.angles[i]!;
    const matrix = isBlock ? this.matrices[i]! : NOTHING;
    return new Interaction(kind, wires, axes, angle, matrix, this.costs[i]!, null, NO_FRAMES);
  }
}
