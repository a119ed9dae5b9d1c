export { type ContainerExportOptions, exportContainer } from './export/export-container.ts';
export { exportGguf, type GgufExportOptions } from './export/export-gguf.ts';
export { exportOnnx, type OnnxExportOptions } from './export/export-onnx.ts';
export type {
  ChangedWeight,
  ExportComparison,
  ExportFormat,
  ExportReport,
  ModelExport,
  OutputComparison,
} from './export/export-report.ts';
export { exportSafetensors, type SafetensorsExportOptions } from './export/export-safetensors.ts';
export { exportTfjs, type TfjsExportOptions } from './export/export-tfjs.ts';
export { type RemovedUnits, removeDeadHiddenUnits, sortHiddenUnits } from './export/hidden-units.ts';
export { type InspectModelOptions, inspectModel } from './export/inspect/inspect-model.ts';
export type { InspectedModel, InspectedTensor } from './export/inspect/inspected-model.ts';
export { type OperatorModelOptions, toOperatorModel } from './export/operator-model.ts';
export { type CodedTensors, readCodedTensors } from './export/read-coded-tensors.ts';
export type { CodingRecord } from './export/safetensors-names.ts';
