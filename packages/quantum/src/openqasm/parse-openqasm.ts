import type { Circuit } from '../circuit/circuit.ts';
import { Analysis } from './analysis/analysis.ts';
import { buildCircuit } from './analysis/build-circuit.ts';
import { libraryScope } from './analysis/include.ts';
import { type InputValue, parameterName } from './analysis/input.ts';
import { executeStatements } from './analysis/statement.ts';
import { detectVersion, parseProgram } from './syntax/parse-program.ts';
import { type OpenQasmVersion, SourceText } from './syntax/source-text.ts';
import type { Program } from './syntax/syntax-tree.ts';

/** How a program is read. */
export interface OpenQasmOptions {
  /**
   * Values for `input` declarations, by name. Inputs of type float and angle without a value become free parameters; all others
   * need one.
   */
  readonly inputs?: Readonly<Record<string, InputValue>>;
  /**
   * Gives the text of an included file, or undefined for one that it does not know. It is asked before the built-in `qelib1.inc`
   * and `stdgates.inc` are used. No file is read without it.
   */
  readonly resolve?: (path: string) => string | undefined;
}

/**
 * Reads an OpenQASM 2 or 3 program (Cross et al., arXiv 1707.03429; OpenQASM 3.1 specification) as a circuit. The version
 * statement decides which one it is; without it a program that includes `qelib1.inc` is OpenQASM 2, any other one OpenQASM 3.
 *
 * Registers become runs of qubits and classical bits in order of declaration. Classical values that follow from the program alone
 * are computed while reading: conditions on them decide at once, loops over them are unrolled, subroutines are inlined. What
 * depends on measurements stays in the circuit as control flow, assignments and variables. Inputs of type float and angle become
 * free parameters.
 *
 * In the argument of `pow` integers are divided as real numbers, so that `pow(1/2)` is the square root. Integers without a width have 64 bits; angles without one are radians in float64; variables begin at 0. `box` becomes barriers.
 * Refused by name: `extern` calls, pragmas, calibrations, complex numbers, `stretch`, `durationof`, arrays of outcomes, and
 * `return` and `end` that depend on outcomes. Annotations are skipped, except `@qedge.parameter` and `@qedge.local` (see {@link formatOpenQasm3}).
 *
 * Bits of subroutines and blocks are classical bits of the circuit too, which samples leave out.
 *
 * @throws FileFormatError for a text that is no program, and UnsupportedError for what is refused; both with `facts.line` and
 *   `facts.column` (from 1), `facts.file` in an included file, and the line with a caret in the message.
 */
export function parseOpenQasm(text: string, options: OpenQasmOptions = {}): Circuit {
  return readProgram(text, detectVersion(text), options);
}

/** Reads an OpenQASM 2 program, also without a version statement; see {@link parseOpenQasm}. */
export function parseOpenQasm2(text: string, options: OpenQasmOptions = {}): Circuit {
  return readProgram(text, 2, options);
}

/** Reads an OpenQASM 3 program, also without a version statement; see {@link parseOpenQasm}. */
export function parseOpenQasm3(text: string, options: OpenQasmOptions = {}): Circuit {
  return readProgram(text, 3, options);
}

/**
 * Reads a program into its syntax tree, without looking up any name: calibrations, pragmas, annotations and timing are kept.
 *
 * @throws FileFormatError as {@link parseOpenQasm} does.
 */
export function parseOpenQasmSyntax(text: string, version: OpenQasmVersion = detectVersion(text)): Program {
  return parseProgram(new SourceText(text, version));
}

function readProgram(text: string, version: OpenQasmVersion, options: OpenQasmOptions): Circuit {
  const source = new SourceText(text, version);
  const { statements } = parseProgram(source);
  if (statements.length === 0) throw source.formatError(text.length, 'a program', 'nothing');
  const analysis = new Analysis(source, libraryScope(version), options);
  for (const statement of statements) {
    // Variables must not take the names of parameters, wherever these are declared.
    if (statement.kind === 'io-declaration' && statement.direction === 'input') {
      analysis.storages.reserve(parameterName(statement));
    }
  }
  executeStatements(analysis, statements);
  analysis.finish(text.length);
  return buildCircuit(analysis);
}
