import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../../..');

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Every publishable package by name, with its folder. */
function publishedPackages(): Map<string, { folder: string; manifest: Manifest }> {
  const folders = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name));
  return new Map(
    [...folders, join(root, 'apps/cli')].map((folder) => {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
      return [manifest.name, { folder, manifest }];
    }),
  );
}

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
  const all = publishedPackages();
  const tarballs: Record<string, string> = {};
  const visit = (name: string) => {
    const found = all.get(name);
    if (!found || name in tarballs) return;
    const { folder, manifest } = found;
    execFileSync('pnpm', ['pack', '--pack-destination', project], { cwd: folder, stdio: 'pipe' });
    const file = `${name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`;
    tarballs[name] = `file:./${file}`;
    Object.keys(manifest.dependencies ?? {}).forEach(visit);
  };
  names.forEach(visit);
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ private: true, dependencies: tarballs, overrides: tarballs }),
  );
  const flags = ['--no-audit', '--no-fund', '--omit=optional', '--loglevel=error'];
  execFileSync('npm', ['install', ...flags], { cwd: project, stdio: 'pipe' });
  return project;
}
