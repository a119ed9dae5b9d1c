/** `GGUF`, as a little-endian number. */
export const GGUF_MAGIC = 0x46554747;
export const GGUF_VERSION = 3;
/** Where nothing else is said, data begin at multiples of this. */
export const GGUF_ALIGNMENT = 32;

/** Kinds of metadata. */
export const GGUF_UINT32 = 4;
export const GGUF_STRING = 8;
export const GGUF_ARRAY = 9;
