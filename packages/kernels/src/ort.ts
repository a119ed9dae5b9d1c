export type { OnnxRuntime, OnnxSession, OnnxTensor } from './ort/onnx-runtime.ts';
export { createOrtDevice, type OrtDeviceOptions } from './ort/ort-device.ts';
