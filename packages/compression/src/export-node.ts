export { saveExport } from './export/save-export.ts';
