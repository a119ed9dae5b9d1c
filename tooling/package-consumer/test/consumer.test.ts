import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPacked, whyNotPackable } from './packed-project.ts';

const reason = whyNotPackable();
if (reason) console.warn(`SKIPPED: the packed packages; ${reason}`);

const ESM = `
import { Random } from '@qedge/core';
import { Circuit, createReferenceSimulator } from '@qedge/quantum';
import { AdaptivePrecisionController } from '@qedge/power';
const simulator = createReferenceSimulator();
const bell = new Circuit(2).h(0).cx(0, 1);
const state = simulator.run(bell);
console.log(JSON.stringify([typeof AdaptivePrecisionController, new Random(1).uint32() > 0, Array.from(state.probabilities())]));
`;

const CJS = `
const { Circuit, createReferenceSimulator } = require('@qedge/quantum');
const { AdaptivePrecisionController } = require('@qedge/power');
const { Random } = require('@qedge/core');
const state = createReferenceSimulator().run(new Circuit(2).h(0).cx(0, 1));
console.log(JSON.stringify([typeof AdaptivePrecisionController, new Random(1).uint32() > 0, Array.from(state.probabilities())]));
`;

describe.skipIf(reason !== null)('packed tarballs in a project outside the workspace', () => {
  let project = '';

  beforeAll(() => {
    project = installPacked(['@qedge/quantum', '@qedge/power']);
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
});
