import { describe, expect, it } from 'vitest';
import {
  BudgetExceededError,
  CancelledError,
  CapabilityUnavailableError,
  ConvergenceError,
  DoubleReleaseError,
  FileFormatError,
  FileNotFoundError,
  InvalidArgumentError,
  NonFiniteValueError,
  QedgeError,
  ShapeMismatchError,
  throwIfCancelled,
  UnsupportedError,
  UseAfterReleaseError,
  VerificationError,
} from '../src/index.ts';

describe('QedgeError', () => {
  it.each([
    [InvalidArgumentError, 'INVALID_ARGUMENT'],
    [ShapeMismatchError, 'SHAPE_MISMATCH'],
    [NonFiniteValueError, 'NON_FINITE_VALUE'],
    [UnsupportedError, 'UNSUPPORTED'],
    [FileNotFoundError, 'FILE_NOT_FOUND'],
    [FileFormatError, 'FILE_FORMAT'],
    [CapabilityUnavailableError, 'CAPABILITY_UNAVAILABLE'],
    [UseAfterReleaseError, 'USE_AFTER_RELEASE'],
    [DoubleReleaseError, 'DOUBLE_RELEASE'],
    [BudgetExceededError, 'BUDGET_EXCEEDED'],
    [ConvergenceError, 'NOT_CONVERGED'],
    [VerificationError, 'VERIFICATION_FAILED'],
    [CancelledError, 'CANCELLED'],
  ] as const)('%o has the code %s and its own name', (Kind, code) => {
    const error = new Kind('Something happened');
    expect(error).toBeInstanceOf(QedgeError);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code, name: Kind.name, message: 'Something happened' });
  });

  it('says what was expected, what came and what to do', () => {
    const error = new FileFormatError('model.qez has the wrong magic number', {
      expected: '"QEDGE"',
      actual: '"PK"',
      remedy: 'Unpack the archive first.',
    });
    expect(error.message).toBe(
      'model.qez has the wrong magic number: expected "QEDGE", got "PK". Unpack the archive first.',
    );
  });

  it.each([
    [{ expected: 3 }, 'x: expected 3'],
    [{ actual: null }, 'x: got null'],
    [{ actual: [1, [2, 'a']] }, 'x: got [1, [2, a]]'],
    [{ actual: { a: 1 } }, 'x: got {"a":1}'],
    [{ actual: 12n }, 'x: got 12'],
    [{ actual: Number.NaN }, 'x: got NaN'],
    [{ actual: [undefined] }, 'x: got [undefined]'],
    [{ actual: false }, 'x: got false'],
    [{ remedy: 'Do y.' }, 'x. Do y.'],
    [{}, 'x'],
  ])('composes %o into "%s"', (details, message) => {
    expect(new InvalidArgumentError('x', details).message).toBe(message);
  });

  it('survives values that JSON cannot spell, and cuts long ones short', () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    expect(new InvalidArgumentError('x', { actual: circular }).message).toBe('x: got [object Object]');
    expect(new InvalidArgumentError('x', { actual: { a: 1n } }).message).toBe('x: got [object Object]');
    expect(new InvalidArgumentError('x', { actual: new Float32Array(1e6) }).message).toBe(
      'x: got Float32Array of 4000000 bytes',
    );
    expect(new InvalidArgumentError('x', { actual: 'y'.repeat(1e6) }).message.length).toBeLessThan(320);
    expect(new InvalidArgumentError('x', { actual: new Array(1e6).fill(7) }).message.length).toBeLessThan(
      320,
    );
  });

  it('keeps its cause, and has none when none was given', () => {
    const cause = new Error('below');
    expect(new FileFormatError('x', { cause }).cause).toBe(cause);
    expect('cause' in new FileFormatError('x')).toBe(false);
  });

  it('turns into a plain record', () => {
    const error = new BudgetExceededError('Too large', {
      expected: 10,
      actual: 12,
      remedy: 'Raise the budget.',
      facts: { bytes: 12 },
    });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: 'BUDGET_EXCEEDED',
      message: 'Too large: expected 10, got 12. Raise the budget.',
      expected: 10,
      actual: 12,
      remedy: 'Raise the budget.',
      facts: { bytes: 12 },
    });
    expect(new BudgetExceededError('x').toJSON()).not.toHaveProperty('remedy');
  });

  it('turns into a record that JSON can hold, whatever came', () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const record = (actual: unknown) =>
      JSON.parse(JSON.stringify(new InvalidArgumentError('x', { actual }))).actual;
    expect(record(Number.NaN)).toBe('NaN');
    expect(record([1, Number.NEGATIVE_INFINITY])).toEqual([1, '-Infinity']);
    expect(record(12n)).toBe('12');
    expect(record({ a: { b: 1n }, c: null })).toEqual({ a: { b: '1' }, c: null });
    expect(record(circular)).toEqual({ self: '[object Object]' });
    expect(record(new Float32Array(2))).toBe('Float32Array of 8 bytes');
    expect(JSON.parse(JSON.stringify(new InvalidArgumentError('x', { facts: { n: 1n } }))).facts).toEqual({
      n: '1',
    });
  });
});

describe('throwIfCancelled', () => {
  it('throws with the reason as the cause once the signal is aborted', () => {
    const stop = new AbortController();
    expect(() => throwIfCancelled(undefined)).not.toThrow();
    expect(() => throwIfCancelled(stop.signal)).not.toThrow();
    stop.abort('Ctrl-C');
    expect(() => throwIfCancelled(stop.signal, 'Training')).toThrow('Training was cancelled');
    try {
      throwIfCancelled(stop.signal);
    } catch (error) {
      expect(error).toMatchObject({ code: 'CANCELLED', cause: 'Ctrl-C' });
    }
  });
});
