import { existsSync, readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

// One root run over every workspace package; `@qedge/source` lets tests run without a build.
const conditions = ['@qedge/source', 'import', 'module', 'default'];
const rooms = ['packages', 'apps', 'tooling'].flatMap((room) =>
  readdirSync(room).map((name) => `${room}/${name}`),
);

/** Packages that take longer to load and to warm up than most of their tests take, and whose tests leave nothing behind for the next file. */
const SHARING = new Set(
  ['codegen', 'compression', 'core', 'monitor', 'power', 'quantum'].map((name) => `packages/${name}`),
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
          isolate: !SHARING.has(root),
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      })),
  },
});
