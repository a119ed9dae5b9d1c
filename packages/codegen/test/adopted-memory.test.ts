import { describe, expect, it } from 'vitest';
import { createInterpreterHost } from '../src/host/interpreter-host.ts';
import type { KernelHost } from '../src/host/kernel-host.ts';
import { ARGUMENT_BYTES, ELEMENTWISE_ARGUMENT_COUNT, ELEMENTWISE_ARGUMENTS, setArgument } from '../src/index.ts';
import { createMachineCodeHost } from '../src/node.ts';
import { createWasmHost } from '../src/wasm/wasm-host.ts';
import { HOST_FEATURES } from './host-features.ts';
