import { library } from '@qedge-tooling/presets/tsup';

// The bundled declarations mention `GPU`, which is a global of @webgpu/types.
export default library({
  dts: { banner: '/// <reference types="@webgpu/types" />' },
  // Otherwise entries import shared chunks for nothing, and bundlers warn that such an import is ignored.
  treeshake: { moduleSideEffects: false },
});
