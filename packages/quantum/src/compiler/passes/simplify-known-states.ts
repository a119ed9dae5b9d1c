import type { Circuit } from '../../circuit/circuit.ts';
import { gateDefinition } from '../../circuit/gate-definition.ts';
import { type GateInstruction, type Instruction, isUnitaryKind } from '../../circuit/instruction.ts';
import { type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import { gateOn } from '../../circuit/synthesize-unitary.ts';
import type { Pass } from '../pass.ts';
import { isDiagonal } from './remove-diagonal-gates-before-measure.ts';
import { append, circuitPass } from './rewrite-circuit.ts';

/** What a qubit is known to be: |0>, |1>, or anything. */
type KnownState = 0 | 1 | null;

/**
 * Uses that every qubit starts in |0>: drops gates whose control is |0>, takes away controls that are |1>, drops phases of known
 * qubits and resets of |0>, and turns what is left of interactions with known qubits into gates on the others. Changes the unitary:
 * it holds where every qubit starts in |0>. Follows qubits until something makes them unknown; bodies of control flow are left
 * alone.
 */
export function simplifyKnownStates(): Pass {
  return circuitPass(
    'simplify known states',
    (circuit) => new KnownStates(circuit).simplified,
    'measured distribution from |0>',
  );
}

/** What is left of a gate when its first control is gone. */
const WITHOUT_CONTROL: Readonly<Record<string, string>> = {
  ...{ cx: 'x', cy: 'y', cz: 'z', ch: 'h', cs: 's', csdg: 'sdg', csx: 'sx' },
  ...{ cp: 'p', cu1: 'u1', crx: 'rx', cry: 'ry', crz: 'rz', cu3: 'u3' },
  ...{ ccx: 'cx', ccz: 'cz', cswap: 'swap', c3x: 'ccx', c4x: 'c3x' },
};

/** Of gates with any number of controls, by the qubits that are left. */
function nameWithoutControl(name: string, qubitCount: number): string | undefined {
  if (name === 'mcx') return qubitCount === 1 ? 'x' : qubitCount === 2 ? 'cx' : 'mcx';
  if (name === 'mcp') return qubitCount === 1 ? 'p' : 'mcp';
  return WITHOUT_CONTROL[name];
}

const gate = (name: string, qubits: readonly number[], parameters: readonly ParameterValue[]) =>
  gateOn(name, qubits, ...parameters) as GateInstruction;

/** Controls keep their state in the computational basis, also those of gates with any number of them. */
function controlCountOf({ name, qubits }: GateInstruction): number {
  const { variadic, qubitCount, controlCount } = gateDefinition(name);
  return variadic ? controlCount + qubits.length - qubitCount : controlCount;
}

class KnownStates {
  readonly simplified: Circuit;
  readonly #states: KnownState[];

  constructor(circuit: Circuit) {
    this.simplified = circuit.emptyCopy();
    this.#states = new Array<KnownState>(circuit.qubitCount).fill(0);
    for (const instruction of circuit.instructions) this.#visit(instruction);
  }

  #visit(instruction: Instruction): void {
    const { kind, qubits } = instruction;
    switch (kind) {
      case 'gate':
        this.#visitGate(instruction);
        return;
      case 'reset':
        if (this.#states[qubits[0]!] !== 0) append(this.simplified, instruction);
        this.#states[qubits[0]!] = 0;
        return;
      case 'barrier':
      case 'delay':
      case 'measure':
        append(this.simplified, instruction);
        return;
      default:
        if (isUnitaryKind(instruction) && isDiagonal(instruction) && this.#allKnown(qubits)) return;
        append(this.simplified, instruction);
        if (!isDiagonal(instruction)) for (const qubit of qubits) this.#states[qubit] = null;
    }
  }

  #allKnown(qubits: readonly number[]): boolean {
    return qubits.every((qubit) => this.#states[qubit] !== null);
  }

  #visitGate(given: GateInstruction): void {
    const { name, qubits } = given;
    const states = this.#states;
    if (qubits.length === 0) append(this.simplified, given);
    else if (isDiagonal(given)) this.#visitDiagonal(given);
    else if (name === 'x' || name === 'y') {
      append(this.simplified, given);
      const [qubit] = qubits as [number];
      if (states[qubit] !== null) states[qubit] = states[qubit] === 0 ? 1 : 0;
    } else if (name === 'swap') {
      const [a, b] = qubits as [number, number];
      if (states[a] === null || states[a] !== states[b]) append(this.simplified, given);
      [states[a], states[b]] = [states[b]!, states[a]!];
    } else if (!this.#removeControl(given)) {
      append(this.simplified, given);
      for (const qubit of qubits.slice(controlCountOf(given))) states[qubit] = null;
    }
  }

  /** Where a control is known, the gate goes or loses it. @returns whether that was so. */
  #removeControl({ name, qubits, parameters, ...rest }: GateInstruction): boolean {
    const controls = controlCountOf({ name, qubits, parameters, ...rest });
    const known = qubits.findIndex((qubit, place) => place < controls && this.#states[qubit] !== null);
    if (known < 0) return false;
    if (this.#states[qubits[known]!] === 0) return true;
    const others = qubits.filter((_, place) => place !== known);
    // cu has a phase of its own, which is global where its control is known.
    const base = name === 'cu' ? 'u' : nameWithoutControl(name, others.length);
    if (base === undefined) return false;
    this.#visitGate(gate(base, others, name === 'cu' ? parameters.slice(0, 3) : parameters));
    return true;
  }

  /** Phases of known qubits are global; interactions with them are gates on the others. States stay. */
  #visitDiagonal(given: GateInstruction): void {
    const { name, qubits, parameters } = given;
    if (this.#allKnown(qubits)) return;
    const place = qubits.findIndex((qubit) => this.#states[qubit] !== null);
    if (place < 0) {
      append(this.simplified, given);
      return;
    }
    const others = qubits.filter((_, index) => index !== place);
    const isOne = this.#states[qubits[place]!] === 1;
    if (name === 'rzz') this.simplified.gate('rz', others, [scaleAngle(parameters[0]!, isOne ? -1 : 1)]);
    else if (name === 'crz' && place === 1) {
      // A turn of a known target is a phase where the control is 1: e^(-+ i angle / 2).
      this.simplified.gate('p', others, [scaleAngle(parameters[0]!, isOne ? 0.5 : -0.5)]);
    } else if (isOne) {
      const base = nameWithoutControl(name, others.length);
      if (base === undefined) append(this.simplified, given);
      else this.#visitGate(gate(base, others, parameters));
    }
  }
}
