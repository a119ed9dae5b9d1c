import type { TensorInfo } from '@tensorflow/tfjs';
import { areFloats, type KernelInputs, type KernelMaker } from './accelerated-kernel.ts';
import { elementCount, type KernelRunner } from './kernel-runner.ts';

/**
 * `Identity`, which the stock backend copies for, and `UnsortedSegmentSum`, which it lacks: the gradient of gathering, so that
 * embeddings can learn.
 */
export const makeTensorKernels: KernelMaker = (runner) => [
  {
    name: 'Identity',
    serve: ({ inputs }) => share(runner, inputs.x!),
    trials: [{ inputs: { x: [3, 5] } }],
  },
  {
    name: 'UnsortedSegmentSum',
    serve: (call) => addSegments(runner, call),
    trials: [
      {
        inputs: { x: [6, 5], segmentIds: [6] },
        values: { segmentIds: [2, 0, 2, 3, 0, 2] },
        dtypes: { segmentIds: 'int32' },
        attrs: { numSegments: 4 },
      },
    ],
  },
];

/** Another tensor of the same data, counted by the backend as the kernel `Reshape` does. */
function share({ backend }: KernelRunner, { dataId, shape, dtype }: TensorInfo): TensorInfo {
  backend.incRef(dataId);
  return { dataId, shape, dtype };
}

/** Adds rows `[.., width]` at the segments that are named; negative and too large segments are left out. */
function addSegments(runner: KernelRunner, { inputs, attrs }: KernelInputs): TensorInfo | null {
  const [x, segmentIds] = [inputs.x!, inputs.segmentIds!];
  if (!areFloats(x) || segmentIds.dtype !== 'int32') return null;
  const segments = attrs.numSegments as number;
  const shape = [segments, ...x.shape.slice(segmentIds.shape.length)];
  const rows = elementCount(segmentIds.shape);
  if (rows === 0 || shape.includes(0)) return null;
  const width = elementCount(x.shape) / rows;
  runner.bringHere([x, segmentIds]);
  const output = runner.output(shape);
  const [values, sums] = [runner.floats(x), runner.floats(output)];
  const { memoryOffset } = runner.backend.dataIdMap.get(segmentIds.dataId);
  const ids = new Int32Array(runner.backend.wasm.HEAPU8.buffer, memoryOffset, rows);
  sums.fill(0);
  for (let row = 0; row < rows; row++) {
    const segment = ids[row]!;
    if (segment < 0 || segment >= segments) continue;
    const [from, to] = [row * width, segment * width];
    for (let i = 0; i < width; i++) sums[to + i]! += values[from + i]!;
  }
  return output;
}
