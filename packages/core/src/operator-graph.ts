import type { Shape } from './shape.ts';
import type { WeightSource } from './tensor.ts';

/** Numbers that flow through an operator graph. Truth values and 64-bit integers of other formats become int32. */
export type ValueDType = 'float32' | 'int32' | 'int8' | 'uint8';

/** What is known of a value: every size is a number, the batch included. */
export interface ValueSpec {
  readonly dtype: ValueDType;
  /** Row-major. `[]` is one number. */
  readonly shape: Shape;
}

/** Functions of one number. `gelu` is the exact one, `gelu-tanh` its approximation; `round` goes to even. */
export type PointwiseFunction =
  | {
      readonly kind:
        | 'relu'
        | 'relu6'
        | 'sigmoid'
        | 'tanh'
        | 'gelu'
        | 'gelu-tanh'
        | 'silu'
        | 'hard-swish'
        | 'softplus'
        | 'absolute'
        | 'negate'
        | 'exponential'
        | 'logarithm'
        | 'square-root'
        | 'reciprocal'
        | 'error-function'
        | 'floor'
        | 'ceiling'
        | 'round'
        | 'sign';
    }
  /** `min(max(x, low), high)`; either may be infinite. */
  | { readonly kind: 'clip'; readonly low: number; readonly high: number }
  | { readonly kind: 'leaky-relu'; readonly alpha: number }
  | { readonly kind: 'elu'; readonly alpha: number }
  /** `min(max(alpha * x + beta, 0), 1)`. */
  | { readonly kind: 'hard-sigmoid'; readonly alpha: number; readonly beta: number };

/**
 * Functions of two numbers. Comparisons give 1 or 0. `minimum` and `maximum`, here, in reductions and in pooling, are those of numbers: with a
 * NaN among them the result is a NaN or one of the others, as the device has it.
 */
export type PointwiseOperation =
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'minimum'
  | 'maximum'
  | 'power'
  | 'equal'
  | 'less'
  | 'greater';

/** A float32 expression in the elements of a node's inputs, `{ input: i }`, which broadcast against each other as in NumPy. */
export type PointwiseExpression =
  | { readonly input: number }
  | { readonly constant: number }
  | { readonly apply: PointwiseFunction; readonly to: PointwiseExpression }
  | {
      readonly operation: PointwiseOperation;
      readonly a: PointwiseExpression;
      readonly b: PointwiseExpression;
    }
  /** `condition` other than 0: `a`, else `b`. */
  | {
      readonly condition: PointwiseExpression;
      readonly a: PointwiseExpression;
      readonly b: PointwiseExpression;
    };

/** A window over the height and width of images. */
export interface WindowSpec {
  /** Taps: height, width. */
  readonly size: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Cells around the image: top, left, bottom, right. */
  readonly padding: readonly [number, number, number, number];
}

/**
 * What a node computes. Images are channels-last, `[batch, height, width, channels]`; other layouts are transposed by importers, and
 * passes remove the transpositions. Optional inputs come last; `null` stands for one that is left out before another.
 */
export type Operator =
  /**
   * `activation(alpha * a * b + bias)`. Inputs: a `[..., m, k]`, b `[..., k, n]` (leading axes broadcast), bias `[n]`; a 1-D operand
   * is not allowed.
   */
  | {
      readonly kind: 'matmul';
      readonly transposeA: boolean;
      readonly transposeB: boolean;
      readonly alpha: number;
      readonly activation: PointwiseFunction | null;
    }
  /**
   * Inputs: images, weights `[height, width, channels / groups, outputs]`, bias `[outputs]`, and after them, in the fused form only, a
   * `residual` of the output's shape that is added before the activation.
   */
  | {
      readonly kind: 'convolution';
      readonly window: WindowSpec;
      readonly groups: number;
      readonly activation: PointwiseFunction | null;
    }
  /**
   * The gradient of a convolution as a layer. Inputs: images, weights `[height, width, outputs / groups, channels]`, bias `[outputs]`. Output size:
   * `(input - 1) * stride + (taps - 1) * dilation + 1 - padding + outputPadding`.
   */
  | {
      readonly kind: 'transposed-convolution';
      readonly window: WindowSpec;
      readonly groups: number;
      /** Rows and columns that are added at the bottom and right. */
      readonly outputPadding: readonly [number, number];
      readonly activation: PointwiseFunction | null;
    }
  /** `average` divides by the cells inside the image, `average-with-padding` by all taps. */
  | {
      readonly kind: 'pooling';
      readonly operation: 'max' | 'average' | 'average-with-padding';
      readonly window: WindowSpec;
    }
  /** `x * scale + shift` along the last axis. Inputs: x, scale `[c]`, shift `[c]`. A batch normalisation. */
  | { readonly kind: 'channel-scale'; readonly activation: PointwiseFunction | null }
  /** `(x - mean) / sqrt(variance + epsilon) * gamma + beta` over the last axis. Inputs: x, gamma `[c]`, beta `[c]`; both may be null. */
  | { readonly kind: 'layer-normalization'; readonly epsilon: number }
  | { readonly kind: 'pointwise'; readonly expression: PointwiseExpression }
  /** Over the last axis. `log`: the logarithm of the softmax. */
  | { readonly kind: 'softmax'; readonly log: boolean }
  /** Over `axes` (ascending, not negative); they stay with size 1 when `keepAxes`. */
  | {
      readonly kind: 'reduction';
      readonly operation: 'sum' | 'mean' | 'maximum' | 'minimum';
      readonly axes: readonly number[];
      readonly keepAxes: boolean;
    }
  /** Index of the first largest (`argmax`) or smallest element along `axis`, int32; the axis stays with size 1 when `keepAxis`. */
  | {
      readonly kind: 'arg-extremum';
      readonly operation: 'maximum' | 'minimum';
      readonly axis: number;
      readonly keepAxis: boolean;
    }
  /** Any dtype: `output axis i = input axis permutation[i]`. */
  | { readonly kind: 'transpose'; readonly permutation: readonly number[] }
  /** Any dtype. */
  | { readonly kind: 'reshape'; readonly shape: Shape }
  /** Any dtype. */
  | { readonly kind: 'concatenate'; readonly axis: number }
  /** Any dtype; one entry per axis: first index, step (not 0, may be negative), number of elements. */
  | {
      readonly kind: 'slice';
      readonly starts: readonly number[];
      readonly steps: readonly number[];
      readonly sizes: readonly number[];
    }
  /** Any dtype; one entry per axis, not negative. */
  | {
      readonly kind: 'pad';
      readonly before: readonly number[];
      readonly after: readonly number[];
      readonly mode: 'constant' | 'reflect' | 'edge';
      readonly value: number;
    }
  /** Any dtype: broadcast to `shape`. */
  | { readonly kind: 'expand'; readonly shape: Shape }
  /** Any dtype of data. Inputs: data, indices (int32; negative ones count from the end). */
  | { readonly kind: 'gather'; readonly axis: number }
  /** Images to `size` (height, width). `scales` are output cells per input cell, as the source format computes coordinates from them. */
  | {
      readonly kind: 'resize';
      readonly size: readonly [number, number];
      readonly scales: readonly [number, number];
      readonly mode: 'nearest' | 'linear' | 'cubic';
      readonly coordinates:
        | 'half-pixel'
        | 'pytorch-half-pixel'
        | 'asymmetric'
        | 'align-corners'
        | 'half-pixel-symmetric';
      readonly nearest: 'round-prefer-floor' | 'round-prefer-ceil' | 'floor' | 'ceil';
      readonly cubicCoefficient: number;
    }
  /**
   * LSTM or GRU as in ONNX: inputs x `[time, batch, input]`, w `[directions, gates * hidden, input]`, r `[directions, gates * hidden, hidden]`,
   * b `[directions, 2 * gates * hidden]`, sequence lengths (must be null), initial h and (LSTM) c `[directions, batch, hidden]`; any from b on may be null. Gates
   * in ONNX's order. Outputs: y `[time, directions, batch, hidden]`, last h, and (LSTM) last c.
   */
  | {
      readonly kind: 'recurrent';
      readonly cell: 'lstm' | 'gru';
      readonly direction: 'forward' | 'reverse' | 'bidirectional';
      readonly hiddenSize: number;
      /** GRU: ONNX's `linear_before_reset`. */
      readonly linearBeforeReset: boolean;
    }
  /**
   * Scaled dot-product attention. Inputs: q `[batch, tokens, heads * size]`, k `[batch, keys, keyHeads * size]`, v `[batch, keys, keyHeads * valueSize]`,
   * mask (added to the scores, broadcast to `[batch, heads, tokens, keys]`). Output `[batch, tokens, heads * valueSize]`.
   */
  | {
      readonly kind: 'attention';
      readonly heads: number;
      readonly keyHeads: number;
      readonly scale: number;
      readonly causal: boolean;
    }
  /** `clamp(round(x / scale) + zeroPoint)`; a NaN counts as 0. Inputs: x, scale, zero point (same dtype as the output); one each, or one per index of `axis`. */
  | { readonly kind: 'quantize'; readonly axis: number | null; readonly dtype: 'int8' | 'uint8' }
  /** `(code - zeroPoint) * scale`. Inputs: codes (int8, uint8 or int32), scale, zero point (may be null); as for `quantize`. */
  | { readonly kind: 'dequantize'; readonly axis: number | null }
  /**
   * A product with weights in groups: inputs a `[..., k]`, codes uint8 `[n, groups, groupSize * bits / 8]` (low bits first), scales `[n, groups]`,
   * zero points uint8 `[n, ceil(groups * bits / 8)]` (null: half the range), bias `[n]`. ONNX Runtime's MatMulNBits.
   */
  | {
      readonly kind: 'grouped-matmul';
      readonly bits: 4 | 8;
      readonly groupSize: number;
      readonly columns: number;
      readonly activation: PointwiseFunction | null;
    }
  /** Any dtype to any: towards zero, as in C. */
  | { readonly kind: 'cast'; readonly dtype: ValueDType }
  /** A function that the user provides, with the node's original attributes. */
  | {
      readonly kind: 'custom';
      readonly operator: string;
      readonly attributes: Readonly<Record<string, unknown>>;
    };

/** The operator of one kind. */
export type OperatorOf<Kind extends Operator['kind']> = Extract<Operator, { readonly kind: Kind }>;

/** One step of a graph. */
export interface OperatorNode<Kind extends Operator['kind'] = Operator['kind']> {
  /** Unique; for people: the name that the source format gives, or one made from its outputs. */
  readonly name: string;
  readonly operator: OperatorOf<Kind>;
  /** Names of values. */
  readonly inputs: readonly (string | null)[];
  readonly outputs: readonly string[];
}

/**
 * A directed acyclic graph of operators with every shape known, as plain, JSON-able data. Each value is an input, a constant, or the
 * output of one node, which comes before the nodes that read it. Numbers of constants live apart, in a `WeightSource`.
 */
export interface OperatorGraph {
  readonly format: 'qedge-operator-graph';
  readonly version: 1;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Values that the weight source holds. */
  readonly constants: readonly string[];
  /** Every value, by name. */
  readonly values: Readonly<Record<string, ValueSpec>>;
  readonly nodes: readonly OperatorNode[];
}

/** A graph with the numbers of its constants, under their names and with their dtypes and shapes. */
export interface OperatorModel {
  readonly graph: OperatorGraph;
  readonly weights: WeightSource;
}
