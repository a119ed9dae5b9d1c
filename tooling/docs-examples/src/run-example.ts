import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Example } from './markdown.ts';

/** What an example did. */
export interface ExampleRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs an example as a module of this package, where every package resolves to its build, from an empty working directory.
 * Leaves no file behind.
 *
 * @param timeoutMs the process is killed after this long; the exit code is then -1
 */
export async function runExample(root: string, example: Example, timeoutMs: number): Promise<ExampleRun> {
  const modules = join(root, 'tooling', 'docs-examples', '.examples');
  await mkdir(modules, { recursive: true });
  const name = `${example.file.replaceAll(/[^a-z0-9]+/gi, '-')}-${example.line}.mjs`;
  const workingDirectory = await mkdtemp(join(tmpdir(), 'qedge-example-'));
  try {
    await writeFile(join(modules, name), example.code);
    return await runNode(join(modules, name), workingDirectory, timeoutMs);
  } finally {
    await rm(join(modules, name), { force: true });
    await rm(workingDirectory, { recursive: true, force: true });
    // Fails, rightly, while another example still has its file there.
    await rmdir(modules).catch(() => undefined);
  }
}

function runNode(file: string, cwd: string, timeoutMs: number): Promise<ExampleRun> {
  // Vitest's own flags and conditions must not reach the example: readers run it with a plain node.
  const { NODE_OPTIONS: _options, VITEST: _vitest, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [file],
      { cwd, env, timeout: timeoutMs, maxBuffer: 1 << 24 },
      (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ exitCode, stdout, stderr });
      },
    );
  });
}
