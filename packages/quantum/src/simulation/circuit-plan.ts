import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import { expandInstruction } from '../circuit/expand-instruction.ts';
import { type GateDefinition, type GateName, gateDefinition } from '../circuit/gate-definition.ts';
import { type GateInstruction, type Instruction, instructionName } from '../circuit/instruction.ts';
import type { ParameterBinding } from '../circuit/parameter.ts';

/** A gate with its operands worked out. */
export interface PlannedGate {
  readonly kind: 'gate';
  readonly gate: GateDefinition;
  /** The qubits after the controls. */
  readonly targets: readonly number[];
  /** One bit per control qubit. */
  readonly controlMask: number;
  /** Index of the gate's first angle in the table of angles. */
  readonly firstAngle: number;
  /** The matrix when it depends on no free parameter. */
  readonly constantMatrix: Float64Array | null;
}

export type PlannedStep =
  | PlannedGate
  | { readonly kind: 'measure'; readonly qubit: number; readonly clbit: number }
  | { readonly kind: 'reset'; readonly qubit: number };

/** Where one angle of one gate comes from. */
export interface AngleSource {
  /** The angle as a function of the parameters, in the order of the plan's `parameterNames`. */
  readonly evaluate: (parameters: ArrayLike<number>) => number;
  /** Its derivatives by those parameters that it depends on. */
  readonly partials: readonly AnglePartial[];
  /** See `GateDefinition.frequencies`, in units of the angle. */
  readonly frequencies: readonly number[];
}

/** The derivative of an angle by one parameter. */
export interface AnglePartial {
  /** Index into the plan's `parameterNames`. */
  readonly parameter: number;
  readonly derivative: (parameters: ArrayLike<number>) => number;
}

/** A circuit flattened once, to be run many times with other angles. Immutable. */
export interface CircuitPlan {
  readonly qubitCount: number;
  readonly clbitCount: number;
  readonly parameterNames: readonly string[];
  readonly steps: readonly PlannedStep[];
  readonly angles: readonly AngleSource[];
}

/** Basis states are indexed by 31-bit integers. */
const MAX_PLANNED_QUBITS = 30;

/** Flattens a circuit into a plan. @throws UnsupportedError for more than 30 qubits. */
export function planCircuit(circuit: Circuit): CircuitPlan {
  if (circuit.qubitCount > MAX_PLANNED_QUBITS) {
    throw new UnsupportedError('The circuit is too large for a state vector', {
      expected: `at most ${MAX_PLANNED_QUBITS} qubits`,
      actual: circuit.qubitCount,
    });
  }
  const parameterNames = circuit.parameterNames;
  const steps: PlannedStep[] = [];
  const angles: AngleSource[] = [];
  const plan = (instruction: Instruction) => {
    if (instruction.kind === 'barrier' || instruction.kind === 'delay') return;
    if (instruction.kind === 'gate' && targetsOf(instruction.name) <= 2) {
      steps.push(planGate(instruction, angles, parameterNames));
      return;
    }
    if (instruction.kind === 'reset') steps.push({ kind: 'reset', qubit: instruction.qubits[0] });
    else if (instruction.kind === 'measure') {
      steps.push({ kind: 'measure', qubit: instruction.qubits[0], clbit: instruction.clbit });
    } else {
      const expanded = expandInstruction(instruction);
      if (expanded === null) {
        throw new UnsupportedError('This simulator does not execute an instruction', {
          expected: 'unitary instructions, measure, reset, barrier and delay',
          actual: instructionName(instruction),
        });
      }
      for (const simpler of expanded) plan(simpler);
    }
  };
  for (const instruction of circuit.instructions) plan(instruction);
  return { qubitCount: circuit.qubitCount, clbitCount: circuit.clbitCount, parameterNames, steps, angles };
}

/** Qubits after the controls. */
function targetsOf(name: GateName): number {
  const { qubitCount, controlCount } = gateDefinition(name);
  return qubitCount - controlCount;
}

function planGate(
  { name, qubits, parameters }: GateInstruction,
  angles: AngleSource[],
  parameterNames: readonly string[],
): PlannedGate {
  const gate = gateDefinition(name);
  const firstAngle = angles.length;
  parameters.forEach((angle, index) => {
    const frequencies = gate.frequencies[index]!;
    if (typeof angle === 'number') angles.push({ evaluate: () => angle, partials: [], frequencies });
    else {
      const partials = angle.names.map((parameter) => ({
        parameter: parameterNames.indexOf(parameter),
        derivative: angle.derivative(parameter).compile(parameterNames),
      }));
      angles.push({ evaluate: angle.compile(parameterNames), partials, frequencies });
    }
  });
  const constants = parameters.filter((angle) => typeof angle === 'number');
  const firstTarget = qubits.length - targetsOf(name);
  let controlMask = 0;
  for (const qubit of qubits.slice(0, firstTarget)) controlMask |= 1 << qubit;
  return {
    kind: 'gate',
    gate,
    targets: qubits.slice(firstTarget),
    controlMask,
    firstAngle,
    constantMatrix: constants.length === gate.parameterCount ? gate.matrix(constants) : null,
  };
}

/**
 * The table of angles for given parameters (in the order of `plan.parameterNames`).
 *
 * @throws InvalidArgumentError when the number of parameters is wrong or one is not finite.
 */
export function resolveAngles(plan: CircuitPlan, parameters: ArrayLike<number>): Float64Array {
  if (parameters.length !== plan.parameterNames.length) {
    throw new InvalidArgumentError('The circuit has another number of parameters', {
      expected: plan.parameterNames.length,
      actual: parameters.length,
    });
  }
  for (let i = 0; i < parameters.length; i++) {
    if (!Number.isFinite(parameters[i])) {
      throw new InvalidArgumentError(`The value of "${plan.parameterNames[i]}" is not usable`, {
        expected: 'a finite number',
        actual: parameters[i],
      });
    }
  }
  const values = new Float64Array(plan.angles.length);
  plan.angles.forEach(({ evaluate }, index) => {
    values[index] = evaluate(parameters);
  });
  return values;
}

/** Puts named values in the plan's order. @throws InvalidArgumentError for a missing or an unknown name. */
export function orderParameters(plan: CircuitPlan, values: ParameterBinding): Float64Array {
  for (const name of Object.keys(values)) {
    if (!plan.parameterNames.includes(name)) {
      throw new InvalidArgumentError('The circuit has no such parameter', {
        expected: plan.parameterNames.join(', ') || 'no parameters',
        actual: name,
      });
    }
  }
  return Float64Array.from(plan.parameterNames, (name) => {
    if (!Object.hasOwn(values, name)) {
      throw new InvalidArgumentError('A parameter of the circuit has no value', {
        expected: `a value for "${name}"`,
        actual: Object.keys(values).join(', ') || 'no values',
        remedy: 'Pass it in `parameters`, or bind the circuit first',
      });
    }
    return values[name]!;
  });
}

/** The matrix of a planned gate at the given angles. */
export function plannedMatrix(step: PlannedGate, angles: Float64Array): Float64Array {
  return step.constantMatrix ?? step.gate.matrix(plannedAngles(step, angles));
}

/** The angles of one planned gate. */
export function plannedAngles(step: PlannedGate, angles: Float64Array): readonly number[] {
  const values: number[] = [];
  for (let i = 0; i < step.gate.parameterCount; i++) values.push(angles[step.firstAngle + i]!);
  return values;
}
