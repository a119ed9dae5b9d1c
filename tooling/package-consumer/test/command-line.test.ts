import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPacked, whyNotPackable } from './packed-project.ts';

const reason = whyNotPackable();
if (reason) console.warn(`SKIPPED: the packed command line; ${reason}`);

const BELL =
  'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0],q[1];\nmeasure q -> c;\n';

describe.skipIf(reason !== null)('qedge from packed tarballs, without the optional packages', () => {
  let project = '';
  const qedge = (...args: string[]) =>
    execFileSync(process.execPath, [join(project, 'node_modules/qedge/bin/qedge.js'), ...args], {
      cwd: project,
      encoding: 'utf8',
      // A launcher may have put a package manager's store there, where everything resolves from everywhere.
      env: { ...process.env, NODE_PATH: '' },
    });
  const installed = (file: string) => readFileSync(join(project, 'node_modules/qedge', file), 'utf8');

  beforeAll(() => {
    project = installPacked(['qedge']);
  }, 240_000);

  afterAll(() => rmSync(project, { recursive: true, force: true }));

  it('is linked as a command and knows its version', () => {
    expect(readdirSync(join(project, 'node_modules/.bin'))).toContain('qedge');
    expect(qedge('--version').trim()).toBe(JSON.parse(installed('package.json')).version);
  });

  it('needs no private package, and brings the module that its worker threads load', () => {
    const files = readdirSync(join(project, 'node_modules/qedge/dist')).filter((file) =>
      file.endsWith('.js'),
    );
    expect(files).toContain('training-task.js');
    for (const file of files) expect(installed(`dist/${file}`)).not.toMatch(/(from|import)\s*\(?["']@qedge-/);
    expect(JSON.stringify(JSON.parse(installed('package.json')).dependencies)).not.toContain('workspace:');
  });

  it('works: doctor explains what is missing, simulate samples a circuit', () => {
    const { capabilities } = JSON.parse(qedge('doctor', '--json'));
    const koffi = capabilities.find(({ name }: { name: string }) => name === 'koffi');
    expect(koffi).toMatchObject({ available: false, remedy: 'npm install koffi' });
    writeFileSync(join(project, 'bell.qasm'), BELL);
    const { counts } = JSON.parse(qedge('simulate', 'bell.qasm', '--shots', '100', '--json'));
    expect(counts['00'] + counts['11']).toBe(100);
  });
});
