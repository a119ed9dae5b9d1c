import { library } from '@qedge-tooling/presets/tsup';

// Shims give the CommonJS build an `import.meta.url`, from which koffi is resolved.
export default library({ shims: true });
