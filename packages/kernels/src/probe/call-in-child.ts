import { type ChildProcess, spawn } from 'node:child_process';
import { type LookupOptions, lookupBase, type PackageLoader } from './optional-package.ts';

/** What became of a call in a child process. */
export type ChildOutcome<Result> =
  | { readonly ok: true; readonly value: Result }
  | { readonly ok: false; readonly reason: string };

/** Options of {@link callInChild}. */
export interface ChildOptions extends LookupOptions {
  /** The child is killed after this long. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

// The answer goes through its own pipe (3), because native libraries print to the standard ones.
const CHILD_PROGRAM = (fn: string, argument: string, base: string) => `
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');
const { writeSync } = require('node:fs');
const __name = (value) => value;
const packages = createRequire(${JSON.stringify(base)});
const loader = {
  require: packages,
  importPackage: (name) => import(pathToFileURL(packages.resolve(name)).href),
};
const answer = (outcome) => {
  writeSync(3, JSON.stringify(outcome) + '\\n');
  process.exit(0);
};
(async () => (${fn})(loader, ${argument}))().then(
  (value) => answer({ ok: true, value }),
  (error) => answer({ ok: false, reason: String((error && error.message) || error) }),
);
`;

/**
 * Calls a function in a short-lived Node process, so that a native library that crashes or hangs takes only that
 * process down. Never throws for what happens there.
 *
 * @param fn is sent as text: it must refer to nothing but its parameters and the globals of Node.
 * @param argument and the result must survive JSON.
 * @returns the result, or the error, signal or time limit that ended the child, as one line.
 */
export function callInChild<Argument, Result>(
  fn: (loader: PackageLoader, argument: Argument) => Result | Promise<Result>,
  argument: Argument,
  options: ChildOptions,
): Promise<ChildOutcome<Result>> {
  const program = CHILD_PROGRAM(fn.toString(), JSON.stringify(argument) ?? 'undefined', lookupBase(options));
  return new Promise((resolve) => {
    let child: ChildProcess;
    try {
      child = spawn(process.execPath, ['--eval', program], {
        stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
        timeout: options.timeoutMs,
        killSignal: 'SIGKILL',
        ...(options.signal ? { signal: options.signal } : {}),
      });
    } catch (error) {
      // Node's permission model refuses by throwing at once.
      return resolve({ ok: false, reason: `no child process: ${(error as Error).message}` });
    }
    let answer = '';
    let complaints = '';
    child.stdio[3]?.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      complaints = (complaints + chunk.toString()).slice(-4096);
    });
    child.once('error', (error) => resolve({ ok: false, reason: `no child process: ${error.message}` }));
    child.once('close', (code, signal) => {
      if (answer.endsWith('\n')) return resolve(firstLineOfReason(JSON.parse(answer)));
      const ending = signal === null ? `exit code ${code}` : `signal ${signal}`;
      const limit = signal === 'SIGKILL' ? ` (it is stopped after ${options.timeoutMs} ms)` : '';
      const last = complaints.trim().split('\n').at(-1);
      resolve({ ok: false, reason: `its process ended by ${ending}${limit}${last ? `: ${last}` : ''}` });
    });
  });
}

function firstLineOfReason<Result>(outcome: ChildOutcome<Result>): ChildOutcome<Result> {
  return outcome.ok ? outcome : { ok: false, reason: outcome.reason.split('\n')[0]!.trim() };
}
