import type { ClassicalExpression, ClassicalType } from '../../circuit/classical-expression.ts';
import { typeOfExpression } from '../../circuit/classical-type.ts';
import { ParameterExpression, type ParameterValue } from '../../circuit/parameter.ts';
import type { Analysis } from './analysis.ts';
import { describeValue, literal, type Value } from './value.ts';

/**
 * A value as an angle of a gate. What only the running program knows is kept in a variable, which the gate names.
 *
 * @throws FileFormatError for what is no number.
 */
export function toAngle(analysis: Analysis, value: Value, start: number): ParameterValue {
  if (typeof value === 'number' || value instanceof ParameterExpression) return value;
  switch (value.kind) {
    case 'duration':
    case 'array':
      return analysis.fail(start, 'a number', describeValue(value));
    case 'literal': {
      const { type, value: known } = value;
      if (type.kind === 'angle') return (2 * Math.PI * Number(known)) / 2 ** type.size;
      if (typeof known !== 'boolean' && type.kind !== 'bit') return Number(known);
      return analysis.fail(start, 'a number', describeValue(value));
    }
    case 'variable':
      return ParameterExpression.named(value.name);
    default:
      return ParameterExpression.named(keepValue(analysis, value, start));
  }
}

/** Assigns an expression to a variable of its own, and returns the variable's name. */
function keepValue(analysis: Analysis, expression: ClassicalExpression, start: number): string {
  const own = typeOfExpression(expression);
  // Bits as an angle are the number that they spell.
  const type: ClassicalType = own.kind === 'bit' ? { kind: 'uint', size: own.size } : own;
  const declaration = analysis.placeOf('angle', start);
  const slot = analysis.storages.createSlot(declaration, 'angle_of_gate', type, null);
  const place = analysis.storages.place(slot);
  if (place.kind !== 'variable') return analysis.fail(start, 'a number', describeValue(literal(type, 0n)));
  analysis.emit({ kind: 'assign', target: place, value: expression });
  return place.name;
}
