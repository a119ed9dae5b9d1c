import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileFormatError, InvalidArgumentError, Random, UnsupportedError } from '@qedge/core';
import {
  Circuit,
  createReferenceSimulator,
  formatOpenQasm3,
  type Instruction,
  type OpenQasmOptions,
  parameter,
  parseOpenQasm,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { largestDifference, runDynamicCircuit } from './run-dynamic-circuit.ts';
import { sharedDirectory } from './shared-data.ts';

const HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n';
const parse = (text: string, options?: OpenQasmOptions) => parseOpenQasm(HEAD + text, options);
const instructionsOf = (circuit: Circuit) => circuit.toJSON().instructions;

/** Expects a program to come to exactly these instructions. */
function expectInstructions(text: string, expected: Circuit): void {
  expect(instructionsOf(parse(text))).toEqual(instructionsOf(expected));
}

/** Expects a program to have a circuit's matrix, global phase included. */
function expectMatrix(text: string, expected: Circuit): void {
  expect(largestDifference(parse(text).toMatrix(), expected.toMatrix()), text).toBeLessThan(1e-12);
}

/** The angle that an expression comes to. */
function angleOf(expression: string, declarations = ''): unknown {
  const { instructions } = parse(`${declarations} qubit q; rx(${expression}) q;`);
  const step = instructions.find(({ kind }) => kind === 'gate');
  return step?.kind === 'gate' ? step.parameters[0] : null;
}

describe('gates of OpenQASM 3', () => {
  it('have the phases that the specification gives them', () => {
    expectMatrix(
      'qubit q; U(0.3, 0.4, 0.5) q;',
      new Circuit(1).u(0.3, 0.4, 0.5, 0).gate('global_phase', [], [0.15]),
    );
    expectMatrix(
      'qubit[2] q; ctrl @ U(0.3, 0.4, 0.5) q[0], q[1];',
      new Circuit(2).gate('cu', [0, 1], [0.3, 0.4, 0.5, 0.15]),
    );
    expectMatrix(
      'qubit q; u3(0.3, 0.4, 0.5) q;',
      new Circuit(1).u(0.3, 0.4, 0.5, 0).gate('global_phase', [], [-0.45]),
    );
    expectMatrix(
      'qubit q; u2(0.4, 0.5) q;',
      new Circuit(1).u(Math.PI / 2, 0.4, 0.5, 0).gate('global_phase', [], [-0.45]),
    );
    expectMatrix(
      'qubit q; gphase(0.7); x q; gphase(-pi / 2);',
      new Circuit(1).x(0).gate('global_phase', [], [0.7 - Math.PI / 2]),
    );
  });

  it('take modifiers, the one next to the gate first', () => {
    expectInstructions(
      'qubit[5] q; ctrl @ x q[0], q[1]; ctrl(2) @ ctrl @ ctrl @ x q[0], q[1], q[2], q[3], q[4]; inv @ s q[0]; pow(3) @ rz(0.2) q[1];',
      new Circuit(5)
        .cx(0, 1)
        .gate('c4x', [0, 1, 2, 3, 4])
        .sdg(0)
        .rz(0.2 * 3, 1),
    );
    expectMatrix('qubit[2] q; negctrl @ h q[1], q[0];', new Circuit(2).x(1).ch(1, 0).x(1));
    expectMatrix(
      'qubit[3] q; ctrl @ negctrl @ ry(0.6) q[0], q[1], q[2];',
      new Circuit(3)
        .x(1)
        .append(...controlledRy())
        .x(1),
    );
    expectMatrix(
      'qubit q; pow(0.5) @ x q; pow(-1) @ sx q; pow(0.25) @ z q; inv @ pow(2) @ inv @ t q;',
      new Circuit(1).t(0).s(0),
    );
    expectMatrix(
      'gate g a, b { h a; cx a, b; t b; } qubit[2] q; pow(1/2.0) @ g q[0], q[1]; pow(1/2) @ g q[0], q[1];',
      new Circuit(2).h(0).cx(0, 1).t(1),
    );
    const gate = new Circuit(2).h(0).cx(0, 1).gate('global_phase', [], [0.3]).t(1);
    expectMatrix(
      'gate g a, b { h a; cx a, b; gphase(0.3); t b; } qubit[3] q; ctrl @ inv @ g q[2], q[0], q[1];',
      new Circuit(3).compose(gate.inverse().control(), [2, 0, 1]),
    );
    expectMatrix(
      'qubit[2] q; ctrl @ gphase(0.4) q[0]; ctrl(2) @ gphase(0.1) q[0], q[1];',
      new Circuit(2).p(0.4, 0).cp(0.1, 0, 1),
    );
    expectMatrix(
      'qubit[2] q; negctrl @ gphase(0.4) q;',
      new Circuit(2).x(0).p(0.4, 0).x(0).x(1).p(0.4, 1).x(1),
    );
  });

  it('are applied to registers qubit by qubit, with single qubits in each step', () => {
    expectInstructions(
      'qubit[2] a; qubit[2] b; qubit c; qubit[1] d; cx a, b; cx c, a; h d; cx a[0:1], b[{1, 0}]; ccx a, c, b[-1:-1:0];',
      new Circuit(6).cx(0, 2).cx(1, 3).cx(4, 0).cx(4, 1).h(5).cx(0, 3).cx(1, 2).ccx(0, 4, 3).ccx(1, 4, 2),
    );
    expect(() => parse('qubit[2] a; qubit[3] b; cx a, b;')).toThrow(/registers of equal size, got 2 and 3/);
    expect(() => parse('qubit[2] a; cx a, a;')).toThrow(/the same qubit twice/);
  });

  it('act on aliases and concatenations', () => {
    expectInstructions(
      'qubit[3] a; qubit b; let all = a[1:2] ++ b; let odd = all[0:2:2]; h all; x odd[1]; let one = a[0]; z one; reset odd; barrier all, one;',
      new Circuit(4).h(1).h(2).h(3).x(3).z(0).reset(1).reset(3).barrier(1, 2, 3, 0),
    );
    const bits = parse(
      'qubit[3] q; bit[2] c; bit d; let all = c ++ d; all = measure q; if (all == 5) x q[0];',
    );
    expect(bits.instructions.slice(0, 3)).toMatchObject([{ clbit: 0 }, { clbit: 1 }, { clbit: 2 }]);
    expect(bits.instructions[3]).toMatchObject({
      kind: 'if',
      condition: { left: { kind: 'bits', clbits: [0, 1, 2] } },
    });
  });

  it('may have loops in their definitions, and are as deep as programs like', () => {
    expectInstructions(
      'gate twist(a) q, r { for uint i in [1:3] { rz(a * i) q; } cx q, r; } qubit[2] q; twist(0.5) q[0], q[1];',
      new Circuit(2).rz(0.5, 0).rz(1, 0).rz(1.5, 0).cx(0, 1),
    );
    const chain = Array.from({ length: 150 }, (_, i) => `gate g${i + 1} a { g${i} a; }`).join('\n');
    expectInstructions(`gate g0 a { x a; } ${chain} qubit q; g150 q;`, new Circuit(1).x(0));
  });
});

/** RY on qubit 2 where qubits 0 and 1 are 1. */
function controlledRy(): [Instruction] {
  const body: Instruction = { kind: 'gate', name: 'ry', qubits: [2], parameters: [0.6] };
  return [{ kind: 'controlled', qubits: [0, 1, 2], controls: [0, 1], controlState: [1, 1], body }];
}

describe('classical values of OpenQASM 3', () => {
  it.each([
    ['2 * pi / 8 - tau', (2 * Math.PI) / 8 - 2 * Math.PI],
    ['7 / 2', 3],
    ['7 / 2.0', 3.5],
    ['-7 % 3', -1],
    ['2 ** 10', 1024],
    ['2 ** -1.0', 0.5],
    ['1 << 4 | 3', 19],
    ['0x0f & ~0b101 ^ 1', 11],
    ['float(uint[4](17))', 1],
    ['int[4](9)', -7],
    ['popcount("10110")', 3],
    ['int[8](rotl("10000001", 1))', 3],
    ['arccos(0.25) + sqrt(2) * exp(1) - log(3)', Math.acos(0.25) + Math.SQRT2 * Math.E - Math.log(3)],
    ['ceiling(1.2) + floor(-0.5) + mod(7, 4)', 4],
    ['float(true && !false) + float(3 > 2 == true)', 2],
    ['float[32](0.1)', Math.fround(0.1)],
    ['angle[4](pi / 2)', Math.PI / 2],
    ['angle[8](0.1)', (4 * 2 * Math.PI) / 256],
    ['9223372036854775807', 2 ** 63],
  ])('%s is %d', (expression, expected) => {
    expect(angleOf(expression)).toBe(expected);
  });

  it('follow variables through assignments and loops', () => {
    expect(
      angleOf('a + b', 'int[8] a = 127; a += 1; const int n = 3; int b; for int i in [1:n] { b += i * i; }'),
    ).toBe(-114);
    expect(angleOf('x', 'uint[3] x = 6; x <<= 1; x[0] = 1; bit[2] c = "10"; x ^= uint[3](c);')).toBe(7);
    expect(
      angleOf('n', 'int n; while (true) { n += 2; if (n > 10) { break; } if (n == 4) continue; n -= 1; }'),
    ).toBe(11);
    expect(angleOf('n', 'int n = 3; switch (n * 2) { case 1, 6 { n = 10; } default { n = 20; } }')).toBe(10);
    expect(angleOf('n', 'int n; for bit b in "1101" { n = n * 2 + int(b); } { int n = 7; n += 1; }')).toBe(
      11,
    );
    expect(angleOf('f', 'float f; for float x in {0.5, 1.5} f += x; for int i in [5:-2:0] f += i;')).toBe(11);
  });

  it('may be arrays, also by reference', () => {
    const declarations = `array[int[8], 2, 3] a = {{1, 2, 3}, {4, 5, 6}};
      def fill(mutable array[int[8], #dim = 1] row, readonly array[int[8], 2, 3] all) -> int[8] {
        for int i in [0:sizeof(row) - 1] { row[i] = all[1, i] * 10; }
        return all[-1, -1];
      }
      array[int[8], 3] row; int[8] last = fill(row, a); a[0] = row; a[1, 0:1] = a[0, 1:2]; array[float, 2] f = {1.5, a[1][2]};`;
    expect(angleOf('last', declarations)).toBe(6);
    expect(angleOf('a[0, 2] + a[1][0]', declarations)).toBe(60 + 50);
    expect(angleOf('f[1] + sizeof(a) + sizeof(a, 1)', declarations)).toBe(6 + 2 + 3);
  });

  it('are computed by subroutines, arguments by value', () => {
    const declarations = `const int[32] base = 5;
      def square(int[32] n) -> int[32] { n *= n; return n + base; }
      def twice(float x) -> float { if (x > 100) { return x; } return 2 * x; }
      int[32] n = 3; int[32] m = square(n) + square(square(n)); float t = twice(4) + twice(200);`;
    expect(angleOf('n', declarations)).toBe(3);
    expect(angleOf('m', declarations)).toBe(14 + 14 * 14 + 5);
    expect(angleOf('t', declarations)).toBe(208);
  });

  it('become free parameters where they are real inputs', () => {
    const text =
      'input float theta; input angle phi; input uint[4] n; qubit q; for uint i in [1:n] { rx(theta * i / 2 + sin(phi)) q; }';
    const circuit = parse(text, { inputs: { n: 2 } });
    const [theta, phi] = [parameter('theta'), parameter('phi')];
    const sine = phi.apply('sin');
    expect(instructionsOf(circuit)).toEqual(
      instructionsOf(new Circuit(1).rx(theta.times(0.5).plus(sine), 0).rx(theta.plus(sine), 0)),
    );
    expect(parse(text, { inputs: { n: 1, theta: 1, phi: 0 } }).instructions).toMatchObject([
      { parameters: [0.5] },
    ]);
    expect(() => parse(text)).toThrow(/the input "n" of type uint\[4\] has no value.*inputs: \{ n/);
    expect(() => parse('input float t; qubit q; if (t > 1) x q;')).toThrow(
      /depends on an input.*Give the input a value/,
    );
    expect(() => parse('input float t; int n = t;', { inputs: { t: Number.NaN } })).toThrow(
      InvalidArgumentError,
    );
    expect(() => parse('input int[8] n; qubit q;', { inputs: { n: 2.5 } })).toThrow(/integer/);
    expect(
      parse(
        'input bit[3] m; input bool f; qubit[3] q; if (f) x q[m == 5 ? 0 : 1];'.replace(
          'm == 5 ? 0 : 1',
          'int(m == 5)',
        ),
        { inputs: { m: '101', f: true } },
      ).instructions,
    ).toMatchObject([{ qubits: [1] }]);
  });
});

describe('what only the running program knows', () => {
  const run = (text: string, seed = 1) => {
    const circuit = parse(text);
    return { circuit, result: runDynamicCircuit(circuit, new Random(seed)) };
  };

  it('stays as conditions, with values kept before them where bodies change them', () => {
    const text = `qubit[2] q; bit c; int[8] n = 5; n += 1; x q[0]; c = measure q[0];
      if (c) { n += 10; x q[1]; } else { n = 0; } int[8] m = n * 2; if (n == 16) z q[1];`;
    const { circuit, result } = run(text);
    expect(circuit.gateCounts()).toMatchObject({ if: 2, measure: 1, x: 1 });
    expect(result.variables).toEqual({ n: '16', m: '32' });
    expect(run(text.replace('x q[0];', '')).result.variables).toEqual({ n: '0', m: '0' });
  });

  it('keeps loops that end by outcomes, their variables included', () => {
    const text = `qubit[3] q; bit[3] c; int[8] rounds; int[8] last; x q[2];
      for int[8] i in {4, 5, 6, 7} { c[i - 4] = measure q[1]; rounds += 1; last = i; if (c == 0 && i > 4) break; }`;
    expect(() => parse(text)).toThrow(/an index that is an integer known while the program is read/);
    const { circuit, result } = run(text.replace('c[i - 4]', 'c[0]'));
    expect(circuit.gateCounts()).toMatchObject({ for: 1 });
    expect(result.variables).toMatchObject({ rounds: '2', last: '5' });
    const loop = run(
      `qubit q; bit c; int[8] n; while (n < 3 || !c) { n += 1; x q; c = measure q; if (n == 2) continue; if (n > 6) { break; } }`,
    );
    expect(loop.circuit.gateCounts()).toMatchObject({ while: 1 });
    expect(loop.result.variables).toEqual({ n: '3' });
  });

  it('reads loops over known values without outcomes as plain gates', () => {
    const { circuit } = run(
      'qubit[4] q; for int i in [0:3] { if (i % 2 == 0) { h q[i]; } else { continue; } x q[i]; }',
    );
    expect(circuit.gateCounts()).toEqual({ h: 2, x: 2 });
  });

  it('lets angles of gates depend on outcomes', () => {
    const text =
      'qubit[3] q; bit[2] c; x q[1]; c = measure q[0:1]; uint[2] k = uint[2](c); rx(k * 0.5) q[2]; angle[4] a; a[2] = c[1]; p(a) q[2]; inv @ ctrl @ ry(2.0 * k) q[1], q[2];';
    const { result } = run(text);
    const expected = runDynamicCircuit(
      new Circuit(3)
        .x(1)
        .rx(1, 2)
        .p(Math.PI / 2, 2)
        .cry(-4, 1, 2),
      new Random(1),
    );
    expect(largestDifference(result.amplitudes, expected.amplitudes)).toBeLessThan(1e-12);
  });

  it('estimates a phase, the least significant bit first, with angles from the outcomes before', () => {
    const text = `const int n = 5; const float theta = 2 * pi * 19 / 2**n; qubit q; qubit r; angle[n] c; uint[n] m; x r;
      for uint i in [0:n - 1] {
        reset q; h q; ctrl @ pow(2 ** (n - 1 - i)) @ phase(theta) q, r; inv @ phase(c) q; h q;
        bit b = measure q; c >>= 1; c[n - 2] = b; m[i] = b;
      }`;
    for (const seed of [1, 2, 3]) expect(run(text, seed).result.variables.m).toBe('19');
  });

  it('inlines subroutines that measure, each call with outcomes of its own', () => {
    const text = `def parity(qubit[2] d, qubit a) -> bit { cx d[0], a; cx d[1], a; bit out = measure a; reset a; return out; }
      qubit[3] q; bit both; bit[2] each; x q[0];
      both = parity(q[0:1], q[2]) ^ parity(q[{0, 0 + 1}], q[2]); each[1] = parity(q[0:1], q[2]); parity q[0:1], q[2] -> each[0];`;
    expect(run(text).result.bits.slice(0, 3)).toEqual([0, 1, 1]);
  });

  it('switches on outcomes', () => {
    const text = `qubit[2] q; bit[2] c; int[8] n; x q[1]; c = measure q;
      switch (int[3](c)) { case 0 { n = 1; } case 1, 2 { n = 2; x q[0]; } default { n = 3; } }`;
    expect(run(text).result.variables).toEqual({ n: '2' });
    expect(() => parse('qubit q; bit c; switch (c) { default { } case 1 { } }')).toThrow(
      /"default" as the last case/,
    );
    expect(() => parse('bit c; switch (c) { case 1 { } case 0, 1 { } }')).toThrow(
      /a value that no case above has, got 1/,
    );
  });

  it('ends where the program says so, and gives the outputs that it names', () => {
    const { circuit } = run(
      'output int[8] kept; int[8] dropped = 3; qubit q; x q; kept = dropped * 2; end; h q;',
    );
    expect(circuit.gateCounts()).toMatchObject({ x: 1 });
    expect(circuit.gateCounts().h).toBeUndefined();
    expect(circuit.variables.map(({ name }) => name)).toEqual(['kept']);
  });

  it('places gates on hardware qubits', () => {
    const circuit = parse('x $2; bit c; c = measure $0; barrier $1, $2;');
    expect(circuit.qubitCount).toBe(3);
    expect(circuit.instructions).toMatchObject([{ qubits: [2] }, { qubits: [0] }, { qubits: [1, 2] }]);
    expect(() => parse('qubit q; x $0; x q;')).toThrow(/hardware qubits beside declared ones/);
  });
});

describe('refusals of OpenQASM 3', () => {
  it.each([
    ['qubit[2] q; h q[2];', FileFormatError, 3, 17, /index in 0\.\.1 or -2\.\.-1, got 2/],
    ['qubit q; foo q;', FileFormatError, 3, 10, /a gate defined above, got "foo"/],
    ['qubit q; rx q;', FileFormatError, 3, 10, /1 parameters of rx, got 0/],
    ['qubit q; rx(1.0 / 0) q;', FileFormatError, 3, 10, /finite angle of rx, got Infinity/],
    ['qubit q; rx(1 / 0) q;', FileFormatError, 3, 15, /division by 0/i],
    ['qubit q; rx(nope) q;', FileFormatError, 3, 13, /the unknown name "nope"/],
    ['int x; int x;', FileFormatError, 3, 8, /a name that this scope does not have yet/],
    ['const int n = 3; n = 4;', FileFormatError, 3, 18, /cannot be assigned/],
    ['qubit q; int n = q;', FileFormatError, 3, 18, /a classical value, got "q"/],
    ['bit[2] c; c = 0.5;', FileFormatError, 3, 11, /bit\[2\]/],
    ['break;', FileFormatError, 3, 1, /"break" in a loop/],
    ['return;', FileFormatError, 3, 1, /"return" in a subroutine/],
    ['def f() -> int { } int x = f();', FileFormatError, 3, 28, /no "return" that is reached/],
    ['def f(qubit[2] q) { } qubit[3] r; f(r);', FileFormatError, 3, 37, /2 qubits for "q" of f, got 3/],
    ['int g; def f() { g = 1; } f();', FileFormatError, 3, 18, /"g"/],
    ['if (true) { qubit q; }', FileFormatError, 3, 13, /outside of all blocks/],
    ['qubit q; gate g a { measure a; }', FileFormatError, 3, 21, /without measurements/],
    ['gate g a { foo a; }', FileFormatError, 3, 12, /a gate defined above, got "foo"/],
    ['gate g a, a { }', FileFormatError, 3, 1, /"a" twice/],
    ['array[int, 3] a = {1, 2};', FileFormatError, 3, 19, /3 elements, got 2/],
    ['array[int, 1000, 1000, 1000] a;', FileFormatError, 3, 1, /at most 1000000 elements/],
    ['int[5000] x;', FileFormatError, 3, 5, /1\.\.1024, got 5000/],
    ['qubit[2000000] q;', FileFormatError, 3, 7, /1\.\.1000000, got 2000000/],
    ['stretch s;', UnsupportedError, 3, 1, /stretch/],
    ['complex z;', UnsupportedError, 3, 1, /complex/],
    ['extern f(int) -> int; int x = f(1);', UnsupportedError, 3, 31, /extern function "f"/],
    ['pragma vendor x', UnsupportedError, 3, 1, /the pragma "vendor x"/],
    ['cal { }', UnsupportedError, 3, 1, /"cal"/],
    ['duration d = durationof({ x $0; });', UnsupportedError, 3, 14, /"durationof"/],
    ['box[1ms] { }', UnsupportedError, 3, 5, /a box with a duration/],
    ['include "other.inc";', UnsupportedError, 3, 1, /no file is read/],
    [
      'def f(bit c) -> int { if (c) { return 1; } return 2; } qubit q; bit c = measure q; int x = f(c);',
      UnsupportedError,
      3,
      32,
      /"return" that depends on measurements/,
    ],
    [
      'qubit q; bit c = measure q; if (c) end;',
      UnsupportedError,
      3,
      36,
      /"end" that depends on measurements/,
    ],
    [
      'qubit q; bit c = measure q; array[int, 2] a; if (c) a[0] = 1;',
      UnsupportedError,
      3,
      53,
      /"a" is an array/,
    ],
  ])('%s', (text, type, line, column, message) => {
    try {
      parse(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(type);
      expect((error as FileFormatError).message).toMatch(message);
      expect((error as FileFormatError).facts).toEqual({ line, column });
    }
  });

  it.each([
    ['a loop without end', 'int n; while (true) { n += 1; }', /at most 5000000 expanded steps/],
    ['a range without end', 'for int i in [0:1000000000000] { }', /at most 5000000 rounds/],
    [
      'a power beyond counting',
      'gate g a { h a; x a; } qubit q; pow(1000000000) @ g q;',
      /at most 5000000 expanded steps/,
    ],
    [
      'a deep chain of gates',
      `gate g0 a { x a; } ${Array.from({ length: 2000 }, (_, i) => `gate g${i + 1} a { g${i} a; }`).join(' ')} qubit q; g2000 q;`,
      /200 calls within one another/,
    ],
    [
      'loops within loops that have to be kept',
      `qubit q; bit c; ${'while (true) { '.repeat(40)} c = measure q; ${'if (c) break; }'.repeat(40)}`,
      /at most 5000000 expanded steps/,
    ],
  ])('stops at %s', (_, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});

const reference = sharedDirectory('openqasm3');

describe.skipIf(reference === null)('reference programs, run', () => {
  const read = (name: string) => readFileSync(join(reference!, name), 'utf8');

  it('adds 1 and 15', () => {
    const circuit = parseOpenQasm(read('adder.qasm'));
    // ans = 16
    expect(runDynamicCircuit(circuit, new Random(1)).bits).toEqual([0, 0, 0, 0, 1]);
  });

  it('corrects the error of the repetition code', () => {
    // As published, it compares int[2], which ends at 1, with 2 and 3.
    const text = read('qec.qasm').replaceAll('int[2](syn)', 'uint[2](syn)');
    for (const flipped of [0, 1, 2]) {
      const circuit = parseOpenQasm(text.replace('x q[0]; // insert', `x q[${flipped}]; // insert`));
      expect(runDynamicCircuit(circuit, new Random(1)).bits.slice(0, 3)).toEqual([0, 0, 0]);
    }
  });

  it('transforms back to the state that a transform made', () => {
    for (const name of ['inverseqft1.qasm', 'inverseqft2.qasm']) {
      expect(runDynamicCircuit(parseOpenQasm(read(name)), new Random(1)).bits).toEqual([0, 0, 0, 0]);
    }
  });

  it('has in its library file the gates that are built in', () => {
    const library = read('stdgates.inc');
    const gates = [...library.matchAll(/^gate (\w+)(?:\(([^)]*)\))? ([^{]*)\{/gm)];
    expect(gates.length).toBeGreaterThan(30);
    for (const [, name, parameters = '', qubits] of gates) {
      // The file's CX controls U(pi, 0, pi), which is i times X: no CNOT, as it is meant to be.
      if (name === 'CX') continue;
      const angles =
        parameters === ''
          ? ''
          : `(${parameters
              .split(',')
              .map((_, i) => 0.3 + i)
              .join(', ')})`;
      const operands = qubits!
        .split(',')
        .map((_, i) => `q[${i + 1}]`)
        .join(', ');
      // Under a control, phases show.
      const text = `include "stdgates.inc"; qubit[4] q; ctrl @ ${name}${angles} q[0], ${operands};`;
      const own = parseOpenQasm(text);
      const official = parseOpenQasm(text, {
        resolve: (path) => (path === 'stdgates.inc' ? library : undefined),
      });
      expect(largestDifference(own.toMatrix(), official.toMatrix()), name).toBeLessThan(1e-12);
    }
  });
});

describe('bits of subroutines', () => {
  const program = `OPENQASM 3.0; include "stdgates.inc";
    qubit[2] q; bit[1] first;
    def flip(qubit p) -> bit { bit[2] own; own[1] = measure p; if (own[1] == 1) { x p; } return own[1]; }
    x q[0]; first[0] = flip(q[0]);
    bit[1] second; second[0] = flip(q[1]);
    { bit inner; inner = measure q[1]; }`;

  it('are left out of counts, also after writing and reading', async () => {
    using simulator = createReferenceSimulator();
    const circuit = parseOpenQasm(program);
    expect(circuit.classicalRegisters.filter(({ isLocal }) => !isLocal).map(({ name }) => name)).toEqual([
      'first',
      'second',
    ]);
    for (const each of [
      circuit,
      parseOpenQasm(formatOpenQasm3(circuit)),
      Circuit.fromJSON(circuit.toJSON()),
    ]) {
      expect(each.clbitCount).toBeGreaterThan(2);
      expect((await simulator.sample(each, 5)).counts).toEqual({ '01': 5 });
      expect((await simulator.sample(each, 0)).bitCount).toBe(2);
    }
  });
});
