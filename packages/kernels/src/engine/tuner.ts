import {
  type CacheSizes,
  type ConvolutionBlocking,
  type ConvolutionRequest,
  convolutionBlockings,
  defaultGemmBlocking,
  defaultIntegerBlocking,
  defaultNibbleBlocking,
  type GemmBlocking,
  type GemmProduct,
  type IntegerGemmBlocking,
  type IntegerGemmDescription,
  type KernelHost,
  type NibbleGemmBlocking,
  type NibbleGemmDescription,
  SMALLEST_CACHES,
} from '@qedge/codegen';
import type { CpuCache, MachineCodeHost } from '@qedge/codegen/node';

/** Chooses how kernels are cut, which changes their speed and never their result. */
export interface Tuner {
  gemmBlocking(host: KernelHost, product: GemmProduct): GemmBlocking;
  integerGemmBlocking(
    host: KernelHost,
    product: Omit<IntegerGemmDescription, 'blocking'>,
  ): IntegerGemmBlocking;
  nibbleGemmBlocking(host: KernelHost, product: Omit<NibbleGemmDescription, 'blocking'>): NibbleGemmBlocking;
  convolutionBlocking(host: KernelHost, request: ConvolutionRequest): ConvolutionBlocking;
}

/** Blockings that come from rules alone. */
export const RULES: Tuner = {
  gemmBlocking: (host, product) => defaultGemmBlocking(product, host.traits, cacheSizes(host)),
  integerGemmBlocking: ({ traits }, product) => defaultIntegerBlocking(product, traits),
  nibbleGemmBlocking: ({ traits }, product) => defaultNibbleBlocking(product, traits),
  convolutionBlocking: ({ traits }, request) => convolutionBlockings(request, traits, 1)[0]!,
};

/** The caches of a core where the host knows them, else the smallest usual ones. */
export function cacheSizes(host: KernelHost): CacheSizes {
  const caches: readonly CpuCache[] = (host as Partial<MachineCodeHost>).cpu?.caches ?? [];
  const sizeOf = (wanted: number) => {
    return caches.find(({ level, kind }) => level === wanted && kind !== 'instruction')?.byteLength;
  };
  return {
    level1Bytes: sizeOf(1) ?? SMALLEST_CACHES.level1Bytes,
    level2Bytes: sizeOf(2) ?? SMALLEST_CACHES.level2Bytes,
  };
}
