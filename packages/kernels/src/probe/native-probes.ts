import type { PackageLoader } from './optional-package.ts';

// Each function runs in a child process and is sent there as text: it may use its parameters and Node's globals only.

/** A C function as koffi binds it. Pointers to scalars are filled like one-element arrays. */
type ForeignFunction = (...parameters: unknown[]) => number | bigint;

interface ForeignLibrary {
  func(prototype: string): ForeignFunction;
}

/** The version of koffi, after a call through it has worked. */
export function callThroughKoffi({ require }: PackageLoader): string {
  const koffi = require('koffi') as { version?: string; load(path: string | null): ForeignLibrary };
  const library = process.platform === 'win32' ? 'kernel32.dll' : null;
  const prototype = process.platform === 'win32' ? 'uint32_t GetCurrentProcessId()' : 'int getpid()';
  const processId = koffi.load(library).func(prototype)();
  if (processId !== process.pid)
    throw new Error(`a call through koffi returned ${processId}, not ${process.pid}`);
  return `koffi ${koffi.version ?? '(version unknown)'}`;
}

/** How executable memory was had on Linux, after code in it has run; throws with the errno otherwise. */
export function runGeneratedCode({ require }: PackageLoader): string {
  if (process.platform !== 'linux')
    throw new Error(`executable memory is used on Linux only, this is ${process.platform}`);
  // A function that returns 42: `mov eax, 42; ret` and `mov w0, #42; ret`.
  const code: Record<string, number[]> = {
    x64: [0xb8, 0x2a, 0, 0, 0, 0xc3],
    arm64: [0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6],
  };
  const bytes = code[process.arch];
  if (!bytes) throw new Error(`there is no code generator for ${process.arch}`);
  const koffi = require('koffi') as {
    load(path: null): ForeignLibrary;
    errno(): number;
    proto(prototype: string): unknown;
    decode(address: unknown, type: unknown): () => number;
    os?: { errno: Record<string, number> };
  };
  const libc = koffi.load(null);
  const fail = (what: string): never => {
    const errno = koffi.errno();
    const name = Object.entries(koffi.os?.errno ?? {}).find(([, value]) => value === errno)?.[0];
    throw new Error(`${what} failed with errno ${errno}${name ? ` (${name})` : ''}`);
  };
  const [readExecute, shared, closeOnExec] = [5, 1, 1];
  const file = libc.func('int memfd_create(const char *name, unsigned int flags)')(
    'qedge-probe',
    closeOnExec,
  );
  if (Number(file) < 0) fail('memfd_create');
  const write = libc.func('int64_t write(int fd, const void *data, size_t length)');
  if (Number(write(file, Buffer.from(bytes), bytes.length)) !== bytes.length) fail('write');
  const map = libc.func(
    'void *mmap(void *at, size_t length, int protection, int flags, int fd, int64_t offset)',
  );
  const address = map(null, 4096, readExecute, shared, file, 0);
  const failed = 2n ** 64n - 1n;
  if (BigInt(address) === failed) fail('mmap with PROT_EXEC');
  const run = koffi.decode(address, koffi.proto('int qedge_probe()'));
  const answer = run();
  if (answer !== 42) throw new Error(`generated code returned ${answer}, not 42`);
  return `memfd_create and mmap with PROT_EXEC work, ${process.arch} code ran`;
}

/** The CUDA devices behind the driver, e.g. `NVIDIA H100 80GB HBM3, driver for CUDA 13.0`. */
export function listCudaDevices({ require }: PackageLoader, libraries: readonly string[]): string {
  let koffi: { load(path: string): ForeignLibrary };
  try {
    koffi = require('koffi');
  } catch (error) {
    throw new Error(
      `koffi is needed to ask the driver, and does not load: ${(error as Error).message.split('\n')[0]}`,
    );
  }
  let driver: ForeignLibrary | undefined;
  let missing = '';
  for (const path of libraries) {
    try {
      driver ??= koffi.load(path);
    } catch (error) {
      missing ||= `${path}: ${(error as Error).message}`;
    }
  }
  if (!driver) throw new Error(missing);
  const check = (call: string, status: number | bigint) => {
    if (Number(status) !== 0) throw new Error(`${call} failed with CUDA error ${status}`);
  };
  const cuda = driver;
  check('cuInit', cuda.func('int cuInit(unsigned int flags)')(0));
  const [count, version, device] = [[0], [0], [0]];
  check('cuDeviceGetCount', cuda.func('int cuDeviceGetCount(_Out_ int *count)')(count));
  check('cuDriverGetVersion', cuda.func('int cuDriverGetVersion(_Out_ int *version)')(version));
  if (count[0] === 0) throw new Error('the CUDA driver is there, but it has no device');
  const names: string[] = [];
  for (let index = 0; index < count[0]!; index++) {
    const name = Buffer.alloc(128);
    check('cuDeviceGet', cuda.func('int cuDeviceGet(_Out_ int *device, int index)')(device, index));
    check(
      'cuDeviceGetName',
      cuda.func('int cuDeviceGetName(void *name, int length, int device)')(name, 128, device[0]),
    );
    names.push(name.toString('latin1').split('\0')[0]!);
  }
  return `${names.join(', ')}, driver for CUDA ${Math.floor(version[0]! / 1000)}.${Math.floor((version[0]! % 1000) / 10)}`;
}

/** What to load for a TensorFlow.js library. */
export interface TensorflowProbe {
  /** The packages to load, the one that exports the namespace first. */
  readonly packages: readonly string[];
  readonly backend: string;
}

/** The version of a TensorFlow.js library, after it has multiplied two matrices. */
export async function multiplyWithTensorflow(
  { require }: PackageLoader,
  probe: TensorflowProbe,
): Promise<string> {
  // Node 23 removed util.isNullOrUndefined, which the native packages call.
  const util = require('node:util') as { isNullOrUndefined?: unknown };
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  const tf = require(probe.packages[0]!) as typeof import('@tensorflow/tfjs');
  const wasm = probe.packages[1];
  if (wasm) {
    const { dirname } = require('node:path') as typeof import('node:path');
    (require(wasm) as { setWasmPaths(prefix: string): void }).setWasmPaths(
      `${dirname(require.resolve(wasm))}/`,
    );
  }
  if (!(await tf.setBackend(probe.backend))) throw new Error(`the backend "${probe.backend}" did not start`);
  const product = await tf.matMul([[1, 2]], [[3], [4]]).data();
  if (product[0] !== 11) throw new Error(`1*3 + 2*4 came out as ${product[0]}`);
  const native = tf.backend() as unknown as {
    binding?: { TF_Version: string };
    isGPUPackage?: boolean;
    isUsingGpuDevice?: boolean;
  };
  const library = native.binding ? `, libtensorflow ${native.binding.TF_Version}` : '';
  const gpu =
    native.isGPUPackage && !native.isUsingGpuDevice ? ', without a GPU: it computes on its CPU' : '';
  return `TensorFlow.js ${tf.version.tfjs}, backend ${probe.backend}${library}${gpu}`;
}

/** The version of ONNX Runtime, after its native library has loaded. */
export function loadOnnxRuntime({ require }: PackageLoader): string {
  const runtime = require('onnxruntime-node') as {
    env?: { versions?: { node?: string } };
    InferenceSession?: unknown;
  };
  if (!runtime.InferenceSession) throw new Error('onnxruntime-node exports no InferenceSession');
  return `ONNX Runtime ${runtime.env?.versions?.node ?? '(version unknown)'}`;
}
