export { describeReport } from './describe-report.ts';
export {
  AGREEMENT_TOLERANCE,
  type BatchReport,
  type DeviceReport,
  type GpuReport,
  type MissingDevice,
} from './gpu-report.ts';
export { type GpuAppOptions, runGpuApp } from './run-gpu-app.ts';
