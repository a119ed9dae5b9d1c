/**
 * @file A circuit as a list of steps with jumps, so that a run can stop at a measurement, be copied and go on with either outcome:
 * where it is is one number.
 */
import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import type {
  ClassicalExpression,
  ClassicalTarget,
  ClassicalType,
  ClassicalVariable,
} from '../../circuit/classical-expression.ts';
import {
  type ForInstruction,
  type InitializeInstruction,
  type Instruction,
  isUnitaryKind,
  type SwitchInstruction,
  type UnitaryKind,
} from '../../circuit/instruction.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';
import { hoistGates } from './hoist-gates.ts';
import { liftAngles } from './lift-angles.ts';

/** Gates between two things that are not gates. */
export interface SegmentStep {
  readonly kind: 'segment';
  /** As they are in the circuit. */
  readonly gates: readonly UnitaryKind[];
  readonly instructions: readonly UnitaryKind[];
  readonly angles: readonly ParameterValue[];
}

/** One step. Qubits are numbered densely; -1 is a qubit that is always |0>. `to` is the number of a step. */
export type Step =
  | SegmentStep
  | { readonly kind: 'measure'; readonly qubit: number; readonly clbit: number }
  | { readonly kind: 'reset'; readonly qubit: number }
  /** Puts qubits that are |0> into a state. */
  | { readonly kind: 'prepare'; readonly qubits: readonly number[]; readonly amplitudes: Float64Array }
  | { readonly kind: 'assign'; readonly target: ClassicalTarget; readonly value: ClassicalExpression }
  /** Gives a variable of a body its initial value. */
  | { readonly kind: 'declare'; readonly variable: ClassicalVariable }
  | { readonly kind: 'jump'; to: number }
  /** Goes on with the next step if the condition holds. */
  | { readonly kind: 'branch'; readonly condition: ClassicalExpression; to: number }
  | {
      readonly kind: 'switch';
      readonly subject: ClassicalExpression;
      readonly targets: Map<number, number>;
      otherwise: number;
    }
  /** Sets the counter of a loop to 0. */
  | { readonly kind: 'enter-loop'; readonly loop: number; readonly values: ForInstruction['values'] | null }
  /** Counts a round; for a loop over values, takes the next one or leaves. */
  | {
      readonly kind: 'next-round';
      readonly loop: number;
      readonly variable: { readonly name: string; readonly type: ClassicalType } | null;
      to: number;
    };

/** Steps, and how many loops they count. */
export interface FlatProgram {
  readonly steps: readonly Step[];
  readonly loopCount: number;
}

/**
 * @param instructions those of the circuit, or a part of them.
 * @param places the dense number of each qubit, -1 for those without memory.
 * @param startsAtZero true when all qubits are |0> before the first step.
 */
export function flattenInstructions(
  circuit: Circuit,
  instructions: readonly Instruction[],
  places: readonly number[],
  startsAtZero: boolean,
): FlatProgram {
  const flattener = new Flattener(circuit, places, startsAtZero);
  flattener.append(instructions);
  return flattener.finish();
}

class Flattener {
  readonly #places: readonly number[];
  readonly #startsAtZero: boolean;
  readonly #steps: Step[] = [];
  #gates: UnitaryKind[] = [];
  #loopCount = 0;
  /** For each loop that is open: where `continue` goes, and the jumps that wait for its end. */
  readonly #loops: { readonly next: number; readonly exits: { to: number }[] }[] = [];

  /** Names of variables that exist already, of the bodies around and the circuit. */
  #known: ReadonlySet<string>;

  constructor({ variables }: Circuit, places: readonly number[], startsAtZero: boolean) {
    this.#places = places;
    this.#startsAtZero = startsAtZero;
    this.#known = new Set(variables.map(({ name }) => name));
  }

  finish(): FlatProgram {
    this.#endSegment();
    return { steps: this.#steps, loopCount: this.#loopCount };
  }

  append(instructions: readonly Instruction[]): void {
    for (const instruction of hoistGates(instructions, this.#known)) {
      if (isUnitaryKind(instruction)) this.#gates.push(instruction);
      else if (instruction.kind !== 'barrier' && instruction.kind !== 'delay') {
        this.#endSegment();
        this.#appendOther(instruction);
      }
    }
  }

  #appendOther(instruction: Exclude<Instruction, UnitaryKind>): void {
    switch (instruction.kind) {
      case 'measure':
        this.#steps.push({
          kind: 'measure',
          qubit: this.#places[instruction.qubits[0]]!,
          clbit: instruction.clbit,
        });
        break;
      case 'reset':
        this.#steps.push({ kind: 'reset', qubit: this.#places[instruction.qubits[0]]! });
        break;
      case 'initialize':
        this.#appendInitialize(instruction);
        break;
      case 'assign':
        this.#steps.push({ kind: 'assign', target: instruction.target, value: instruction.value });
        break;
      case 'if':
        this.#appendIf(instruction);
        break;
      case 'while':
        this.#appendLoop(null, null, instruction.body, instruction.condition);
        break;
      case 'for':
        this.#appendLoop(instruction.values, instruction.variable, instruction.body, null);
        break;
      case 'switch':
        this.#appendSwitch(instruction);
        break;
      case 'break':
      case 'continue':
        this.#appendLeave(instruction.kind);
        break;
      default:
        throw new UnsupportedError('The simulator knows no such instruction', { actual: instruction.kind });
    }
  }

  #appendInitialize(instruction: InitializeInstruction): void {
    const qubits = instruction.qubits.map((qubit) => this.#places[qubit]!);
    if (!this.#startsAtZero || this.#steps.length > 0) {
      for (const qubit of qubits) this.#steps.push({ kind: 'reset', qubit });
    }
    this.#steps.push({ kind: 'prepare', qubits, amplitudes: instruction.amplitudes });
  }

  #appendIf({ condition, then, otherwise }: Extract<Instruction, { kind: 'if' }>): void {
    const branch = this.#push({ kind: 'branch', condition, to: -1 });
    this.#appendBody(then);
    if (otherwise === undefined) {
      branch.to = this.#steps.length;
      return;
    }
    const skip = this.#push({ kind: 'jump', to: -1 });
    branch.to = this.#steps.length;
    this.#appendBody(otherwise);
    skip.to = this.#steps.length;
  }

  #appendLoop(
    values: ForInstruction['values'] | null,
    variable: ForInstruction['variable'],
    body: Circuit,
    condition: ClassicalExpression | null,
  ): void {
    const loop = this.#loopCount++;
    this.#push({ kind: 'enter-loop', loop, values });
    const next = this.#steps.length;
    const exits: { to: number }[] = [this.#push({ kind: 'next-round', loop, variable, to: -1 })];
    if (condition !== null) exits.push(this.#push({ kind: 'branch', condition, to: -1 }));
    this.#loops.push({ next, exits });
    this.#appendBody(body, variable?.name);
    this.#loops.pop();
    this.#push({ kind: 'jump', to: next });
    for (const exit of exits) exit.to = this.#steps.length;
  }

  #appendSwitch({ subject, cases }: SwitchInstruction): void {
    const step = this.#push({ kind: 'switch', subject, targets: new Map<number, number>(), otherwise: -1 });
    const exits: { to: number }[] = [];
    for (const [labels, body] of cases) {
      const start = this.#steps.length;
      if (labels === 'default') step.otherwise = start;
      else for (const label of labels) if (!step.targets.has(label)) step.targets.set(label, start);
      this.#appendBody(body);
      exits.push(this.#push({ kind: 'jump', to: -1 }));
    }
    for (const exit of exits) exit.to = this.#steps.length;
    if (step.otherwise < 0) step.otherwise = this.#steps.length;
  }

  #appendLeave(kind: 'break' | 'continue'): void {
    const loop = this.#loops.at(-1);
    if (loop === undefined) {
      throw new InvalidArgumentError(`There is a ${kind} outside of any loop`, { actual: kind });
    }
    const jump = this.#push({ kind: 'jump', to: loop.next });
    if (kind === 'break') loop.exits.push(jump);
  }

  /** Variables that a body declares begin anew; the one of its loop was set already. */
  #appendBody(body: Circuit, loopVariable?: string): void {
    const around = this.#known;
    for (const variable of body.variables) {
      if (around.has(variable.name) || variable.name === loopVariable) continue;
      this.#push({ kind: 'declare', variable });
    }
    this.#known = new Set(body.variables.map(({ name }) => name));
    this.append(body.instructions);
    this.#endSegment();
    this.#known = around;
  }

  #push<Kind extends Step>(step: Kind): Kind {
    this.#steps.push(step);
    return step;
  }

  #endSegment(): void {
    if (this.#gates.length === 0) return;
    const gates = this.#gates;
    this.#steps.push({ kind: 'segment', gates, ...liftAngles(gates, this.#places) });
    this.#gates = [];
  }
}
