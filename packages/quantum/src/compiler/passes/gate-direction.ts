import { UnsupportedError } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import { type GateStep, gateDefinition } from '../../circuit/gate-definition.ts';
import type { GateInstruction, Instruction } from '../../circuit/instruction.ts';
import type { Pass } from '../pass.ts';
import { type Target, workingEdges } from '../target/target.ts';
import { BasisTranslator } from '../translation/basis-translator.ts';
import { appendStep } from '../translation/translate-to-basis.ts';
import { reversedGate } from '../translation/zz-form.ts';
import { append, circuitPass, rewriteWithBodies } from './rewrite-circuit.ts';

/** Which way round two-qubit gates run on a target. */
export class EdgeDirections {
  readonly #edges: ReadonlySet<number> | null;
  readonly #qubitCount: number;
  readonly #directed: boolean;

  constructor(target: Target) {
    const edges = workingEdges(target);
    this.#qubitCount = target.qubitCount;
    // Where every pair is coupled, no pair has a direction.
    this.#directed = target.directed === true && target.couplingEdges !== null;
    this.#edges = edges && new Set(edges.map(([a, b]) => a * target.qubitCount + b));
  }

  /** True when a pair is coupled in the direction given. */
  hasEdge(a: number, b: number): boolean {
    return this.#edges === null || this.#edges.has(a * this.#qubitCount + b);
  }

  /** True when a pair is coupled, in whatever direction. */
  isCoupled(a: number, b: number): boolean {
    return this.hasEdge(a, b) || this.hasEdge(b, a);
  }

  /** True where a gate on coupled qubits cannot run as it is. */
  isAgainst(instruction: Instruction): boolean {
    if (!this.#directed || instruction.kind !== 'gate' || instruction.qubits.length !== 2) return false;
    const [a, b] = instruction.qubits as [number, number];
    if (this.hasEdge(a, b) || !this.hasEdge(b, a)) return false;
    return !gateDefinition(instruction.name).symmetric;
  }
}

/**
 * Turns two-qubit gates round that run against the direction of their edge, with one-qubit gates of the target's basis around them;
 * bodies of control flow too. Does nothing for targets that are not directed. Needs a circuit on physical qubits. (GateDirection.)
 *
 * Running it throws UnsupportedError for gates that cannot be turned round.
 */
export function gateDirection(): Pass {
  return circuitPass('gate direction', (circuit, { target }) => {
    if (!target.directed) return circuit;
    const directions = new EdgeDirections(target);
    const translator = new BasisTranslator(target.basisGates);
    return rewriteWithBodies(circuit, (part) => turnGates(part, directions, translator));
  });
}

function turnGates(circuit: Circuit, directions: EdgeDirections, translator: BasisTranslator): Circuit {
  if (!circuit.instructions.some((instruction) => directions.isAgainst(instruction))) return circuit;
  const turned = circuit.emptyCopy();
  circuit.forEach((instruction) => {
    if (!directions.isAgainst(instruction)) append(turned, instruction);
    else {
      const gate = instruction as GateInstruction;
      for (const step of turnedSteps(gate, translator)) appendStep(turned, step, gate.qubits);
    }
  });
  return turned;
}

function turnedSteps({ name, parameters }: GateInstruction, translator: BasisTranslator): GateStep[] {
  const steps = reversedGate(name, parameters);
  if (steps !== null) return translator.settle(steps, name);
  throw new UnsupportedError(`The gate ${name} cannot be turned round`, {
    expected: 'a gate that is one ZZ interaction, such as cx, ecr and rzx',
    actual: name,
    remedy: 'Translate the circuit to the basis first',
  });
}
