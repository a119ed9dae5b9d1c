import { createReferenceSimulator } from '@qedge/quantum';
import { createStateVectorSimulator } from '@qedge/quantum/node';
import { afterAll, describe, it } from 'vitest';
import { describeSimulatorConformance } from '../src/testing/index.ts';

const framework = { describe, it, afterAll };

describeSimulatorConformance('reference', async () => createReferenceSimulator(), framework);
for (const precision of ['f32', 'f64'] as const) {
  describeSimulatorConformance(
    `state vector ${precision}`,
    () => createStateVectorSimulator({ precision }),
    framework,
  );
}
