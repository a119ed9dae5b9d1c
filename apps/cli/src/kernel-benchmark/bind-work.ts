import type { KernelEngine } from '@qedge/kernels';
import type { PreparedWork } from './peers/peer.ts';
import {
  type ConvolutionWork,
  convolutionOutput,
  type IntegerProductWork,
  type NibbleProductWork,
  type PerceptronWork,
  type ProductWork,
  type Work,
} from './work.ts';

/** Room for argument blocks and for the padding of panels. */
const SPARE_BYTES = 2 ** 22;

/** Binds a work to a workspace of its own, weights packed beforehand. */
export function bindWork(engine: KernelEngine, work: Exclude<Work, PerceptronWork>): PreparedWork {
  switch (work.kind) {
    case 'product':
      return bindProduct(engine, work);
    case 'integer product':
      return bindIntegerProduct(engine, work);
    case 'nibble product':
      return bindNibbleProduct(engine, work);
    case 'convolution':
      return bindConvolution(engine, work);
  }
}

function prepared(kernel: { run(): void; dispose(): void }, result: Float32Array | Int32Array): PreparedWork {
  return { run: () => kernel.run(), result: () => result, dispose: () => kernel.dispose() };
}

function bindProduct(engine: KernelEngine, { m, n, k, a, b }: ProductWork): PreparedWork {
  const space = engine.workspace(8 * (m * k + 2 * k * n + m * n) + SPARE_BYTES);
  const [left, result] = [space.float32(m * k), space.float32(m * n)];
  left.set(a);
  const weights = space.packMatrix({ k, n, b });
  return prepared(space.gemm({ m, n, k, a: left, b: weights, c: result }), result);
}

function bindIntegerProduct(engine: KernelEngine, { m, n, k, a, b }: IntegerProductWork): PreparedWork {
  const space = engine.workspace(4 * m * k + 4 * k * n + 4 * m * n + SPARE_BYTES);
  const left = a instanceof Int8Array ? space.int8(m * k) : space.uint8(m * k);
  left.set(a);
  const result = space.int32(m * n);
  return prepared(space.integerGemm({ m, n, k, a: left, b, c: result }), result);
}

function bindNibbleProduct(
  engine: KernelEngine,
  { m, n, k, x, codes, scales }: NibbleProductWork,
): PreparedWork {
  const space = engine.workspace(12 * m * k + 2 * k * n + 4 * m * n + SPARE_BYTES);
  const [left, result] = [space.float32(m * k), space.float32(m * n)];
  left.set(x);
  return prepared(space.nibbleGemm({ m, n, k, a: left, nibbles: codes, scales, c: result }), result);
}

function bindConvolution(engine: KernelEngine, work: ConvolutionWork): PreparedWork {
  const { height, width, inChannels, outChannels, kernel, stride, padding, groups, weights, bias } = work;
  const { outHeight, outWidth } = convolutionOutput(work);
  const outputs = outHeight * outWidth * outChannels;
  const columns = outHeight * outWidth * kernel * kernel * inChannels;
  const space = engine.workspace(8 * (work.input.length + weights.length + outputs + columns) + SPARE_BYTES);
  const [input, output] = [space.float32(work.input.length), space.float32(outputs)];
  input.set(work.input);
  const product = space.convolution({
    height,
    width,
    channels: inChannels,
    outputChannels: outChannels,
    window: [kernel, kernel],
    stride,
    padding,
    groups,
    input,
    weights,
    bias,
    activation: 'relu',
    output,
  });
  return prepared(product, output);
}
