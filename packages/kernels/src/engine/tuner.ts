import { defaultGemmBlocking, type GemmBlocking, type GemmProduct, type KernelHost } from '@qedge/codegen';

/** Chooses how kernels are cut, which changes their speed and never their result. */
export interface Tuner {
  gemmBlocking(host: KernelHost, product: GemmProduct): GemmBlocking;
}

/** Blockings that come from rules alone. */
export const RULES: Tuner = {
  gemmBlocking: ({ traits }, product) => defaultGemmBlocking(product, traits),
};
