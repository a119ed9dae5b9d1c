import { DENSE_BATCH_SHADER, DENSE_SINGLE_SHADER, SOFTMAX_SHADER } from './shaders.ts';

/** `GPUShaderStage.COMPUTE`. */
const COMPUTE_STAGE = 0x4;

/** The three programs and the layout of the bindings that they share. */
export interface WebGpuPipelines {
  readonly denseBatch: GPUComputePipeline;
  readonly denseSingle: GPUComputePipeline;
  readonly softmax: GPUComputePipeline;
  readonly denseLayout: GPUBindGroupLayout;
  readonly softmaxLayout: GPUBindGroupLayout;
}

/** Compiles the three programs. @throws GPUPipelineError when the adapter refuses one. */
export async function createPipelines(device: GPUDevice): Promise<WebGpuPipelines> {
  const buffers: [number, GPUBufferBindingType][] = [
    [0, 'uniform'],
    [1, 'uniform'],
    [2, 'read-only-storage'],
    [3, 'read-only-storage'],
    [4, 'read-only-storage'],
    [5, 'storage'],
  ];
  const entries = buffers.map(([binding, type]) => ({
    binding,
    visibility: COMPUTE_STAGE,
    buffer: { type },
  }));
  const denseLayout = device.createBindGroupLayout({ label: 'dense', entries });
  const softmaxLayout = device.createBindGroupLayout({
    label: 'softmax',
    entries: entries.filter(({ binding }) => binding !== 2 && binding !== 3),
  });
  const compile = (label: string, code: string, layout: GPUBindGroupLayout) =>
    device.createComputePipelineAsync({
      label,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: device.createShaderModule({ label, code }), entryPoint: 'main' },
    });
  const [denseBatch, denseSingle, softmax] = await Promise.all([
    compile('dense, batch', DENSE_BATCH_SHADER, denseLayout),
    compile('dense, one sample', DENSE_SINGLE_SHADER, denseLayout),
    compile('softmax', SOFTMAX_SHADER, softmaxLayout),
  ]);
  return { denseBatch, denseSingle, softmax, denseLayout, softmaxLayout };
}
