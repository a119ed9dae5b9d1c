import { QedgeError, Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { parseOpenQasm } from '../src/openqasm/parse-openqasm.ts';
import { OPENQASM2_PROGRAMS, OPENQASM3_PROGRAMS } from './openqasm-programs.ts';

const PROGRAMS = [...OPENQASM2_PROGRAMS, ...OPENQASM3_PROGRAMS];
const COUNT = process.env.QEDGE_FULL === '1' ? 100_000 : 2_000;
/** Far above what any of them takes; a program that expands without end stops at a count of steps. */
const LONGEST_MS = 30_000;

const WORDS = [
  ...[
    '{',
    '}',
    '(',
    ')',
    '[',
    ']',
    ';',
    ',',
    ':',
    '=',
    '==',
    '->',
    '++',
    '**',
    '<<',
    '@',
    '#',
    '$0',
    '"01"',
    '"',
    "'",
  ],
  ...[
    'for',
    'while',
    'if',
    'else',
    'def',
    'gate',
    'return',
    'let',
    'measure',
    'reset',
    'box',
    'ctrl @',
    'inv @',
  ],
  ...[
    'pow(0.5) @',
    'pow(-3) @',
    'int[8] i;',
    'bit b;',
    'qubit q2;',
    'const',
    'input',
    'array[int, 3] a;',
    'end;',
  ],
  ...[
    '999999',
    '-1',
    '0',
    '1e400',
    '0b11',
    '0x',
    '1.5',
    'pi',
    '9223372036854775808',
    '1us',
    'true',
    '/*',
    '//',
    'π',
  ],
  ...['q', 'c', 'i', 'x q;', 'break;', 'continue;', 'gphase(1);', 'OPENQASM 3;', '\u0000', '\ud800', '\n'],
];

/** A program with one or two random changes. */
function mutate(random: Random): string {
  const pick = <T>(items: readonly T[]): T => items[random.integer(items.length)]!;
  let text = pick(PROGRAMS);
  for (let change = 0; change <= random.integer(2); change++) {
    const at = random.integer(text.length + 1);
    const length = random.integer(random.integer(8) === 0 ? 200 : 6);
    const rest = text.slice(at + length);
    switch (random.integer(9)) {
      case 0:
        text = text.slice(0, at) + rest;
        break;
      case 1:
        text = `${text.slice(0, at)} ${pick(WORDS)} ${text.slice(at)}`;
        break;
      case 2:
        text = text.slice(0, at) + pick(WORDS) + rest;
        break;
      case 3:
        text = text.slice(0, at + length) + text.slice(at).repeat(1 + random.integer(2));
        break;
      case 4:
        text = text.slice(0, at) + String.fromCharCode(32 + random.integer(96)) + text.slice(at + 1);
        break;
      case 5:
      case 6:
      case 7:
        text = swapWord(text, at, random);
        break;
      default: {
        const other = pick(PROGRAMS);
        text = text.slice(0, at) + other.slice(random.integer(other.length));
      }
    }
    text = text.slice(0, 20_000);
  }
  return text;
}

/** The word at or behind a place replaced by another word of the program: most often still a program. */
function swapWord(text: string, at: number, random: Random): string {
  const words = [...text.matchAll(/[\w.]+/g)];
  const old = words.find(({ index }) => index >= at);
  const other = words[random.integer(Math.max(words.length, 1))];
  if (old === undefined || other === undefined) return text;
  return text.slice(0, old.index) + other[0] + text.slice(old.index + old[0].length);
}

describe('damaged programs', () => {
  it(`are read or refused with a typed error, ${COUNT} of them`, () => {
    const random = new Random(20_26);
    const outcomes = { read: 0, format: 0, unsupported: 0, other: 0 };
    let slowest = { ms: 0, text: '' };
    for (let i = 0; i < COUNT; i++) {
      const text = mutate(random);
      const start = performance.now();
      try {
        parseOpenQasm(text, { inputs: i % 2 === 0 ? {} : { theta: 0.5, phi: 1, n: 2 } });
        outcomes.read++;
      } catch (error) {
        if (!(error instanceof QedgeError)) throw new Error(`program ${i}:\n${text}`, { cause: error });
        if (error.code === 'FILE_FORMAT') outcomes.format++;
        else if (error.code === 'UNSUPPORTED') outcomes.unsupported++;
        else outcomes.other++;
      }
      const ms = performance.now() - start;
      if (ms > slowest.ms) slowest = { ms, text };
    }
    if (process.env.QEDGE_FULL === '1') console.info(outcomes, `slowest ${slowest.ms.toFixed(0)} ms`);
    expect(slowest.ms, slowest.text).toBeLessThan(LONGEST_MS);
    // Damage leaves some programs whole: the test must see both kinds.
    expect(outcomes.read).toBeGreaterThan(COUNT / 100);
    expect(outcomes.format).toBeGreaterThan(COUNT / 10);
  });
});
