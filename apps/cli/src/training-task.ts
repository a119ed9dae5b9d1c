export { trainDenseControlTask } from '@qedge-apps/cpu/training-task';
