import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileFormatError } from '@qedge/core';
import { type OpenQasmExpression, parseOpenQasm, parseOpenQasmSyntax } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { sharedDirectory } from './shared-data.ts';

const expressionOf = (text: string) => {
  const [statement] = parseOpenQasmSyntax(`${text};`, 3).statements;
  return statement!.kind === 'expression' ? group(statement!.expression) : statement!.kind;
};

/** An expression with parentheses around every operation, without blanks. */
function group(node: OpenQasmExpression): string {
  switch (node.kind) {
    case 'unary':
      return `(${node.operator}${group(node.operand)})`;
    case 'binary':
      return `(${group(node.left)}${node.operator}${group(node.right)})`;
    case 'identifier':
      return node.name;
    case 'integer':
      return node.text;
    case 'call':
      return `${node.name}(${node.arguments.map(group).join()})`;
    case 'index': {
      const { index } = node;
      const items = index.kind === 'set' ? index.elements : index.items;
      return `${group(node.base)}[${items.map((item) => (item.kind === 'range' ? 'range' : group(item))).join()}]`;
    }
    default:
      return node.kind;
  }
}

describe('parseOpenQasmSyntax', () => {
  it('binds operators as the specification orders them', () => {
    expect(expressionOf('a + b * c ** d ** e')).toBe('(a+(b*(c**(d**e))))');
    expect(expressionOf('-a ** b')).toBe('(-(a**b))');
    expect(expressionOf('2 ** -a * b')).toBe('((2**(-a))*b)');
    expect(expressionOf('a - b - c')).toBe('((a-b)-c)');
    expect(expressionOf('a || b && c | d ^ e & f == g < h << i')).toBe(
      '(a||(b&&(c|(d^(e&(f==(g<(h<<i))))))))',
    );
    expect(expressionOf('!a == ~b[0] % c')).toBe('((!a)==((~b[0])%c))');
    expect(expressionOf('f(a, b + c)[1] / (a - b)')).toBe('(f(a,(b+c))[1]/(a-b))');
    expect(expressionOf('a[{1, 2}] + a[0:1] + pow(2, 3)')).toBe('((a[1,2]+a[range])+pow(2,3))');
  });

  it('reads numbers of every form', () => {
    const values = parseOpenQasmSyntax(
      'x = 0b1010_1; x = 0o17; x = 0xFF_ff; x = 1_000; x = 1.; x = .5e-3; x = 1_2e1_0; x = 3.5 im; x = 1.5µs; x = 20 dt; x = "0_11";',
      3,
    ).statements.map((statement) => (statement.kind === 'assignment' ? strip(statement.value) : null));
    expect(values).toEqual([
      { kind: 'integer', value: 21, text: '0b10101' },
      { kind: 'integer', value: 15, text: '0o17' },
      { kind: 'integer', value: 65535, text: '0xFFff' },
      { kind: 'integer', value: 1000, text: '1000' },
      { kind: 'float', value: 1 },
      { kind: 'float', value: 0.0005 },
      { kind: 'float', value: 12e10 },
      { kind: 'imaginary', value: 3.5 },
      { kind: 'timing', value: 1.5, unit: 'us' },
      { kind: 'timing', value: 20, unit: 'dt' },
      { kind: 'bitstring', bits: '011' },
    ]);
  });

  it('keeps calibrations, pragmas, annotations and timing', () => {
    const { version, statements } = parseOpenQasmSyntax(`OPENQASM 3.1;
      #pragma vendor { not tokens ∑
      @first one
      @second.part
      cal { frame f = { a; }; }
      defcal rz(angle[20] theta) $0, q -> bit { play; }
      box[2ns] { delay[100 ms] $1; }`);
    expect(version).toBe('3.1');
    expect(statements.map(strip)).toMatchObject([
      { kind: 'pragma', content: 'vendor { not tokens ∑' },
      {
        kind: 'cal',
        body: ' frame f = { a; }; ',
        annotations: [
          { keyword: '@first', content: 'one' },
          { keyword: '@second.part', content: '' },
        ],
      },
      {
        kind: 'defcal',
        target: 'rz',
        operands: [{ index: 0 }, { name: 'q' }],
        returns: { name: 'bit' },
        body: ' play; ',
      },
      { kind: 'box', duration: { value: 2, unit: 'ns' } },
    ]);
  });

  it('counts a level for each scope of a switch', () => {
    const nested = `${'switch (a) { case 1 { '.repeat(190)}x q;${'} }'.repeat(190)}`;
    expect(parseOpenQasmSyntax(nested, 3).statements).toHaveLength(1);
  });

  it.each([
    ['qubit q;\n  h q', 2, 6, /expected ";", got the end of the program\n2 \|\s+h q\n\s+\^$/],
    ['/* never closed', 1, 1, /comment closed by "\*\/"/],
    ['include "a', 1, 9, /string closed on its line/],
    ['int[8] x = 12af;', 1, 12, /expected a number, got "12a"/],
    ['cal { { }', 1, 5, /a closing "}"/],
    ['if (true) ', 1, 11, /a statement/],
    [`x = ${'('.repeat(300)}1;`, 1, 206, /at most 200 levels of nesting/],
    [`x = ${'-'.repeat(300)}1;`, 1, 206, /at most 200 levels of nesting/],
    [`x = 1${' + 1'.repeat(600)};`, 1, 2007, /at most 500 chained operations/],
    [`${'{'.repeat(100_000)}`, 1, 202, /at most 200 levels of nesting/],
    [`${'if (a) '.repeat(100_000)} x q;`, 1, 1408, /at most 200 levels of nesting/],
    [`${'2 ** '.repeat(100_000)} x q;`, 1, 1006, /at most 200 levels of nesting/],
    ['OPENQASM 4.0;', 1, 10, /version 2\.0, 3\.0 or 3\.1, got "4\.0"/],
    ['qubit \u0007;', 1, 7, /a word of OpenQASM 3/],
    ['qubit 😀;', 1, 7, /a word of OpenQASM 3, got "😀"/],
  ])('says where and why it refuses program %#', (text, line, column, message) => {
    try {
      parseOpenQasmSyntax(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(FileFormatError);
      expect((error as FileFormatError).message).toMatch(message);
      expect((error as FileFormatError).facts).toEqual({ line, column });
    }
  });

  it('cuts long lines around the place', () => {
    const error = (() => {
      try {
        parseOpenQasmSyntax(`qubit q; ${'h q; '.repeat(10_000)} h h h; ${'h q; '.repeat(10_000)}`, 3);
      } catch (thrown) {
        return thrown as FileFormatError;
      }
      return null;
    })();
    const [, excerpt, caret] = error!.message.split('\n');
    expect(excerpt!.length).toBeLessThan(120);
    expect(excerpt![caret!.indexOf('^')]).toBe('h');
  });
});

/** The node without positions. */
function strip(node: unknown): unknown {
  return JSON.parse(
    JSON.stringify(node, (key, value) => (key === 'start' || key === 'at' ? undefined : value)),
  );
}

const reference = sharedDirectory('openqasm3');
const filesIn = (directory: string): string[] =>
  existsSync(directory)
    ? readdirSync(directory, { withFileTypes: true })
        .flatMap((entry) =>
          entry.isDirectory() ? filesIn(join(directory, entry.name)) : [join(directory, entry.name)],
        )
        .sort()
    : [];

/** A line of an ANTLR tree: a rule's name or a token, with its parts below it. */
interface Tree {
  readonly text: string;
  readonly children: Tree[];
}

/** Reads the two blocks of a reference file: a program, and its parse tree by indentation. */
function readReference(path: string): { readonly source: string; readonly tree: Tree } {
  const text = readFileSync(path, 'utf8').replaceAll('\r', '');
  const [, block, inline, treeText] = /source: (?:\|\n([\s\S]*?)|([^\n]*))\nreference: \|\n([\s\S]*)$/.exec(
    text,
  )!;
  const source = (block ?? inline!).replaceAll(/^ {2}/gm, '');
  const root: Tree = { text: '', children: [] };
  const open: { indent: number; node: Tree }[] = [{ indent: -1, node: root }];
  for (const line of treeText!.split('\n').filter((candidate) => candidate.trim() !== '')) {
    const indent = line.search(/\S/);
    while (open.at(-1)!.indent >= indent) open.pop();
    const node: Tree = { text: line.trim(), children: [] };
    open.at(-1)!.node.children.push(node);
    open.push({ indent, node });
  }
  return { source, tree: root.children[0]! };
}

const RULE_KINDS: Readonly<Record<string, string>> = {
  pragma: 'pragma',
  aliasDeclarationStatement: 'alias',
  assignmentStatement: 'assignment',
  barrierStatement: 'barrier',
  boxStatement: 'box',
  breakStatement: 'break',
  calStatement: 'cal',
  calibrationGrammarStatement: 'calibration-grammar',
  classicalDeclarationStatement: 'declaration',
  constDeclarationStatement: 'declaration',
  continueStatement: 'continue',
  defStatement: 'subroutine',
  defcalStatement: 'defcal',
  delayStatement: 'delay',
  endStatement: 'end',
  expressionStatement: 'expression',
  externStatement: 'extern',
  forStatement: 'for',
  gateCallStatement: 'gate-call',
  gateStatement: 'gate-definition',
  ifStatement: 'if',
  includeStatement: 'include',
  ioDeclarationStatement: 'io-declaration',
  measureArrowAssignmentStatement: 'measurement',
  nopStatement: 'nop',
  oldStyleDeclarationStatement: 'register-declaration',
  quantumDeclarationStatement: 'qubit-declaration',
  resetStatement: 'reset',
  returnStatement: 'return',
  switchStatement: 'switch',
  whileStatement: 'while',
};

/** Kinds of statements and operations in the order in which they begin, from the reference tree. */
function outlineOfTree(node: Tree, outline: string[] = []): string[] {
  const kind = RULE_KINDS[node.text];
  if (kind !== undefined && node.children.length > 0) outline.push(kind);
  if (node.text === 'expression' && node.children.length === 3) {
    const [left, operator, right] = node.children;
    if (left!.text === 'expression' && right!.text === 'expression') outline.push(`binary ${operator!.text}`);
  }
  if (node.text === 'expression' && node.children.length === 2 && /^[-~!]$/.test(node.children[0]!.text)) {
    outline.push(`unary ${node.children[0]!.text}`);
  }
  for (const child of node.children) outlineOfTree(child, outline);
  return outline;
}

const STATEMENT_KINDS: ReadonlySet<string> = new Set(Object.values(RULE_KINDS));

/** The same from the syntax tree. */
function outlineOfSyntax(node: unknown, outline: string[] = []): string[] {
  if (Array.isArray(node)) for (const item of node) outlineOfSyntax(item, outline);
  else if (typeof node === 'object' && node !== null) {
    const { kind, operator } = node as { kind?: string; operator?: string };
    if (kind === 'binary' || kind === 'unary') outline.push(`${kind} ${operator}`);
    else if (kind !== undefined && STATEMENT_KINDS.has(kind)) outline.push(kind);
    for (const part of Object.values(node)) outlineOfSyntax(part, outline);
  }
  return outline;
}

describe.skipIf(reference === null)('the reference grammar', () => {
  const trees = filesIn(join(reference ?? '', 'grammar-tests', 'reference'));
  it.each(trees)('agrees on %s', (path) => {
    const { source, tree } = readReference(path);
    const { statements } = parseOpenQasmSyntax(source, 3);
    const top = tree.children.filter(({ text }) => text === 'statementOrScope');
    expect(statements).toHaveLength(top.length);
    expect(outlineOfSyntax(statements).sort()).toEqual(outlineOfTree(tree).sort());
  });

  const invalid = filesIn(join(reference ?? '', 'grammar-tests', 'invalid')).flatMap((path) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.startsWith('//')),
  );
  it(`rejects all ${invalid.length} invalid statements`, () => {
    const accepted = invalid.filter((line) => {
      try {
        parseOpenQasmSyntax(line, 3);
        return true;
      } catch (error) {
        expect(error).toBeInstanceOf(FileFormatError);
        return false;
      }
    });
    expect(accepted).toEqual([]);
  });
});

/** What becomes of the reference programs; the others are read as circuits. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  'alignment.qasm': /type stretch/,
  // Reads an element that the array does not have.
  'arrays.qasm': /index in 0\.\.3/,
  // Uses a register that it does not declare.
  'cphase.qasm': /"CX"/,
  'dd.qasm': /type stretch/,
  'defcal.qasm': /pulses/,
  'gateteleport.qasm': /extern function "vote"/,
  // Complements a bool, which has only a logical negation; further below it uses an undeclared name.
  'msd.qasm': /~ does not take these types/,
  'scqec.qasm': /extern function "zfirst"/,
  't1.qasm': /pulses/,
  'vqe.qasm': /extern function "get_npaulis"/,
};

describe.skipIf(reference === null)('the reference programs', () => {
  const programs = readdirSync(reference ?? '.').filter((name) => name.endsWith('.qasm'));
  it.each(programs)('%s becomes a syntax tree, and a circuit or a refusal that says why', (name) => {
    const text = readFileSync(join(reference!, name), 'utf8');
    expect(parseOpenQasmSyntax(text).statements.length).toBeGreaterThan(1);
    const refusal = REFUSED[name];
    if (refusal) expect(() => parseOpenQasm(text)).toThrow(refusal);
    else expect(parseOpenQasm(text).instructionCount).toBeGreaterThan(3);
  });
});
