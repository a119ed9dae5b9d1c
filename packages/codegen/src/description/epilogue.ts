/** Functions of one value that can follow a product. `gelu` is the exact one, `x / 2 * (1 + erf(x / sqrt 2))`; `silu` is `x * sigmoid(x)`. */
export type Activation = 'none' | 'relu' | 'relu6' | 'sigmoid' | 'tanh' | 'gelu' | 'silu';

/** What happens to a float32 result between the accumulator and memory: first the bias, then the activation, then softmax. */
export interface Epilogue {
  /** Adds a float32 per column. */
  readonly bias: boolean;
  readonly activation: Activation;
  /** Softmax over each finished row of the result. */
  readonly softmax: boolean;
}

export const NO_EPILOGUE: Epilogue = { bias: false, activation: 'none', softmax: false };
