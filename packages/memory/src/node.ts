export { type Koffi, type KoffiResult, loadKoffi } from './koffi-library.ts';
export { MappedFile, mapFile } from './mapped-file.ts';
export { openModelFile, saveModelFile } from './model-file-on-disk.ts';
