import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';

/**
 * The version of TensorFlow.js, and the exact version of libtensorflow that its binding is written for
 * (`scripts/install.js` of the npm package).
 */
export const TFJS_VERSION = '4.22.0';
export const TENSORFLOW_VERSION = '2.9.1';
const NODE_API_HEADERS = 'node-api-headers@1.8.0';

/** The two native packages: npm name, and the Python package whose wheel holds the same library. */
export const FLAVOURS = {
  cpu: { npmPackage: '@tensorflow/tfjs-node', pythonPackage: 'tensorflow-cpu' },
  gpu: { npmPackage: '@tensorflow/tfjs-node-gpu', pythonPackage: 'tensorflow' },
};

const WRAPPER_LIBRARY = '_pywrap_tensorflow_internal.so';
const FRAMEWORK_LIBRARY = 'libtensorflow_framework.so.2';

/** What the recipe calls, and the command that installs it on Debian. */
const TOOLS = [
  ['npm', ['--version'], 'apt-get install npm'],
  ['python3', ['-m', 'pip', '--version'], 'apt-get install python3 python3-pip'],
  ['unzip', ['-v'], 'apt-get install unzip'],
  ['gcc', ['--version'], 'apt-get install gcc'],
  ['g++', ['--version'], 'apt-get install g++'],
  ['nm', ['--version'], 'apt-get install binutils'],
  ['strip', ['--version'], 'apt-get install binutils'],
];

/** Something that the person who called the builder can mend. */
export class BuildError extends Error {
  /** @param {string} message @param {string} remedy */
  constructor(message, remedy) {
    super(`${message}\n  what helps: ${remedy}`);
    this.name = 'BuildError';
  }
}

/** @throws {BuildError} when the platform is not the one that the wheels are for, or a tool is missing. */
export function assertBuildable() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new BuildError(
      `libtensorflow ${TENSORFLOW_VERSION} is built here for linux x64, this is ${process.platform} ${process.arch}`,
      `npm install ${FLAVOURS.cpu.npmPackage}@${TFJS_VERSION}, whose install script downloads a binary`,
    );
  }
  for (const [tool, probe, remedy] of TOOLS) {
    if (spawnSync(tool, probe, { stdio: 'ignore' }).status !== 0) {
      throw new BuildError(`\`${tool} ${probe.join(' ')}\` does not run`, remedy);
    }
  }
}

/** Installs the npm package and the Node-API headers into `folder`, without the package's download script. */
export function installPackages(folder, flavour) {
  const wanted = [`${flavour.npmPackage}@${TFJS_VERSION}`, NODE_API_HEADERS];
  const installed = wanted.every((specifier) => installedVersion(folder, specifier));
  if (installed) return false;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  run(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error', ...wanted],
    {
      cwd: folder,
      remedy: 'check that npm can reach its registry',
    },
  );
  return true;
}

function installedVersion(folder, specifier) {
  const at = specifier.lastIndexOf('@');
  const manifest = join(folder, 'node_modules', specifier.slice(0, at), 'package.json');
  return (
    existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === specifier.slice(at + 1)
  );
}

/**
 * Makes `folder/native` (libraries, C headers, binding) out of the Python wheel. It appears under that name only when it
 * is complete, so an interrupted build leaves nothing that looks finished.
 */
export function buildNativeFolder(folder, flavour) {
  const finished = join(folder, 'native');
  if (existsSync(finished)) return false;
  const partial = join(folder, 'native.partial');
  const wheels = join(folder, 'wheel.partial');
  for (const path of [partial, wheels]) rmSync(path, { recursive: true, force: true });
  const libraries = join(partial, 'deps/lib');
  const headers = join(partial, 'deps/include');
  for (const path of [libraries, headers, join(partial, 'lib/napi-v8')]) mkdirSync(path, { recursive: true });
  unpackWheel(downloadWheel(wheels, flavour), partial, libraries, headers);
  rmSync(wheels, { recursive: true });
  run('strip', ['--strip-unneeded', join(libraries, WRAPPER_LIBRARY), join(libraries, FRAMEWORK_LIBRARY)]);
  linkShim(partial, libraries);
  compileBinding(folder, flavour, partial, libraries, headers);
  renameSync(partial, finished);
  return true;
}

function downloadWheel(wheels, { pythonPackage }) {
  const requirement = `${pythonPackage}==${TENSORFLOW_VERSION}`;
  // Any Python can fetch the wheel: nothing of it is ever imported.
  const flags = [
    '--no-deps',
    '--python-version',
    '3.10',
    '--only-binary=:all:',
    '--disable-pip-version-check',
  ];
  run('python3', ['-m', 'pip', 'download', '-q', ...flags, '-d', wheels, requirement], {
    remedy: 'check that pip can reach its index (the wheel is 0.2 GB, for the GPU 0.5 GB)',
  });
  const file = readdirSync(wheels).find((name) => name.endsWith('.whl'));
  if (!file) throw new BuildError(`pip downloaded no wheel of ${requirement}`, 'run the command again');
  return join(wheels, file);
}

function unpackWheel(wheel, partial, libraries, headers) {
  const unpacked = join(partial, 'wheel');
  const members = [
    `tensorflow/${FRAMEWORK_LIBRARY}`,
    `tensorflow/python/${WRAPPER_LIBRARY}`,
    'tensorflow/include/tensorflow/c/*',
    'tensorflow/include/tensorflow/core/platform/ctstring*',
  ];
  run('unzip', ['-q', '-o', wheel, ...members, '-d', unpacked], {
    remedy: 'run the command again: the wheel is damaged',
  });
  renameSync(join(unpacked, 'tensorflow', FRAMEWORK_LIBRARY), join(libraries, FRAMEWORK_LIBRARY));
  renameSync(join(unpacked, 'tensorflow/python', WRAPPER_LIBRARY), join(libraries, WRAPPER_LIBRARY));
  renameSync(join(unpacked, 'tensorflow/include/tensorflow'), join(headers, 'tensorflow'));
  rmSync(unpacked, { recursive: true });
}

/**
 * The wheel's library exports the C interface of TensorFlow, but leaves the symbols of the Python interpreter undefined.
 * `libtensorflow.so.2`, the name that the binding asks for, pulls it in and defines those symbols. No Python is loaded.
 */
function linkShim(partial, libraries) {
  const listing = run('nm', ['-D', '--undefined-only', join(libraries, WRAPPER_LIBRARY)]);
  const source = join(partial, 'python-symbols.c');
  writeFileSync(source, pythonSymbolsSource(listing));
  const output = ['-shared', '-fPIC', '-O1', '-o', join(libraries, 'libtensorflow.so.2'), source];
  const linking = [
    '-Wl,-soname,libtensorflow.so.2',
    '-Wl,-rpath,$ORIGIN',
    `-L${libraries}`,
    '-Wl,--no-as-needed',
  ];
  run('gcc', [...output, ...linking, `-l:${WRAPPER_LIBRARY}`, `-l:${FRAMEWORK_LIBRARY}`]);
}

/**
 * C source that defines every Python symbol in an `nm` listing: objects as zeroed memory, functions as stubs that abort
 * with their name. The C interface of TensorFlow calls none of them; an abort would say so at once.
 *
 * @param {string} listing the output of `nm -D --undefined-only`
 * @returns {string}
 */
export function pythonSymbolsSource(listing) {
  const names = listing
    .split('\n')
    .map((line) => line.trim().split(/\s+/).at(-1)?.replace(/@.*$/, '') ?? '')
    .filter((name) => /^_?Py\w*$/.test(name));
  const definitions = [...new Set(names)].sort().map((name) => {
    if (/_Type$|^PyExc_|^_Py_.*Struct$/.test(name)) return `char ${name}[1024] __attribute__((aligned(16)));`;
    if (name === 'Py_IsInitialized') return `int ${name}(void) { return 0; }`;
    return `void *${name}(void) { fprintf(stderr, "the Python symbol ${name} was called\\n"); abort(); }`;
  });
  return ['#include <stdio.h>', '#include <stdlib.h>', ...definitions, ''].join('\n');
}

function compileBinding(folder, { npmPackage }, partial, libraries, headers) {
  const source = join(folder, 'node_modules', npmPackage);
  const nodeHeaders = join(folder, 'node_modules/node-api-headers/include');
  const compiling = [
    '-shared',
    '-fPIC',
    '-O2',
    '-std=c++17',
    '-DNAPI_VERSION=8',
    '-DNODE_GYP_MODULE_NAME=tfjs_binding',
  ];
  const includes = [nodeHeaders, headers, source].flatMap((path) => ['-I', path]);
  const files = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(source, 'binding', name));
  const linking = [`-L${libraries}`, '-Wl,--no-as-needed', '-Wl,-rpath,$ORIGIN/../../deps/lib'];
  const linked = ['libtensorflow.so.2', WRAPPER_LIBRARY, FRAMEWORK_LIBRARY].map((name) => `-l:${name}`);
  const output = ['-o', join(partial, 'lib/napi-v8/tfjs_binding.node')];
  run('g++', [...compiling, ...includes, ...files, ...output, ...linking, ...linked]);
}

/** Points the package's `lib` and `deps` at `folder/native`, which lies outside node_modules: npm may re-extract the package. */
export function linkIntoPackage(folder, { npmPackage }) {
  const root = join(folder, 'node_modules', npmPackage);
  for (const name of ['lib', 'deps']) {
    rmSync(join(root, name), { recursive: true, force: true });
    symlinkSync(relative(root, join(folder, 'native', name)), join(root, name));
  }
}

const CHECK_PROGRAM = `
const util = require('node:util');
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
util.isArray = Array.isArray;
const tf = require(process.argv[1]);
const product = Array.from(tf.matMul([[1, 2], [3, 4]], [[5], [6]]).dataSync());
const { binding, isGPUPackage, isUsingGpuDevice } = tf.backend();
console.log(JSON.stringify({ node: process.version, backend: tf.getBackend(), tensorflow: binding.TF_Version,
  isGpuPackage: isGPUPackage, isUsingGpuDevice, product }));
`;

/** Loads the package in a child process and multiplies two matrices. @throws {BuildError} when that fails. */
export function checkPackage(folder, { npmPackage }) {
  const answer = run(process.execPath, ['--no-deprecation', '-e', CHECK_PROGRAM, npmPackage], {
    cwd: folder,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' },
    remedy: `delete ${folder} and build again`,
  });
  const found = JSON.parse(answer.trim().split('\n').at(-1) ?? '');
  if (found.backend !== 'tensorflow' || String(found.product) !== '17,39') {
    throw new BuildError(
      `${npmPackage} loads but computes ${answer.trim()}`,
      `delete ${folder} and build again`,
    );
  }
  return found;
}

/** Bytes of everything in a folder. */
export function folderBytes(folder) {
  return Number(run('du', ['-sb', folder]).split('\t')[0]);
}

function run(command, parameters, { cwd, env, remedy = 'read the output above' } = {}) {
  try {
    const stdio = ['ignore', 'pipe', 'pipe'];
    return execFileSync(command, parameters, { cwd, env, stdio, encoding: 'utf8', maxBuffer: 2 ** 28 });
  } catch (error) {
    const output = String(error.stderr ?? '').trim() || String(error.stdout ?? '').trim() || error.message;
    throw new BuildError(`\`${command} ${parameters.slice(0, 4).join(' ')} ...\` failed:\n${output}`, remedy);
  }
}
