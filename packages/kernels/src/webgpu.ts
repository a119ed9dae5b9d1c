/// <reference types="@webgpu/types" />
export { createWebGpuDevice, type WebGpuDeviceOptions } from './webgpu/webgpu-device.ts';
