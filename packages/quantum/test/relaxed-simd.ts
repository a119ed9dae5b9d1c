import { setFlagsFromString } from 'node:v8';

// Node 20 has relaxed SIMD behind a flag; newer versions have it always. Must be imported before anything is compiled.
if (Number(process.versions.node.split('.')[0]) < 22) setFlagsFromString('--experimental-wasm-relaxed-simd');
