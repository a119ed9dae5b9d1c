import { loadTensorflow, type TensorflowLibrary } from '@qedge/kernels/node';
import { deviceConformanceCases } from '@qedge/kernels/testing';
import { createTfjsDevice, type Tensorflow } from '@qedge/kernels/tfjs';

/** What the driver prints as the last line of its standard output. */
export interface DriverReport {
  readonly node: string;
  readonly library: TensorflowLibrary;
  readonly backend: string;
  readonly fallbacks: readonly { readonly from: string; readonly to: string; readonly why: string }[];
  readonly tensorflowVersion: string;
  readonly isGpuPackage: boolean;
  readonly isUsingGpuDevice: boolean;
  readonly loadMs: number;
  readonly cases: readonly { readonly name: string; readonly error: string | null }[];
  /** Tensors that are still alive after every case. */
  readonly tensorsLeft: number;
}

// Runs the device conformance on one native TensorFlow.js package: `node driver.mjs LIBRARY FOLDER`.
const [library, from] = process.argv.slice(2) as [TensorflowLibrary, string];
const startMs = performance.now();
const {
  tf,
  backend,
  fallbacks,
  library: loaded,
} = await loadTensorflow<Tensorflow>({ prefer: [library], from });
const loadMs = performance.now() - startMs;
const cases: { name: string; error: string | null }[] = [];
for (const conformance of deviceConformanceCases()) {
  try {
    using device = await createTfjsDevice(tf, { backend });
    const { precision } = conformance;
    if (precision !== null && !device.precisions.some((stated) => stated === precision)) continue;
    await conformance.run(device);
    cases.push({ name: conformance.name, error: null });
  } catch (error) {
    cases.push({ name: conformance.name, error: String(error) });
  }
}
const native = tf.backend() as unknown as {
  binding: { TF_Version: string };
  isGPUPackage: boolean;
  isUsingGpuDevice: boolean;
};
const report: DriverReport = {
  node: process.version,
  library: loaded,
  backend,
  fallbacks,
  tensorflowVersion: native.binding.TF_Version,
  isGpuPackage: native.isGPUPackage,
  isUsingGpuDevice: native.isUsingGpuDevice,
  loadMs,
  cases,
  tensorsLeft: tf.memory().numTensors,
};
console.log(JSON.stringify(report));
