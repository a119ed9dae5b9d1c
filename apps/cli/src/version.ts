import { createRequire } from 'node:module';

/** The version of the `qedge` package. */
export const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
