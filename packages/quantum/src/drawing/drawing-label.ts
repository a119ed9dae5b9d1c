/** @file What is written on the parts of a drawing. */
import type { Circuit } from '../circuit/circuit.ts';
import type { ClassicalExpression } from '../circuit/classical-expression.ts';
import { formatType } from '../circuit/classical-type.ts';
import type { ParameterValue } from '../circuit/parameter.ts';

/** Longer labels are cut. */
const LONGEST_LABEL = 48;

/** Names that are not the gate's own in capitals. Controlled gates show what they control. */
const DISPLAY_NAMES: Readonly<Record<string, string>> = {
  ...{ id: 'I', sdg: 'S†', tdg: 'T†', sx: '√X', sxdg: '√X†', rx: 'Rx', ry: 'Ry', rz: 'Rz', r: 'R' },
  ...{ cx: 'X', cy: 'Y', ch: 'H', cs: 'S', csdg: 'S†', csx: '√X', cp: 'P', cu1: 'U1', mcp: 'P' },
  ...{ crx: 'Rx', cry: 'Ry', crz: 'Rz', cu: 'U', cu3: 'U3', ccx: 'X', c3x: 'X', c4x: 'X', mcx: 'X' },
  ...{ c3sx: '√X', iswap: 'iSwap', dcx: 'Dcx', ecr: 'Ecr', rxx: 'Rxx', ryy: 'Ryy', rzz: 'Rzz', rzx: 'Rzx' },
  ...{ xx_plus_yy: 'XX+YY', xx_minus_yy: 'XX-YY', single_excitation: 'G', double_excitation: 'G²' },
  ...{ rccx: 'Rccx', rcccx: 'Rcccx', global_phase: 'Phase' },
};

/** What stands in a gate's box: `Rx(π/2)`. */
export function gateLabel(name: string, parameters: readonly ParameterValue[]): string {
  const display = DISPLAY_NAMES[name] ?? name.toUpperCase();
  return parameters.length === 0 ? display : shorten(`${display}(${parameters.map(formatAngle).join(',')})`);
}

/** Text that fits a drawing: one line, no control characters, not too long. */
export function shorten(text: string): string {
  const characters = [...text.replace(/[\p{C}\p{Z}]+/gu, ' ').trim()];
  return characters.length <= LONGEST_LABEL
    ? characters.join('')
    : `${characters.slice(0, LONGEST_LABEL - 1).join('')}…`;
}

/** An angle: a small multiple of pi where it is one, else four digits. */
export function formatAngle(angle: ParameterValue): string {
  if (typeof angle !== 'number') {
    return angle.toString().replace(/\d+\.\d+(e[+-]?\d+)?/g, (digits) => roundDigits(Number(digits)));
  }
  const sixteenths = (angle / Math.PI) * 16;
  const whole = Math.round(sixteenths);
  if (angle !== 0 && Math.abs(sixteenths - whole) < 1e-9 && Math.abs(whole) <= 64) {
    const divisor = greatestDivisor(Math.abs(whole), 16);
    const [top, bottom] = [Math.abs(whole) / divisor, 16 / divisor];
    const sign = angle < 0 ? '-' : '';
    return `${sign}${top === 1 ? '' : top}π${bottom === 1 ? '' : `/${bottom}`}`;
  }
  return roundDigits(angle);
}

function roundDigits(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/** A classical expression as OpenQASM 3 writes it, registers by name. */
export function formatClassical(expression: ClassicalExpression, circuit: Circuit): string {
  const format = (inner: ClassicalExpression) => {
    const text = formatClassical(inner, circuit);
    return inner.kind === 'binary' ? `(${text})` : text;
  };
  switch (expression.kind) {
    case 'literal':
      return String(expression.value);
    case 'bit':
      return formatClbit(expression.clbit, circuit);
    case 'bits':
      return formatBits(expression.clbits, circuit);
    case 'variable':
      return expression.name;
    case 'index':
      return `${format(expression.operand)}[${formatClassical(expression.index, circuit)}]`;
    case 'unary':
      return `${expression.operator}${format(expression.operand)}`;
    case 'binary':
      return `${format(expression.left)} ${expression.operator} ${format(expression.right)}`;
    case 'cast':
      return `${formatType(expression.type)}(${formatClassical(expression.operand, circuit)})`;
    case 'call':
      return `${expression.function}(${expression.arguments.map((argument) => formatClassical(argument, circuit)).join(', ')})`;
  }
}

/** `c[2]`: a classical bit by its register, or by its number. */
export function formatClbit(clbit: number, circuit: Circuit): string {
  const register = circuit.classicalRegisters.find(
    ({ start, size }) => clbit >= start && clbit < start + size,
  );
  return register ? `${register.name}[${clbit - register.start}]` : `c${clbit}`;
}

function formatBits(clbits: readonly number[], circuit: Circuit): string {
  const register = circuit.classicalRegisters.find(
    ({ start, size }) => size === clbits.length && clbits.every((clbit, i) => clbit === start + i),
  );
  return register ? register.name : `{${clbits.map((clbit) => formatClbit(clbit, circuit)).join(', ')}}`;
}
