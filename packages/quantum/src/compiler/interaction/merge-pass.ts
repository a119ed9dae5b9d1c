import { addAngles, type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import { type Rotation, rotationOfMatrix } from '../translation/rotation.ts';
import { compareAxes } from './axis.ts';
import { type EnclosedRotation, findEnclosedRotation } from './enclosed-rotation.ts';
import { Interaction, type InteractionCircuit, InteractionKind } from './interaction.ts';
import { multiply2 } from './matrix2.ts';
import { factorKronecker, followWithSwap } from './matrix4.ts';
import { MergeRule } from './merge-rule.ts';
import { copyUnitary4 } from './orthonormalize.ts';
import { FARTHEST, PartnerSearch } from './partner-search.ts';
import { placeOnWires } from './place-on-wires.ts';
import { StepTable } from './step-table.ts';
import { coreCost, halfTurnsOf, localsAfterCore, TwoQubitClass } from './two-qubit-class.ts';
import { rotateAxisBack, WireFrames } from './wire-frames.ts';
import { WireLists } from './wire-lists.ts';

const NONE = -1;
const HALF_PI = Math.PI / 2;
const QUARTER_PI = Math.PI / 4;
/** Memory for so many steps, about a megabyte, is kept from one circuit to the next. */
const MOST_KEPT_STEPS = 8192;
const NOTHING = new Float64Array(0);

const product = new Float64Array(32);

/**
 * Merges steps on the same pair of wires in place, moving them across steps with which they commute. One-qubit gates that a merge
 * leaves are pushed to the end at once, swaps become names: the circuit is in normal form before and after every pass.
 */
export class Merger {
  readonly table = new StepTable();
  readonly #lists = new WireLists(this.table);
  readonly #search = new PartnerSearch(this.table, this.#lists);
  readonly #class = new TwoQubitClass();
  /** Of the pass that is running: what the steps to come must still be pulled through. */
  readonly #frames = new WireFrames(0);
  /** Of the pass that is running: the wire of what the steps to come call a wire, and the inverse. */
  #wireOf = new Int32Array(0);
  #labelOf = new Int32Array(0);
  #isRenamed = false;
  #physical = false;
  #wireCount = 0;
  #circuit: InteractionCircuit | null = null;
  /** Of all passes. */
  #finalFrames: readonly Float64Array[] = [];
  #wireOfQubit: Int32Array = new Int32Array(0);

  /** Begins with a circuit. @param physical keeps swaps as blocks. */
  load(circuit: InteractionCircuit, physical: boolean): void {
    this.table.load(circuit);
    this.#circuit = circuit;
    this.#physical = physical;
    this.#wireCount = circuit.wireCount;
    if (circuit.wireCount > this.#wireOf.length) {
      this.#wireOf = new Int32Array(circuit.wireCount);
      this.#labelOf = new Int32Array(circuit.wireCount);
    }
    this.#finalFrames = circuit.frames;
    this.#wireOfQubit = circuit.wireOfQubit;
  }

  /** The circuit as it is now. */
  read(): InteractionCircuit {
    return {
      ...this.#circuit!,
      interactions: this.table.toInteractions(),
      frames: this.#finalFrames,
      wireOfQubit: this.#wireOfQubit,
    };
  }

  /** Lets go of the circuit. Memory is kept, but for very long ones. */
  release(): void {
    this.table.release(MOST_KEPT_STEPS);
    this.#circuit = null;
    this.#finalFrames = [];
  }

  /** Runs over all steps once. @returns how many merges were made. */
  run(rule: MergeRule): number {
    this.#lists.clear(this.#wireCount);
    this.#frames.clear(this.#wireCount);
    this.#isRenamed = false;
    for (let wire = 0; wire < this.#wireCount; wire++) {
      this.#wireOf[wire] = wire;
      this.#labelOf[wire] = wire;
    }
    const { table } = this;
    let merges = 0;
    for (let i = 0; i < table.count; i++) {
      if (table.alive[i] === 0) continue;
      const kind = table.kinds[i]!;
      if (kind === InteractionKind.fence) {
        this.#passFence(i);
        continue;
      }
      if (merges > 0) this.#pull(i);
      if (kind === InteractionKind.rotation ? this.#mergeRotation(i) : this.#mergePair(i, rule)) merges++;
      else this.#lists.push(i);
    }
    if (merges > 0) this.#compose();
    return merges;
  }

  /** Renames a step's wires and takes it through the frames. */
  #pull(i: number): void {
    const { wires, axes, matrices, kinds, changed } = this.table;
    let moved = false;
    let turned = false;
    for (let k = 3 * i; k < 3 * i + 3; k++) {
      const label = wires[k]!;
      if (label < 0) break;
      const wire = this.#wireOf[label]!;
      moved ||= wire !== label;
      turned ||= !this.#frames.isIdentity(wire);
      wires[k] = wire;
    }
    if (moved || turned) changed[i] = 1;
    if (!turned) return;
    if (kinds[i] === InteractionKind.block) {
      this.#frames.pullMatrix(wires[3 * i]!, wires[3 * i + 1]!, matrices[i]!);
      return;
    }
    for (let k = 0; k < 3; k++) {
      const wire = wires[3 * i + k]!;
      if (wire >= 0) this.#frames.pullAxis(wire, axes, 9 * i + 3 * k);
    }
  }

  #passFence(i: number): void {
    const { sources } = this.table;
    const { wires: labels, instruction, framesBefore } = sources[i]!;
    if (!this.#isRenamed && labels.every((wire) => this.#frames.isIdentity(wire))) {
      for (const wire of labels) this.#lists.close(wire, i);
      return;
    }
    const wires = labels.map((label) => this.#wireOf[label]!);
    const frames = wires.map((wire, k) => {
      if (this.#frames.isIdentity(wire)) return framesBefore[k]!;
      return multiply2(framesBefore[k]!, this.#frames.matrixOf(wire));
    });
    const placed = placeOnWires(instruction!, this.#wireOf.subarray(0, this.#wireCount));
    sources[i] = new Interaction(InteractionKind.fence, wires, NOTHING, 0, NOTHING, 0, placed, frames);
    for (const wire of wires) {
      this.#frames.reset(wire);
      this.#lists.close(wire, i);
    }
  }

  #drop(i: number): void {
    this.table.alive[i] = 0;
  }

  /** Adds a free rotation to an earlier one about the same axis. */
  #mergeRotation(i: number): boolean {
    const { table } = this;
    const wire = table.wires[3 * i]!;
    let at = this.#lists.top(wire);
    for (let steps = 0; at >= 0 && steps < FARTHEST; steps++) {
      if (!table.hasAxes(at)) return false;
      const place = table.placeOf(at, wire);
      const sign = compareAxes(table.axes, 9 * at + 3 * place, table.axes, 9 * i);
      if (sign === 0) return false;
      if (table.kinds[at] === InteractionKind.rotation) {
        this.#addRotation(at, i, sign);
        return true;
      }
      at = this.#lists.before(at, place);
    }
    return false;
  }

  #addRotation(into: number, i: number, sign: number): void {
    const { table } = this;
    const angle = addAngles(table.freeAngles[into]!, scaleAngle(table.freeAngles[i]!, sign));
    this.#drop(i);
    table.changed[into] = 1;
    if (typeof angle !== 'number') {
      table.freeAngles[into] = angle;
      return;
    }
    // What is left commutes with everything above.
    const wire = table.wires[3 * into]!;
    const [x, y, z] = table.axes.subarray(9 * into, 9 * into + 3);
    const s = -Math.sin(angle);
    this.#frames.rotateFirst(wire, { w: Math.cos(angle), x: s * x!, y: s * y!, z: s * z! });
    this.#lists.remove(into, 0);
    this.#drop(into);
  }

  /** Merges a core or block with an earlier one on its pair where the rule wants it. */
  #mergePair(i: number, rule: MergeRule): boolean {
    if (this.table.kinds[i] === InteractionKind.ccz) return false;
    const enclosed = this.table.hasRotations && findEnclosedRotation(this.table, this.#lists, i);
    if (enclosed) return this.#joinEnclosed(enclosed, i);
    const adjacentOnly = rule === MergeRule.adjacentOnly;
    const back = this.#search.behind(i, 0, adjacentOnly);
    if (back !== NONE && back === this.#search.behind(i, 1, adjacentOnly))
      return this.#merge(back, i, rule, false);
    if (adjacentOnly) return false;
    const ahead = this.#search.ahead(i);
    return ahead !== NONE && this.#merge(ahead, i, rule, true);
  }

  /** Makes one core of core `i`, an earlier one, and the free rotation between them. */
  #joinEnclosed({ rotation, first, place, isHalfTurn, axis }: EnclosedRotation, i: number): boolean {
    const { table } = this;
    this.#lists.remove(rotation, 0);
    for (const k of [0, 1] as const) this.#lists.remove(first, k);
    this.#drop(first);
    this.#drop(i);
    table.kinds[rotation] = InteractionKind.core;
    table.changed[rotation] = 1;
    table.costs[rotation] = 2;
    for (const k of [0, 1] as const) {
      const wire = table.wires[3 * first + k]!;
      table.wires[3 * rotation + k] = wire;
      if (isHalfTurn) this.#frames.turnFirst(wire, table.axes, 9 * first + 3 * k);
    }
    table.axes.copyWithin(9 * rotation, 9 * first, 9 * first + 6);
    table.axes.set(axis, 9 * rotation + 3 * place);
    this.#lists.push(rotation);
    return true;
  }

  /**
   * Merges step `i` with the earlier step `p` on its pair.
   *
   * @param forward whether `p` moves to `i`, instead of the other way round.
   */
  #merge(p: number, i: number, rule: MergeRule, forward: boolean): boolean {
    const { table } = this;
    const exchanged = table.wires[3 * p] !== table.wires[3 * i];
    if (table.kinds[p] === InteractionKind.core && table.kinds[i] === InteractionKind.core) {
      const own = exchanged ? 3 : 0;
      const first = compareAxes(table.axes, 9 * p, table.axes, 9 * i + own);
      const second = compareAxes(table.axes, 9 * p + 3, table.axes, 9 * i + 3 - own);
      if (first !== 0 && second !== 0) {
        this.#addCores(p, i, first * second);
        return true;
      }
    }
    if (rule === MergeRule.equalAxes) return false;
    if (table.freeAngles[p] !== null || table.freeAngles[i] !== null) return false;
    const sum = table.costs[p]! + table.costs[i]!;
    const adjacent = rule >= MergeRule.neighbours && this.#lists.isOnTop(p);
    if (!adjacent && !this.#search.mayGain(p, i, exchanged)) return false;
    table.multiply(p, i, exchanged, product);
    const { cost, isSwap } = this.#class.classify(product);
    const counted = isSwap && !this.#physical ? 0 : cost;
    if (!adjacent && counted >= sum) return false;
    this.#replace(p, i, forward);
    return true;
  }

  /** Adds the angle of core `i` to core `p`, whose axes are parallel to its own. */
  #addCores(p: number, i: number, sign: number): void {
    const { table } = this;
    this.#drop(i);
    table.changed[p] = 1;
    const angleOf = (step: number): ParameterValue => table.freeAngles[step] ?? table.angles[step]!;
    const angle = addAngles(angleOf(p), scaleAngle(angleOf(i), sign));
    if (typeof angle !== 'number') {
      table.freeAngles[p] = angle;
      table.angles[p] = Number.NaN;
      table.costs[p] = 2;
      return;
    }
    table.freeAngles[p] = null;
    this.#setCoreAngle(p, angle);
  }

  /** Gives a core an angle; half turns, and what is nothing at all, leave it. */
  #setCoreAngle(p: number, angle: number): void {
    const { table } = this;
    const halfTurns = halfTurnsOf(angle);
    const rest = angle - halfTurns * HALF_PI;
    if (halfTurns % 2 !== 0) {
      for (let place = 0; place < 2; place++) {
        const at = 9 * p + 3 * place;
        const [x, y, z] = [table.axes[at]!, table.axes[at + 1]!, table.axes[at + 2]!];
        this.#pushUp(p, place, { w: 0, x, y, z });
      }
    }
    const cost = coreCost(rest);
    table.costs[p] = cost;
    table.angles[p] = cost === 1 ? Math.sign(rest) * QUARTER_PI : rest;
    if (cost > 0) return;
    this.#lists.remove(p, 0);
    this.#lists.remove(p, 1);
    this.#drop(p);
  }

  /** Pushes a one-qubit gate that comes just after step `p` on one of its wires behind all steps so far. */
  #pushUp(p: number, place: number, gate: Rotation): void {
    const { table } = this;
    const wire = table.wires[3 * p + place]!;
    for (let at = this.#lists.top(wire); at !== p; ) {
      const own = table.placeOf(at, wire);
      table.changed[at] = 1;
      rotateAxisBack(table.axes, 9 * at + 3 * own, gate.w, gate.x, gate.y, gate.z);
      at = this.#lists.before(at, own);
    }
    this.#frames.rotateFirst(wire, gate);
  }

  /** Puts `product` in the place of step `p`, or of step `i` where `p` moves forward. */
  #replace(p: number, i: number, forward: boolean): void {
    const { table } = this;
    const [a, b] = [table.wires[3 * p]!, table.wires[3 * p + 1]!];
    const { isSwap, isCore, cost } = this.#class;
    let at = p;
    if (forward && !this.#lists.isOnTop(p)) {
      this.#lists.remove(p, 0);
      this.#lists.remove(p, 1);
      this.#drop(p);
      table.wires[3 * i] = a;
      table.wires[3 * i + 1] = b;
      this.#lists.push(i);
      at = i;
    } else this.#drop(i);
    table.changed[at] = 1;
    if (isCore) this.#becomeCore(at);
    else if (cost === 0) {
      this.#pushLocals(at, factorKronecker(product));
      this.#lists.remove(at, 0);
      this.#lists.remove(at, 1);
      this.#drop(at);
    } else if (isSwap && !this.#physical) this.#relabel(at, factorKronecker(followWithSwap(product)));
    else {
      table.kinds[at] = InteractionKind.block;
      table.costs[at] = cost;
      table.matrices[at] = copyUnitary4(product);
    }
  }

  #becomeCore(at: number): void {
    const { table } = this;
    const { axes, angle } = this.#class;
    const locals = localsAfterCore(product, angle, axes);
    table.kinds[at] = InteractionKind.core;
    table.matrices[at] = null;
    table.axes.set(axes, 9 * at);
    this.#pushLocals(at, locals);
    this.#setCoreAngle(at, angle);
  }

  #pushLocals(at: number, [first, second]: readonly [Float64Array, Float64Array]): void {
    this.#pushUp(at, 0, rotationOfMatrix(first));
    this.#pushUp(at, 1, rotationOfMatrix(second));
  }

  /** Takes out a step that is a swap after one-qubit gates: what comes after it on one wire then comes on the other. */
  #relabel(at: number, locals: readonly [Float64Array, Float64Array]): void {
    const { table } = this;
    const [a, b] = [table.wires[3 * at]!, table.wires[3 * at + 1]!];
    const [aboveA, aboveB] = this.#lists.crossOver(at);
    this.#drop(at);
    this.#frames.exchange(a, b);
    this.#exchangeNames(a, b);
    this.#rotateAbove(aboveB, a, rotationOfMatrix(locals[0]));
    this.#rotateAbove(aboveA, b, rotationOfMatrix(locals[1]));
  }

  #rotateAbove(places: readonly number[], wire: number, gate: Rotation): void {
    for (const place of places) {
      this.table.changed[Math.trunc(place / 3)] = 1;
      rotateAxisBack(this.table.axes, 3 * place, gate.w, gate.x, gate.y, gate.z);
    }
    this.#frames.rotateFirst(wire, gate);
  }

  #exchangeNames(a: number, b: number): void {
    this.#isRenamed = true;
    const [first, second] = [this.#labelOf[a]!, this.#labelOf[b]!];
    this.#labelOf[a] = second;
    this.#labelOf[b] = first;
    this.#wireOf[second] = a;
    this.#wireOf[first] = b;
  }

  /** Joins the frames and names of this pass to those of the passes before. */
  #compose(): void {
    const before = this.#finalFrames;
    const frames: Float64Array[] = [];
    for (let wire = 0; wire < this.#wireCount; wire++) {
      const last = before[this.#labelOf[wire]!]!;
      frames.push(this.#frames.isIdentity(wire) ? last : multiply2(last, this.#frames.matrixOf(wire)));
    }
    this.#finalFrames = frames;
    if (this.#isRenamed) this.#wireOfQubit = this.#wireOfQubit.map((wire) => this.#wireOf[wire]!);
  }
}
