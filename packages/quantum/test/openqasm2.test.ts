import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileFormatError, UnsupportedError } from '@qedge/core';
import {
  Circuit,
  createReferenceSimulator,
  formatOpenQasm2,
  parameter,
  parseOpenQasm2,
} from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomCircuit } from './random-circuit.ts';
import { sharedDirectory } from './shared-data.ts';

const simulator = createReferenceSimulator();
const HEAD = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n';

/** Expects two circuits to have the same effect up to a global phase, on a random product state. */
function expectSame(a: Circuit, b: Circuit): void {
  expect(b.qubitCount).toBe(a.qubitCount);
  const start = new Circuit(a.qubitCount);
  for (let q = 0; q < a.qubitCount; q++) start.u(0.4 + 0.9 * q, 1.7 * q + 0.2, 0.3, q);
  using x = simulator.run(start.compose(a));
  using y = simulator.run(start.compose(b));
  expect(x.fidelity(y)).toBeCloseTo(1, 12);
}

describe('parseOpenQasm2', () => {
  it('reads registers, broadcasting, measurement, reset and barriers', () => {
    const circuit = parseOpenQasm2(`${HEAD}
      // two quantum registers
      qreg a[2]; qreg b[2]; creg m[2]; creg n[1];
      h a; cx a,b; cx a[0],b; /* block
      comment */ barrier a,b[1]; reset b[0]; measure a -> m; measure b[1] -> n[0];`);
    const expected = new Circuit(4, 3).h(0).h(1).cx(0, 2).cx(1, 3).cx(0, 2).cx(0, 3);
    expected.barrier(0, 1, 3).reset(2).measure(0, 0).measure(1, 1).measure(3, 2);
    expect(circuit.toJSON()).toEqual(expected.toJSON());
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
    expect(circuit.toJSON()).toEqual(expected.toJSON());
  });

  it('knows U and CX without an include', () => {
    const circuit = parseOpenQasm2('OPENQASM 2.0; qreg q[2]; U(0.1,0.2,0.3) q[0]; CX q[0],q[1];');
    expect(circuit.toJSON()).toEqual(new Circuit(2).u(0.1, 0.2, 0.3, 0).cx(0, 1).toJSON());
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
    const fourControls = run(5, 'c4x q[0],q[1],q[2],q[3],q[4];');
    using state = simulator.run(new Circuit(5).x(0).x(1).x(2).x(3).compose(fourControls));
    expect(state.probabilities()[31]).toBeCloseTo(1, 12);
    using idle = simulator.run(new Circuit(5).x(0).x(1).x(3).h(4).compose(fourControls));
    expect(idle.fidelity(simulator.run(new Circuit(5).x(0).x(1).x(3).h(4)))).toBeCloseTo(1, 12);
    const threeControls = new Circuit(4).h(3).h(0).h(1).h(2);
    using c3 = simulator.run(threeControls.compose(run(4, 'c3x q[0],q[1],q[2],q[3];')).h(3));
    expect(c3.probabilities().reduce((sum, p, i) => sum + (i & 8 ? p : 0), 0)).toBeCloseTo(0, 12);
    // The relative-phase Toffoli gates permute like Toffoli gates on basis states.
    for (let input = 0; input < 8; input++) {
      const basis = new Circuit(3);
      for (let q = 0; q < 3; q++) if ((input >> q) & 1) basis.x(q);
      using exact = simulator.run(basis.clone().ccx(0, 1, 2));
      using relative = simulator.run(basis.compose(run(3, 'rccx q[0],q[1],q[2];')));
      expect(relative.fidelity(exact)).toBeCloseTo(1, 12);
    }
    expect(run(4, 'rc3x q[0],q[1],q[2],q[3];').instructions.length).toBe(18);
  });

  it.each([
    ['qreg q[2]; h q[2];', 3, 14, /index in 0\.\.1.*got 2/],
    ['qreg q[2]\nh q[0];', 4, 1, /expected ";", got "h"/],
    ['qreg q[1]; foo q[0];', 3, 12, /gate defined above.*"foo"/],
    ['qreg q[2]; cx q[0];', 3, 12, /2 qubits of cx, got 1/],
    ['qreg q[2]; cx q[0],q[0];', 3, 12, /the same qubit twice/],
    ['qreg q[1]; rx q[0];', 3, 12, /1 parameters of rx, got 0/],
    ['qreg q[1]; rx(1/0) q[0];', 3, 12, /finite angle/],
    ['qreg q[1]; rx(foo) q[0];', 3, 15, /unknown name "foo"/],
    ['qreg q[1]; rx() q[0];', 3, 12, /1 parameters of rx, got 0/],
    ['qreg q[1]; qreg q[2];', 3, 17, /new register name/],
    ['qreg q[0];', 3, 8, /integer >= 1/],
    ['qreg a[2]; qreg b[3]; cx a,b;', 3, 23, /equal size, got 2 and 3/],
    ['qreg q[2]; creg c[1]; measure q -> c;', 3, 33, /as many classical bits/],
    ['qreg q[1]; measure q -> q;', 3, 25, /classical register declared above/],
    ['gate g a { h b; }', 3, 14, /expected a, got "b"/],
    ['gate g a { h a;', 3, 16, /the end of the program/],
    ['qreg q[1]; @', 3, 12, /a word of OpenQASM 2, got "@"/],
    ['qreg q[1000001];', 3, 8, /at most 1000000 bits in all, got 1000001/],
    ['creg c[1]; creg d[1000000];', 3, 19, /at most 1000000 bits in all/],
    [`qreg q[1]; rx(${'('.repeat(5000)}1${')'.repeat(5000)}) q[0];`, 3, 1015, /1000 operations/],
    [`qreg q[1]; rx(${'1+'.repeat(5000)}1) q[0];`, 3, 2016, /1000 operations/],
    [`qreg q[1]; rx(${'-'.repeat(5000)}1) q[0];`, 3, 1015, /1000 operations/],
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
    expect(() => parseOpenQasm2(program)).toThrow(/at most 5000000 expanded gates, got more/);
    expect(parseOpenQasm2(program.replace('g60 q[0];', '')).instructions.length).toBe(body === '' ? 0 : 512);
  });

  it('names what it does not support', () => {
    const refuse = (text: string) => expect(() => parseOpenQasm2(text));
    refuse(`${HEAD}qreg q[1]; creg c[1]; if(c==1) x q[0];`).toThrow(UnsupportedError);
    refuse('include "other.inc";').toThrow(/no file is read/);
    refuse(`${HEAD}opaque magic(a) p; qreg q[1]; magic(1) q[0];`).toThrow(/opaque gate "magic"/);
    refuse('OPENQASM 3.0;').toThrow(/version 2\.0/);
    refuse('OPENQASM 2.0; qreg q[1]; h q[0];').toThrow(/include "qelib1\.inc"; is missing/);
  });
});

describe('formatOpenQasm2', () => {
  it('is read back as the same circuit, bit for bit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 5 }), (seed, qubits) => {
        const circuit = randomCircuit(seed, qubits, 30).barrier(0).reset(0).measureAll();
        expect(parseOpenQasm2(formatOpenQasm2(circuit)).toJSON()).toEqual(circuit.toJSON());
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it('writes definitions that equal the gates, for readers that do not know them', () => {
    for (const circuit of [
      new Circuit(2).ryy(0.7, 0, 1),
      new Circuit(2).iswap(0, 1),
      new Circuit(2).ecr(0, 1),
    ]) {
      const name = Object.keys(circuit.gateCounts())[0]!;
      const renamed = formatOpenQasm2(circuit).replaceAll(name, 'renamed');
      const expanded = parseOpenQasm2(renamed);
      expect(expanded.instructions.length).toBeGreaterThan(1);
      expectSame(expanded, circuit);
    }
  });

  it('refuses free parameters and empty registers', () => {
    expect(() => formatOpenQasm2(new Circuit(1).rx(parameter('t'), 0))).toThrow(/Bind the circuit/);
    expect(() => formatOpenQasm2(new Circuit(0))).toThrow(/at least one qubit/);
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
    expect(parseOpenQasm2(formatOpenQasm2(circuit)).toJSON()).toEqual(circuit.toJSON());
  });
});
