/** Plain values that describe what happened; everything in here survives `JSON.stringify`. */
export type ErrorFacts = Readonly<Record<string, unknown>>;

/** What an error tells besides its message. */
export interface ErrorDetails {
  /** What was expected, in words or as a value. */
  readonly expected?: unknown;
  /** What was found instead. */
  readonly actual?: unknown;
  /** The next step for the person who reads the message: a command, an option, a document. */
  readonly remedy?: string;
  /** Further facts, for programs. */
  readonly facts?: ErrorFacts;
  /** The error that caused this one. */
  readonly cause?: unknown;
}

/**
 * The base of every error that Quantum Edge throws on purpose.
 *
 * `code` is stable across versions and is what programs should compare; the message is for people and may change.
 * The message already contains what was expected, what came, and the remedy.
 *
 * A program that loads this package twice (as ES module and as CommonJS, or in two versions) has two of these classes, and
 * `instanceof` knows only its own: compare `code` there.
 *
 * @example
 * try { await openModel('digits.qez'); } catch (error) {
 *   if (error instanceof QedgeError && error.code === 'FILE_NOT_FOUND') console.error(error.remedy);
 * }
 */
export abstract class QedgeError extends Error {
  /** Stable identifier in SCREAMING_SNAKE_CASE. */
  abstract readonly code: string;
  readonly expected: unknown;
  readonly actual: unknown;
  readonly remedy: string | undefined;
  readonly facts: ErrorFacts;

  constructor(message: string, details: ErrorDetails = {}) {
    super(
      composeMessage(message, details),
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = new.target.name;
    this.expected = details.expected;
    this.actual = details.actual;
    this.remedy = details.remedy;
    this.facts = details.facts ?? {};
  }

  /** A plain record of the error, the form in which `--json` prints it. What JSON cannot hold (NaN, bigint) becomes text. */
  toJSON(): {
    code: string;
    message: string;
    expected: unknown;
    actual: unknown;
    remedy?: string;
    facts: ErrorFacts;
  } {
    const { code, message, remedy } = this;
    const [expected, actual] = [jsonValue(this.expected), jsonValue(this.actual)];
    const facts = jsonValue(this.facts) as ErrorFacts;
    return { code, message, expected, actual, ...(remedy === undefined ? {} : { remedy }), facts };
  }
}

function composeMessage(message: string, { expected, actual, remedy }: ErrorDetails): string {
  const parts = [message];
  if (expected !== undefined) parts.push(`expected ${describe(expected)}`);
  if (actual !== undefined) parts.push(`got ${describe(actual)}`);
  const sentence = parts.length > 1 ? `${parts[0]}: ${parts.slice(1).join(', ')}` : message;
  return remedy === undefined ? sentence : `${sentence.replace(/\.$/, '')}. ${remedy}`;
}

/** Longer descriptions help nobody; a damaged file can put megabytes here. */
const LONGEST_DESCRIPTION = 300;

function describe(value: unknown): string {
  const text = spell(value);
  return text.length > LONGEST_DESCRIPTION ? `${text.slice(0, LONGEST_DESCRIPTION)}…` : text;
}

function spell(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) {
    const shown = value.slice(0, LONGEST_DESCRIPTION).map(spell).join(', ');
    return `[${shown}${value.length > LONGEST_DESCRIPTION ? ', …' : ''}]`;
  }
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Circular, or with a bigint inside: an error must not fail while it is being made.
    return String(value);
  }
}

/** The same value where JSON can hold it; else its spelling, inside arrays and records too. Circular values are spelled whole. */
function jsonValue(value: unknown, ancestors: readonly unknown[] = []): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (value === undefined || value === null || typeof value === 'string' || typeof value === 'boolean') {
    return value;
  }
  if (typeof value !== 'object' || ArrayBuffer.isView(value) || ancestors.includes(value))
    return spell(value);
  const path = [...ancestors, value];
  if (Array.isArray(value)) return value.map((item) => jsonValue(item, path));
  if (![Object.prototype, null].includes(Object.getPrototypeOf(value))) return spell(value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonValue(item, path)]));
}

/** An argument is of the wrong kind, out of range, or contradicts another one. Nothing was done. */
export class InvalidArgumentError extends QedgeError {
  readonly code = 'INVALID_ARGUMENT';
}

/** Two shapes that must agree do not. */
export class ShapeMismatchError extends QedgeError {
  readonly code = 'SHAPE_MISMATCH';
}

/** A number that must be finite is NaN or infinite. */
export class NonFiniteValueError extends QedgeError {
  readonly code = 'NON_FINITE_VALUE';
}

/** A model, file or circuit asks for something that this version does not do; the message names it. */
export class UnsupportedError extends QedgeError {
  readonly code = 'UNSUPPORTED';
}

/** A file or directory that was asked for does not exist. */
export class FileNotFoundError extends QedgeError {
  readonly code = 'FILE_NOT_FOUND';
}

/** A file or directory is there but cannot be read or written: wrong kind, no permission, no space. */
export class FileAccessError extends QedgeError {
  readonly code = 'FILE_ACCESS';
}

/** A file is not what it should be: wrong magic number, truncated, or inconsistent inside. */
export class FileFormatError extends QedgeError {
  readonly code = 'FILE_FORMAT';
}

/** An optional capability (a native backend, a sensor, a browser feature) is not there; `remedy` says how to get it. */
export class CapabilityUnavailableError extends QedgeError {
  readonly code = 'CAPABILITY_UNAVAILABLE';
}

/** Something that was released or disposed was used again. */
export class UseAfterReleaseError extends QedgeError {
  readonly code = 'USE_AFTER_RELEASE';
}

/** Something was released twice. */
export class DoubleReleaseError extends QedgeError {
  readonly code = 'DOUBLE_RELEASE';
}

/** A stated budget (bytes, joules, time) cannot be kept. */
export class BudgetExceededError extends QedgeError {
  readonly code = 'BUDGET_EXCEEDED';
}

/** A calculation did not converge within its limits; `facts` hold the best point that was reached. */
export class ConvergenceError extends QedgeError {
  readonly code = 'NOT_CONVERGED';
}

/** A result failed its own check (a kernel against its reference, a file against its checksum). */
export class VerificationError extends QedgeError {
  readonly code = 'VERIFICATION_FAILED';
}

/** The caller's `AbortSignal` ended the work. Nothing half-written remains. */
export class CancelledError extends QedgeError {
  readonly code = 'CANCELLED';
}

/** Throws a {@link CancelledError} if the signal is aborted; the reason becomes the cause. */
export function throwIfCancelled(signal: AbortSignal | undefined, work = 'The work'): void {
  if (signal?.aborted) throw new CancelledError(`${work} was cancelled`, { cause: signal.reason });
}
