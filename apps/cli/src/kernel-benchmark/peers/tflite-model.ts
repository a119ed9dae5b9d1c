import type { ProductWork } from '../work.ts';

/** The part of the package `flatbuffers` that is used here. */
export interface FlatbuffersModule {
  readonly Builder: new (initialBytes: number) => FlatbufferBuilder;
}

interface FlatbufferBuilder {
  startVector(elementBytes: number, count: number, alignment: number): void;
  addInt8(value: number): void;
  addInt32(value: number): void;
  addOffset(offset: number): void;
  endVector(): number;
  createString(text: string): number;
  createByteVector(bytes: Uint8Array): number;
  prep(size: number, additionalBytes: number): void;
  startObject(fields: number): void;
  endObject(): number;
  addFieldInt8(field: number, value: number, absent: number): void;
  addFieldInt32(field: number, value: number, absent: number): void;
  addFieldOffset(field: number, offset: number, absent: number): void;
  finish(root: number, identifier: string): void;
  asUint8Array(): Uint8Array;
}

// Numbers of TensorFlow Lite's schema.fbs: BuiltinOperator, BuiltinOptions and the schema version.
const [FULLY_CONNECTED, FULLY_CONNECTED_OPTIONS, SCHEMA_VERSION] = [9, 8, 3];

/**
 * A product with a constant B as a TensorFlow Lite file: one fully connected layer without bias. Field numbers: schema.fbs of
 * TensorFlow 2.17.
 */
export function encodeTfliteProduct({ Builder }: FlatbuffersModule, { m, n, k, b }: ProductWork): Uint8Array {
  const builder = new Builder(b.byteLength + 4096);
  const table = (size: number, fill: () => void) => {
    builder.startObject(size);
    fill();
    return builder.endObject();
  };
  const integers = (values: readonly number[]) => {
    builder.startVector(4, values.length, 4);
    for (const value of values.toReversed()) builder.addInt32(value);
    return builder.endVector();
  };
  const offsets = (values: readonly number[]) => {
    builder.startVector(4, values.length, 4);
    for (const value of values.toReversed()) builder.addOffset(value);
    return builder.endVector();
  };
  const tensor = (shape: readonly number[], buffer: number, name: string) => {
    const [dims, label] = [integers(shape), builder.createString(name)];
    return table(4, () => {
      builder.addFieldOffset(0, dims, 0);
      builder.addFieldInt32(2, buffer, 0);
      builder.addFieldOffset(3, label, 0);
    });
  };
  // The layer's weights are [n, k]: the transpose of B.
  const weights = new Float32Array(n * k);
  for (let i = 0; i < k; i++) for (let j = 0; j < n; j++) weights[j * k + i] = b[i * n + j]!;
  builder.prep(16, weights.byteLength + 4);
  const data = builder.createByteVector(new Uint8Array(weights.buffer));
  const buffers = offsets([table(1, () => {}), table(1, () => builder.addFieldOffset(0, data, 0))]);
  const tensors = offsets([tensor([m, k], 0, 'a'), tensor([n, k], 1, 'b'), tensor([m, n], 0, 'c')]);
  const options = table(1, () => {});
  const [inputs, outputs] = [integers([0, 1, -1]), integers([2])];
  const operator = table(5, () => {
    builder.addFieldOffset(1, inputs, 0);
    builder.addFieldOffset(2, outputs, 0);
    builder.addFieldInt8(3, FULLY_CONNECTED_OPTIONS, 0);
    builder.addFieldOffset(4, options, 0);
  });
  const [graphInputs, graphOutputs, operators] = [integers([0]), integers([2]), offsets([operator])];
  const subgraph = table(5, () => {
    builder.addFieldOffset(0, tensors, 0);
    builder.addFieldOffset(1, graphInputs, 0);
    builder.addFieldOffset(2, graphOutputs, 0);
    builder.addFieldOffset(3, operators, 0);
  });
  const code = table(4, () => {
    builder.addFieldInt8(0, FULLY_CONNECTED, 0);
    builder.addFieldInt32(2, 1, 0);
    builder.addFieldInt32(3, FULLY_CONNECTED, 0);
  });
  const [codes, subgraphs] = [offsets([code]), offsets([subgraph])];
  const model = table(5, () => {
    builder.addFieldInt32(0, SCHEMA_VERSION, 0);
    builder.addFieldOffset(1, codes, 0);
    builder.addFieldOffset(2, subgraphs, 0);
    builder.addFieldOffset(4, buffers, 0);
  });
  builder.finish(model, 'TFL3');
  return builder.asUint8Array();
}
