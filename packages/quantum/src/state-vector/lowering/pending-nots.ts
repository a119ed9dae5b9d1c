import type { ParameterValue } from '../../circuit/parameter.ts';

/** What controlled NOTs and the phases among them become when something else needs their wires. */
export interface NotSink {
  executeNot(control: number, target: number): void;
  /** `exp(-i angle/2 (-1)^parity)` of the wires of `mask`. */
  executeParity(mask: number, angle: ParameterValue): void;
}

/** A NOT (`control >= 0`), or a phase on a parity. */
interface Pending {
  readonly control: number;
  readonly target: number;
  mask: number;
  readonly angle: ParameterValue;
}

/**
 * Holds controlled NOTs back as long as only `Rz` and `Rzz` follow. Where the same NOT comes again both vanish: what was between
 * them acts on parities (`cx rz cx` is `rzz`; ladders of them are evolutions under Pauli strings).
 */
export class PendingNots {
  readonly #sink: NotSink;
  #pending: Pending[] = [];
  /** Wires that something is held back on. */
  wires = 0;

  constructor(sink: NotSink) {
    this.#sink = sink;
  }

  addNot(control: number, target: number): void {
    const touched = (1 << control) | (1 << target);
    if ((this.wires & touched) !== 0 && this.#cancel(control, target, touched)) return;
    this.#pending.push({ control, target, mask: touched, angle: 0 });
    this.wires |= touched;
  }

  addParity(mask: number, angle: ParameterValue): void {
    this.#pending.push({ control: -1, target: -1, mask, angle });
    this.wires |= mask;
  }

  #cancel(control: number, target: number, touched: number): boolean {
    const pending = this.#pending;
    let at = pending.length - 1;
    while (at >= 0 && (pending[at]!.control < 0 || (pending[at]!.mask & touched) === 0)) at--;
    if (at < 0 || pending[at]!.control !== control || pending[at]!.target !== target) return false;
    for (let i = at + 1; i < pending.length; i++) {
      const entry = pending[i]!;
      if (entry.control < 0 && (entry.mask & (1 << target)) !== 0) entry.mask ^= 1 << control;
    }
    pending.splice(at, 1);
    if (pending.every((entry) => entry.control < 0)) this.settle(-1);
    return true;
  }

  /** Executes, in order, everything that is connected with the wires of a mask. */
  settle(mask: number): void {
    if ((this.wires & mask) === 0) return;
    const pending = this.#pending;
    let reached = mask;
    for (let before = 0; before !== reached; ) {
      before = reached;
      for (const entry of pending) if ((entry.mask & reached) !== 0) reached |= entry.mask;
    }
    this.#pending = pending.filter((entry) => (entry.mask & reached) === 0);
    this.wires &= ~reached;
    for (const entry of pending) {
      if ((entry.mask & reached) === 0) continue;
      if (entry.control >= 0) this.#sink.executeNot(entry.control, entry.target);
      else this.#sink.executeParity(entry.mask, entry.angle);
    }
  }
}
