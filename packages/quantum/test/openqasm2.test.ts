import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileFormatError, UnsupportedError } from '@qedge/core';
import { Circuit, formatOpenQasm2, parseOpenQasm, parseOpenQasm2 } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { phaseFreeDifference } from './run-dynamic-circuit.ts';
import { sharedDirectory } from './shared-data.ts';

const HEAD = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n';

/** Expects two circuits to have the same matrix up to a global phase. */
function expectSame(a: Circuit, b: Circuit): void {
  expect(b.qubitCount).toBe(a.qubitCount);
  expect(phaseFreeDifference(a.toMatrix(), b.toMatrix())).toBeLessThan(1e-12);
}

/** The instructions as plain data, without the names of registers. */
const instructionsOf = (circuit: Circuit) => circuit.toJSON().instructions;

describe('parseOpenQasm2', () => {
  it('reads registers, broadcasting, measurement, reset and barriers', () => {
    const circuit = parseOpenQasm2(`${HEAD}
      // two quantum registers
      qreg a[2]; qreg b[2]; creg m[2]; creg n[1];
      h a; cx a,b; cx a[0],b; /* block
      comment */ barrier a,b[1]; reset b[0]; measure a -> m; measure b[1] -> n[0];`);
    const expected = new Circuit(4, 3).h(0).h(1).cx(0, 2).cx(1, 3).cx(0, 2).cx(0, 3);
    expected.barrier(0, 1, 3).reset(2).measure(0, 0).measure(1, 1).measure(3, 2);
    expect(instructionsOf(circuit)).toEqual(instructionsOf(expected));
  });

  it('evaluates expressions with the usual precedence', () => {
    const angle = (text: string) => {
      const [instruction] = parseOpenQasm2(`${HEAD}qreg q[1]; rx(${text}) q[0];`).instructions;
      return instruction!.kind === 'gate' ? instruction!.parameters[0] : null;
    };
    expect(angle('pi/2')).toBe(Math.PI / 2);
    expect(angle('-pi/4+2*3')).toBe(-Math.PI / 4 + 6);
    expect(angle('2^3^2')).toBe(512);
    expect(angle('-2^2')).toBe(-4);
    expect(angle('2-3-4')).toBe(-5);
    expect(angle('8/4/2')).toBe(1);
    expect(angle('2*(1+sin(pi/2))')).toBe(4);
    expect(angle('1.5e-3*-2')).toBe(-0.003);
    expect(angle('ln(exp(2))+sqrt(.25)')).toBe(2.5);
  });

  it('expands gate definitions with parameters, nested', () => {
    const circuit = parseOpenQasm2(`${HEAD}
      gate inner(a,b) p,q { rx(a/2) p; cx p,q; rz(-b) q; barrier p,q; }
      gate outer(x) p,q,r { inner(x,2*x) r,p; h q; }
      qreg q[3]; outer(0.5) q[0],q[1],q[2];`);
    const expected = new Circuit(3).rx(0.25, 2).cx(2, 0).rz(-1, 0).barrier(2, 0).h(1);
    expect(instructionsOf(circuit)).toEqual(instructionsOf(expected));
  });

  it('knows U and CX without an include', () => {
    const circuit = parseOpenQasm2('OPENQASM 2.0; qreg q[2]; U(0.1,0.2,0.3) q[0]; CX q[0],q[1];');
    expect(instructionsOf(circuit)).toEqual(instructionsOf(new Circuit(2).u(0.1, 0.2, 0.3, 0).cx(0, 1)));
  });

  it('has every gate of qelib1.inc with the effect that its name promises', () => {
    const run = (n: number, text: string) => parseOpenQasm2(`${HEAD}qreg q[${n}]; ${text}`);
    expectSame(run(1, 'u2(0.3,0.7) q[0];'), new Circuit(1).u(Math.PI / 2, 0.3, 0.7, 0));
    expectSame(run(1, 'u1(0.3) q[0]; u0(1) q[0];'), new Circuit(1).p(0.3, 0));
    expectSame(run(1, 'u3(0.3,0.4,0.5) q[0];'), new Circuit(1).u(0.3, 0.4, 0.5, 0));
    expectSame(run(2, 'cu1(0.3) q[0],q[1];'), new Circuit(2).cp(0.3, 0, 1));
    expectSame(run(2, 'csx q[0],q[1]; csx q[0],q[1];'), new Circuit(2).cx(0, 1));
    expectSame(run(2, 'cu3(0.7,-pi/2,pi/2) q[0],q[1];'), new Circuit(2).crx(0.7, 0, 1));
    expectSame(run(2, 'cu(0,0,0.4,0) q[0],q[1];'), new Circuit(2).cp(0.4, 0, 1));
    expectSame(run(2, 'cu(0.7,-pi/2,pi/2,0.6) q[0],q[1];'), new Circuit(2).crx(0.7, 0, 1).p(0.6, 0));
    expectSame(
      run(4, 'c3sqrtx q[0],q[1],q[2],q[3]; c3sx q[0],q[1],q[2],q[3];'),
      run(4, 'c3x q[0],q[1],q[2],q[3];'),
    );
    expectSame(run(5, 'c4x q[0],q[1],q[2],q[3],q[4];'), new Circuit(5).mcx([0, 1, 2, 3], 4));
    expectSame(run(4, 'c3x q[0],q[1],q[2],q[3];'), new Circuit(4).mcx([0, 1, 2], 3));
    // The relative-phase Toffoli gates permute like Toffoli gates on basis states.
    const magnitudes = (circuit: Circuit) =>
      Array.from(circuit.toMatrix().slice(), Math.abs).map((value) => Math.round(value));
    const toffoli = magnitudes(new Circuit(3).ccx(0, 1, 2)).filter((_, i) => i % 2 === 0);
    const relative = magnitudes(run(3, 'rccx q[0],q[1],q[2];'));
    expect(toffoli.map((_, i) => relative[2 * i]! + relative[2 * i + 1]!)).toEqual(toffoli);
    expect(run(4, 'rc3x q[0],q[1],q[2],q[3];').gateCounts()).toEqual({ rcccx: 1 });
  });

  it.each([
    ['qreg q[2]; h q[2];', 3, 16, /index in 0\.\.1.*got 2/],
    ['qreg q[2]\nh q[0];', 4, 1, /expected ";", got "h"/],
    ['qreg q[1]; foo q[0];', 3, 12, /gate defined above.*"foo"/],
    ['qreg q[2]; cx q[0];', 3, 12, /2 qubits of cx, got 1/],
    ['qreg q[2]; cx q[0],q[0];', 3, 12, /the same qubit twice/],
    ['qreg q[1]; rx q[0];', 3, 12, /1 parameters of rx, got 0/],
    ['qreg q[1]; rx(1/0) q[0];', 3, 12, /finite angle/],
    ['qreg q[1]; rx(foo) q[0];', 3, 15, /unknown name "foo"/],
    ['qreg q[1]; rx() q[0];', 3, 12, /1 parameters of rx, got 0/],
    ['qreg q[1]; qreg q[2];', 3, 12, /a name that this scope does not have yet/],
    ['qreg q[0];', 3, 8, /integer in 1\.\.1000000, got 0/],
    ['qreg a[2]; qreg b[3]; cx a,b;', 3, 23, /equal size, got 2 and 3/],
    ['qreg q[2]; creg c[1]; measure q -> c;', 3, 36, /as many classical bits/],
    ['qreg q[1]; measure q -> q;', 3, 25, /classical register declared above/],
    ['gate g a { h b; }', 3, 14, /expected a quantum register declared above, got "b"/],
    ['gate g a { h a;', 3, 16, /the end of the program/],
    ['qreg q[1]; @', 3, 12, /a word of OpenQASM 2, got "@"/],
    ['qreg q[1000001];', 3, 8, /integer in 1\.\.1000000, got 1000001/],
    ['creg c[1]; creg d[1000000];', 3, 19, /at most 1000000 bits in all/],
    [`qreg q[1]; rx(${'('.repeat(5000)}1${')'.repeat(5000)}) q[0];`, 3, 215, /200 levels of nesting/],
    [`qreg q[1]; rx(${'1+'.repeat(5000)}1) q[0];`, 3, 1016, /500 chained operations/],
    [`qreg q[1]; rx(${'-'.repeat(5000)}1) q[0];`, 3, 215, /200 levels of nesting/],
    ['qreg q[1];\n\n   h q[0]', 5, 10, /";", got the end of the program/],
  ])('says where and why it refuses %j', (text, line, column, message) => {
    try {
      parseOpenQasm2(HEAD + text);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(FileFormatError);
      expect((error as FileFormatError).message).toMatch(message);
      expect((error as FileFormatError).facts).toEqual({ line, column });
    }
  });

  it('puts a barrier across a register of any size', () => {
    const { instructions } = parseOpenQasm2('qreg q[300000]; barrier q;');
    expect(instructions.map(({ qubits }) => qubits.length)).toEqual([300000]);
  });

  it.each(['', 'x a;', 'barrier a;'])('refuses definitions of "%s" that double sixty times', (body) => {
    const doubling = Array.from({ length: 60 }, (_, i) => `gate g${i + 1} a { g${i} a; g${i} a; }`);
    const program = `${HEAD}gate g0 a { ${body} } ${doubling.join('\n')} qreg q[1]; g9 q[0]; g60 q[0];`;
    expect(() => parseOpenQasm2(program)).toThrow(/at most 5000000 expanded steps, got more/);
    expect(parseOpenQasm2(program.replace('g60 q[0];', '')).instructions.length).toBe(body === '' ? 0 : 512);
  });

  it('keeps conditions on registers', () => {
    const circuit = parseOpenQasm(`${HEAD}qreg q[2]; creg c[2]; creg d[1];
      measure q -> c; if(c==3) cx q[0],q[1]; if(d==1) measure q[0] -> d[0]; if(c==0) reset q[1];`);
    const bits = (clbits: number[]) => ({ kind: 'bits', clbits }) as const;
    const conditions = circuit.instructions.flatMap((step) => (step.kind === 'if' ? [step.condition] : []));
    expect(conditions).toMatchObject([
      { kind: 'binary', operator: '==', left: bits([0, 1]), right: { kind: 'literal', value: 3n } },
      {
        kind: 'binary',
        operator: '==',
        left: { kind: 'bit', clbit: 2 },
        right: { kind: 'literal', value: 1n },
      },
      { kind: 'binary', operator: '==', left: bits([0, 1]), right: { kind: 'literal', value: 0n } },
    ]);
    const bodies = circuit.instructions.flatMap((step) =>
      step.kind === 'if' ? [step.then.gateCounts()] : [],
    );
    expect(bodies).toEqual([{ cx: 1 }, { measure: 1 }, { reset: 1 }]);
  });

  it('reads files that the caller resolves', () => {
    const files: Record<string, string> = {
      'mine.inc': 'include "qelib1.inc"; gate twice a { h a; h a; }',
      'loop.inc': 'include "loop.inc";',
      'bad.inc': '\n  gate g a { h b; }',
    };
    const resolve = (path: string) => files[path];
    const circuit = parseOpenQasm2('include "mine.inc"; qreg q[1]; twice q;', { resolve });
    expect(circuit.gateCounts()).toEqual({ h: 2 });
    expect(() => parseOpenQasm2('include "loop.inc";', { resolve })).toThrow(/200 calls within one another/);
    try {
      parseOpenQasm2('include "qelib1.inc"; include "bad.inc";', { resolve });
      expect.unreachable();
    } catch (error) {
      expect((error as FileFormatError).facts).toEqual({ line: 2, column: 16, file: 'bad.inc' });
    }
  });

  it('lets a program define gates of the include anew, with the meaning that they have at each place', () => {
    const circuit = parseOpenQasm2(`${HEAD}gate g a { h a; } gate h a { x a; g a; } qreg q[1]; g q; h q;`);
    expect(circuit.instructions.map((step) => step.kind === 'gate' && step.name)).toEqual(['h', 'x', 'h']);
  });

  it('shows the line with a caret', () => {
    expect(() => parseOpenQasm2(`${HEAD}qreg q[2];\n\tcx q[0], q[2];`)).toThrow(
      'OpenQASM 2, line 4, column 13: expected an index in 0..1, got 2\n4 |  cx q[0], q[2];\n                ^',
    );
  });

  it('names what it does not support', () => {
    const refuse = (text: string) => expect(() => parseOpenQasm2(text));
    refuse('include "other.inc"; qreg q[1];').toThrow(UnsupportedError);
    refuse('include "other.inc";').toThrow(/no file is read/);
    refuse(`${HEAD}opaque magic(a) p; qreg q[1]; magic(1) q[0];`).toThrow(/opaque gate "magic"/);
    refuse('OPENQASM 3.0;').toThrow(/version 2\.0/);
    refuse('OPENQASM 2.0; qreg q[1]; h q[0];').toThrow(/include "qelib1\.inc"; is missing/);
    refuse(`${HEAD}qreg q[1]; for int i in [0:1] { h q[0]; }`).toThrow(FileFormatError);
  });
});

const qasm = sharedDirectory('qasm');
const manifest: { file: string; qubits: number; gates1q: number; gates2q: number; gates3q: number }[] =
  qasm === null ? [] : JSON.parse(readFileSync(join(qasm, 'manifest.json'), 'utf8'));

describe.skipIf(qasm === null)('published programs', () => {
  it.each(manifest)('$file has the published size', ({ file, qubits, gates1q, gates2q, gates3q }) => {
    const circuit = parseOpenQasm2(readFileSync(join(qasm!, file), 'utf8'));
    const sizes = [0, 0, 0, 0];
    for (const { kind, qubits: operands } of circuit.instructions)
      if (kind === 'gate') sizes[operands.length]!++;
    expect([circuit.qubitCount, ...sizes.slice(1)]).toEqual([qubits, gates1q, gates2q, gates3q]);
    expect(parseOpenQasm2(formatOpenQasm2(circuit)).equals(circuit)).toBe(true);
  });
});
