import { library } from '@qedge-tooling/presets/tsup';

export default library();
