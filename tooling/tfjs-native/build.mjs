#!/usr/bin/env node
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  assertBuildable,
  BuildError,
  buildNativeFolder,
  checkPackage,
  FLAVOURS,
  folderBytes,
  installPackages,
  linkIntoPackage,
  TENSORFLOW_VERSION,
  TFJS_VERSION,
} from './native-library.mjs';

const HELP = `Builds a real @tensorflow/tfjs-node ${TFJS_VERSION} on libtensorflow ${TENSORFLOW_VERSION} from npm and PyPI packages alone,
for hosts where the download of the package's own install script fails. Linux x64.

usage: node tooling/tfjs-native/build.mjs [--gpu]

  --gpu    build @tensorflow/tfjs-node-gpu instead (runs on its CPU where there is no GPU with CUDA 11)
  --help   show this text

The result is in tooling/tfjs-native/.build/cpu or .build/gpu, where node_modules holds the package. Running the command
again repairs what is missing and does nothing else. Needed: npm, python3 with pip, unzip, gcc, g++, binutils.
`;

const BUILD_FOLDER = join(import.meta.dirname, '.build');

function build(name) {
  const flavour = FLAVOURS[name];
  const folder = join(BUILD_FOLDER, name);
  const started = performance.now();
  const step = (what, work) => {
    const begun = performance.now();
    process.stderr.write(`${what} ... `);
    const changed = work();
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    process.stderr.write(changed === false ? 'already there\n' : `${seconds} s\n`);
    return changed;
  };
  assertBuildable();
  step(`installing ${flavour.npmPackage}@${TFJS_VERSION} without its download`, () =>
    installPackages(folder, flavour),
  );
  step(`building on ${flavour.pythonPackage} ${TENSORFLOW_VERSION}`, () =>
    buildNativeFolder(folder, flavour),
  );
  step('linking the library into the package', () => linkIntoPackage(folder, flavour));
  const found = step('loading it and multiplying two matrices', () => checkPackage(folder, flavour));
  const seconds = Number(((performance.now() - started) / 1000).toFixed(1));
  const result = {
    folder,
    package: flavour.npmPackage,
    ...found,
    nativeBytes: folderBytes(join(folder, 'native')),
    seconds,
  };
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
}

function main() {
  let options;
  try {
    options = parseArgs({ options: { gpu: { type: 'boolean' }, help: { type: 'boolean' } } }).values;
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${HELP}`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    build(options.gpu ? 'gpu' : 'cpu');
    return 0;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    return 1;
  }
}

process.exitCode = main();
