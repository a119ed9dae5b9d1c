import { BudgetExceededError, InvalidArgumentError, UnsupportedError } from '@qedge/core';
import {
  bitsEqual,
  Circuit,
  type CircuitData,
  type ClassicalExpression,
  circuitToSvg,
  drawCircuit,
  evaluateClassical,
  gateMatrix,
  type Instruction,
  parameter,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';

const FLOAT = { kind: 'float', size: 64 } as const;
const isOne = bitsEqual(0, 1);

/** A value that the types forbid, as it comes from JavaScript or a file. */
const hostile = <Type>(value: unknown) => value as Type;

describe('a circuit', () => {
  it('keeps what it was given when the giver changes it afterwards', () => {
    const [body, clbits, qubits] = [new Circuit(3, 2).x(0), [0, 1], [0, 1]];
    const condition: ClassicalExpression = {
      ...{ kind: 'binary', operator: '==', left: { kind: 'bits', clbits } },
      right: { kind: 'literal', type: { kind: 'int', size: 8 }, value: 3n },
    };
    const circuit = new Circuit(3, 2).barrier(2).ifTest(condition, body).permute([1, 0], qubits);
    const before = JSON.stringify(circuit);
    body.h(2);
    clbits.push(7);
    qubits[0] = 2;
    expect(JSON.stringify(circuit)).toBe(before);
    expect(circuit.instructions[1]!.qubits).toEqual([0]);
  });

  it('holds a copy of itself at most, never itself', () => {
    const circuit = new Circuit(1, 1).x(0);
    circuit.ifTest(isOne, circuit);
    expect(circuit.appendCircuit(circuit).instructionCount).toBe(4);
    expect(JSON.stringify(circuit).split('"kind":"if"')).toHaveLength(3);
  });

  it('takes bodies inside one another as deep as everything that walks through them can go', () => {
    let circuit = new Circuit(1, 1).rx(parameter('a'), 0);
    for (let level = 0; level < 250; level++) circuit = new Circuit(1, 1).ifTest(isOne, circuit);
    const copy = Circuit.fromJSON(JSON.parse(JSON.stringify(circuit)));
    expect(copy.equals(circuit)).toBe(true);
    expect(copy.bind({ a: 1 }).parameterNames).toEqual([]);
    expect(drawCircuit(new Circuit(1, 1).compose(circuit, [0], [0]))).toContain('if c0 == 1 #249');
    expect(() => new Circuit(1, 1).ifTest(isOne, circuit)).toThrow(/nested too deeply.*250/);
  });

  it('gives the variable of a loop to a body that was made before', () => {
    const body = new Circuit(1).rx(parameter('i'), 0);
    const circuit = new Circuit(1).forLoop('i', [1, 2], body);
    expect(circuit.parameterNames).toEqual([]);
    expect(body.variables).toEqual([]);
    expect(circuit.equals(new Circuit(1).forLoop('i', [1, 2], (own) => own.rx(parameter('i'), 0)))).toBe(
      true,
    );
  });

  it('keeps classical variables as such under controls', () => {
    const circuit = new Circuit(1);
    circuit.declare({ name: 'v', type: FLOAT });
    expect(circuit.rx(parameter('v'), 0).control(1).parameterNames).toEqual([]);
  });

  it('composes the initial values of variables in bodies onto other classical bits', () => {
    const body = new Circuit(1, 2);
    body.declare({ name: 'k', type: { kind: 'bit', size: 1 }, initial: { kind: 'bit', clbit: 0 } });
    const inner = new Circuit(1, 2).ifTest(isOne, body);
    const [block] = new Circuit(1, 2).compose(inner, [0], [1, 0]).instructions;
    expect(block?.kind === 'if' && block.then.variables[0]!.initial).toEqual({ kind: 'bit', clbit: 1 });
  });

  it('grows by other circuits in place as it does by composition', () => {
    const [grown, step] = [new Circuit(3, 1), new Circuit(2, 1).h(0).cx(0, 1).measure(1, 0)];
    let composed = grown;
    for (const qubits of [[0, 1], [2, 0], undefined]) {
      composed = composed.compose(step, qubits);
      expect(grown.appendCircuit(step, qubits)).toBe(grown);
    }
    expect(grown.instructionCount).toBe(9);
    expect(grown.equals(composed)).toBe(true);
  });

  it('takes the principal root of a rotation by a whole turn, which is -1', () => {
    for (const angle of [2 * Math.PI, -2 * Math.PI, 6 * Math.PI]) {
      const root = new Circuit(1).rx(angle, 0).power(0.5).toMatrix();
      [0, 1, 0, 0, 0, 0, 0, 1].forEach((entry, i) => {
        expect(root[i]).toBeCloseTo(entry, 12);
      });
    }
  });

  it('raises integers to powers of any size in their width', () => {
    const big = (value: bigint): ClassicalExpression => ({
      ...{ kind: 'literal', type: { kind: 'uint', size: 70 }, value },
    });
    for (const [base, exponent, expected] of [
      [6n, 2n ** 69n, 0n],
      [3n, 2n ** 69n + 2n, 9n],
      [2n, 69n, 2n ** 69n],
    ] as const) {
      const power = { kind: 'binary', operator: '**', left: big(base), right: big(exponent) } as const;
      const circuit = new Circuit(1, 1).ifTest(
        { kind: 'binary', operator: '==', left: power, right: big(expected) },
        (body) => body.x(0),
      );
      expect(isTaken(circuit)).toBe(true);
    }
  });
});

/** Whether the condition of the first instruction holds while all classical bits are 0. */
function isTaken(circuit: Circuit): boolean {
  const [block] = circuit.instructions;
  if (block?.kind !== 'if') throw new Error('an if was expected');
  return (
    evaluateClassical(block.condition, { bits: [0], read: () => ({ type: FLOAT, value: 0 }) }).value === true
  );
}

describe('circuits refuse', () => {
  const data = (instruction: unknown) =>
    Circuit.fromJSON(
      hostile<CircuitData>({
        ...{ format: 'qedge-circuit', version: 2, qubitCount: 1, clbitCount: 1 },
        instructions: [instruction],
      }),
    );
  const nested = (levels: number, wrap: (inner: unknown) => unknown, inner: unknown = []) => {
    let value = inner;
    for (let level = 0; level < levels; level++) value = wrap(value);
    return value;
  };
  const x = { kind: 'gate', name: 'x', qubits: [0], parameters: [] };
  const controlled = (body: unknown) => ({
    kind: 'controlled',
    qubits: [0],
    controls: [],
    controlState: [],
    body,
  });
  const v = { kind: 'variable', name: 'v', type: { kind: 'uint', size: 5000 } } as const;
  const doubled = () => {
    let sum: ClassicalExpression = { kind: 'bit', clbit: 0 };
    sum = { kind: 'cast', type: { kind: 'int', size: 8 }, operand: sum };
    for (let i = 0; i < 60; i++) sum = { kind: 'binary', operator: '+', left: sum, right: sum };
    return sum;
  };

  it.each<[string, () => unknown, RegExp]>([
    [
      'more qubits than numbers for them',
      () => new Circuit().addQuantumRegister('q', 2 ** 32),
      /does not fit/,
    ],
    ['more qubits than a set can hold', () => new Circuit(2 ** 24), /impossible size.*16777215/],
    ['a negative number of controls', () => new Circuit(2).control(-1), /number of controls/],
    ['a billion controls', () => new Circuit(1).control(1e9), /number of controls/],
    ['too few states, without gates too', () => new Circuit(1).control(2, [1]), /2 bits/],
    ['a power that is no number', () => new Circuit(2).h(0).x(1).power(Number.NaN), /exponent/],
    ['a matrix of a million qubits', () => new Circuit(1e6).toMatrix(), /at most 12 qubits/],
    ['a matrix of a gate on 40 qubits', () => gateMatrix('mcx', [], 40), /at most 12 qubits/],
    [
      'no list of qubits',
      () => new Circuit(1).gate('mcx', hostile(undefined)),
      /qubits of mcx must be a list/,
    ],
    [
      'rows of a matrix',
      () =>
        new Circuit(1).unitary(
          hostile([
            [0, 1],
            [1, 0],
          ]),
          [0],
        ),
      /one list of numbers/,
    ],
    ['phases that are texts', () => new Circuit(1).diagonal(hostile(['1', '2']), [0]), /one list of numbers/],
    ['phases that are bigints', () => new Circuit(1).diagonal(hostile([1n, 2n]), [0]), /one list of numbers/],
    ['half a number to compare with', () => bitsEqual(0, 0.5), /expected an integer, got 0.5/],
    ['half a round', () => new Circuit(1).forLoop('i', [0.5], () => {}), /expected an integer, got 0.5/],
    ['a loop over nothing', () => new Circuit(1).forLoop('i', hostile(null), () => {}), /must be an object/],
    ['no cases', () => new Circuit(1, 1).switchCase(isOne, hostile(undefined)), /must be a list/],
    ['one place for two qubits', () => new Circuit(2).compose(new Circuit(2), [0, 0]), /must differ/],
    ['too many places', () => new Circuit(2).compose(new Circuit(1), [0, 1]), /too many.*got 2/],
    ['a place that is not there', () => new Circuit(2).compose(new Circuit(1), [2]), /out of range/],
    [
      'bits that are not there',
      () => new Circuit(1).compose(new Circuit(1, 1)),
      /classical bits.*out of range/,
    ],
    ['what is no circuit', () => new Circuit(2).compose(hostile(null)), /Not a circuit/],
    ['no values', () => new Circuit(1).bind(hostile(null)), /must be an object/],
    ['controls without end', () => data(nested(20_000, controlled, x)), /nested too deeply/],
    ['a hundred controlled in one another', () => data(nested(102, controlled, x)), /at most 100/],
    [
      'lists without end',
      () => data({ kind: 'gate', name: 'x', qubits: nested(20_000, (q) => [q]) }),
      /too deeply/,
    ],
    ['an expression that doubles', () => new Circuit(1, 1).ifTest(doubled(), () => {}), /100000 parts/],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(InvalidArgumentError);
    expect(make).toThrow(message);
  });

  it('names that are a variable in one circuit and a parameter in the other', () => {
    const variable = new Circuit(1);
    variable.declare({ name: 'v', type: FLOAT });
    const free = new Circuit(1).rx(parameter('v'), 0);
    for (const [first, second] of [
      [variable, free],
      [free, variable],
    ] as const) {
      expect(() => first.compose(second)).toThrow(/"v" is a parameter of one circuit and a variable/);
    }
  });

  it('powers of integers that take minutes', () => {
    const circuit = new Circuit(1);
    const target = circuit.declare({ name: 'v', type: v.type });
    const power = { kind: 'binary', operator: '**', left: v, right: v } as const;
    expect(() => circuit.assign(target, power)).toThrow(/power of more than 4096 bits/);
  });

  it('objects that cannot become texts, wherever they stand', () => {
    const odd = { toString: 1, valueOf: 1 };
    const instructions: unknown[] = [
      ...[
        { ...x, name: odd },
        { ...x, kind: odd },
        { ...x, qubits: [odd] },
      ],
      { kind: 'gate', name: 'rx', qubits: [0], parameters: [odd] },
      { kind: 'delay', qubits: [0], duration: odd, unit: odd },
      { kind: 'unitary', qubits: [0], matrix: [1, 0, 0, 0, 0, 0, 1, 0], label: odd },
      ...[
        { kind: 'call', function: odd, arguments: [] },
        { kind: 'unary', operator: odd, operand: { kind: 'bit', clbit: 0 } },
        { kind: 'variable', name: odd, type: FLOAT },
      ].map((condition) => ({ kind: 'while', condition, body: new Circuit(1) })),
    ];
    for (const instruction of instructions) {
      expect(() => new Circuit(1, 1).append(instruction as Instruction)).toThrow(InvalidArgumentError);
    }
  });

  it('to become longer than memory, before they begin', () => {
    expect(() => new Circuit(1000).barrier().repeat(1e6)).toThrow(BudgetExceededError);
    expect(new Circuit(1).repeat(2 ** 24 - 1).instructionCount).toBe(0);
  });

  it('drawings that would fill the memory', () => {
    // Few marks on many cells, and a mark on each.
    const [diagonal, full] = [new Circuit(4000), new Circuit(4000)];
    for (let column = 1; column < 4000; column++) diagonal.cx(column - 1, column);
    for (let column = 0; column < 2600; column++) full.barrier();
    expect(() => drawCircuit(full)).toThrow(UnsupportedError);
    for (const draw of [drawCircuit, circuitToSvg]) {
      expect(() => draw(diagonal)).toThrow(UnsupportedError);
      expect(() => draw(new Circuit(2 ** 24 - 1))).toThrow(/too large to be drawn/);
    }
  });
});
