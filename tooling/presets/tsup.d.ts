import type { Options } from 'tsup';
/** The build of a publishable package: ESM + CJS + declarations, one entry per `exports` subpath. */
export function library(overrides?: Options): Options;
