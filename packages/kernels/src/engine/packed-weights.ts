/**
 * Weights that were packed before, by key. A key names the weights and the layout they are packed in, so that equal keys mean equal
 * bytes. What is found is used where it lies (a mapped file); what is not is packed into the workspace.
 */
export interface PackedWeights {
  /** The address kernels of this host read the bytes at, aligned to 64 bytes; null where they are not known. */
  find(key: string, byteLength: number): number | null;
  /** Is told what had to be packed; the bytes are lent for the call. */
  record(key: string, bytes: Uint8Array): void;
}
