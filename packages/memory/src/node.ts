export { type Koffi, type KoffiResult, loadKoffi } from '@qedge/core/node';
export { MappedFile, mapFile } from './mapped-file.ts';
export type { MappedPages } from './mapped-pages.ts';
export type { FileRange, LinearMemory, MemoryOverlay, MemoryOverlayResult } from './memory-overlay.ts';
export { openModelFile, saveModelFile } from './model-file-on-disk.ts';
export type { AdviceResult, PageAdvice, ResidencyResult } from './page-advice.ts';
export { openSafetensors, saveSafetensors } from './safetensors-on-disk.ts';
export { openTfjsWeights } from './tfjs-weights-on-disk.ts';
