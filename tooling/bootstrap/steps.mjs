// The steps behind the root scripts, run inside the pinned pnpm. Only Node's own modules: nothing is installed yet.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const bin = (name) => join(root, 'node_modules', '.bin', name);
const environment = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };

/** Runs a command in the foreground; returns its exit code. */
function run(command, args, options = {}) {
  const { env, ...rest } = options;
  const shell = process.platform === 'win32';
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell,
    env: { ...environment, ...env },
    ...rest,
  });
  if (result.error) console.error(`${command}: ${result.error.message}`);
  return result.status ?? 1;
}

function must(exitCode) {
  if (exitCode !== 0) process.exit(exitCode);
}

const install = () =>
  run('pnpm', ['install', '--frozen-lockfile', '--reporter=append-only'], { env: { CI: 'true' } });
const build = () => run(bin('turbo'), ['run', 'build', '--output-logs=errors-only']);

/** Checks that look at the code rather than run it. Each counts as one test. */
const CHECKS = [
  ['typecheck', () => run(bin('turbo'), ['run', 'typecheck', '--output-logs=errors-only'])],
  ['biome', () => run(bin('biome'), ['ci', '.'])],
  ['turbo boundaries', () => run(bin('turbo'), ['boundaries'])],
  ['knip', () => run(bin('knip'), ['--no-progress', '--no-config-hints'])],
  [
    'publint and are-the-types-wrong',
    () => run(bin('turbo'), ['run', 'lint:package', '--output-logs=errors-only']),
  ],
];

function checks() {
  const tally = { passed: 0, failed: 0, skipped: 0 };
  for (const [name, check] of CHECKS) {
    console.log(`\n> ${name}`);
    if (check() === 0) tally.passed++;
    else {
      tally.failed++;
      console.error(`FAILED: ${name}`);
    }
  }
  return tally;
}

/** Runs the test suite under one Node binary and counts from vitest's own JSON. */
function unitTests(node, filters) {
  const folder = mkdtempSync(join(tmpdir(), 'qedge-test-'));
  const outputFile = join(folder, 'vitest.json');
  try {
    const args = [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${outputFile}`,
    ];
    const exitCode = run(node, [...args, ...filters]);
    const result = JSON.parse(readFileSync(outputFile, 'utf8'));
    const brokenFiles = result.testResults.filter(
      (file) => file.status === 'failed' && file.assertionResults.length === 0,
    ).length;
    const failed = result.numFailedTests + brokenFiles;
    return {
      passed: result.numPassedTests,
      failed: exitCode !== 0 && failed === 0 ? 1 : failed,
      skipped: result.numPendingTests + result.numTodoTests,
    };
  } catch (error) {
    console.error(`The test run under ${node} left no result: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function test(filters) {
  must(install());
  must(build());
  const tallies = [unitTests(process.execPath, filters)];
  const otherNode = process.env.QEDGE_NODE24;
  if (otherNode && filters.length === 0) {
    console.log(`\n> the test suite once more under ${otherNode}`);
    tallies.push(unitTests(otherNode, filters));
  }
  if (filters.length === 0) tallies.push(checks());
  report(tallies);
}

function report(tallies) {
  const sum = (key) => tallies.reduce((total, tally) => total + tally[key], 0);
  const skipped = sum('skipped');
  console.log(
    `\n${sum('passed')} passed, ${sum('failed')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
  );
  process.exit(sum('failed') > 0 || sum('passed') === 0 ? 1 : 0);
}

const [command, ...rest] = process.argv.slice(2);
switch (command) {
  case 'start':
    must(install());
    must(build());
    process.exit(run(process.execPath, [join(root, 'apps/cli/dist/qedge.js'), 'run', ...rest]));
    break;
  case 'build':
    must(install());
    must(build());
    console.log(`Built ${readdirSync(join(root, 'packages')).length} packages. Try: npx qedge --help`);
    break;
  case 'test':
    test(rest);
    break;
  case 'check':
    must(install());
    must(build());
    report([checks()]);
    break;
  default:
    console.error(`Unknown step "${command}". Expected start, build, test or check.`);
    process.exit(2);
}
