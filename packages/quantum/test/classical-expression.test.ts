import {
  type BinaryOperator,
  bitsEqual,
  Circuit,
  type ClassicalExpression,
  ClassicalMemory,
  type ClassicalType,
  castValue,
  evaluateClassical,
  numberOf,
  typeOfExpression,
} from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const uint = (size: number): ClassicalType => ({ kind: 'uint', size });
const int = (size: number): ClassicalType => ({ kind: 'int', size });
const bits = (size: number): ClassicalType => ({ kind: 'bit', size });
const angle = (size: number): ClassicalType => ({ kind: 'angle', size });
const FLOAT: ClassicalType = { kind: 'float', size: 64 };
const BOOL: ClassicalType = { kind: 'bool' };

const literal = (type: ClassicalType, value: boolean | number | bigint): ClassicalExpression => ({
  kind: 'literal',
  type,
  value,
});
const binary = (
  operator: BinaryOperator,
  left: ClassicalExpression,
  right: ClassicalExpression,
): ClassicalExpression => ({ kind: 'binary', operator, left, right });
const cast = (type: ClassicalType, operand: ClassicalExpression): ClassicalExpression => ({
  kind: 'cast',
  type,
  operand,
});
const memory = () => new ClassicalMemory(4);
const resultOf = (expression: ClassicalExpression, scope = memory()) => {
  const result = evaluateClassical(expression, scope);
  expect(result.type).toEqual(typeOfExpression(expression));
  return result.value;
};

describe('evaluateClassical', () => {
  it('computes with integers of 8 bits as a byte does', () => {
    const operators = ['+', '-', '*', '/', '%', '&', '|', '^', '<', '<=', '==', '!=', '>', '>='] as const;
    const compute: Record<(typeof operators)[number], (a: number, b: number) => number | boolean> = {
      '+': (a, b) => a + b,
      '-': (a, b) => a - b,
      '*': (a, b) => a * b,
      '/': (a, b) => Math.trunc(a / b),
      '%': (a, b) => a % b,
      '&': (a, b) => a & b,
      '|': (a, b) => a | b,
      '^': (a, b) => a ^ b,
      '<': (a, b) => a < b,
      '<=': (a, b) => a <= b,
      '==': (a, b) => a === b,
      '!=': (a, b) => a !== b,
      '>': (a, b) => a > b,
      '>=': (a, b) => a >= b,
    };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }), (x, y) => {
        for (const [type, array] of [
          [uint(8), Uint8Array],
          [int(8), Int8Array],
        ] as const) {
          const [a, b] = [array.of(x)[0]!, array.of(y)[0]!];
          for (const operator of operators) {
            if ((operator === '/' || operator === '%') && b === 0) continue;
            const found = resultOf(binary(operator, literal(type, BigInt(a)), literal(type, BigInt(b))));
            const expected = compute[operator](a, b);
            if (typeof expected === 'boolean') expect(found).toBe(expected);
            else expect(found).toBe(BigInt(array.of(expected)[0]!));
          }
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('shifts: zeros for unsigned, the sign for signed, everything out beyond the width', () => {
    const shift = (operator: '<<' | '>>', type: ClassicalType, value: bigint, by: bigint) =>
      resultOf(binary(operator, literal(type, value), literal(uint(16), by)));
    expect(shift('<<', uint(8), 0b1011_0001n, 4n)).toBe(0b0001_0000n);
    expect(shift('>>', uint(8), 0b1011_0001n, 4n)).toBe(0b1011n);
    expect(shift('>>', int(8), -16n, 2n)).toBe(-4n);
    expect(shift('>>', int(8), -1n, 2000n)).toBe(-1n);
    expect(shift('>>', bits(4), 0b1000n, 3n)).toBe(1n);
    expect(shift('<<', bits(4), 0b1001n, 1n)).toBe(0b0010n);
    expect(shift('<<', uint(8), 1n, 60000n)).toBe(0n);
    expect(() => shift('<<', FLOAT, 1n, 1n)).toThrow(/does not take/);
  });

  it('mixes widths and signs as C does', () => {
    expect(typeOfExpression(binary('+', literal(uint(8), 1n), literal(int(16), 1n)))).toEqual(int(16));
    expect(typeOfExpression(binary('+', literal(uint(16), 1n), literal(int(16), 1n)))).toEqual(uint(16));
    // -1 becomes the largest uint.
    expect(resultOf(binary('>', literal(int(8), -1n), literal(uint(8), 200n)))).toBe(true);
    expect(resultOf(binary('/', literal(int(8), -7n), literal(int(8), 2n)))).toBe(-3n);
    expect(resultOf(binary('%', literal(int(8), -7n), literal(int(8), 2n)))).toBe(-1n);
    // 3 ** 201 modulo 256: the powers have period 64, and 3 ** 9 is 19683.
    expect(resultOf(binary('**', literal(uint(8), 3n), literal(uint(8), 201n)))).toBe(19683n % 256n);
    expect(() => resultOf(binary('**', literal(int(8), 3n), literal(int(8), -1n)))).toThrow(/negative power/);
    expect(resultOf(binary('+', literal(FLOAT, 0.5), literal(int(8), 1n)))).toBe(1.5);
    expect(resultOf(binary('/', literal(int(8), 1n), literal(FLOAT, 0)))).toBe(Number.POSITIVE_INFINITY);
    expect(() => resultOf(binary('/', literal(int(8), 1n), literal(int(8), 0n)))).toThrow(/division by 0/);
  });

  it('reads registers with bit 0 as the least significant', () => {
    const scope = memory();
    scope.bits.set([1, 0, 1, 1]);
    const register: ClassicalExpression = { kind: 'bits', clbits: [0, 1, 2, 3] };
    expect(resultOf(register, scope)).toBe(0b1101n);
    expect(resultOf(binary('==', register, literal(int(32), 13n)), scope)).toBe(true);
    expect(resultOf(binary('==', register, literal(int(32), -3n)), scope)).toBe(false);
    expect(resultOf({ kind: 'index', operand: register, index: literal(uint(8), 1n) }, scope)).toBe(0n);
    expect(() => resultOf({ kind: 'index', operand: register, index: literal(uint(8), 4n) }, scope)).toThrow(
      /0\.\.3/,
    );
    expect(resultOf({ kind: 'call', function: 'popcount', arguments: [register] }, scope)).toBe(3n);
    const rotated = (name: 'rotl' | 'rotr', by: bigint) =>
      resultOf({ kind: 'call', function: name, arguments: [register, literal(int(32), by)] }, scope);
    expect(rotated('rotl', 1n)).toBe(0b1011n);
    expect(rotated('rotr', 1n)).toBe(0b1110n);
    expect(rotated('rotl', -5n)).toBe(0b1110n);
    expect(rotated('rotl', 4n)).toBe(0b1101n);
  });

  it('casts as the table of OpenQASM 3 says', () => {
    expect(resultOf(cast(int(8), literal(FLOAT, -3.9)))).toBe(-3n);
    expect(resultOf(cast(uint(4), literal(int(8), -1n)))).toBe(15n);
    expect(resultOf(cast(int(4), literal(uint(8), 8n)))).toBe(-8n);
    expect(resultOf(cast(BOOL, literal(FLOAT, 0.1)))).toBe(true);
    expect(resultOf(cast(BOOL, literal(bits(3), 0n)))).toBe(false);
    expect(resultOf(cast({ kind: 'float', size: 32 }, literal(FLOAT, 0.1)))).toBe(Math.fround(0.1));
    expect(resultOf(cast(int(8), literal(bits(8), 255n)))).toBe(-1n);
    expect(resultOf(cast(angle(4), literal(FLOAT, Math.PI / 2)))).toBe(4n);
    expect(resultOf(cast(angle(4), literal(FLOAT, -Math.PI / 8)))).toBe(15n);
    expect(resultOf(cast(angle(2), literal(angle(4), 0b1011n)))).toBe(0b10n);
    expect(resultOf(cast(angle(6), literal(angle(4), 0b1011n)))).toBe(0b101100n);
    expect(numberOf({ type: angle(4), value: 4n })).toBe(Math.PI / 2);
    expect(numberOf({ type: angle(2000), value: 1n << 1999n })).toBe(Math.PI);
    expect(() => resultOf(cast(FLOAT, literal(angle(4), 1n)))).toThrow(/cast to float/);
    expect(() => resultOf(cast(angle(4), literal(int(4), 1n)))).toThrow(/cast to angle/);
    expect(() => castValue({ type: FLOAT, value: Number.NaN }, int(8))).toThrow(/not finite/);
  });

  it('computes with angles around the circle', () => {
    const [a, b] = [literal(angle(4), 12n), literal(angle(4), 6n)];
    expect(resultOf(binary('+', a, b))).toBe(2n);
    expect(resultOf(binary('-', b, a))).toBe(10n);
    expect(resultOf(binary('/', a, b))).toBe(2n);
    expect(resultOf(binary('*', a, literal(uint(8), 2n)))).toBe(8n);
    expect(resultOf(binary('/', a, literal(uint(8), 3n)))).toBe(4n);
    expect(resultOf({ kind: 'unary', operator: '-', operand: a })).toBe(4n);
    expect(resultOf({ kind: 'call', function: 'sin', arguments: [literal(angle(4), 4n)] })).toBe(1);
    expect(() => resultOf(binary('*', a, b))).toThrow(/does not take/);
  });

  it('stops at the first operand of a logical operator that decides', () => {
    const failing = binary('==', binary('/', literal(int(8), 1n), literal(int(8), 0n)), literal(int(8), 1n));
    expect(resultOf(binary('&&', literal(BOOL, false), failing))).toBe(false);
    expect(resultOf(binary('||', literal(BOOL, true), failing))).toBe(true);
    expect(() => resultOf(binary('&&', literal(BOOL, true), failing))).toThrow(/division by 0/);
    expect(resultOf({ kind: 'unary', operator: '!', operand: literal(int(8), 0n) })).toBe(true);
    expect(resultOf({ kind: 'unary', operator: '~', operand: literal(bits(4), 0b0101n) })).toBe(0b1010n);
    expect(resultOf({ kind: 'unary', operator: '~', operand: literal(int(4), 0n) })).toBe(-1n);
    expect(resultOf(binary('^', literal(BOOL, true), literal(BOOL, true)))).toBe(false);
  });
});

describe('ClassicalMemory', () => {
  it('casts what is written, to bits, registers, variables and bits of variables', () => {
    const scope = new ClassicalMemory(3, [
      { name: 'i', type: int(4), initial: literal(int(8), 9n) },
      { name: 'flag', type: BOOL },
    ]);
    expect(scope.read('i').value).toBe(-7n);
    expect(scope.read('flag').value).toBe(false);
    scope.assign({ kind: 'bits', clbits: [2, 0] }, { type: uint(8), value: 0b01n });
    expect([...scope.bits]).toEqual([0, 0, 1]);
    scope.assign({ kind: 'bit', clbit: 1 }, { type: BOOL, value: true });
    expect([...scope.bits]).toEqual([0, 1, 1]);
    const variable = { kind: 'variable', name: 'i', type: int(4) } as const;
    scope.assign(
      { kind: 'index', operand: variable, index: literal(uint(2), 3n) },
      { type: BOOL, value: false },
    );
    expect(scope.read('i').value).toBe(1n);
    const copy = scope.clone();
    copy.assign(variable, { type: FLOAT, value: 2.7 });
    expect([copy.read('i').value, scope.read('i').value]).toEqual([2n, 1n]);
    expect(() => scope.read('j')).toThrow(/no such classical variable/);
  });
});

describe('control flow', () => {
  const condition = binary('==', { kind: 'bits', clbits: [0, 1] }, literal(uint(2), 3n));

  it('knows the qubits and classical bits that it touches', () => {
    const circuit = new Circuit(5, 4).ifTest(
      condition,
      (body) => body.cx(3, 1).measure(4, 2),
      (body) => body.x(0),
    );
    expect(circuit.instructions[0]).toMatchObject({ kind: 'if', qubits: [0, 1, 3, 4], clbits: [0, 1, 2] });
    expect(circuit.depth()).toBe(1);
    expect(circuit.measure(2, 2).depth()).toBe(2);
  });

  it('compares bits and registers with numbers', () => {
    const circuit = new Circuit(1, 1);
    const register = circuit.addClassicalRegister('c', 3);
    const scope = new ClassicalMemory(4);
    scope.bits.set([1, 0, 1, 1]);
    const isTrue = (expression: ClassicalExpression) => evaluateClassical(expression, scope).value;
    expect([5, 6, -2].map((value) => isTrue(bitsEqual(register, value)))).toEqual([false, true, false]);
    expect([0, 1].map((value) => isTrue(bitsEqual(0, value)))).toEqual([false, true]);
    expect(circuit.ifTest(bitsEqual(register, 6), (body) => body.x(0)).instructions[0]).toMatchObject({
      clbits: [1, 2, 3],
    });
  });

  it('gives bodies the registers and variables around them, and loops their variable', () => {
    const circuit = new Circuit(1, 2);
    const count = circuit.declare({ name: 'n', type: uint(8) });
    circuit.forLoop('k', { start: 0, stop: 3 }, (body) => {
      body.assign(count, binary('+', count, { kind: 'variable', name: 'k', type: int(64) }));
      body.whileLoop(binary('<', count, literal(uint(8), 9n)), (inner) => inner.x(0).break());
    });
    expect(() => circuit.assign(count, { kind: 'variable', name: 'k', type: int(64) })).toThrow(/"k"/);
    const copy = Circuit.fromJSON(JSON.parse(JSON.stringify(circuit)));
    expect(copy.equals(circuit)).toBe(true);
    expect(copy.toJSON()).toEqual(circuit.toJSON());
  });

  it.each<[string, (circuit: Circuit) => unknown, RegExp]>([
    ['a bit that is not there', (c) => c.ifTest({ kind: 'bit', clbit: 2 }, () => {}), /out of range/],
    ['a body that is too wide', (c) => c.ifTest(condition, new Circuit(9)), /body does not fit/],
    [
      'a variable that is not there',
      (c) => c.whileLoop({ kind: 'variable', name: 'v', type: BOOL }, () => {}),
      /"v"/,
    ],
    ['a float as a subject', (c) => c.switchCase(literal(FLOAT, 1), []), /subject of a switch/],
    [
      'a label twice',
      (c) =>
        c.switchCase(literal(int(8), 1n), [
          [[1], () => {}],
          [[1], () => {}],
        ]),
      /label/,
    ],
    [
      'a default that is not last',
      (c) =>
        c.switchCase(literal(int(8), 1n), [
          ['default', () => {}],
          [[1], () => {}],
        ]),
      /label/,
    ],
    [
      'a target that is none',
      (c) => c.assign(literal(int(8), 1n) as never, literal(int(8), 1n)),
      /assignment writes/,
    ],
    [
      'an operand that does not fit',
      (c) => c.ifTest(binary('+', literal(bits(2), 1n), literal(FLOAT, 1)), () => {}),
      /does not take/,
    ],
  ])('refuses %s', (_, append, message) => {
    expect(() => append(new Circuit(2, 2))).toThrow(message);
  });
});
