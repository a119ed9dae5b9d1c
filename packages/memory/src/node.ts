export { type Koffi, type KoffiResult, loadKoffi } from '@qedge/core/node';
export { MappedFile, mapFile } from './mapped-file.ts';
export { openModelFile, saveModelFile } from './model-file-on-disk.ts';
