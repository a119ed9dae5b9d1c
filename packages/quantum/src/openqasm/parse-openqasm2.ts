import { UnsupportedError } from '@qedge/core';
import { Circuit } from '../circuit/circuit.ts';
import { parseExpression } from './expression.ts';
import { type GateTable, nativeGate, nativeGateByDefinition, type ProgramGate } from './gate-table.ts';
import { QELIB1_ALIASES, QELIB1_DEFINITIONS, QELIB1_NATIVE } from './qelib1.ts';
import { TokenStream } from './token-stream.ts';
import { describe, syntaxError, type Token } from './tokenize.ts';

/**
 * Reads an OpenQASM 2.0 program (Cross et al., arXiv 1707.03429). Quantum registers become consecutive qubits in order of
 * declaration, classical registers consecutive classical bits. Gates are expanded down to those that circuits hold; statements on
 * whole registers are applied bit by bit. `qelib1.inc` is built in; no file is read.
 *
 * @throws FileFormatError with `facts.line` and `facts.column` (from 1) saying what was expected; UnsupportedError for `if`,
 *   for `opaque` gates once they are applied, and for other includes.
 */
export function parseOpenQasm2(text: string): Circuit {
  return new Parser(
    text,
    new Map([
      ['U', nativeGate('u')],
      ['CX', nativeGate('cx')],
    ]),
  ).parse();
}

interface Register {
  readonly kind: 'qreg' | 'creg';
  readonly offset: number;
  readonly size: number;
}

/** Qubits, and classical bits, of one program: a statement on a whole register takes memory for each. */
const MAX_BITS = 1_000_000;

/** Gates and definitions that a program expands to: each definition may double what comes before. About a gigabyte. */
const MAX_EXPANDED_SIZE = 5_000_000;

/** A register or one of its bits, as indices into the circuit. */
interface Operand {
  readonly token: Token;
  readonly bits: readonly number[];
  readonly whole: boolean;
}

/** One gate or barrier inside a definition. */
type BodyStep = Pick<ProgramGate, 'append' | 'expandedSize'>;

class Parser {
  readonly #stream: TokenStream;
  readonly #gates: GateTable;
  readonly #registers = new Map<string, Register>();
  readonly #sizes = { qreg: 0, creg: 0 };
  #expandedSize = 0;
  /** Run once the sizes of all registers are known. */
  readonly #statements: ((circuit: Circuit) => void)[] = [];
  /** What to do after the first word of a statement; any other word is a gate. */
  readonly #readers: Readonly<Record<string, (token: Token) => void>> = {
    include: () => this.#readInclude(),
    qreg: () => this.#readRegister('qreg'),
    creg: () => this.#readRegister('creg'),
    gate: (token) => this.#readGateDefinition(token),
    opaque: () => this.#readOpaque(),
    measure: () => this.#readMeasure(),
    reset: () => this.#readReset(),
    barrier: () => this.#readBarrier(),
    if: refuseCondition,
  };

  constructor(text: string, gates: GateTable) {
    this.#stream = new TokenStream(text);
    this.#gates = gates;
  }

  parse(): Circuit {
    const first = this.#stream.peek();
    if (first.kind === 'end') throw syntaxError('a program', 'nothing', first);
    this.#readVersion();
    while (this.#stream.peek().kind !== 'end') this.#readStatement();
    const circuit = new Circuit(this.#sizes.qreg, this.#sizes.creg);
    for (const statement of this.#statements) statement(circuit);
    return circuit;
  }

  #readVersion(): void {
    // Many published programs have no version line; those that have one must say 2.
    if (!this.#stream.accept('OPENQASM')) return;
    const version = this.#stream.take('number', 'a version');
    if (Number(version.text) !== 2) throw syntaxError('version 2.0', version.text, version);
    this.#stream.expect(';');
  }

  #readStatement(): void {
    const token = this.#stream.take('identifier', 'a statement');
    const read = Object.hasOwn(this.#readers, token.text) ? this.#readers[token.text] : undefined;
    if (read) read(token);
    else this.#readApplication(token);
  }

  #readInclude(): void {
    const file = this.#stream.take('string', 'a file name in quotes');
    this.#stream.expect(';');
    if (file.text.slice(1, -1) !== 'qelib1.inc') {
      throw new UnsupportedError(`OpenQASM 2, line ${file.line}: no file is read`, {
        expected: 'include "qelib1.inc"',
        actual: file.text,
        remedy: 'Put the definitions into the program',
      });
    }
    for (const name of QELIB1_NATIVE) this.#gates.set(name, nativeGate(name));
    for (const [alias, name] of Object.entries(QELIB1_ALIASES)) this.#gates.set(alias, nativeGate(name));
    new Parser(QELIB1_DEFINITIONS, this.#gates).parse();
  }

  #readRegister(kind: Register['kind']): void {
    const name = this.#stream.take('identifier', 'a register name');
    if (this.#registers.has(name.text)) throw syntaxError('a new register name', describe(name), name);
    this.#stream.expect('[');
    const sizeToken = this.#stream.peek();
    const size = this.#stream.takeInteger(1);
    if (this.#sizes[kind] + size > MAX_BITS) {
      throw syntaxError(`at most ${MAX_BITS} bits in all`, String(this.#sizes[kind] + size), sizeToken);
    }
    this.#stream.expect(']');
    this.#stream.expect(';');
    this.#registers.set(name.text, { kind, offset: this.#sizes[kind], size });
    this.#sizes[kind] += size;
  }

  #readSignature(): { name: string; parameters: readonly string[]; qubits: readonly string[] } {
    const readName = (what: string) => () => this.#stream.take('identifier', what).text;
    const name = readName('a gate name')();
    let parameters: string[] = [];
    if (this.#stream.accept('(') && !this.#stream.accept(')')) {
      parameters = this.#stream.list(readName('a parameter name'));
      this.#stream.expect(')');
    }
    return { name, parameters, qubits: this.#stream.list(readName('a qubit name')) };
  }

  #readOpaque(): void {
    const { name, parameters, qubits } = this.#readSignature();
    this.#stream.expect(';');
    this.#gates.set(name, {
      parameterCount: parameters.length,
      qubitCount: qubits.length,
      expandedSize: 1,
      append: () => {
        throw new UnsupportedError(`OpenQASM 2: the opaque gate "${name}" has no definition`);
      },
    });
  }

  #readGateDefinition(start: Token): void {
    const { name, parameters, qubits } = this.#readSignature();
    const parameterNames = new Set(parameters);
    const places = new Map(qubits.map((qubit, index) => [qubit, index]));
    this.#stream.expect('{');
    const body: BodyStep[] = [];
    while (!this.#stream.accept('}')) body.push(this.#readBodyStep(parameters, parameterNames, places));
    const native = nativeGateByDefinition(name, () => this.#stream.textSince(start));
    this.#gates.set(
      name,
      native ?? {
        parameterCount: parameters.length,
        qubitCount: qubits.length,
        expandedSize: body.reduce((size, step) => size + step.expandedSize, 1),
        append: (circuit, targets, values) => {
          for (const step of body) step.append(circuit, targets, values);
        },
      },
    );
  }

  #readBodyStep(
    parameters: readonly string[],
    parameterNames: ReadonlySet<string>,
    places: ReadonlyMap<string, number>,
  ): BodyStep {
    const token = this.#stream.take('identifier', 'a gate or "}"');
    const readPlace = () => {
      const qubit = this.#stream.take('identifier', 'a qubit of the gate');
      const place = places.get(qubit.text);
      if (place === undefined) throw syntaxError([...places.keys()].join(', '), describe(qubit), qubit);
      return place;
    };
    if (token.text === 'barrier') {
      const own = this.#stream.list(readPlace);
      this.#stream.expect(';');
      return {
        expandedSize: 1,
        append: (circuit, targets) => {
          circuit.barrier(...own.map((place) => targets[place]!));
        },
      };
    }
    const gate = this.#findGate(token);
    const angles = this.#readAngles(token, gate, parameterNames);
    const own = this.#stream.list(readPlace);
    this.#stream.expect(';');
    checkOperands(token, gate, own);
    return {
      expandedSize: gate.expandedSize,
      append: (circuit, targets, values) => {
        const named = new Map(parameters.map((name, index) => [name, values[index]!]));
        const qubits = own.map((place) => targets[place]!);
        gate.append(circuit, qubits, angles(named));
      },
    };
  }

  #findGate(token: Token): ProgramGate {
    const gate = this.#gates.get(token.text);
    if (gate) return gate;
    const hint = this.#gates.has('h')
      ? 'a gate defined above'
      : 'a gate defined above (include "qelib1.inc"; is missing)';
    throw syntaxError(hint, describe(token), token);
  }

  /** Reads `(a, b, ...)` where the gate has parameters. */
  #readAngles(
    token: Token,
    gate: ProgramGate,
    names: ReadonlySet<string>,
  ): (values: ReadonlyMap<string, number>) => number[] {
    const expressions: ((values: ReadonlyMap<string, number>) => number)[] = [];
    if (this.#stream.accept('(') && !this.#stream.accept(')')) {
      expressions.push(...this.#stream.list(() => parseExpression(this.#stream, names)));
      this.#stream.expect(')');
    }
    if (expressions.length !== gate.parameterCount) {
      throw syntaxError(
        `${gate.parameterCount} parameters of ${token.text}`,
        String(expressions.length),
        token,
      );
    }
    return (values) =>
      expressions.map((evaluate) => {
        const angle = evaluate(values);
        if (!Number.isFinite(angle))
          throw syntaxError(`a finite angle of ${token.text}`, String(angle), token);
        return angle;
      });
  }

  #readApplication(token: Token): void {
    const gate = this.#findGate(token);
    const angles = this.#readAngles(token, gate, new Set())(new Map());
    const operands = this.#stream.list(() => this.#readOperand('qreg'));
    this.#stream.expect(';');
    for (const qubits of broadcast(token, operands)) {
      checkOperands(token, gate, qubits);
      this.#expandedSize += gate.expandedSize;
      if (this.#expandedSize > MAX_EXPANDED_SIZE) {
        throw syntaxError(`a program of at most ${MAX_EXPANDED_SIZE} expanded gates`, 'more', token);
      }
      this.#statements.push((circuit) => gate.append(circuit, qubits, angles));
    }
  }

  #readMeasure(): void {
    const qubits = this.#readOperand('qreg');
    const arrow = this.#stream.expect('->');
    const clbits = this.#readOperand('creg');
    this.#stream.expect(';');
    if (qubits.whole !== clbits.whole || qubits.bits.length !== clbits.bits.length) {
      const sizes = `${qubits.bits.length} qubits and ${clbits.bits.length} classical bits`;
      throw syntaxError('as many classical bits as qubits', sizes, arrow);
    }
    qubits.bits.forEach((qubit, index) => {
      this.#statements.push((circuit) => circuit.measure(qubit, clbits.bits[index]!));
    });
  }

  #readReset(): void {
    const { bits } = this.#readOperand('qreg');
    this.#stream.expect(';');
    for (const qubit of bits) this.#statements.push((circuit) => circuit.reset(qubit));
  }

  #readBarrier(): void {
    const operands = this.#stream.list(() => this.#readOperand('qreg'));
    this.#stream.expect(';');
    const qubits = [...new Set(operands.flatMap(({ bits }) => bits))];
    this.#statements.push((circuit) => circuit.append({ kind: 'barrier', qubits }));
  }

  /** Reads `name` or `name[index]`. */
  #readOperand(kind: Register['kind']): Operand {
    const what = kind === 'qreg' ? 'a quantum register' : 'a classical register';
    const token = this.#stream.take('identifier', what);
    const register = this.#registers.get(token.text);
    if (register?.kind !== kind) throw syntaxError(`${what} declared above`, describe(token), token);
    if (!this.#stream.accept('[')) {
      const bits = Array.from({ length: register.size }, (_, index) => register.offset + index);
      return { token, bits, whole: true };
    }
    const index = this.#stream.takeInteger(0);
    if (index >= register.size) {
      throw syntaxError(`an index in 0..${register.size - 1} of "${token.text}"`, String(index), token);
    }
    this.#stream.expect(']');
    return { token, bits: [register.offset + index], whole: false };
  }
}

function refuseCondition({ line }: Token): never {
  throw new UnsupportedError(`OpenQASM 2, line ${line}: conditions on classical bits are not supported`);
}

/** The operand lists of a statement on registers: bit `i` of every whole register together, single bits in each. */
function broadcast(token: Token, operands: readonly Operand[]): number[][] {
  const sizes = new Set(operands.filter(({ whole }) => whole).map(({ bits }) => bits.length));
  if (sizes.size > 1) throw syntaxError('registers of equal size', [...sizes].join(' and '), token);
  const [size = 1] = sizes;
  return Array.from({ length: size }, (_, i) => operands.map(({ bits, whole }) => bits[whole ? i : 0]!));
}

function checkOperands(token: Token, gate: ProgramGate, qubits: readonly number[]): void {
  if (qubits.length !== gate.qubitCount) {
    throw syntaxError(`${gate.qubitCount} qubits of ${token.text}`, String(qubits.length), token);
  }
  if (new Set(qubits).size !== qubits.length) {
    throw syntaxError(`different qubits of ${token.text}`, 'the same qubit twice', token);
  }
}
