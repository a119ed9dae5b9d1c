import type { Random } from '@qedge/core';
import type { PeerName } from './peers/peer.ts';
import {
  type ConvolutionShape,
  makeConvolution,
  makeIntegerProduct,
  makeNibbleProduct,
  makePerceptron,
  makeProduct,
  type Work,
} from './work.ts';

/** A comparison with one library: `goal` is the ratio to reach (its time over ours), null where none is set. */
export interface PeerGoal {
  readonly peer: PeerName;
  readonly goal: number | null;
}

/** One row of work, on machine code or on WebAssembly. */
export interface BenchmarkCase {
  readonly name: string;
  /** Cases of one group can be chosen together; `convolution` also gets a geometric mean. */
  readonly group: CaseGroup;
  readonly engine: 'best' | 'wasm';
  readonly threads: 1 | 2;
  readonly peers: readonly PeerGoal[];
  readonly makeWork: (random: Random) => Work;
}

export const CASE_GROUPS = ['gemm', 'small', 'perceptron', 'int8', 'int4', 'convolution', 'wasm'] as const;

export type CaseGroup = (typeof CASE_GROUPS)[number];

/** The goal for the geometric mean of all convolutions of one number of threads. */
export const CONVOLUTION_GOAL = 1.2;

/** The share of the peak, measured in the same run, that a product of 512 x 512 x 512 should reach. */
export const PEAK_SHARE_GOAL = 0.95;

/** How much faster two threads should multiply 512 x 512 x 512. */
export const SCALING_GOAL = 1.95;

/** Layers of MobileNet (v1, v2) and ResNet (18, 50) at 224 x 224, one image. */
const CONVOLUTIONS: readonly (readonly [string, ConvolutionShape])[] = [
  ['ResNet 3x3 56x56x64', layer(56, 64, 64, 3)],
  ['ResNet 3x3 28x28x128', layer(28, 128, 128, 3)],
  ['ResNet 3x3 14x14x256', layer(14, 256, 256, 3)],
  ['ResNet 3x3 7x7x512', layer(7, 512, 512, 3)],
  ['ResNet 3x3/2 56x56x64-128', layer(56, 64, 128, 3, 2)],
  ['ResNet 1x1 56x56x64-256', layer(56, 64, 256, 1)],
  ['ResNet 1x1 28x28x512-128', layer(28, 512, 128, 1)],
  ['MobileNet 1x1 112x112x32-64', layer(112, 32, 64, 1)],
  ['MobileNet 1x1 56x56x128', layer(56, 128, 128, 1)],
  ['MobileNet 1x1 28x28x256', layer(28, 256, 256, 1)],
  ['MobileNet 1x1 14x14x512', layer(14, 512, 512, 1)],
  ['MobileNet 1x1 7x7x1024', layer(7, 1024, 1024, 1)],
];

function layer(
  size: number,
  inChannels: number,
  outChannels: number,
  kernel: number,
  stride = 1,
): ConvolutionShape {
  const padding = (kernel - 1) / 2;
  return { height: size, width: size, inChannels, outChannels, kernel, stride, padding, groups: 1 };
}

/** Every case, in the order of the report. */
export const BENCHMARK_CASES: readonly BenchmarkCase[] = [
  ...[256, 512, 1024].flatMap((n) =>
    ([1, 2] as const).map((threads) =>
      best('gemm', `float32 ${n}x${n}x${n}`, threads, (random) => makeProduct(n, n, n, random), [
        { peer: 'onnxruntime-node', goal: 1.05 },
        { peer: 'openblas', goal: 1 },
      ]),
    ),
  ),
  ...[16, 32, 64].map((n) => smallProduct(n, n, n)),
  ...[1, 2, 4, 8].map((m) => smallProduct(m, 128, 128)),
  smallProduct(1, 256, 256),
  smallProduct(8, 512, 512),
  smallProduct(512, 8, 64),
  ...(
    [
      [1, 3],
      [32, 1.25],
    ] as const
  ).map(([batch, goal]) =>
    best(
      'perceptron',
      `784-256-128-10, batch ${batch}`,
      1,
      (random) => makePerceptron([784, 256, 128, 10], batch, random),
      [
        { peer: 'onnxruntime-node', goal },
        { peer: 'onnxruntime-web', goal: null },
        { peer: 'tfjs-wasm', goal: null },
      ],
    ),
  ),
  integerProduct(1024, 1024, false, 1.25),
  integerProduct(1024, 1024, true, 15),
  integerProduct(1, 1024, false, 3),
  integerProduct(1, 1024, true, null),
  ...[1024, 4096].map((n) =>
    best('int4', `int4 in groups of 32, 1x${n}x${n}`, 1, (random) => makeNibbleProduct(1, n, n, random), [
      { peer: 'onnxruntime-node', goal: 4 },
    ]),
  ),
  ...([1, 2] as const).flatMap((threads) =>
    CONVOLUTIONS.map(([name, shape]) =>
      best('convolution', name, threads, (random) => makeConvolution(shape, random), [
        { peer: 'onnxruntime-node', goal: null },
      ]),
    ),
  ),
  ...[256, 512, 1024].map((n): BenchmarkCase => {
    return {
      name: `float32 ${n}x${n}x${n}, WebAssembly`,
      group: 'wasm',
      engine: 'wasm',
      threads: 1,
      makeWork: (random) => makeProduct(n, n, n, random),
      peers: [
        { peer: 'onnxruntime-web', goal: 1.8 },
        { peer: 'litert.js', goal: 1.25 },
        { peer: 'tfjs-wasm', goal: null },
        { peer: 'jax-js', goal: null },
      ],
    };
  }),
];

function best(
  group: CaseGroup,
  name: string,
  threads: 1 | 2,
  makeWork: BenchmarkCase['makeWork'],
  peers: readonly PeerGoal[],
): BenchmarkCase {
  return { name, group, engine: 'best', threads, makeWork, peers };
}

function smallProduct(m: number, n: number, k: number): BenchmarkCase {
  return best('small', `float32 ${m}x${n}x${k}`, 1, (random) => makeProduct(m, n, k, random), [
    { peer: 'onnxruntime-node', goal: 4 },
    { peer: 'openblas', goal: null },
  ]);
}

function integerProduct(m: number, n: number, signed: boolean, goal: number | null): BenchmarkCase {
  const name = `${signed ? 'int8' : 'uint8'} x int8 ${m}x${n}x${n}`;
  return best('int8', name, 1, (random) => makeIntegerProduct(m, n, n, signed, random), [
    { peer: 'onnxruntime-node', goal },
  ]);
}
