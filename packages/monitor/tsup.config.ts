import { library } from '@qedge-tooling/presets/tsup';

// The CommonJS build finds the live page's files through a stand-in for `import.meta.url`.
export default library({ shims: true });
