import { type Fallback, VerificationError } from '@qedge/core';
import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs';
import type { Tensorflow } from './tensorflow.ts';

/** A faster kernel in place, until it is given back. */
export interface FastTrainingKernels extends Disposable {
  /** Null when the fast kernel is in use; otherwise what runs instead and why. */
  readonly fallback: Fallback | null;
  /** Puts the original kernel back once every holder has let go. Further calls do nothing. */
  dispose(): void;
}

/** The replacement, which counts who uses it, so that two users in one program do not undo each other. */
interface SharedKernelConfig extends KernelConfig {
  readonly original: KernelConfig;
  holders: number;
}

/** What a wasm kernel may use of its backend. */
interface DataOwner {
  disposeData(dataId: object): void;
}

const KERNEL = 'BatchMatMul';
const BACKEND = 'wasm';

/**
 * Makes training on the tfjs WebAssembly backend about three times faster, reversibly.
 *
 * The stock kernel multiplies matrices with XNNPACK only when neither operand is transposed; back-propagation always
 * transposes one and so lands in a scalar triple loop (`batch_mat_mul_impl.cc`, `slow_batch_matmul`). The replacement
 * transposes explicitly first and then takes the fast path. The sums are the same up to the order of rounding.
 *
 * Before it returns, the replacement is checked on integer matrices, where both orders are exact; when it fails, the original
 * is put back. On any backend but `wasm` nothing is changed and `fallback` says so.
 *
 * @throws VerificationError when the check fails.
 */
export function fastTrainingKernels(tf: Tensorflow): FastTrainingKernels {
  const backend = tf.getBackend();
  if (backend !== BACKEND)
    return inactive(`tfjs backend ${backend}`, `the backend is ${backend}, not ${BACKEND}`);
  const current = tf.getKernel(KERNEL, BACKEND);
  const transpose = tf.getKernel('Transpose', BACKEND);
  if (!current || !transpose) return inactive('stock kernels', `${KERNEL} or Transpose is not registered`);
  if (isShared(current)) {
    current.holders++;
    return release(tf, current);
  }
  const shared: SharedKernelConfig = {
    ...current,
    kernelFunc: transposeFirst(current.kernelFunc, transpose.kernelFunc),
    original: current,
    holders: 1,
  };
  replaceKernel(tf, shared);
  const handle = release(tf, shared);
  try {
    verifyMatrixProducts(tf);
  } catch (error) {
    handle.dispose();
    throw error;
  }
  return handle;
}

function inactive(to: string, why: string): FastTrainingKernels {
  const fallback = { from: 'XNNPACK for transposed matrix products', to, why };
  return { fallback, dispose() {}, [Symbol.dispose]() {} };
}

function isShared(config: KernelConfig): config is SharedKernelConfig {
  return 'original' in config && 'holders' in config;
}

function replaceKernel(tf: Tensorflow, config: KernelConfig): void {
  tf.unregisterKernel(KERNEL, BACKEND);
  tf.registerKernel(config);
}

function release(tf: Tensorflow, shared: SharedKernelConfig): FastTrainingKernels {
  let held = true;
  const dispose = () => {
    if (!held) return;
    held = false;
    if (--shared.holders === 0) replaceKernel(tf, shared.original);
  };
  return { fallback: null, dispose, [Symbol.dispose]: dispose };
}

function transposeFirst(multiply: KernelFunc, transpose: KernelFunc): KernelFunc {
  return (call) => {
    const { inputs, backend, attrs } = call;
    if (!attrs?.transposeA && !attrs?.transposeB) return multiply(call);
    const owner = backend as DataOwner;
    const swapped = (x: TensorInfo): TensorInfo => {
      const perm = x.shape.map((_, axis) => axis);
      perm.push(...perm.splice(-2).reverse());
      // Transpose has exactly one output.
      return transpose({ inputs: { x }, backend, attrs: { perm } }) as TensorInfo;
    };
    const a = attrs.transposeA ? swapped(inputs.a as TensorInfo) : (inputs.a as TensorInfo);
    const b = attrs.transposeB ? swapped(inputs.b as TensorInfo) : (inputs.b as TensorInfo);
    try {
      return multiply({
        inputs: { a, b },
        backend,
        attrs: { ...attrs, transposeA: false, transposeB: false },
      });
    } finally {
      if (a !== inputs.a) owner.disposeData(a.dataId);
      if (b !== inputs.b) owner.disposeData(b.dataId);
    }
  };
}

interface ProductCase {
  readonly batch: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Compares products of small integers, exact in float32, with a triple loop; plain, transposed, batched and one row wide. */
function verifyMatrixProducts(tf: Tensorflow): void {
  const sizes = [
    { batch: 1, m: 1, k: 5, n: 3 },
    { batch: 1, m: 7, k: 1, n: 1 },
    { batch: 2, m: 9, k: 17, n: 6 },
  ];
  for (const size of sizes) {
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) verifyProduct(tf, { ...size, transposeA, transposeB });
    }
  }
}

function verifyProduct(tf: Tensorflow, product: ProductCase): void {
  const { batch, m, k, n, transposeA, transposeB } = product;
  const integers = (count: number, step: number) =>
    Float32Array.from({ length: count }, (_, i) => ((i * step) % 23) - 11);
  const a = integers(batch * m * k, 7);
  const b = integers(batch * k * n, 5);
  const actual = new Float32Array(batch * m * n);
  tf.tidy(() => {
    const left = tf.tensor3d(a, transposeA ? [batch, k, m] : [batch, m, k]);
    const right = tf.tensor3d(b, transposeB ? [batch, n, k] : [batch, k, n]);
    actual.set(tf.matMul(left, right, transposeA, transposeB).dataSync());
  });
  const expected = multiplyPlainly(a, b, product);
  const wrong = actual.findIndex((value, at) => value !== expected[at]);
  if (wrong >= 0) {
    throw new VerificationError('The fast matrix product is wrong and was not installed', {
      expected: expected[wrong],
      actual: actual[wrong],
      facts: { ...product, index: wrong },
    });
  }
}

function multiplyPlainly(a: Float32Array, b: Float32Array, product: ProductCase): Float32Array {
  const { batch, m, k, n, transposeA, transposeB } = product;
  return Float32Array.from({ length: batch * m * n }, (_, at) => {
    const [z, row, column] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n];
    let sum = 0;
    for (let i = 0; i < k; i++) {
      const left = a[z * m * k + (transposeA ? i * m + row : row * k + i)];
      const right = b[z * k * n + (transposeB ? column * k + i : i * n + column)];
      sum += left * right;
    }
    return sum;
  });
}
