import {
  ARGUMENT_BYTES,
  type KernelDescription,
  type KernelHost,
  MEMORY_ALIGNMENT,
  setArgument,
} from '../src/index.ts';

/**
 * Runs a kernel once on copies of `operands`, given in the order of the fields of its argument block, and returns the content of each
 * afterwards.
 */
export function runKernel(
  host: KernelHost,
  description: KernelDescription,
  operands: readonly (Float32Array | Uint8Array)[],
): Float32Array[] {
  const align = (bytes: number) => Math.ceil(bytes / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
  let end = align(operands.length * ARGUMENT_BYTES);
  const places = operands.map(({ byteLength }) => {
    const place = end;
    end = align(end + byteLength);
    return place;
  });
  const memory = host.createMemory(end);
  const view = new DataView(memory.buffer);
  for (const [i, operand] of operands.entries()) {
    const bytes = new Uint8Array(operand.buffer, operand.byteOffset, operand.byteLength);
    new Uint8Array(memory.buffer, memory.byteOffset + places[i]!, bytes.length).set(bytes);
    setArgument(view, memory.byteOffset, i, memory.address + places[i]!);
  }
  host.load([description], memory)[0]!.run(memory.address);
  return operands.map(({ byteLength }, i) => {
    return new Float32Array(memory.buffer, memory.byteOffset + places[i]!, byteLength / 4).slice();
  });
}
