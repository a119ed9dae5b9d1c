import './relaxed-simd.ts';
import { describeOperations } from './operation-suite.ts';
import { wasmBackend } from './wasm-backend.ts';

describeOperations(wasmBackend('strict'));
describeOperations(wasmBackend('relaxed'));
describeOperations(wasmBackend('relaxed-pairs'));
