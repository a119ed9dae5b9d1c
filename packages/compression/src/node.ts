export { fileCheckpointStore } from './training/file-checkpoint-store.ts';
