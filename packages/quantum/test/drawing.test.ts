import { Random } from '@qedge/core';
import {
  Circuit,
  type ClassicalExpression,
  circuitToSvg,
  drawCircuit,
  GATE_NAMES,
  gateDefinition,
  parameter,
} from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const literal = (value: number): ClassicalExpression => ({
  kind: 'literal',
  type: { kind: 'uint', size: 8 },
  value: BigInt(value),
});

/** Any instructions, blocks inside blocks included. */
function anyCircuit(seed: number, qubits: number, clbits: number, length: number, depth = 2): Circuit {
  const random = new Random(seed);
  const circuit = new Circuit(qubits);
  if (clbits > 1) circuit.addClassicalRegister('mem', clbits - 1);
  if (clbits > 0) circuit.addClassicalRegister('flag', 1);
  return fill(circuit, random, length, depth);
}

function fill(circuit: Circuit, random: Random, length: number, depth: number): Circuit {
  const { qubitCount, clbitCount } = circuit;
  const some = (count: number) =>
    random.shuffle(Array.from({ length: qubitCount }, (_, i) => i)).slice(0, count);
  for (let i = 0; i < length; i++) {
    switch (random.integer(10)) {
      case 0:
        circuit.barrier(...some(1 + random.integer(qubitCount)));
        break;
      case 1:
        if (clbitCount > 0) circuit.measure(random.integer(qubitCount), random.integer(clbitCount));
        break;
      case 2:
        circuit.reset(random.integer(qubitCount)).delay(5, 'us', ...some(2));
        break;
      case 3: {
        const [target, ...controls] = some(qubitCount);
        circuit.append({
          kind: 'controlled',
          qubits: [...controls, target!],
          controls,
          controlState: controls.map(() => random.integer(2) as 0 | 1),
          body: { kind: 'diagonal', qubits: [target!], phases: Float64Array.of(0, 1) },
        });
        break;
      }
      case 4: {
        if (depth === 0 || clbitCount === 0) break;
        const condition: ClassicalExpression = {
          kind: 'binary',
          operator: '==',
          left: { kind: 'bits', clbits: Array.from({ length: clbitCount }, (_, bit) => bit) },
          right: literal(3),
        };
        const body = (inner: Circuit) => void fill(inner, random, 4, depth - 1);
        const make = [
          () => circuit.ifTest(condition, body, random.integer(2) === 0 ? body : undefined),
          () => circuit.whileLoop({ kind: 'bit', clbit: 0 }, (inner) => inner.x(0).break()),
          () => circuit.forLoop(null, { start: 0, stop: 3 }, body),
          () =>
            circuit.switchCase({ kind: 'bits', clbits: [0] }, [
              [[0], body],
              ['default', body],
            ]),
        ];
        make[random.integer(make.length)]!();
        break;
      }
      case 5:
        circuit.pauliEvolution([['XYZIXYZI'.slice(0, qubitCount), 0.3]], parameter('t'));
        break;
      default: {
        const name = GATE_NAMES[random.integer(GATE_NAMES.length)]!;
        const { qubitCount: operands, parameterCount } = gateDefinition(name);
        if (operands > qubitCount) break;
        const angles = Array.from({ length: parameterCount }, () => random.normal());
        circuit.gate(name, some(operands), angles);
      }
    }
  }
  return circuit;
}

describe('drawCircuit', () => {
  it('draws a Bell pair as Qiskit does', () => {
    expect(drawCircuit(new Circuit(2, 2).h(0).cx(0, 1).measureAll())).toBe(
      [
        '     ┌───┐     ┌───┐     ',
        ' q0: ┤ H ├──■──┤ M ├─────',
        '     └───┘┌─┴─┐└─╥─┘┌───┐',
        ' q1: ─────┤ X ├──╫──┤ M ├',
        '          └───┘  ║  └─╥─┘',
        'c: 2/════════════╩════╩══',
        '                 0    1  ',
      ].join('\n'),
    );
  });

  it('draws controls of either state, swaps, barriers, resets and boxes over several wires', () => {
    const circuit = new Circuit(3)
      .swap(0, 2)
      .barrier(0, 1)
      .reset(1)
      .rxx(Math.PI / 2, 0, 2)
      .append({
        kind: 'controlled',
        qubits: [0, 1],
        controls: [0],
        controlState: [0],
        body: { kind: 'gate', name: 'ry', qubits: [1], parameters: [parameter('t').times(0.123456)] },
      })
      .globalPhase(Math.PI / 4);
    expect(`\n${drawCircuit(circuit)}`).toMatchInlineSnapshot(`
      "
      global phase: π/4                             
              ░        ┌───────────┐                
      q0: ─X──░────────┤0          ├───────o────────
           │  ░ ┌─────┐│           │┌──────┴───────┐
      q1: ─┼──░─┤ |0⟩ ├┤  Rxx(π/2) ├┤ Ry(0.1235*t) ├
           │  ░ └─────┘│           │└──────────────┘
      q2: ─X───────────┤1          ├────────────────
                       └───────────┘                "
    `);
  });

  it('draws blocks with what they read, in the order of their bodies', () => {
    const circuit = new Circuit(2);
    circuit.addClassicalRegister('m', 2);
    const condition: ClassicalExpression = {
      kind: 'binary',
      operator: '==',
      left: { kind: 'bits', clbits: [0, 1] },
      right: literal(3),
    };
    circuit.ifTest(
      condition,
      (body) => body.x(0),
      (body) => body.cz(0, 1),
    );
    expect(`\n${drawCircuit(circuit)}`).toMatchInlineSnapshot(`
      "
           ┌──────────────┐┌───┐┌─────────┐   ┌────────┐
       q0: ┤              ├┤ X ├┤         ├─■─┤        ├
           │ if m == 3 #0 │└───┘│ else #0 │ │ │ end #0 │
       q1: ┤              ├─────┤         ├─■─┤        ├
           └──────╥───────┘     └─────────┘   └────────┘
      m: 2/═══════╩═════════════════════════════════════
                                                        "
    `);
  });

  it('continues below when the line is full, and draws empty circuits', () => {
    const circuit = new Circuit(1);
    for (let i = 0; i < 100; i++) circuit.h(0);
    const drawing = drawCircuit(circuit, { maxWidth: 60 });
    expect(Math.max(...drawing.split('\n').map((line) => line.length))).toBeLessThanOrEqual(61);
    expect(drawing.match(/H/g)).toHaveLength(100);
    expect(drawing.split('\n')).toHaveLength(3 * 10);
    expect(drawCircuit(new Circuit(1))).toBe('    \nq0: \n    ');
    expect(drawCircuit(new Circuit(0))).toBe('');
    expect(() => drawCircuit(circuit, { maxWidth: 0 })).toThrow(/needs room/);
  });

  it('draws any circuit with lines of equal length, every measurement and box in it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 20, max: 200 }),
        (seed, qubits, clbits, maxWidth) => {
          const circuit = anyCircuit(seed, qubits, clbits, 15);
          const lines = drawCircuit(circuit, { maxWidth }).split('\n');
          expect(new Set(lines.map((line) => [...line].length)).size).toBe(1);
          const text = lines.join('');
          // Corners come in fours.
          const count = (character: string) => text.split(character).length - 1;
          expect(count('┌')).toBe(count('┐'));
          expect(count('└')).toBe(count('┘'));
          expect(count('┌')).toBe(count('└'));
        },
      ),
      { seed: 1, numRuns: 150 },
    );
  });

  it('tells the states of controls that nothing but a phase has', () => {
    const phase = new Circuit(0).globalPhase(1);
    expect(drawCircuit(phase.control(2, [0, 1]))).toContain('Phase(1) |10⟩');
    expect(drawCircuit(phase.control(2, [0, 0]))).toContain('Phase(1) |00⟩');
    expect(drawCircuit(phase.control(2))).not.toContain('|');
  });

  it('cuts labels that are long, and keeps them on one line', () => {
    const matrix = new Circuit(1).h(0).toMatrix();
    const circuit = new Circuit(1).unitary(matrix, [0], `a\nb\u0000${'x'.repeat(500)}`);
    const drawing = drawCircuit(circuit);
    expect(drawing).toContain('a b xxxx');
    expect(drawing).toContain('…');
    expect(drawing.split('\n')).toHaveLength(3);
  });
});

describe('circuitToSvg', () => {
  it('is well-formed, titled, and escapes labels', () => {
    const matrix = new Circuit(1).h(0).toMatrix();
    const circuit = new Circuit(2, 1).unitary(matrix, [0], '<script>"&').cx(0, 1).measure(1, 0);
    const svg = circuitToSvg(circuit, { title: 'A < B' });
    expect(svg).toContain('<title>A &lt; B</title>');
    expect(svg).toContain('2 qubits and 1 classical bits: 1 cx, 1 measure, 1 unitary');
    expect(svg).toContain('&lt;script&gt;&quot;&amp;');
    expect(svg).not.toContain('<script');
    expect(svg).toContain('prefers-color-scheme:dark');
    expectWellFormed(svg);
  });

  it('draws any circuit, within the width unless one column is wider', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 3 }),
        (seed, qubits, clbits) => {
          const svg = circuitToSvg(anyCircuit(seed, qubits, clbits, 12), { maxWidth: 700 });
          expectWellFormed(svg);
          expect(svg).not.toMatch(/NaN|Infinity|undefined/);
          const [, width] = /width="(\d+)"/.exec(svg)!;
          expect(Number(width)).toBeLessThanOrEqual(720);
        },
      ),
      { seed: 2, numRuns: 60 },
    );
    expectWellFormed(circuitToSvg(new Circuit(0)));
  });
});

/** Tags that open are closed in order, and nothing but tags contains angle brackets. */
function expectWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, closing, name, , selfClosing] of svg.matchAll(
    /<(\/?)([a-z]+)((?:\s[a-zA-Z0-9-]+="[^"<]*")*)\s*(\/?)>/g,
  )) {
    if (closing) expect(open.pop()).toBe(name);
    else if (!selfClosing) open.push(name!);
  }
  expect(open).toEqual([]);
  expect(svg.replace(/<(\/?)([a-z]+)((?:\s[a-zA-Z0-9-]+="[^"<]*")*)\s*(\/?)>/g, '')).not.toMatch(/[<>]/);
}
