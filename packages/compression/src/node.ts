export { inspectModelFile } from './export/inspect/inspect-model-file.ts';
export { saveExport } from './export/save-export.ts';
export { fileCheckpointStore } from './training/file-checkpoint-store.ts';
