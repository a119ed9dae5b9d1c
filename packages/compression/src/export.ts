export type {
  ChangedWeight,
  ExportComparison,
  ExportFormat,
  ExportReport,
  ModelExport,
  OutputComparison,
} from './export/export-report.ts';
export { type OperatorModelOptions, toOperatorModel } from './export/operator-model.ts';
