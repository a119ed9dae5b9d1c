/**
 * @file How fast programs are read and written: megabytes of text a second, the best of some rounds in one process.
 *
 * node bench/openqasm.mjs [--rounds 20] [--seed 1] [--json]
 *
 * Goal: 1 MB/s from OpenQASM 2 text to a circuit.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, linkKoffi } from './bundle.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'qedge-openqasm-'));
try {
  linkKoffi(folder);
  const script = await bundle('openqasm-work.mjs', folder, { platform: 'node' });
  const { measureOpenQasm } = await import(script);
  const rates = measureOpenQasm(Number(options.rounds), Number(options.seed));
  if (options.json) console.log(JSON.stringify({ node: process.version, megabytesPerSecond: rates }));
  else
    for (const [name, rate] of Object.entries(rates))
      console.log(`${name.padEnd(26)} ${rate.toFixed(1)} MB/s`);
} finally {
  rmSync(folder, { recursive: true });
}
