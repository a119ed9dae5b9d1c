export { DIGIT_SPLIT, loadDigits } from './digits.ts';
export type { MainJobOptions } from './job.ts';
export { runMainJob } from './main-job.ts';
export { REPORT_SCHEMA_VERSION, type Report, reportJsonSchema, reportSchema } from './report/schema.ts';
export { energyText, kilobytes, percent } from './report/wording.ts';
