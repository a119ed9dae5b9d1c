import { defaultClientConditions, defineConfig } from 'vite';
import { contentSecurityPolicy, precacheBuild } from './build-plugins.ts';

export default defineConfig({
  // Relative, so that the page works from any sub-path.
  base: './',
  // The workspace packages are compiled from their sources: the page needs no earlier build.
  resolve: { conditions: ['@qedge/source', ...defaultClientConditions] },
  plugins: [contentSecurityPolicy(), precacheBuild()],
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    rolldownOptions: {
      input: { index: 'index.html', circuits: 'circuits.html', 'service-worker': 'src/service-worker.ts' },
      output: {
        // A service worker controls the folder it is served from and below, so it stands at the top, under a fixed name.
        entryFileNames: ({ name }) =>
          name === 'service-worker' ? 'service-worker.js' : 'assets/[name]-[hash].js',
      },
    },
  },
});
