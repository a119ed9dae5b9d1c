import { InvalidArgumentError, type Operator, UnsupportedError } from '@qedge/core';

/** What a field of an operator may hold, in words, and whether a value does. Ranges are checked with the inputs, by `infer`. */
interface FieldType {
  readonly expected: string;
  accepts(value: unknown): boolean;
}

const number: FieldType = { expected: 'a number', accepts: (value) => typeof value === 'number' };
const boolean: FieldType = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' };
const text: FieldType = { expected: 'text', accepts: (value) => typeof value === 'string' };

/** Longer lists are refused: no operator has that many axes. */
const MOST_AXES = 64;

function numbers(length?: number): FieldType {
  return {
    expected: length === undefined ? `at most ${MOST_AXES} numbers` : `${length} numbers`,
    accepts: (value) =>
      Array.isArray(value) &&
      (length === undefined ? value.length <= MOST_AXES : value.length === length) &&
      value.every((each) => typeof each === 'number'),
  };
}

function orNull({ expected, accepts }: FieldType): FieldType {
  return { expected: `${expected} or null`, accepts: (value) => value === null || accepts(value) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const record: FieldType = { expected: 'a record', accepts: isRecord };

const pointwiseFunction: FieldType = {
  expected: 'a pointwise function',
  accepts: (value) => isRecord(value) && isFunction(value),
};

function isFunction({ kind, low, high, alpha, beta }: Record<string, unknown>): boolean {
  if (typeof kind !== 'string') return false;
  if (kind === 'clip') return typeof low === 'number' && typeof high === 'number';
  if (kind === 'hard-sigmoid') return typeof alpha === 'number' && typeof beta === 'number';
  return kind === 'leaky-relu' || kind === 'elu' ? typeof alpha === 'number' : true;
}

const window: FieldType = {
  expected: 'a window: size, strides, dilations and padding',
  accepts: (value) =>
    isRecord(value) &&
    [value.size, value.strides, value.dilations].every((pair) => numbers(2).accepts(pair)) &&
    numbers(4).accepts(value.padding),
};

/** Larger expressions are refused. */
const MOST_EXPRESSION_PARTS = 10_000;

const expression: FieldType = {
  expected: `an expression of at most ${MOST_EXPRESSION_PARTS} parts`,
  /** Without recursion, because a hostile expression can be deeper than the stack. */
  accepts(value) {
    const open: unknown[] = [value];
    for (let parts = 0; open.length > 0; parts++) {
      const part = open.pop();
      if (parts > MOST_EXPRESSION_PARTS || !isRecord(part)) return false;
      const { input, constant, apply, to, operation, condition, a, b } = part;
      const kinds = ['input', 'constant', 'apply', 'operation', 'condition'];
      if (kinds.filter((kind) => kind in part).length !== 1) return false;
      if ('input' in part || 'constant' in part) {
        if (typeof (input ?? constant) !== 'number') return false;
      } else if ('apply' in part) {
        if (!pointwiseFunction.accepts(apply)) return false;
        open.push(to);
      } else if ('operation' in part) {
        if (typeof operation !== 'string') return false;
        open.push(a, b);
      } else {
        open.push(condition, a, b);
      }
    }
    return true;
  },
};

type FieldsOf<Of> = { readonly [Field in Exclude<keyof Of, 'kind'>]: FieldType };

const activation = orNull(pointwiseFunction);

/** The fields of every kind of operator. */
const OPERATOR_FIELDS: {
  readonly [Kind in Operator['kind']]: FieldsOf<Extract<Operator, { readonly kind: Kind }>>;
} = {
  matmul: { transposeA: boolean, transposeB: boolean, alpha: number, activation },
  convolution: { window, groups: number, activation },
  'transposed-convolution': { window, groups: number, outputPadding: numbers(2), activation },
  pooling: { operation: text, window },
  'channel-scale': { activation },
  'layer-normalization': { epsilon: number },
  pointwise: { expression },
  softmax: { log: boolean },
  reduction: { operation: text, axes: numbers(), keepAxes: boolean },
  'arg-extremum': { operation: text, axis: number, keepAxis: boolean },
  transpose: { permutation: numbers() },
  reshape: { shape: numbers() },
  concatenate: { axis: number },
  slice: { starts: numbers(), steps: numbers(), sizes: numbers() },
  pad: { before: numbers(), after: numbers(), mode: text, value: number },
  expand: { shape: numbers() },
  gather: { axis: number },
  resize: {
    size: numbers(2),
    scales: numbers(2),
    mode: text,
    coordinates: text,
    nearest: text,
    cubicCoefficient: number,
  },
  recurrent: { cell: text, direction: text, hiddenSize: number, linearBeforeReset: boolean },
  attention: { heads: number, keyHeads: number, scale: number, causal: boolean },
  quantize: { axis: orNull(number), dtype: text },
  dequantize: { axis: orNull(number) },
  'grouped-matmul': { bits: number, groupSize: number, columns: number, activation },
  cast: { dtype: text },
  custom: { operator: text, attributes: record },
};

/**
 * Checks that a value from outside has the fields of its kind of operator, and no others.
 *
 * @throws UnsupportedError for an unknown kind, InvalidArgumentError naming the field.
 */
export function checkOperatorFields(value: unknown): Operator {
  if (!isRecord(value) || typeof value.kind !== 'string') {
    throw new InvalidArgumentError('Not an operator', {
      expected: 'a record with a kind',
      actual: typeof value,
    });
  }
  if (!Object.hasOwn(OPERATOR_FIELDS, value.kind)) {
    throw new UnsupportedError('Unknown kind of operator', {
      expected: Object.keys(OPERATOR_FIELDS).join(', '),
      actual: value.kind,
    });
  }
  const fields = OPERATOR_FIELDS[value.kind as Operator['kind']] as Readonly<Record<string, FieldType>>;
  for (const [field, { expected, accepts }] of Object.entries(fields)) {
    if (Object.hasOwn(value, field) && accepts(value[field])) continue;
    throw new InvalidArgumentError(`The field "${field}" of the operator is wrong`, {
      expected,
      actual: typeof value[field],
    });
  }
  for (const field of Object.keys(value)) {
    if (field === 'kind' || Object.hasOwn(fields, field)) continue;
    throw new InvalidArgumentError('The operator has a field that its kind does not have', {
      expected: Object.keys(fields).join(', '),
      actual: field,
    });
  }
  return value as unknown as Operator;
}
