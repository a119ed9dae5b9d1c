import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CapabilityUnavailableError, type Fallback } from '@qedge/core';
import {
  failureReason,
  type LookupOptions,
  type PackageLoader,
  packageLoader,
} from '../probe/optional-package.ts';

/** Where Debian's chromium keeps SwiftShader, a Vulkan driver that computes on the CPU. */
export const SWIFTSHADER_MANIFEST = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Options of {@link requestNodeGpu}. */
export interface NodeGpuOptions extends LookupOptions {
  /** Accept SwiftShader (of Debian's chromium) when there is no GPU; default false. It is correct, and slow. */
  readonly allowSoftware?: boolean;
}

/** WebGPU in Node. */
export interface NodeGpu {
  readonly gpu: GPU;
  /** What the adapter calls itself. */
  readonly adapterName: string;
  /** True when the adapter computes on the CPU. */
  readonly software: boolean;
  /** Filled when software stands in for a GPU. */
  readonly fallbacks: readonly Fallback[];
}

/** What {@link openNodeGpu} finds. */
interface OpenedGpu {
  readonly gpu: GPU;
  readonly adapterName: string;
  readonly software: boolean;
}

/**
 * Opens WebGPU in Node through the optional package `webgpu` (Dawn). A driver that the environment variable
 * `VK_ICD_FILENAMES` names is used, also a software one: naming it is asking for it.
 *
 * Node keeps running while the GPU object lives: end the program with `process.exit()`.
 *
 * @throws CapabilityUnavailableError with the reason and a remedy when the package or an adapter is missing.
 */
export async function requestNodeGpu(options: NodeGpuOptions = {}): Promise<NodeGpu> {
  const loader = packageLoader(options);
  const attempt = async (manifest: string | null): Promise<OpenedGpu | string> => {
    try {
      return await openNodeGpu(loader, nodeGpuRequest(manifest));
    } catch (error) {
      return failureReason(error);
    }
  };
  const hardware = await attempt(null);
  if (typeof hardware !== 'string')
    return { ...hardware, fallbacks: softwareFallback(hardware, 'VK_ICD_FILENAMES names it') };
  const software =
    options.allowSoftware && existsSync(SWIFTSHADER_MANIFEST) ? await attempt(SWIFTSHADER_MANIFEST) : null;
  if (software !== null && typeof software !== 'string') {
    return { ...software, fallbacks: softwareFallback(software, hardware) };
  }
  const reason = software === null ? hardware : `${hardware}; SwiftShader: ${software}`;
  throw new CapabilityUnavailableError('WebGPU is not available in this Node', {
    expected: 'the package webgpu and a Vulkan, Metal or Direct3D 12 adapter',
    actual: reason,
    remedy: nodeGpuRemedy(reason),
  });
}

function softwareFallback(opened: OpenedGpu, why: string): Fallback[] {
  return opened.software ? [{ from: 'a GPU', to: opened.adapterName, why }] : [];
}

/** The next step for the reason that {@link openNodeGpu} gave. */
export function nodeGpuRemedy(reason: string): string {
  if (/^Cannot find (module|package) 'webgpu'/.test(reason)) return 'npm install webgpu';
  if (/dawn\.node/.test(reason)) return 'npm install webgpu --force';
  if (process.platform !== 'linux') return 'update the graphics driver';
  const software = existsSync(SWIFTSHADER_MANIFEST)
    ? `allow the software adapter of chromium (VK_ICD_FILENAMES=${SWIFTSHADER_MANIFEST})`
    : 'for a software adapter: apt-get install chromium';
  const driver = /libvulkan/.test(reason)
    ? 'install the driver of the GPU and the Vulkan loader (apt-get install libvulkan1)'
    : 'install the Vulkan driver of the GPU';
  return `${driver}; ${software}`;
}

/** How to look for an adapter; survives JSON. */
export interface NodeGpuRequest {
  /** A Vulkan driver manifest to use instead of the system's; null for the system's or that of `VK_ICD_FILENAMES`. */
  readonly manifest: string | null;
  /** Vulkan loaders to try, in order: the system's, then the ones beside the driver manifests. */
  readonly vulkanLoaders: readonly string[];
}

/** The request for one manifest, or for whatever the environment names. */
export function nodeGpuRequest(manifest: string | null): NodeGpuRequest {
  const named = manifest ?? process.env.VK_ICD_FILENAMES?.split(':')[0];
  const beside = named ? [join(dirname(named), 'libvulkan.so.1')] : [];
  return { manifest, vulkanLoaders: ['libvulkan.so.1', ...beside] };
}

/**
 * Loads `webgpu` and requests an adapter. Self-contained, because the probes run it in a child process.
 *
 * @throws Error whose first line is the reason.
 */
export async function openNodeGpu(loader: PackageLoader, request: NodeGpuRequest): Promise<OpenedGpu> {
  const { create } = (await loader.importPackage('webgpu')) as { create(flags: string[]): GPU };
  if (process.platform === 'linux') {
    // Dawn opens libvulkan.so.1 by name. Where the system has none, opening another copy first, never to be closed,
    // makes that name known. The answer is always an error: either "did not self-register" (it is open now), or why not.
    const [resolveNow, neverClose] = [0x2, 0x1000];
    let missing = '';
    const open = (path: string) => {
      try {
        process.dlopen({ exports: {} }, path, resolveNow | neverClose);
      } catch (error) {
        if (/did not self-register/.test((error as Error).message)) return true;
        missing ||= (error as Error).message;
      }
      return false;
    };
    if (!request.vulkanLoaders.some(open)) throw new Error(missing);
  }
  const before = process.env.VK_ICD_FILENAMES;
  if (request.manifest !== null) process.env.VK_ICD_FILENAMES = request.manifest;
  try {
    const gpu = create([]);
    // Dawn crashes when the collector frees the object that create() returned: it is kept for good.
    const kept = globalThis as unknown as Record<symbol, GPU[] | undefined>;
    const key = Symbol.for('qedge.webgpu.instances');
    kept[key] = [...(kept[key] ?? []), gpu];
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) throw new Error('no Vulkan, Metal or Direct3D 12 adapter was found');
    const { info } = adapter;
    const adapterName = info.description || info.device || info.vendor || 'unnamed adapter';
    const software =
      info.isFallbackAdapter || /swiftshader|llvmpipe/i.test(`${info.architecture} ${adapterName}`);
    return { gpu, adapterName, software };
  } finally {
    if (before === undefined) delete process.env.VK_ICD_FILENAMES;
    else process.env.VK_ICD_FILENAMES = before;
  }
}
