import {
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
} from '@qedge/codegen';

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
  gemmBlocking: ({ traits }, product) => defaultGemmBlocking(product, traits),
  integerGemmBlocking: ({ traits }, product) => defaultIntegerBlocking(product, traits),
  nibbleGemmBlocking: ({ traits }, product) => defaultNibbleBlocking(product, traits),
  convolutionBlocking: ({ traits }, request) => convolutionBlockings(request, traits, 1)[0]!,
};
