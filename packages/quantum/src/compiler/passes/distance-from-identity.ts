import { gateDefinition } from '../../circuit/gate-definition.ts';
import type { GateInstruction } from '../../circuit/instruction.ts';
import { NO_ROTATION, rotationDistance, rotationOfGate, wrapAngle } from '../translation/rotation.ts';

/**
 * How far a gate is from the identity, at most: a bound on the operator norm of their difference under the best global phase, exact
 * near 0. Infinity for free angles and for gates that are never near it.
 */
export function distanceFromIdentity({ name, parameters, qubits }: GateInstruction): number {
  const numbers = parameters.filter((angle) => typeof angle === 'number');
  if (numbers.length < parameters.length) return Number.POSITIVE_INFINITY;
  if (qubits.length === 1) {
    // Eigenvalues e^(+-i angle / 2), where the sine of half the angle is known.
    const sine = Math.min(1, rotationDistance(rotationOfGate(name, numbers), NO_ROTATION));
    return spreadDistance(2 * Math.asin(sine));
  }
  // Every library gate of one or two angles on more qubits has eigenvalues that lie at most its first angle apart; with half of it
  // as a frequency they come back after two turns.
  const { frequencies } = gateDefinition(name);
  if (frequencies.length === 0 || frequencies.length > 2 || qubits.length === 0)
    return Number.POSITIVE_INFINITY;
  const turns = frequencies[0]!.includes(0.5) ? 2 : 1;
  const angle = Math.abs(wrapAngle(numbers[0]! / turns) * turns);
  return spreadDistance(Math.min(angle, Math.PI * 2));
}

/** Of eigenvalues on an arc of the unit circle: its middle is the best phase. */
function spreadDistance(angle: number): number {
  return 2 * Math.sin(Math.min(angle, 2 * Math.PI) / 4);
}
