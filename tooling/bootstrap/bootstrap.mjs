// Entry of `npm start`, `npm run build`, `npm test` and `npm run check`: needs only Node and npm.
// Enters the pinned pnpm once (no global install, no corepack) and does everything else inside.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const { packageManager, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `Quantum Edge needs Node ${engines.node}, this is ${process.versions.node}. Install a newer Node and try again.`,
  );
  process.exit(2);
}

const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const result = spawnSync(
  npm,
  [
    'exec',
    '--yes',
    '--loglevel=error',
    `--package=${packageManager}`,
    '--',
    'node',
    join(here, 'steps.mjs'),
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' },
);
if (result.error) console.error(result.error.message);
process.exit(result.status ?? 1);
