import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../../..');

/** Why packed packages cannot be tested here; null when they can. */
export function whyNotPackable(): string | null {
  if (!existsSync(join(root, 'apps/cli/dist/qedge.js'))) return 'nothing is built: npm run build';
  try {
    execFileSync('pnpm', ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'pnpm is not on the path: npm test brings it';
  }
}

/**
 * Makes a project outside the workspace with packed tarballs of some packages, and of everything of ours that they need.
 *
 * @returns its folder; the caller removes it.
 */
export function installPacked(names: readonly string[]): string {
  const project = mkdtempSync(join(tmpdir(), 'qedge-consumer-'));
  const tarballs: Record<string, string> = {};
  for (const { name, filename } of pack(names, project)) tarballs[name] = `file:${filename}`;
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ private: true, dependencies: tarballs, overrides: tarballs }),
  );
  const flags = ['--no-audit', '--no-fund', '--omit=optional', '--loglevel=error'];
  execFileSync('npm', ['install', ...flags], { cwd: project, stdio: 'pipe' });
  return project;
}

/** Packs packages and those of ours that they need at run time by one process: most of the time of packing one is pnpm's start. */
function pack(names: readonly string[], destination: string): { name: string; filename: string }[] {
  const filters = names.map((name) => `--filter-prod=${name}...`);
  const output = execFileSync(
    'pnpm',
    ['-r', ...filters, 'pack', '--json', '--pack-destination', destination],
    {
      cwd: root,
      encoding: 'utf8',
      stdio: 'pipe',
    },
  );
  return JSON.parse(output);
}
