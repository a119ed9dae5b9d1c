import type { BindingContext } from './binding.ts';

/**
 * Weights that were packed before, by key. A key names the weights and the layout they are packed in, so that equal keys mean equal
 * bytes. What is found is used where it lies (a mapped file); what is not is packed into the workspace.
 */
export interface PackedWeights {
  /** The address kernels of this host read the bytes at, aligned to 64 bytes; null where they are not known. */
  find(key: string, byteLength: number): number | null;
  /** Of what was found, so many bytes were copied to the workspace instead of being read where they lay; default 0. */
  readonly copiedBytes?: number;
  /** Is told what had to be packed; the bytes are lent for the call. */
  record(key: string, bytes: Uint8Array): void;
}

/** Numbers that are loaded only where they were not packed before under their name. */
export interface NamedWeights<Numbers> {
  /** Names the numbers, not their layout. */
  readonly name: string;
  load(): Numbers;
}

/** The numbers themselves, or their name. */
export type WeightOrigin<Numbers> = Numbers | NamedWeights<Numbers>;

/** Whether numbers are known by name. */
export function isNamed<Numbers>(origin: WeightOrigin<Numbers>): origin is NamedWeights<Numbers> {
  return typeof origin === 'object' && origin !== null && 'load' in origin;
}

/** The name of numbers, or null. */
export function nameOf(origin: WeightOrigin<unknown>): string | null {
  return isNamed(origin) ? origin.name : null;
}

/** The numbers. */
export function loadWeights<Numbers>(origin: WeightOrigin<Numbers>): Numbers {
  return isNamed(origin) ? origin.load() : origin;
}

/**
 * Finds packed weights, or packs them into the workspace.
 *
 * @param name of the numbers; null: they cannot be found.
 * @param layout canonical text of everything that their packed bytes depend on beside the numbers.
 * @param pack fills zeroed bytes.
 * @returns their address.
 */
export function placePacked(
  { arena, packedWeights }: Pick<BindingContext, 'arena' | 'packedWeights'>,
  {
    name,
    layout,
    byteLength,
  }: { readonly name: string | null; readonly layout: string; readonly byteLength: number },
  pack: (target: Uint8Array) => void,
): number {
  const key = `${name} ${layout}`;
  const found = name === null ? null : (packedWeights?.find(key, byteLength) ?? null);
  if (found !== null) return found;
  const { byteOffset, address } = arena.allocate(byteLength, 'packed weights');
  const target = new Uint8Array(arena.memory.buffer, byteOffset, byteLength);
  pack(target);
  if (name !== null) packedWeights?.record(key, target);
  return address;
}
