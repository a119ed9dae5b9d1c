/**
 * The WebGPU Shading Language programs. All sizes come as uniforms, so three pipelines serve every layer of every model:
 * software adapters take seconds to compile what they are given.
 *
 * Kernels are stored as `[inner, columns / 4]` of `vec4<f32>`, columns padded with zeros to a multiple of 4; activations
 * are plain `[rows, columns]`.
 */

/** `relu` is 0 or 1. `columns` counts real columns, `columnGroups` the groups of four that hold them. */
const DENSE_BINDINGS = /* wgsl */ `
struct Layer { inner: u32, columns: u32, columnGroups: u32, relu: u32 }
@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<uniform> rows: u32;
@group(0) @binding(2) var<storage, read> kernel: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> input: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;

fn store(row: u32, group: u32, sum: vec4<f32>) {
  let biased = sum + bias[group];
  let value = select(biased, max(biased, vec4<f32>(0.0)), layer.relu == 1u);
  let start = row * layer.columns + group * 4u;
  let last = min(4u, layer.columns - group * 4u);
  for (var lane = 0u; lane < last; lane++) { output[start + lane] = value[lane]; }
}
`;

/** Rows that one invocation of {@link DENSE_BATCH_SHADER} computes. */
export const BATCH_ROWS_PER_INVOCATION = 4;
/** Workgroup of {@link DENSE_BATCH_SHADER}: groups of four columns x groups of rows. */
export const BATCH_WORKGROUP = { columnGroups: 16, rowGroups: 4 } as const;

/** Dense layer for a batch: each invocation keeps a tile of 4 rows x 4 columns of the result in registers. */
export const DENSE_BATCH_SHADER = /* wgsl */ `${DENSE_BINDINGS}
@compute @workgroup_size(${BATCH_WORKGROUP.columnGroups}, ${BATCH_WORKGROUP.rowGroups})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let group = id.x;
  let row = id.y * 4u;
  if (group >= layer.columnGroups || row >= rows) { return; }
  // Rows beyond the batch read the last one again and are not stored.
  let last = rows - 1u;
  var a0 = row * layer.inner;
  var a1 = min(row + 1u, last) * layer.inner;
  var a2 = min(row + 2u, last) * layer.inner;
  var a3 = min(row + 3u, last) * layer.inner;
  var s0 = vec4<f32>(0.0);
  var s1 = vec4<f32>(0.0);
  var s2 = vec4<f32>(0.0);
  var s3 = vec4<f32>(0.0);
  var b = group;
  for (var k = 0u; k < layer.inner; k++) {
    let weights = kernel[b];
    s0 = fma(vec4<f32>(input[a0]), weights, s0);
    s1 = fma(vec4<f32>(input[a1]), weights, s1);
    s2 = fma(vec4<f32>(input[a2]), weights, s2);
    s3 = fma(vec4<f32>(input[a3]), weights, s3);
    a0++; a1++; a2++; a3++;
    b += layer.columnGroups;
  }
  store(row, group, s0);
  if (row + 1u < rows) { store(row + 1u, group, s1); }
  if (row + 2u < rows) { store(row + 2u, group, s2); }
  if (row + 3u < rows) { store(row + 3u, group, s3); }
}
`;

/** Groups of four columns that one workgroup of {@link DENSE_SINGLE_SHADER} computes. */
export const SINGLE_COLUMN_GROUPS = 16;
const SINGLE_SLICES = 16;

/** Dense layer for one sample: a workgroup splits the inner dimension into 16 slices and adds them up at the end. */
export const DENSE_SINGLE_SHADER = /* wgsl */ `${DENSE_BINDINGS}
var<workgroup> partial: array<vec4<f32>, ${SINGLE_COLUMN_GROUPS * SINGLE_SLICES}>;

@compute @workgroup_size(${SINGLE_COLUMN_GROUPS}, ${SINGLE_SLICES})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let group = workgroup.x * ${SINGLE_COLUMN_GROUPS}u + local.x;
  var sum = vec4<f32>(0.0);
  if (group < layer.columnGroups) {
    for (var k = local.y; k < layer.inner; k += ${SINGLE_SLICES}u) {
      sum = fma(vec4<f32>(input[k]), kernel[k * layer.columnGroups + group], sum);
    }
  }
  partial[local.y * ${SINGLE_COLUMN_GROUPS}u + local.x] = sum;
  workgroupBarrier();
  if (local.y != 0u || group >= layer.columnGroups) { return; }
  for (var slice = 1u; slice < ${SINGLE_SLICES}u; slice++) {
    sum += partial[slice * ${SINGLE_COLUMN_GROUPS}u + local.x];
  }
  // \`rows\` is 1 here; reading it keeps the binding layout the same as that of the batch shader.
  if (rows == 1u) { store(0u, group, sum); }
}
`;

const SOFTMAX_LANES = 64;
/** Workgroups that {@link SOFTMAX_SHADER} is dispatched with at most: enough to fill a GPU; they take further rows in turns. */
export const SOFTMAX_MAX_WORKGROUPS = 1024;

/** Softmax of rows of \`width\` values, one workgroup per row; the greatest value is subtracted first, so nothing overflows. */
export const SOFTMAX_SHADER = /* wgsl */ `
struct Layer { width: u32, rowsPerSample: u32 }
@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<uniform> samples: u32;
@group(0) @binding(4) var<storage, read> input: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;
var<workgroup> lanes: array<f32, ${SOFTMAX_LANES}>;

@compute @workgroup_size(${SOFTMAX_LANES})
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let rows = samples * layer.rowsPerSample;
  let lane = local.x;
  for (var row = workgroup.x; row < rows; row += workgroups.x) {
    let start = row * layer.width;
    var greatest = input[start];
    for (var i = lane; i < layer.width; i += ${SOFTMAX_LANES}u) { greatest = max(greatest, input[start + i]); }
    lanes[lane] = greatest;
    workgroupBarrier();
    for (var half = ${SOFTMAX_LANES / 2}u; half > 0u; half /= 2u) {
      if (lane < half) { lanes[lane] = max(lanes[lane], lanes[lane + half]); }
      workgroupBarrier();
    }
    greatest = lanes[0];
    workgroupBarrier();
    var sum = 0.0;
    for (var i = lane; i < layer.width; i += ${SOFTMAX_LANES}u) { sum += exp(input[start + i] - greatest); }
    lanes[lane] = sum;
    workgroupBarrier();
    for (var half = ${SOFTMAX_LANES / 2}u; half > 0u; half /= 2u) {
      if (lane < half) { lanes[lane] += lanes[lane + half]; }
      workgroupBarrier();
    }
    sum = lanes[0];
    workgroupBarrier();
    for (var i = lane; i < layer.width; i += ${SOFTMAX_LANES}u) {
      output[start + i] = exp(input[start + i] - greatest) / sum;
    }
  }
}
`;
