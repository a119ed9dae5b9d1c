import { library } from '@qedge-tooling/presets/tsup';

export default library({ entry: { index: 'src/index.ts', main: 'src/main.ts' }, format: ['esm'] });
