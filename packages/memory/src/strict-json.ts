import { FileFormatError } from '@qedge/core';

/** What a JSON text of a file format may hold. */
export interface JsonLimits {
  /** Objects and arrays inside of each other. */
  readonly depth: number;
  /** Refuses fractions, exponents and signs, as a format whose numbers are sizes does. */
  readonly integersOnly: boolean;
}

/**
 * Strings, numbers, objects and arrays of one text; a tensor is described by about 12. A text of 100 MB that consists of nothing else
 * would keep the parser busy for half a minute and take gigabytes.
 */
const MOST_VALUES = 4_000_000;

/**
 * Parses JSON as file formats want it and `JSON.parse` alone does not: UTF-8 without a byte order mark, no key twice in an object, limited
 * depth and number of values. Before memory is spent on values, one pass over the text checks this.
 *
 * @param what for messages: `model.safetensors has a header`.
 * @throws FileFormatError.
 */
export function parseStrictJson(bytes: Uint8Array, what: string, limits: JsonLimits): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FileFormatError(`${what} that is not UTF-8`, { cause });
  }
  try {
    scan(text, what, limits);
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof FileFormatError) throw cause;
    throw new FileFormatError(`${what} that is not JSON`, { cause });
  }
}

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPENING_BRACE = 0x7b;

/** Follows strings and brackets only; what else is wrong with the text, `JSON.parse` says. */
function scan(text: string, what: string, { depth, integersOnly }: JsonLimits): void {
  /** Of the objects and arrays around the position; arrays have no keys. */
  const keysOfOpen: (Set<string> | null)[] = [];
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code === QUOTE || isOpening(code) || isNumberStart(code)) && ++values > MOST_VALUES) {
      throw new FileFormatError(`${what} with too many values`, { expected: `at most ${MOST_VALUES}` });
    }
    if (code === QUOTE) {
      const end = endOfString(text, at);
      if (isKey(text, end)) addKey(keysOfOpen.at(-1), text.slice(at, end), what);
      at = end - 1;
    } else if (isOpening(code)) {
      keysOfOpen.push(code === OPENING_BRACE ? new Set() : null);
      if (keysOfOpen.length > depth) {
        throw new FileFormatError(`${what} that is nested too deeply`, {
          expected: `${depth} levels at most`,
        });
      }
    } else if (isClosing(code)) {
      keysOfOpen.pop();
    } else if (isNumberStart(code)) {
      const end = endOfNumber(text, at);
      const spelled = text.slice(at, Math.min(end, at + MAXIMUM_NUMBER_LENGTH));
      if (end - at > MAXIMUM_NUMBER_LENGTH || (integersOnly && !/^\d+$/.test(spelled))) {
        throw new FileFormatError(`${what} with an impossible number`, {
          expected: integersOnly ? 'integers >= 0' : 'a number',
          actual: spelled,
        });
      }
      at = end - 1;
    }
  }
}

/** A value that should have been another one, for a message: short, however much a hostile file put there. */
export function describeJson(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, LONGEST_DESCRIPTION));
  if (!Array.isArray(value)) return typeof value === 'object' && value !== null ? 'an object' : String(value);
  const few = value.length <= LONGEST_DESCRIPTION / 10;
  const plain = few && value.every((item) => typeof item !== 'object' || item === null);
  return plain ? `[${value.map(describeJson).join(', ')}]` : `a list of ${value.length}`;
}

const LONGEST_DESCRIPTION = 100;

/** Longer than any number that means a size or a float64. */
const MAXIMUM_NUMBER_LENGTH = 400;

/** Just after the closing quote; the length of the text when there is none. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code === BACKSLASH) at++;
  }
  return text.length;
}

function isKey(text: string, afterString: number): boolean {
  let at = afterString;
  while (isSpace(text.charCodeAt(at))) at++;
  return text.charCodeAt(at) === COLON;
}

function addKey(keys: Set<string> | null | undefined, literal: string, what: string): void {
  const key = literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
  if (keys?.has(key)) {
    throw new FileFormatError(`${what} with a key twice`, { actual: JSON.stringify(key) });
  }
  keys?.add(key);
}

function endOfNumber(text: string, start: number): number {
  let at = start;
  while (isNumberPart(text.charCodeAt(at))) at++;
  return at;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** `[` or `{`. */
function isOpening(code: number): boolean {
  return code === 0x5b || code === 0x7b;
}

/** `]` or `}`. */
function isClosing(code: number): boolean {
  return code === 0x5d || code === 0x7d;
}

/** A digit or `-`. */
function isNumberStart(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2d;
}

/** A digit or one of `+ - . e E`. */
function isNumberPart(code: number): boolean {
  return isNumberStart(code) || code === 0x2b || code === 0x2e || code === 0x65 || code === 0x45;
}
