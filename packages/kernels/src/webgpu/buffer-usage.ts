/**
 * The flags of `GPUBufferUsage` and `GPUMapMode`, whose values the WebGPU specification fixes. Node has no such globals,
 * and this package sets none.
 */
export const BUFFER_USAGE = {
  mapRead: 0x0001,
  copySource: 0x0004,
  copyDestination: 0x0008,
  uniform: 0x0040,
  storage: 0x0080,
} as const;

/** `GPUMapMode.READ`. */
export const MAP_MODE_READ = 0x0001;
