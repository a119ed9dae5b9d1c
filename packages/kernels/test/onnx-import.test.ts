import { FileFormatError, InvalidArgumentError, ShapeMismatchError, UnsupportedError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { evaluateGraph } from '../src/graph/evaluate-graph.ts';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';
import { importOnnx, onnxOperators, readOnnx } from '../src/onnx.ts';
import { bytesField, integerField, type Message, message, toBytes } from '../src/ort/protocol-buffer.ts';
import {
  floatField,
  raw,
  signedField,
  type WrittenGraph,
  type WrittenNode,
  type WrittenTensor,
  writeOnnx,
} from './onnx-writer.ts';

const line = (...numbers: number[]): WrittenTensor => ({ type: 'float32', shape: [numbers.length], numbers });

/** A model of nodes from `x` to `y`, both `[n]` where the file says nothing. */
function model(nodes: readonly WrittenNode[], rest: Partial<WrittenGraph> = {}, operatorSet = 17) {
  const inputs = [{ name: 'x', type: 'float32' as const, shape: ['n'] }];
  return readOnnx(
    writeOnnx({ nodes, inputs, outputs: [{ name: 'y', type: 'float32' }], ...rest }, operatorSet),
  );
}

const relu: WrittenNode = { operator: 'Relu', inputs: ['x'], outputs: ['y'], name: 'relu' };

/** Our result for a model of one input and one output. */
function run(
  read: ReturnType<typeof readOnnx>,
  x: readonly number[],
  options: Parameters<typeof importOnnx>[1] = {},
) {
  const imported = importOnnx(read, { inputShapes: { x: [x.length] }, ...options });
  const value = { dtype: 'float32' as const, shape: [x.length], data: Float32Array.from(x) };
  const inputs: Record<string, ValueData> = imported.graph.inputs.includes('x') ? { x: value } : {};
  return Array.from(evaluateGraph(imported, inputs, { customs: options.customs ?? {} }).get('y')!.data);
}

/** A file with one initializer, written field by field, that is the output. */
function fileOfTensor(...fields: Message[]): Uint8Array {
  const tensor = message(...fields, bytesField(8, 'y'));
  const value = message(bytesField(1, 'y'), bytesField(2, bytesField(1, integerField(1, 1))));
  const graph = message(bytesField(5, tensor), bytesField(12, value));
  return toBytes(
    message(
      integerField(1, 8),
      bytesField(8, message(bytesField(1, ''), integerField(2, 17))),
      bytesField(7, graph),
    ),
  );
}

function numbersOf(...fields: Message[]): number[] {
  const imported = importOnnx(readOnnx(fileOfTensor(...fields)));
  return Array.from(evaluateGraph(imported, {}).get('y')!.data);
}

describe('tensors of a file', () => {
  const shape = (size: number) => integerField(1, size);
  const type = (code: number) => integerField(2, code);
  const bytes = (...values: number[]) => Uint8Array.from(values);

  it('lie in typed fields, packed or one by one', () => {
    expect(numbersOf(shape(2), type(1), floatField(4, 1.5), floatField(4, -2))).toEqual([1.5, -2]);
    const packed = new Uint8Array(Float32Array.of(1.5, -2, 3).buffer);
    expect(numbersOf(shape(3), type(1), bytesField(4, packed))).toEqual([1.5, -2, 3]);
    expect(numbersOf(shape(3), type(1), bytesField(4, packed.subarray(0, 8)), floatField(4, 7))).toEqual([
      1.5, -2, 7,
    ]);
    expect(numbersOf(shape(2), type(7), signedField(7, -5), signedField(7, 2 ** 31 - 1))).toEqual([
      -5,
      2 ** 31 - 1,
    ]);
    expect(numbersOf(shape(3), type(6), bytesField(5, bytes(1, 0x96, 1, 3)))).toEqual([1, 150, 3]);
    expect(numbersOf(shape(2), type(3), signedField(5, -128), signedField(5, 127))).toEqual([-128, 127]);
    expect(numbersOf(shape(2), type(9), integerField(5, 1), integerField(5, 0))).toEqual([1, 0]);
    expect(
      numbersOf(shape(2), type(11), bytesField(10, new Uint8Array(Float64Array.of(0.5, -8).buffer))),
    ).toEqual([0.5, -8]);
    expect(numbersOf(shape(1), type(12), integerField(11, 9))).toEqual([9]);
  });

  it('are halves, wide integers and half bytes too', () => {
    // 1, -2, the smallest subnormal, the largest, infinity: IEEE 754 binary16.
    const halves = new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00).buffer);
    const numbers = [1, -2, 2 ** -24, 65504, Number.POSITIVE_INFINITY];
    expect(numbersOf(shape(5), type(10), bytesField(9, halves))).toEqual(numbers);
    expect(numbersOf(shape(2), type(10), integerField(5, 0x3c00), integerField(5, 0xc000))).toEqual([1, -2]);
    const brain = new Uint8Array(Uint16Array.of(0x3f80, 0xc000).buffer);
    expect(numbersOf(shape(2), type(16), bytesField(9, brain))).toEqual([1, -2]);
    expect(numbersOf(shape(3), type(21), bytesField(9, bytes(0xf1, 0x07)))).toEqual([1, 15, 7]);
    expect(numbersOf(shape(3), type(22), bytesField(9, bytes(0xf1, 0x08)))).toEqual([1, -1, -8]);
    expect(numbersOf(shape(3), type(22), integerField(5, 0xf1), integerField(5, 0x08))).toEqual([1, -1, -8]);
    const wide = new Uint8Array(BigInt64Array.of(-1n, 2n ** 31n - 1n).buffer);
    expect(numbersOf(shape(2), type(7), bytesField(9, wide))).toEqual([-1, 2 ** 31 - 1]);
    expect(numbersOf(shape(2), type(5), bytesField(9, bytes(0xff, 0xff, 1, 0)))).toEqual([-1, 1]);
    expect(numbersOf(shape(2), type(4), bytesField(9, bytes(0xff, 0xff, 1, 0)))).toEqual([65535, 1]);
  });

  it('are refused when their lengths, types or integers do not fit', () => {
    const wide = new Uint8Array(BigInt64Array.of(2n ** 31n).buffer);
    expect(() => numbersOf(shape(1), type(7), bytesField(9, wide))).toThrow(UnsupportedError);
    expect(() => numbersOf(shape(2), type(1), bytesField(9, bytes(0, 0, 0, 0)))).toThrow(FileFormatError);
    expect(() => numbersOf(shape(2), type(1), floatField(4, 1))).toThrow(FileFormatError);
    expect(() => numbersOf(shape(1), type(14), bytesField(9, new Uint8Array(8)))).toThrow(UnsupportedError);
    expect(() => numbersOf(signedField(1, -1), type(1))).toThrow(/wrong size/);
  });

  it('may lie in other files', () => {
    const entry = (key: string, value: string) =>
      bytesField(13, message(bytesField(1, key), bytesField(2, value)));
    const fields = [
      shape(2),
      type(1),
      entry('location', 'weights.bin'),
      entry('offset', '8'),
      entry('length', '8'),
      integerField(14, 1),
    ];
    const asked: unknown[] = [];
    const read = readOnnx(fileOfTensor(...fields), {
      externalData(location, offset, byteLength) {
        asked.push([location, offset, byteLength]);
        return new Uint8Array(Float32Array.of(4, 5).buffer);
      },
    });
    const imported = importOnnx(read);
    expect(asked).toEqual([]);
    expect(Array.from(evaluateGraph(imported, {}).get('y')!.data)).toEqual([4, 5]);
    expect(asked).toEqual([['weights.bin', 8, 8]]);
    expect(() => numbersOf(...fields)).toThrow(/another file/);
    expect(() => numbersOf(shape(2), type(1), integerField(14, 1))).toThrow(/nothing tells where/);
  });

  it('are views of the file, not copies', () => {
    const file = writeOnnx(
      {
        nodes: [{ operator: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
        tensors: { w: line(1, 2, 3) },
        inputs: [{ name: 'x', type: 'float32', shape: [3] }],
        outputs: [{ name: 'y', type: 'float32' }],
      },
      17,
    );
    // Where the floats begin at a multiple of 4 bytes they are seen through; move the file until they do.
    const aligned = [0, 1, 2, 3].map((shift) => {
      const buffer = new Uint8Array(file.byteLength + 4);
      const copy = buffer.subarray(shift, shift + file.byteLength);
      copy.set(file);
      const { weights } = importOnnx(readOnnx(copy));
      return weights.load('w').data.buffer === buffer.buffer;
    });
    expect(aligned.filter(Boolean)).toHaveLength(1);
  });
});

describe('importOnnx', () => {
  it('names every operator that is missing, at once, and takes them from the user', () => {
    const nodes: WrittenNode[] = [
      {
        operator: 'Twice',
        inputs: ['x'],
        outputs: ['a'],
        domain: 'com.example',
        name: 'first',
        attributes: { factor: { float: 2 }, names: ['p', 'q'] },
      },
      { operator: 'Relu', inputs: ['a'], outputs: ['b'], name: 'middle' },
      { operator: 'NonMaxSuppression', inputs: ['b'], outputs: ['y'], name: 'last' },
    ];
    const read = model(nodes);
    expect(() => run(read, [1])).toThrow(UnsupportedError);
    expect(() => run(read, [1])).toThrow(
      /com\.example\.Twice \(node "first"\); NonMaxSuppression \(node "last"\)/,
    );
    const seen: unknown[] = [];
    const scale = {
      infer: (inputs: readonly unknown[]) => [inputs[0] as never],
      evaluate(
        inputs: readonly unknown[],
        outputs: readonly unknown[],
        attributes: Readonly<Record<string, unknown>>,
      ) {
        seen.push(attributes);
        const [from, to] = [inputs[0], outputs[0]] as { data: Float32Array }[];
        to!.data.set(from!.data.map((each) => 2 * each));
      },
    };
    expect(run(read, [-1, 3], { customs: { 'com.example.Twice': scale, NonMaxSuppression: scale } })).toEqual(
      [0, 12],
    );
    expect(seen).toEqual([{ factor: 2, names: ['p', 'q'] }, {}]);
  });

  it('refuses what an operator can do but this import cannot, with the node', () => {
    const tail = {
      operator: 'MaxPool',
      inputs: ['x'],
      outputs: ['y', 'i'],
      attributes: { kernel_shape: [2] },
      name: 'pool',
    };
    const read = model([tail], { inputs: [{ name: 'x', type: 'float32', shape: [1, 1, 4] }] });
    expect(() => importOnnx(read)).toThrow(/node "pool" \(MaxPool\): MaxPool with the output Indices/);
    for (const operator of ['Loop', 'Scan']) {
      expect(() => run(model([{ operator, inputs: ['x'], outputs: ['y'], name: 'loop' }]), [1])).toThrow(
        `${operator} (node "loop")`,
      );
    }
  });

  const branch = (operator: string) => ({
    graph: {
      nodes: [{ operator, inputs: ['x'], outputs: ['z'] }],
      outputs: [{ name: 'z', type: 'float32' as const }],
    },
  });
  const conditional = (condition: WrittenNode) =>
    model(
      [
        condition,
        {
          operator: 'If',
          inputs: ['c'],
          outputs: ['y'],
          name: 'if',
          attributes: { then_branch: branch('Neg'), else_branch: branch('Abs') },
        },
      ],
      {
        inputs: [
          { name: 'x', type: 'float32', shape: ['n'] },
          { name: 'k', type: 'int64', shape: [] },
        ],
        tensors: { one: { type: 'int64', shape: [], numbers: [1] } },
      },
    );

  it('takes the branch of an If with a known condition', () => {
    const read = conditional({ operator: 'Equal', inputs: ['k', 'one'], outputs: ['c'] });
    expect(run(read, [-3], { constants: { k: 1 } })).toEqual([3]);
    expect(run(read, [-3, 4], { constants: { k: 1 } })).toEqual([3, -4]);
    expect(run(read, [-3, 4], { constants: { k: 2 } })).toEqual([3, 4]);
    expect(() => importOnnx(read, { inputShapes: { x: [2] } })).toThrow(
      /node "if" \(If\): The condition of an If is computed/,
    );
  });

  it('demands shapes, and knows sizes by their names', () => {
    const inputs = [
      { name: 'x', type: 'float32' as const, shape: ['n', 2] },
      { name: 'w', type: 'float32' as const, shape: ['n', 1] },
    ];
    const read = model([{ operator: 'Add', inputs: ['x', 'w'], outputs: ['y'] }], { inputs });
    expect(importOnnx(read, { inputShapes: { x: [3, 2] } }).graph.values.y).toEqual({
      dtype: 'float32',
      shape: [3, 2],
    });
    expect(() => importOnnx(read)).toThrow(InvalidArgumentError);
    expect(() => importOnnx(read, { inputShapes: { x: [3, 3] } })).toThrow(ShapeMismatchError);
    expect(() => importOnnx(read, { inputShapes: { x: [3, 2], w: [4, 1] } })).toThrow(ShapeMismatchError);
    expect(() => importOnnx(read, { inputShapes: { v: [3] } })).toThrow(/no such input/);
    expect(() => importOnnx(read, { inputShapes: { x: [3, 2] }, constants: { w: [1, 2] } })).toThrow(
      ShapeMismatchError,
    );
    const known = importOnnx(read, { inputShapes: { x: [3, 2] }, constants: { w: [1, 2, 3] } });
    expect(known.graph.inputs).toEqual(['x']);
  });

  it('names values as the model does, and nothing that nobody reads', () => {
    const nodes = [
      { operator: 'Exp', inputs: ['x'], outputs: ['unread'] },
      { ...relu, outputs: ['mid'] },
      { operator: 'Sqrt', inputs: ['mid'], outputs: ['y'], name: 'root' },
    ];
    const { graph } = importOnnx(model(nodes), { inputShapes: { x: [2] } });
    expect(graph.nodes.map(({ outputs }) => outputs)).toEqual([['mid'], ['y']]);
    expect(Object.keys(graph.values).sort()).toEqual(['mid', 'x', 'y']);
  });

  it('copies outputs that are inputs, constants or outputs already', () => {
    const outputs = ['y', 'z', 'w', 'same'].map((name) => ({ name, type: 'float32' as const }));
    const identities = ['z', 'same'].map((name) => ({
      operator: 'Identity',
      inputs: [name === 'z' ? 'y' : 'x'],
      outputs: [name],
    }));
    const imported = importOnnx(model([relu, ...identities], { outputs, tensors: { w: line(7) } }), {
      inputShapes: { x: [1] },
    });
    const x = { dtype: 'float32' as const, shape: [1], data: Float32Array.of(-2) };
    const values = [...evaluateGraph(imported, { x })].map(([name, { data }]) => [name, data[0]]);
    expect(values).toEqual([
      ['y', 0],
      ['z', 0],
      ['w', 7],
      ['same', -2],
    ]);
  });

  it('refuses graphs that contradict themselves', () => {
    expect(() => run(model([{ ...relu, inputs: ['nothing'] }]), [1])).toThrow(FileFormatError);
    expect(() => run(model([relu, relu]), [1])).toThrow(/made twice/);
    expect(() => run(model([], {}), [1])).toThrow(FileFormatError);
    expect(() => run(model([relu], {}, 6), [1])).toThrow(/another version/);
    expect(() => run(model([relu], {}, 99), [1])).toThrow(UnsupportedError);
    const reshape = { operator: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'], name: 'r' };
    const tensors = { shape: { type: 'int64', shape: [1], numbers: [5] } } as const;
    expect(() => run(model([reshape], { tensors }), [1])).toThrow(/Node "r" \(Reshape\)/);
  });

  it('lists its operators', () => {
    expect(onnxOperators()).toEqual(
      expect.arrayContaining(['Conv', 'If', 'LSTM', 'com.microsoft.MatMulNBits']),
    );
  });
});

describe('readOnnx', () => {
  it('tells where a file is damaged', () => {
    const file = writeOnnx({ nodes: [relu], outputs: [{ name: 'y', type: 'float32' }] }, 17);
    for (let end = 1; end < file.byteLength; end++) {
      try {
        readOnnx(file.subarray(0, end));
      } catch (error) {
        expect(error).toBeInstanceOf(FileFormatError);
      }
    }
    expect(() => readOnnx(file.subarray(0, -3))).toThrow(/at byte \d+/);
    expect(() => readOnnx(new Uint8Array(0))).toThrow(/no graph/);
    expect(() => readOnnx(raw(Uint8Array.of(0x0b)).pieces[0]!)).toThrow(/wire type/);
    expect(() => readOnnx('model.onnx' as never)).toThrow(InvalidArgumentError);
  });

  it('bounds nesting and the number of messages', () => {
    let graph = message(bytesField(2, 'g'));
    for (let depth = 0; depth < 60; depth++)
      graph = message(bytesField(1, bytesField(5, bytesField(6, graph))));
    expect(() => readOnnx(toBytes(bytesField(7, graph)))).toThrow(/nested too deeply/);
    const empty = new Uint8Array(2 * (2 ** 19 + 1));
    for (let at = 0; at < empty.length; at += 2) empty[at] = 0x0a;
    expect(() => readOnnx(toBytes(bytesField(7, empty)))).toThrow(/too many messages/);
  });
});
