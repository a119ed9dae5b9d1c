export { createTfjsDevice, type Tensorflow, type TfjsDeviceOptions } from './tfjs/tfjs-device.ts';
