import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Capability } from '@qedge/core';
import { probeCapabilities } from '@qedge/kernels/node';
import { openPowerSource } from '@qedge/power/node';
import type { Command } from 'commander';
import { attachHandler, type CommandResult, defineCommand } from '../command.ts';

/** In a checkout of this repository npm cannot add packages (pnpm's `workspace:` and `catalog:`); what works there instead. */
function fitRemedy(capability: Capability): Capability {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  if (capability.remedy === null || !existsSync(join(root, 'pnpm-workspace.yaml'))) return capability;
  if (capability.name.startsWith('tfjs-node')) {
    const [flag, folder] = capability.name === 'tfjs-node-gpu' ? [' --gpu', 'gpu'] : ['', 'cpu'];
    const remedy = `node tooling/tfjs-native/build.mjs${flag}; then loadTensorflow({ from: '<here>/tooling/tfjs-native/.build/${folder}' })`;
    return { ...capability, remedy };
  }
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    packageManager: string;
  };
  const add = `npm exec --yes --package=${packageManager} -- pnpm add --workspace-root --save-optional`;
  return { ...capability, remedy: capability.remedy.replace(/^npm install/, add) };
}

/** Everything optional on this machine: backends and sensors. */
async function allCapabilities(): Promise<Capability[]> {
  const [backends, power] = await Promise.all([probeCapabilities(), openPowerSource()]);
  power.source.dispose();
  return [...backends.map(fitRemedy), ...power.capabilities];
}

export function doctorCommand(): Command {
  const command = defineCommand(
    'doctor',
    'say what this machine can do, and what to do about the rest',
    'Looks for instruction sets, executable memory, WebAssembly SIMD, threads, WebGPU, CUDA, TensorFlow.js backends and sensors. For each that is missing it says why, and the command that fixes it. Missing parts are optional: exit code 0.',
  );
  return attachHandler(command, async (context): Promise<CommandResult> => {
    context.onProgress({ phase: 'looking at this machine', done: 0, total: null });
    const capabilities = await allCapabilities();
    return { json: { capabilities }, text: capabilities.map(describe).join('\n') };
  });
}

function describe({ name, available, reason, remedy }: Capability): string {
  const line = `${available ? '✓' : '✗'} ${name.padEnd(20)} ${reason}`;
  return remedy === null ? line : `${line}\n  ${' '.repeat(20)} → ${remedy}`;
}
