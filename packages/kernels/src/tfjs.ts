export { createTfjsDevice, type Tensorflow, type TfjsDeviceOptions } from './tfjs/tfjs-device.ts';
export type { CheckpointPlan } from './tfjs/training/checkpoint-plan.ts';
export {
  type BatchLoss,
  type CheckpointedModel,
  type CheckpointReport,
  checkpointModel,
} from './tfjs/training/checkpointed-model.ts';
