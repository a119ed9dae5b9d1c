import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { documentFiles, extractExamples } from '../src/markdown.ts';
import { runExample } from '../src/run-example.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const examples = documentFiles(root).flatMap((file) =>
  extractExamples(file, readFileSync(join(root, file), 'utf8')),
);
const built = existsSync(join(root, 'packages/core/dist/index.js'));
if (!built)
  console.warn('SKIPPED: the examples of the documentation need the built packages (npm run build)');

describe.skipIf(!built)('the examples of the documentation', () => {
  it('exist', () => {
    expect(examples.length).toBeGreaterThan(10);
  });

  it.each(examples.map((example) => [`${example.file}:${example.line}`, example] as const))(
    '%s runs and prints something',
    { timeout: 70_000 },
    async (where, example) => {
      const { exitCode, stdout, stderr } = await runExample(root, example, 60_000);
      expect(exitCode, `${where} failed:\n${stderr}`).toBe(0);
      expect(stdout.trim(), `${where} printed nothing`).not.toBe('');
    },
  );
});
