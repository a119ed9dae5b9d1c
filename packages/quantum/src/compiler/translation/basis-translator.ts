import { UnsupportedError } from '@qedge/core';
import { step } from '../../circuit/expand-gate.ts';
import type { GateName, GateStep } from '../../circuit/gate-definition.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';
import { expandPhases, multiControlledPhase } from './multi-controlled.ts';
import { OneQubitBasis } from './one-qubit-basis.ts';
import { OneQubitRun } from './one-qubit-run.ts';
import { decomposeGate, zzOfIswaps } from './two-qubit-rules.ts';
import { makeZz, twiceZz, type ZzMaker, zzForm, zzMakersOf } from './zz-form.ts';

/**
 * Writes gates in a basis: two-qubit gates by rules, with as few entangling gates of the basis as the rules know, and the
 * one-qubit gates between them as short as the basis allows. Up to a global phase. Free parameters stay.
 */
export class BasisTranslator {
  readonly gates: ReadonlySet<string>;
  readonly oneQubit: OneQubitBasis;
  readonly #makers: readonly ZzMaker[];
  readonly #hasIswap: boolean;
  /** Translations of gates without angles. */
  readonly #known = new Map<string, readonly GateStep[]>();

  /** @param gates the names of the basis. */
  constructor(gates: readonly GateName[]) {
    this.gates = new Set<string>(gates);
    this.oneQubit = new OneQubitBasis(gates);
    this.#makers = zzMakersOf(this.gates);
    this.#hasIswap = ['iswap', 'xx_plus_yy', 'dcx'].some((name) => this.gates.has(name));
  }

  /**
   * A gate in the basis, on positions of its own qubits; the gate itself where the basis has it.
   *
   * @throws UnsupportedError naming the gate and the basis where no rule makes one from the other.
   */
  translate(name: string, parameters: readonly ParameterValue[], qubitCount: number): readonly GateStep[] {
    const positions = Array.from({ length: qubitCount }, (_, position) => position);
    if (this.gates.has(name)) return [{ name, positions, parameters }];
    const isFixed = parameters.length === 0 && name !== 'mcx';
    const known = isFixed ? this.#known.get(name) : undefined;
    if (known) return known;
    const raw: GateStep[] = [];
    this.#expand({ name, positions, parameters }, raw, name);
    const settled = this.settle(raw, name);
    if (isFixed) this.#known.set(name, settled);
    return settled;
  }

  /** Multiplies up the one-qubit gates of a list, whose other gates must be in the basis already. */
  settle(steps: readonly GateStep[], name: string): GateStep[] {
    const runs = new Map<number, OneQubitRun>();
    const settled: GateStep[] = [];
    const flush = (position: number) => {
      const own = runs.get(position)?.synthesize(this.oneQubit);
      if (own === null) throw this.#refuse(name);
      for (const one of own ?? []) settled.push({ ...one, positions: [position] });
      runs.delete(position);
    };
    for (const one of steps) {
      if (one.positions.length !== 1) {
        for (const position of one.positions) flush(position);
        settled.push(one);
        continue;
      }
      const position = one.positions[0]!;
      let run = runs.get(position);
      if (run === undefined) {
        run = new OneQubitRun();
        runs.set(position, run);
      }
      run.push(one.name, one.parameters);
    }
    for (const position of [...runs.keys()]) flush(position);
    return settled;
  }

  /** Appends a gate as one-qubit gates of any kind and other gates of the basis. */
  #expand(given: GateStep, out: GateStep[], asked: string): void {
    const { name, positions, parameters } = given;
    if (positions.length === 0) return;
    if (this.gates.has(name) || positions.length === 1) {
      out.push(given);
      return;
    }
    const form = zzForm(name, parameters);
    const steps = form
      ? [...form.before, ...this.#zz(form.angle, asked), ...form.after]
      : this.#rule(name, parameters, positions.length);
    for (const one of steps) {
      this.#expand({ ...one, positions: one.positions.map((inner) => positions[inner]!) }, out, asked);
    }
  }

  #rule(name: string, parameters: readonly ParameterValue[], qubitCount: number): readonly GateStep[] {
    if (name === 'iswap' && this.gates.has('xx_plus_yy')) return [step('xx_plus_yy', [0, 1], -Math.PI, 0)];
    if (name === 'iswap' && this.gates.has('dcx')) {
      return [step('s', [0]), step('s', [1]), step('h', [0]), step('dcx', [0, 1]), step('h', [1])];
    }
    if (name === 'ccx' && this.gates.has('ccz')) {
      return [step('h', [2]), step('ccz', [0, 1, 2]), step('h', [2])];
    }
    const positions = Array.from({ length: qubitCount }, (_, position) => position);
    return (
      decomposeGate(name, parameters, qubitCount, { hasIswap: this.#hasIswap }) ??
      expandPhases(multiControlledPhase(positions, parameters[0]!, []))
    );
  }

  /** `rzz(angle)` on positions 0 and 1, with as few gates of the basis as possible. */
  #zz(angle: ParameterValue, asked: string): readonly GateStep[] {
    if (typeof angle === 'number') {
      const turns = angle / Math.PI;
      if (Math.abs(turns - Math.round(turns)) < 1e-12) {
        return Math.round(turns) % 2 === 0 ? [] : [step('z', [0]), step('z', [1])];
      }
    }
    for (const maker of this.#makers) {
      const once = makeZz(maker, angle);
      if (once) return once;
    }
    const quarter = this.#makers.find(({ kind }) => kind === 'quarter');
    if (quarter) return [step('cx', [0, 1]), step('rz', [1], angle), step('cx', [0, 1])];
    if (this.#hasIswap) return zzOfIswaps(angle);
    const eighth = this.#makers.find(({ kind }) => kind === 'eighth');
    if (!eighth) throw this.#refuse(asked);
    const quarterTurn = twiceZz(eighth, angle);
    if (quarterTurn) return quarterTurn;
    return [step('cx', [0, 1]), step('rz', [1], angle), step('cx', [0, 1])];
  }

  #refuse(name: string): UnsupportedError {
    // `u` is what every matrix on one qubit is called here.
    const what = name === 'u' ? 'A one-qubit rotation' : `The gate ${name}`;
    return new UnsupportedError(`${what} cannot be made in this basis`, {
      expected: `${name}, or gates that make it, such as rz, sx and cx`,
      actual: [...this.gates].join(', ') || 'an empty basis',
      facts: { gate: name, basis: [...this.gates] },
    });
  }
}
