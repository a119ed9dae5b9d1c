import { FileFormatError, UnsupportedError } from '@qedge/core';

/** The two generations of the language. */
export type OpenQasmVersion = 2 | 3;

/** A place in a program; both count from 1. Columns count UTF-16 units. */
export interface SourcePlace {
  readonly line: number;
  readonly column: number;
}

/** A longer line is cut around the place that matters. */
const LONGEST_EXCERPT = 100;

/** The text of a program or of an included file, and the errors that point into it. Positions are offsets into the text. */
export class SourceText {
  readonly text: string;
  /** The included file's name; null for the program itself. */
  readonly file: string | null;
  /** Decides keywords and operators; the version statement of a program sets it. */
  readonly version: OpenQasmVersion;

  constructor(text: string, version: OpenQasmVersion, file: string | null = null) {
    this.text = text;
    this.version = version;
    this.file = file;
  }

  place(offset: number): SourcePlace {
    let line = 1;
    let lineStart = 0;
    for (let at = this.text.indexOf('\n'); at >= 0 && at < offset; at = this.text.indexOf('\n', at + 1)) {
      line++;
      lineStart = at + 1;
    }
    return { line, column: offset - lineStart + 1 };
  }

  /** The line around an offset with a caret below it. */
  excerpt(offset: number): string {
    const { line, column } = this.place(offset);
    const lineStart = offset - column + 1;
    const newline = this.text.indexOf('\n', offset);
    const whole = this.text.slice(lineStart, newline < 0 ? undefined : newline).trimEnd();
    const cut = Math.max(0, column - 1 - LONGEST_EXCERPT / 2);
    // Tabs become blanks so that the caret stands below its character.
    const shown = whole.slice(cut, cut + LONGEST_EXCERPT).replaceAll('\t', ' ');
    const gutter = `${line} | `;
    return `${gutter}${shown}\n${' '.repeat(gutter.length + column - 1 - cut)}^`;
  }

  /** A program that is not one: what was expected at a place, and what stands there. */
  formatError(offset: number, expected: string, actual: string, remedy?: string): FileFormatError {
    const error = new FileFormatError(this.#describe(offset), {
      expected,
      actual,
      facts: this.#facts(offset),
      ...(remedy === undefined ? {} : { remedy }),
    });
    error.message += `\n${this.excerpt(offset)}`;
    return error;
  }

  /** A program that asks for something that is not done; `what` names it. */
  unsupportedError(offset: number, what: string, remedy?: string): UnsupportedError {
    const error = new UnsupportedError(`${this.#describe(offset)}: ${what}`, {
      facts: this.#facts(offset),
      ...(remedy === undefined ? {} : { remedy }),
    });
    error.message += `\n${this.excerpt(offset)}`;
    return error;
  }

  #describe(offset: number): string {
    const { line, column } = this.place(offset);
    const file = this.file === null ? '' : `, ${this.file}`;
    return `OpenQASM ${this.version}${file}, line ${line}, column ${column}`;
  }

  #facts(offset: number) {
    return { ...this.place(offset), ...(this.file === null ? {} : { file: this.file }) };
  }
}
