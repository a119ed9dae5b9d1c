// The steps behind the root scripts, run inside the pinned pnpm. Only Node's own modules: nothing is installed yet.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const environment = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };

// Ctrl-C reaches the whole group of processes: this one stays until the work has cleaned up after itself.
process.on('SIGINT', () => {});

/** Runs a command in the foreground; returns its exit code. */
function run(command, args, { env = {}, shell = false } = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell,
    env: { ...environment, ...env },
  });
  if (result.error) console.error(`${command}: ${result.error.message}`);
  return result.status ?? 1;
}

/** Runs an installed tool as JavaScript: its launcher in `.bin` is a batch file on Windows, which takes a shell and its quoting. */
function tool(name, args) {
  const folder = join(root, 'node_modules', name);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const script = typeof bin === 'string' ? bin : bin[name === 'typescript' ? 'tsc' : name.split('/').at(-1)];
  return run(process.execPath, [join(folder, script), ...args]);
}

function must(exitCode) {
  if (exitCode !== 0) process.exit(exitCode);
}

const install = () =>
  run('pnpm', ['install', '--frozen-lockfile', '--reporter=append-only'], {
    env: { CI: 'true' },
    shell: process.platform === 'win32',
  });
const build = () => tool('turbo', ['run', 'build', '--output-logs=errors-only']);

/** Checks that look at the code rather than run it. Each counts as one test. */
const CHECKS = [
  ['typecheck', typecheck],
  ['biome', () => tool('@biomejs/biome', ['ci', '.'])],
  ['turbo boundaries', () => tool('turbo', ['boundaries'])],
  ['knip', () => tool('knip', ['--no-progress', '--no-config-hints'])],
  [
    'publint and are-the-types-wrong',
    () => tool('turbo', ['run', 'lint:package', '--output-logs=errors-only']),
  ],
];

/** One program for all that shares a setting, because each would compile the packages below it anew; the others know a browser or JavaScript. */
function typecheck() {
  return (
    ['.', 'apps/cli', 'apps/edge', 'tooling/tfjs-native']
      .map((folder) => tool('typescript', ['-p', folder]))
      .find((code) => code !== 0) ?? 0
  );
}

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
function unitTests(node, filters, env = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'qedge-test-'));
  const outputFile = join(folder, 'vitest.json');
  try {
    const args = [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      // vitest leaves one processor free, which of two is half.
      `--maxWorkers=${Math.max(2, availableParallelism() - 1)}`,
      `--outputFile.json=${outputFile}`,
    ];
    const exitCode = run(node, [...args, ...filters], { env });
    const result = JSON.parse(readFileSync(outputFile, 'utf8'));
    nameSkipped(result.testResults);
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

/** A skip that nobody sees looks like a pass: says how many tests of which file did not run. */
function nameSkipped(files) {
  for (const { name, assertionResults } of files) {
    const count = assertionResults.filter(({ status }) => status !== 'passed' && status !== 'failed').length;
    if (count > 0) console.log(`skipped: ${count} of ${assertionResults.length} in ${relative(root, name)}`);
  }
}

/** Tests that read damaged files, run in a browser or start both versions of Node themselves. */
const LIKE_BEFORE = ['browser', 'fuzz', 'hostile', 'live-page', 'mutants', 'onnx', 'operators'];
/** Arithmetic, texts and encodings in plain JavaScript, and what graphs mean to one engine. */
const PLAIN_JAVASCRIPT = [
  ...['activation-accuracy', 'change-points', 'chemistry', 'circuit', 'classical', 'compare-'],
  ...['compiler/!(worker-thread)', 'cumulative-search', 'drawing', 'encoding', 'estimate', 'expand'],
  ...['expectation', 'gate-', 'lanczos', 'layer-by-layer', 'line-search', 'maxcut', 'openqasm', 'parameter'],
  ...['pauli', 'planner', 'qasm', 'ratio-interval', 'transpile', 'vqe', 'x64-'],
];

/** What a second version of Node can change: packages (the apps put them together), and of these what generates code or uses Node. */
const DEPENDS_ON_NODE = [
  ...[...LIKE_BEFORE, ...PLAIN_JAVASCRIPT].map((kind) => `--exclude=**/*${kind}*.test.ts`),
  ...['core', 'codegen', 'memory', 'kernels', 'quantum', 'compression', 'power', 'monitor', 'bench'].map(
    (name) => `--project=packages/${name}`,
  ),
];

function test(filters) {
  installAndBuild();
  const tallies = [unitTests(process.execPath, filters)];
  const otherNode = process.env.QEDGE_NODE24;
  if (otherNode && filters.length === 0) {
    console.log(`\n> the test suite once more under ${otherNode}`);
    // What takes minutes is shown once.
    tallies.push(unitTests(otherNode, DEPENDS_ON_NODE, { QEDGE_FULL: '' }));
  }
  if (filters.length === 0) tallies.push(checks());
  report(tallies);
}

/** For commands that end in a tally: what cannot be built counts as one failure. */
function installAndBuild() {
  if (install() !== 0 || build() !== 0) report([{ passed: 0, failed: 1, skipped: 0 }]);
}

function report(tallies) {
  const sum = (key) => tallies.reduce((total, tally) => total + tally[key], 0);
  if (sum('skipped') > 0) console.log(`\n${sum('skipped')} skipped`);
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
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
    installAndBuild();
    report([checks()]);
    break;
  default:
    console.error(`Unknown step "${command}". Expected start, build, test or check.`);
    process.exit(2);
}
