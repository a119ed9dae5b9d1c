export {
  encodeOnnxFile,
  type OnnxAttribute,
  type OnnxElementType,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensorData,
  type OnnxValue,
} from './ort/onnx-file.ts';
export { encodeOperatorModelAsOnnx, type OnnxOfGraphOptions } from './ort/onnx-of-graph.ts';
export type { OnnxQuantization, ValueRange } from './ort/onnx-quantization.ts';
export type { OnnxRuntime, OnnxSession, OnnxTensor } from './ort/onnx-runtime.ts';
export { createOrtDevice, type OrtDeviceOptions } from './ort/ort-device.ts';
