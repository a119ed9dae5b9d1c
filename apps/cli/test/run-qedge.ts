import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const bin = resolve(import.meta.dirname, '../bin/qedge.js');

/** The tests run the command as users do: the built file in its own process. */
export const built = existsSync(resolve(import.meta.dirname, '../dist/qedge.js'));

/** A model file that the project itself made, for commands that need one. */
export const repositoryRoot = join(import.meta.dirname, '../../..');

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `qedge` with arguments; `whenStarted` gets the process, e.g. to interrupt it. */
export function runQedge(
  args: readonly string[],
  cwd: string,
  whenStarted?: (child: ChildProcess) => void,
): Promise<Outcome> {
  return new Promise((resolveOutcome, reject) => {
    const child = spawn(process.execPath, [bin, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (exitCode) => resolveOutcome({ exitCode, stdout, stderr }));
    whenStarted?.(child);
  });
}
