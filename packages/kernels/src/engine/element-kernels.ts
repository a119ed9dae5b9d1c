import {
  type Activation,
  CONVERSION_ARGUMENT_COUNT,
  CONVERSION_ARGUMENTS,
  ELEMENTWISE_ARGUMENT_COUNT,
  ELEMENTWISE_ARGUMENTS,
  type ElementwiseOperation,
  type NumberFormat,
} from '@qedge/codegen';
import { InvalidArgumentError } from '@qedge/core';
import { type BindingContext, blockFields, type KernelSteps, worthwhileThreads } from './binding.ts';
import {
  bytesOf,
  type KernelArray,
  type KernelArrayName,
  requireDisjoint,
  requireFinite,
  requireVector,
} from './operands.ts';
import { divide } from './split-work.ts';

/** Elements of a vector of the widest target: parts of an array start at one. */
const VECTOR_ELEMENTS = 16;

/** `output[i] = activation(a[i] operation b[i])` on arrays of one length. */
export interface CombineOptions {
  readonly operation: ElementwiseOperation;
  readonly a: Float32Array;
  readonly b: Float32Array;
  /** Default: a itself. */
  readonly output?: Float32Array;
  /** Of `scale-and-add`, `alpha * a + b`; default 1. */
  readonly alpha?: number;
  /** Default `none`. */
  readonly activation?: Activation;
}

/** Numbers from one format to another; one of the two is `float32`. float16 and bfloat16 are bits in a Uint16Array. */
export interface ConvertOptions {
  readonly from: NumberFormat;
  readonly to: NumberFormat;
  readonly input: KernelArray;
  /** As long as the input. */
  readonly output: KernelArray;
  /** Of int8 and uint8: `value = (code - zeroPoint) * scale`; positive, default 1. */
  readonly scale?: number;
  /** An integer of the range of the codes; default 0. */
  readonly zeroPoint?: number;
}

const ARRAYS: Readonly<Record<NumberFormat, { readonly type: KernelArrayName; readonly bytes: number }>> = {
  float32: { type: 'Float32Array', bytes: 4 },
  float16: { type: 'Uint16Array', bytes: 2 },
  bfloat16: { type: 'Uint16Array', bytes: 2 },
  int8: { type: 'Int8Array', bytes: 1 },
  uint8: { type: 'Uint8Array', bytes: 1 },
};

/** Checks an operation on elements and plans its kernels. @throws as `KernelWorkspace.combine`. */
export function combineSteps(
  context: BindingContext,
  { operation, a, b, output = a, alpha = 1, activation = 'none' }: CombineOptions,
): KernelSteps {
  const { arena } = context;
  const left = requireVector(arena, 'a', 'Float32Array', a, a.length);
  const right = requireVector(arena, 'b', 'Float32Array', b, a.length);
  const result = requireVector(arena, 'output', 'Float32Array', output, a.length);
  requireFinite('alpha', alpha);
  for (const [name, operand] of [
    ['a', a],
    ['b', b],
  ] as const) {
    if (operand.byteOffset !== output.byteOffset)
      requireDisjoint(bytesOf('output', output), [bytesOf(name, operand)]);
  }
  if (a.length === 0) return [];
  const parts = divide(a.length, worthwhileThreads(context, a.length), VECTOR_ELEMENTS).map(
    ({ from, count }) => ({
      description: {
        kind: 'elementwise',
        operation,
        rows: 1,
        width: count,
        aStride: count,
        bStride: count,
        outputStride: count,
        activation,
      } as const,
      fields: blockFields(ELEMENTWISE_ARGUMENT_COUNT, {
        [ELEMENTWISE_ARGUMENTS.a]: left + from * 4,
        [ELEMENTWISE_ARGUMENTS.b]: right + from * 4,
        [ELEMENTWISE_ARGUMENTS.output]: result + from * 4,
        [ELEMENTWISE_ARGUMENTS.alpha]: { float32: alpha },
      }),
    }),
  );
  return [parts];
}

/** Checks a conversion and plans its kernels. @throws as `KernelWorkspace.convert`. */
export function convertSteps(
  context: BindingContext,
  { from, to, input, output, scale = 1, zeroPoint = 0 }: ConvertOptions,
): KernelSteps {
  for (const [name, format] of Object.entries({ from, to })) {
    if (Object.hasOwn(ARRAYS, format)) continue;
    throw new InvalidArgumentError(`The format "${name}" is not known`, {
      expected: Object.keys(ARRAYS).join(', '),
      actual: String(format),
    });
  }
  const source = requireVector(context.arena, 'input', ARRAYS[from].type, input, input.length);
  const target = requireVector(context.arena, 'output', ARRAYS[to].type, output, input.length);
  requireDisjoint(bytesOf('output', output), [bytesOf('input', input)]);
  const least = from === 'int8' || to === 'int8' ? -128 : 0;
  if (
    !(scale > 0 && Number.isFinite(scale)) ||
    !Number.isInteger(zeroPoint) ||
    zeroPoint < least ||
    zeroPoint > least + 255
  ) {
    throw new InvalidArgumentError('The scale or zero point of a conversion is impossible', {
      expected: `a positive scale, and an integer zero point ${least}..${least + 255}`,
      actual: { scale, zeroPoint },
    });
  }
  if (input.length === 0) return [];
  const parts = divide(input.length, worthwhileThreads(context, input.length), VECTOR_ELEMENTS).map(
    (section) => ({
      description: { kind: 'conversion', from, to, length: section.count } as const,
      fields: blockFields(CONVERSION_ARGUMENT_COUNT, {
        [CONVERSION_ARGUMENTS.input]: source + section.from * ARRAYS[from].bytes,
        [CONVERSION_ARGUMENTS.output]: target + section.from * ARRAYS[to].bytes,
        [CONVERSION_ARGUMENTS.scale]: { float32: scale },
        [CONVERSION_ARGUMENTS.zeroPoint]: zeroPoint < 0 ? zeroPoint + 2 ** 32 : zeroPoint,
      }),
    }),
  );
  return [parts];
}
