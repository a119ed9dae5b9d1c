import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');
const built = existsSync(join(root, 'packages/quantum/dist/index.js'));
const pnpmPresent = (() => {
  try {
    execFileSync('pnpm', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** The packages under test and everything of ours that they need. */
function closure(names: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    const { dependencies = {} } = JSON.parse(
      readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'),
    );
    for (const dependency of Object.keys(dependencies)) {
      if (dependency.startsWith('@qedge/')) visit(dependency.slice('@qedge/'.length));
    }
  };
  names.forEach(visit);
  return [...found];
}

const ESM = `
import { Random } from '@qedge/core';
import { Circuit, StateVectorSimulator } from '@qedge/quantum';
import { AdaptivePrecisionController } from '@qedge/power';
const simulator = new StateVectorSimulator();
const bell = new Circuit(2).h(0).cx(0, 1);
const state = simulator.run(bell);
console.log(JSON.stringify([typeof AdaptivePrecisionController, new Random(1).uint32() > 0, Array.from(state.probabilities())]));
`;

const CJS = `
const { Circuit, StateVectorSimulator } = require('@qedge/quantum');
const { AdaptivePrecisionController } = require('@qedge/power');
const { Random } = require('@qedge/core');
const state = new StateVectorSimulator().run(new Circuit(2).h(0).cx(0, 1));
console.log(JSON.stringify([typeof AdaptivePrecisionController, new Random(1).uint32() > 0, Array.from(state.probabilities())]));
`;

describe.skipIf(!built || !pnpmPresent)(
  'packed tarballs in a project outside the workspace (needs the build and pnpm)',
  () => {
    let project = '';

    beforeAll(() => {
      project = mkdtempSync(join(tmpdir(), 'qedge-consumer-'));
      const dependencies: Record<string, string> = {};
      for (const name of closure(['quantum', 'power'])) {
        execFileSync('pnpm', ['pack', '--pack-destination', project], {
          cwd: join(root, 'packages', name),
          stdio: 'pipe',
        });
        const { version } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
        dependencies[`@qedge/${name}`] = `file:./qedge-${name}-${version}.tgz`;
      }
      writeFileSync(
        join(project, 'package.json'),
        JSON.stringify({ private: true, dependencies, overrides: dependencies }),
      );
      execFileSync('npm', ['install', '--no-audit', '--no-fund', '--omit=optional', '--loglevel=error'], {
        cwd: project,
        stdio: 'pipe',
      });
    }, 240_000);

    afterAll(() => rmSync(project, { recursive: true, force: true }));

    for (const [kind, file, source] of [
      ['ES modules', 'main.mjs', ESM],
      ['CommonJS', 'main.cjs', CJS],
    ] as const) {
      it(`work alone from ${kind}`, () => {
        writeFileSync(join(project, file), source);
        const [controller, random, probabilities] = JSON.parse(
          execFileSync(process.execPath, [file], { cwd: project, encoding: 'utf8' }),
        );
        expect(controller).toBe('function');
        expect(random).toBe(true);
        for (const [index, value] of [0.5, 0, 0, 0.5].entries())
          expect(probabilities[index]).toBeCloseTo(value, 12);
      });
    }

    it('bring no third-party code of their own', () => {
      expect(existsSync(join(project, 'node_modules/@tensorflow'))).toBe(false);
    });
  },
);
