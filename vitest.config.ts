import { existsSync, readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

// One root run over every workspace package; `@qedge/source` lets tests run without a build.
const conditions = ['@qedge/source', 'import', 'module', 'default'];
const rooms = ['packages', 'apps', 'tooling'].flatMap((room) =>
  readdirSync(room).map((name) => `${room}/${name}`),
);

export default defineConfig({
  test: {
    reporters: ['default'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: rooms
      .filter((root) => existsSync(`${root}/test`))
      .map((root) => ({
        root,
        resolve: { conditions },
        ssr: { resolve: { conditions, externalConditions: ['import', 'module', 'default'] } },
        test: {
          name: root,
          include: ['test/**/*.test.ts'],
          environment: 'node',
          // Generators take longer to load and to warm up than most of their tests take; these leave nothing behind for the next file.
          isolate: root !== 'packages/codegen',
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      })),
  },
});
