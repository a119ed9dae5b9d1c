import { parseArgs } from 'node:util';
import { QedgeError } from '@qedge/core';
import { describeReport } from './describe-report.ts';
import { runGpuApp } from './run-gpu-app.ts';

const HELP = `Runs a model on the CPU and on every accelerator that is found, and says why the others are missing.

usage: node dist/main.js [--software] [--json]

  --software  let SwiftShader stand in where WebGPU finds no GPU (slow)
  --json      print the report as JSON
  --help      show this text
`;

async function main(): Promise<number> {
  let options: { software?: boolean; json?: boolean; help?: boolean };
  try {
    const boolean = { type: 'boolean' } as const;
    options = parseArgs({ options: { software: boolean, json: boolean, help: boolean } }).values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  try {
    const report = await runGpuApp({ allowSoftware: options.software ?? false, signal: stop.signal });
    const text = options.json ? `${JSON.stringify(report, null, 2)}\n` : describeReport(report);
    // Waits, because the exit below would cut what is not written yet.
    await new Promise((resolve) => process.stdout.write(text, resolve));
    return report.devices.every(({ batches }) => batches.every(({ agrees }) => agrees)) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof QedgeError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

// Ends the process although a GPU object may still be alive.
process.exit(await main());
