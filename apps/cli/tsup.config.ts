import { defineConfig } from 'tsup';

// The private apps are bundled into the published command; everything else stays a dependency.
export default defineConfig({
  entry: { qedge: 'src/qedge.ts', 'training-task': 'src/training-task.ts' },
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  noExternal: [/^@qedge-apps\//],
  esbuildOptions(options) {
    options.conditions = ['@qedge/source'];
  },
  external: [/^@qedge\//],
  splitting: true,
  sourcemap: true,
  clean: true,
});
