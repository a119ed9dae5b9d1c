export type { OnnxConstant } from './graph/onnx/bind-inputs.ts';
export type { OnnxElementType } from './graph/onnx/element-type.ts';
export { type ImportOnnxOptions, importOnnx } from './graph/onnx/import-onnx.ts';
export { onnxOperators } from './graph/onnx/import-operators.ts';
export type {
  OnnxAttribute,
  OnnxExternalLocation,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxNumberPieces,
  OnnxTensor,
  OnnxValueInfo,
  ReadExternalData,
} from './graph/onnx/onnx-model.ts';
export { type ReadOnnxOptions, readOnnx } from './graph/onnx/read-onnx.ts';
export type { CustomOperator, CustomOperators } from './graph/operators/custom-operator.ts';
