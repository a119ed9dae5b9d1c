import type { DataId, Tensor } from '@tensorflow/tfjs';
import type { Tensorflow } from './tensorflow.ts';

/** What is used of the wasm backend of tfjs. */
interface WasmBackend {
  readonly wasm: { readonly HEAPU8: Uint8Array };
  readonly dataIdMap: { get(dataId: DataId): { readonly memoryOffset: number } };
}

function viewsMemory(tf: Tensorflow): boolean {
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

/**
 * Lets `edit` change the numbers of a tensor that nobody else uses: in place on the wasm backend.
 *
 * @returns a tensor with the changed numbers, which may be the given one.
 */
export function editTensor(tf: Tensorflow, tensor: Tensor, edit: (values: Float32Array) => void): Tensor {
  if (viewsMemory(tf)) {
    edit(viewTensor(tf, tensor));
    return tensor;
  }
  const values = tensor.dataSync<'float32'>().slice();
  edit(values);
  return tf.tensor(values, tensor.shape);
}

/** Copies the numbers of a tensor into an array of its length. @returns the array. */
export async function readTensor(tf: Tensorflow, tensor: Tensor, into: Float32Array): Promise<Float32Array> {
  into.set(viewsMemory(tf) ? viewTensor(tf, tensor) : await tensor.data<'float32'>());
  return into;
}
