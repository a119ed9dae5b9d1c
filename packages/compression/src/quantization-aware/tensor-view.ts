import type { DataId, Tensor } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs/tensorflow.ts';

/** What is used of the wasm backend of tfjs. */
interface WasmBackend {
  readonly wasm: { readonly HEAPU8: Uint8Array };
  readonly dataIdMap: { get(dataId: DataId): { readonly memoryOffset: number } };
}

/** Whether {@link viewTensor} gives the memory of tensors itself. */
export function viewsMemory(tf: Tensorflow): boolean {
  return tf.getBackend() === 'wasm';
}

/**
 * The numbers of a float32 tensor for reading at once: on the wasm backend its memory itself, without the copy of `dataSync`, whose fresh pages cost
 * more than the work on them.
 *
 * @returns valid until tfjs is called next; never to be kept.
 */
export function viewTensor(tf: Tensorflow, tensor: Tensor): Float32Array {
  if (!viewsMemory(tf)) return tensor.dataSync<'float32'>();
  const { dataIdMap, wasm } = tf.backend() as unknown as WasmBackend;
  const { memoryOffset } = dataIdMap.get(tensor.dataId);
  return new Float32Array(wasm.HEAPU8.buffer, memoryOffset, tensor.size);
}
