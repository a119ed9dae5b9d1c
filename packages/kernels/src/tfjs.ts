export {
  type CustomLayer,
  type ImportLayersModelOptions,
  importLayersModel,
} from './graph/layers/import-layers-model.ts';
export type { TensorflowLayer } from './graph/layers/layer-context.ts';
export { layersSource } from './inference/layers-source.ts';
export type { AccelerateOptions, Acceleration, KernelUse } from './tfjs/accelerate/accelerate.ts';
export { accelerate } from './tfjs/accelerate/portable-accelerate.ts';
export type { TensorflowNamespace } from './tfjs/tensorflow-namespace.ts';
export { createTfjsDevice, type Tensorflow, type TfjsDeviceOptions } from './tfjs/tfjs-device.ts';
export type { CheckpointPlan } from './tfjs/training/checkpoint-plan.ts';
export {
  type BatchLoss,
  type CheckpointedModel,
  type CheckpointReport,
  checkpointModel,
} from './tfjs/training/checkpointed-model.ts';
export {
  createDataParallelTrainer,
  type DataParallelOptions,
  type DataParallelStep,
  type DataParallelTrainer,
} from './tfjs/training/data-parallel-trainer.ts';
export {
  type GradientAnswer,
  type GradientFunction,
  type GradientReplica,
  type GradientRequest,
  gradientTask,
} from './tfjs/training/gradient-task.ts';
