import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Capability, throwIfCancelled } from '@qedge/core';
import { nodeGpuRemedy, nodeGpuRequest, openNodeGpu, SWIFTSHADER_MANIFEST } from '../webgpu/node-gpu.ts';
import { type ChildOptions, type ChildOutcome, callInChild } from './call-in-child.ts';
import { KERNEL_TARGETS, probeCpuFeatures, probeKernelTarget } from './kernel-targets.ts';
import {
  callThroughKoffi,
  listCudaDevices,
  loadOnnxRuntime,
  multiplyWithTensorflow,
  runGeneratedCode,
  type TensorflowProbe,
} from './native-probes.ts';
import { INSTALL_SPECIFIERS, type LookupOptions, lookupBase, packageLoader } from './optional-package.ts';
import { probeThreads } from './threads.ts';

/** Options of {@link probeCapabilities}. */
export interface ProbeOptions extends LookupOptions {
  /** How long one native library may take to load and answer; default 20000. */
  readonly timeoutMs?: number;
  /** Count a software WebGPU adapter (SwiftShader of Debian's chromium) as available; default false. */
  readonly allowSoftware?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Looks for everything optional that Quantum Edge can use here, really trying each thing, and says what was found or
 * why not and what to do about it. Native libraries are tried in short-lived child processes, two at a time: one that
 * crashes or hangs is reported, and nothing else happens.
 *
 * @returns `node`, `cpu-features`, `executable-memory`, `koffi`, then the targets of generated kernels (`avx512`, `avx2`, `wasm-256`, `wasm`,
 *   `wasm-strict`), `threads`, `webgpu`, `cuda`, `tfjs-cpu`, `tfjs-wasm`, `tfjs-node`, `tfjs-node-gpu`, `onnxruntime-node`, in this order.
 * @throws CancelledError when the signal is aborted, InvalidArgumentError when `from` is not an absolute path.
 */
export async function probeCapabilities(options: ProbeOptions = {}): Promise<Capability[]> {
  lookupBase(options);
  const child: ChildOptions = { ...options, timeoutMs: options.timeoutMs ?? 20_000 };
  const koffi: ChildOptions = { ...child, from: options.from ?? koffiFolder() };
  const tensorflow = (name: string, probe: TensorflowProbe) => () => probeTensorflow(name, probe, child);
  const probes: (() => Capability | Promise<Capability>)[] = [
    probeNode,
    probeCpuFeatures,
    () => probeExecutableMemory(koffi),
    async () => packageCapability('koffi', 'koffi', await callInChild(callThroughKoffi, null, koffi)),
    ...KERNEL_TARGETS.map((isa) => () => probeKernelTarget(isa)),
    probeThreads,
    () => probeWebGpu(child, options.allowSoftware ?? false),
    () => probeCuda(koffi),
    tensorflow('tfjs-cpu', { packages: ['@tensorflow/tfjs'], backend: 'cpu' }),
    tensorflow('tfjs-wasm', {
      packages: ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'],
      backend: 'wasm',
    }),
    tensorflow('tfjs-node', { packages: ['@tensorflow/tfjs-node'], backend: 'tensorflow' }),
    tensorflow('tfjs-node-gpu', { packages: ['@tensorflow/tfjs-node-gpu'], backend: 'tensorflow' }),
    async () =>
      packageCapability(
        'onnxruntime-node',
        'onnxruntime-node',
        await callInChild(loadOnnxRuntime, null, child),
      ),
  ];
  const found = new Array<Capability>(probes.length);
  let next = 0;
  const work = async () => {
    for (let index = next++; index < probes.length; index = next++) {
      throwIfCancelled(options.signal, 'Probing the capabilities');
      found[index] = await probes[index]!();
    }
  };
  await Promise.all([work(), work()]);
  throwIfCancelled(options.signal, 'Probing the capabilities');
  return found;
}

/** koffi is a dependency of @qedge/core: it is looked up as that package does, or as this one when both are bundled. */
function koffiFolder(): string | undefined {
  try {
    return dirname(packageLoader({}).require.resolve('@qedge/core/package.json'));
  } catch {
    return undefined;
  }
}

const MINIMUM_NODE = [20, 19] as const;

function probeNode(): Capability {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  const available = major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1]);
  const reason = `Node ${process.versions.node} on ${process.platform} ${process.arch}, V8 ${process.versions.v8}`;
  return { name: 'node', available, reason, remedy: available ? null : 'install Node 20.19 or newer' };
}

function capability(
  name: string,
  outcome: ChildOutcome<string>,
  remedy: (reason: string) => string | null,
): Capability {
  return outcome.ok
    ? { name, available: true, reason: outcome.value, remedy: null }
    : { name, available: false, reason: outcome.reason, remedy: remedy(outcome.reason) };
}

/** For a package: install it when it is missing, reinstall it when it is broken. */
function packageCapability(name: string, packageName: string, outcome: ChildOutcome<string>): Capability {
  return capability(name, outcome, (reason) => installCommand(packageName, reason));
}

function installCommand(packageName: string, reason: string): string {
  const missing = reason.startsWith(`Cannot find module '${packageName}'`);
  return `npm install ${INSTALL_SPECIFIERS[packageName] ?? packageName}${missing ? '' : ' --force'}`;
}

async function probeExecutableMemory(child: ChildOptions): Promise<Capability> {
  return capability('executable-memory', await callInChild(runGeneratedCode, null, child), (reason) => {
    if (/koffi/.test(reason)) return installCommand('koffi', reason);
    if (/errno/.test(reason))
      return 'allow this process PROT_EXEC mappings (SELinux, seccomp or a noexec policy forbids them)';
    return null;
  });
}

async function probeWebGpu(child: ChildOptions, allowSoftware: boolean): Promise<Capability> {
  let outcome = await callInChild(openNodeGpu, nodeGpuRequest(null), child);
  const hardwareReason = outcome.ok ? '' : outcome.reason;
  if (!outcome.ok && allowSoftware && existsSync(SWIFTSHADER_MANIFEST)) {
    outcome = await callInChild(openNodeGpu, nodeGpuRequest(SWIFTSHADER_MANIFEST), child);
  }
  if (!outcome.ok) {
    return {
      name: 'webgpu',
      available: false,
      reason: outcome.reason,
      remedy: nodeGpuRemedy(outcome.reason),
    };
  }
  const { adapterName, software } = outcome.value;
  const why = hardwareReason ? `: ${hardwareReason}` : '';
  const reason = software ? `${adapterName} (software, no GPU${why})` : adapterName;
  return { name: 'webgpu', available: true, reason, remedy: null };
}

async function probeCuda(child: ChildOptions): Promise<Capability> {
  const named = process.env.QEDGE_LIBCUDA;
  const system =
    process.platform === 'win32' ? ['nvcuda.dll'] : ['libcuda.so.1', '/usr/local/nvidia/lib64/libcuda.so.1'];
  const outcome = await callInChild(listCudaDevices, named ? [named] : system, child);
  return capability('cuda', outcome, (reason) => {
    if (/koffi/.test(reason)) return installCommand('koffi', reason.replace(/^.*does not load: /, ''));
    return process.platform === 'darwin' ? null : 'install the NVIDIA driver (it needs an NVIDIA GPU)';
  });
}

async function probeTensorflow(
  name: string,
  probe: TensorflowProbe,
  child: ChildOptions,
): Promise<Capability> {
  return capability(name, await callInChild(multiplyWithTensorflow, probe, child), (reason) => {
    const missing = probe.packages.find((packageName) => reason.includes(`'${packageName}'`));
    const native = probe.backend === 'tensorflow';
    if (native && missing === undefined && /tfjs_binding/.test(reason)) {
      return `npm rebuild ${probe.packages[0]} --build-addon-from-source`;
    }
    return installCommand(missing ?? probe.packages[0]!, reason);
  });
}
