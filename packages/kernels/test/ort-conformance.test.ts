import { describe, it } from 'vitest';
import { loadOnnxRuntime } from '../src/node.ts';
import { createOrtDevice } from '../src/ort.ts';
import { describeDeviceConformance } from '../src/testing/index.ts';

for (const library of ['onnxruntime-node', 'onnxruntime-web'] as const) {
  describeDeviceConformance(
    library,
    async () => createOrtDevice((await loadOnnxRuntime({ prefer: [library] })).ort, { threads: 1 }),
    { describe, it },
  );
}
