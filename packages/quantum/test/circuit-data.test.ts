import { QedgeError, Random } from '@qedge/core';
import { Circuit, type CircuitData, type ClassicalExpression, parameter } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';

const two: ClassicalExpression = { kind: 'literal', type: { kind: 'uint', size: 4 }, value: 2n };

function everyKind(): Circuit {
  const circuit = new Circuit(3, 1);
  circuit.nameQubits('q', 0, 2);
  circuit.addClassicalRegister('c', 2);
  const n = circuit.declare({ name: 'n', type: { kind: 'uint', size: 4 }, initial: two });
  return circuit
    .h(0)
    .mcx([0, 1], 2)
    .rx(parameter('t').apply('sin'), 1)
    .unitary([0, 0, 1, 0, 1, 0, 0, 0], [1], 'flip')
    .diagonal([0, 1, 2, 3], [0, 2])
    .permute([1, 0], [0, 1])
    .pauliEvolution([['XYZ', 0.5]], parameter('s'))
    .append({
      kind: 'controlled',
      qubits: [0, 1],
      controls: [0],
      controlState: [0],
      body: { kind: 'gate', name: 'ry', qubits: [1], parameters: [0.3] },
    })
    .initialize([1, 0, 0, 0], [0])
    .delay(2, 'us', 1)
    .barrier()
    .measure(0, 2)
    .reset(1)
    .assign(n, { kind: 'binary', operator: '+', left: n, right: two })
    .assign({ kind: 'index', operand: n, index: two }, { kind: 'bit', clbit: 0 })
    .ifTest(
      { kind: 'unary', operator: '!', operand: { kind: 'bits', clbits: [1, 2] } },
      (body) => body.x(0),
      (body) => body.y(0),
    )
    .whileLoop({ kind: 'cast', type: { kind: 'bool' }, operand: n }, (body) => body.z(0).continue())
    .forLoop('k', { start: 0, stop: 4, step: 2 }, (body) => body.rz(parameter('k'), 0).break())
    .forLoop(null, [1, 2], (body) => body.x(1))
    .switchCase({ kind: 'call', function: 'popcount', arguments: [n] }, [
      [[0, 1], (body) => body.x(0)],
      ['default', (body) => body.y(0)],
    ]);
}

/** What may stand where something else was expected. */
const ODDITIES: readonly unknown[] = [
  ...[null, undefined, true, -1, 0, 1.5, 2 ** 40, '', 'x', 'sin(', '__proto__', [], [[]], [null], {}],
  ...[
    { kind: 'gate' },
    { kind: 'if' },
    { bigint: 'x' },
    { length: 5 },
    { bigint: '7' },
    { toString: 1, valueOf: 1 },
    Number.NaN,
    { format: 'qedge-circuit' },
  ],
];

/** Replaces or removes one random place of a value, at any depth. */
function damage(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random.integer(6) === 0) {
    return ODDITIES[random.integer(ODDITIES.length)];
  }
  const keys = Object.keys(value);
  if (keys.length === 0) return ODDITIES[random.integer(ODDITIES.length)];
  const key = keys[random.integer(keys.length)]!;
  if (Array.isArray(value)) {
    return value.map((item, index) => (String(index) === key ? damage(item, random) : item));
  }
  const { [key]: inner, ...rest } = value as Record<string, unknown>;
  return random.integer(8) === 0 ? rest : { ...rest, [key]: damage(inner, random) };
}

describe('Circuit.fromJSON', () => {
  it('reads every kind of instruction back', () => {
    const circuit = everyKind();
    const copy = Circuit.fromJSON(JSON.parse(JSON.stringify(circuit)));
    expect(copy.equals(circuit)).toBe(true);
    expect(copy.parameterNames).toEqual(['t', 's']);
  });

  it('reads damaged data or refuses it with a typed error, never with another one', () => {
    const text = JSON.stringify(everyKind());
    const random = new Random(1);
    let [read, refused] = [0, 0];
    const runs = process.env.QEDGE_FULL === '1' ? 40_000 : 4000;
    for (let run = 0; run < runs; run++) {
      const damaged = damage(JSON.parse(text), random) as CircuitData;
      try {
        Circuit.fromJSON(damaged);
        read++;
      } catch (error) {
        if (!(error instanceof QedgeError)) throw new Error(JSON.stringify(damaged), { cause: error });
        refused++;
      }
    }
    // Much of what is damaged is a number that may be another one.
    expect(read).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(runs / 2);
  });
});
