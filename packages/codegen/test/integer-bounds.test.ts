import { describe, expect, it } from 'vitest';
import {
  createInterpreterHost,
  defaultIntegerBlocking,
  defaultNibbleBlocking,
  emitKernel,
  encodedCodeBytes,
  encodedGroupCodeBytes,
  GROUP_PARAMETER_BYTES,
  INTEGER_GEMM_ARGUMENTS,
  InterpreterTarget,
  integerPanelLayout,
  type KernelDescription,
  NIBBLE_GEMM_ARGUMENTS,
  nibblePanelLayout,
  QUANTIZE_ROWS_ARGUMENTS,
  type QuantizationMode,
  ROW_PARAMETER_BYTES,
  setArgument,
  setFloatArgument,
  type TargetTraits,
} from '../src/index.ts';
import { leastCodeRowStride, paddedCodeDepth } from '../src/kernels/integer/code-form.ts';

// An operand that ends where the memory ends must not be read or written beyond: the interpreter throws a RangeError there.

const FORMS: readonly TargetTraits[] = [
  ...([4, 8, 16] as const).flatMap((lanes) =>
    (['bytes', 'words'] as const).map((dot) => createInterpreterHost({ lanes, dot }).traits),
  ),
  {
    ...createInterpreterHost({ lanes: 8, dot: 'words' }).traits,
    id: 'multiplying-bytes',
    multiplyBytes: 8,
  },
];
const ADDRESS = 64;
const BLOCK_BYTES = 64;

/** Operands of a kernel: the field of the argument block, and the bytes that the kernel may touch. */
type Operands = readonly (readonly [field: number, byteLength: number])[];

/** Runs a kernel with each operand in turn at the very end of the memory, and the others before it. */
function runAtEnd(
  traits: TargetTraits,
  description: KernelDescription,
  operands: Operands,
  rowsField?: number,
): void {
  const kernel = emitKernel(new InterpreterTarget(traits), description);
  for (const last of operands) {
    const order = [...operands.filter((operand) => operand !== last), last];
    const byteLength = order.reduce((sum, [, bytes]) => sum + bytes, BLOCK_BYTES);
    const buffer = new ArrayBuffer(byteLength);
    const view = new DataView(buffer);
    let end = BLOCK_BYTES;
    for (const [field, bytes] of order) {
      setArgument(view, 0, field, ADDRESS + end);
      end += bytes;
    }
    if (rowsField !== undefined) {
      setArgument(view, 0, rowsField, 2);
      setFloatArgument(view, 0, QUANTIZE_ROWS_ARGUMENTS.scale, 1);
      setFloatArgument(view, 0, QUANTIZE_ROWS_ARGUMENTS.zeroPoint, 0);
    }
    kernel({ buffer, byteOffset: 0, byteLength, address: ADDRESS })(ADDRESS);
  }
}

const SIZES = [1, 3, 4, 7, 8, 15, 16, 21, 33, 40, 64];

describe.each(FORMS)('on $id, no kernel touches a byte beyond its operands', (traits) => {
  it('integer products', () => {
    for (const weights of ['int8', 'int4'] as const) {
      for (const size of SIZES) {
        const epilogue = { bias: true, activation: 'relu', softmax: false } as const;
        const shape = { rows: 3, columns: size, depth: 65 - size, weights, epilogue };
        const aRowStride = leastCodeRowStride(weights, shape.depth, traits);
        const blocking = defaultIntegerBlocking(shape, traits);
        const options = { output: 'float32', rowScales: true, rowZeroPoints: true } as const;
        const description = {
          kind: 'integer-gemm',
          ...shape,
          ...options,
          aRowStride,
          cRowStride: size,
          blocking,
        } as const;
        const fields = INTEGER_GEMM_ARGUMENTS;
        const operands: Operands = [
          [fields.a, 3 * aRowStride * encodedCodeBytes(weights, traits)],
          [fields.b, integerPanelLayout(description, traits).byteLength],
          [fields.c, 3 * size * 4],
          [fields.rowParameters, 3 * ROW_PARAMETER_BYTES],
        ];
        expect(() => runAtEnd(traits, description, operands), `${weights} ${size}`).not.toThrow();
      }
    }
  });

  it('products with nibbles', () => {
    for (const size of SIZES) {
      const epilogue = { bias: true, activation: 'none', softmax: false } as const;
      const shape = { rows: 2, columns: size, scales: 'float16' } as const;
      const blocking = defaultNibbleBlocking(shape, traits);
      const strides = { aRowStride: 64, cRowStride: size };
      const form = { depth: 40, zeroPoints: 'given', epilogue, blocking } as const;
      const description = { kind: 'nibble-gemm', ...shape, ...strides, ...form } as const;
      const fields = NIBBLE_GEMM_ARGUMENTS;
      const operands: Operands = [
        [fields.a, 2 * 64 * encodedGroupCodeBytes(traits)],
        [fields.b, nibblePanelLayout(description, traits).byteLength],
        [fields.c, 2 * size * 4],
        [fields.groupParameters, 2 * 2 * GROUP_PARAMETER_BYTES],
      ];
      expect(() => runAtEnd(traits, description, operands), `${size}`).not.toThrow();
    }
  });

  it('quantisation', () => {
    const modes: QuantizationMode[] = [
      'static',
      'row-symmetric',
      'row-asymmetric',
      'group-symmetric',
      'uint8',
      'int8',
    ];
    for (const mode of modes) {
      for (const depth of SIZES) {
        const groups = mode === 'group-symmetric';
        const stride = groups ? paddedCodeDepth(mode, depth) : leastCodeRowStride('int4', depth, traits);
        const description = {
          kind: 'quantize-rows',
          mode,
          weights: 'int4',
          depth,
          sourceRowStride: depth,
          codeRowStride: stride,
        } as const;
        const fields = QUANTIZE_ROWS_ARGUMENTS;
        const operands: Operands = [
          [fields.source, 2 * depth * (mode === 'uint8' || mode === 'int8' ? 1 : 4)],
          [
            fields.codes,
            2 * stride * (groups ? encodedGroupCodeBytes(traits) : encodedCodeBytes('int4', traits)),
          ],
          [fields.parameters, 2 * (groups ? Math.ceil(depth / 32) : 1) * 8],
        ];
        expect(() => runAtEnd(traits, description, operands, fields.rows), `${mode} ${depth}`).not.toThrow();
      }
    }
  });

  it('and a byte less for any of them is noticed', () => {
    const depth = 37;
    const description = {
      kind: 'quantize-rows',
      mode: 'row-symmetric',
      weights: 'int8',
      depth,
      sourceRowStride: depth,
      codeRowStride: 40,
    } as const;
    const { source, codes, parameters, rows } = QUANTIZE_ROWS_ARGUMENTS;
    const operands: Operands = [
      [source, 2 * depth * 4],
      [codes, 2 * 40 * encodedCodeBytes('int8', traits)],
      [parameters, 2 * ROW_PARAMETER_BYTES],
    ];
    for (const short of operands) {
      const shortened = operands.map((operand) =>
        operand === short ? ([operand[0], operand[1] - 1] as const) : operand,
      );
      expect(() => runAtEnd(traits, description, shortened, rows)).toThrow(RangeError);
    }
  });
});
