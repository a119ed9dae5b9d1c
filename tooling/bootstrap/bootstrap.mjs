// Entry of `npm start`, `npm run build`, `npm test` and `npm run check`: needs only Node and npm.
// Enters the pinned pnpm once (no global install, no corepack) and does everything else inside.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const { packageManager, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `Quantum Edge needs Node ${engines.node}, this is ${process.versions.node}. Install a newer Node and try again.`,
  );
  process.exit(2);
}

// Ctrl-C reaches the whole group of processes: this one stays until the work has cleaned up after itself.
process.on('SIGINT', () => {});

// The npm that runs this script, as JavaScript: on Windows `npm` is a batch file, which takes a shell and its quoting.
const npmScript = process.env.npm_execpath;
const [command, ...prefix] = npmScript?.endsWith('npm-cli.js') ? [process.execPath, npmScript] : ['npm'];
const result = spawnSync(
  command,
  [
    ...prefix,
    'exec',
    '--yes',
    '--loglevel=error',
    `--package=${packageManager}`,
    '--',
    'node',
    'tooling/bootstrap/steps.mjs',
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit', shell: command === 'npm' && process.platform === 'win32' },
);
if (result.error) console.error(result.error.message);
process.exit(result.status ?? 1);
