/**
 * Coefficients of the approximations behind exponential and activations, constant term first. They are what
 * `test/minimax.ts` computes; `test/activation-coefficients.test.ts` computes them anew and compares.
 */

/**
 * `p` in `exp(r) = 1 + r + r^2 * p(r)`, -0.375 <= r <= 0.35, with the smallest largest error relative to `exp(r) - 1`: 1.8e-8.
 */
export const EXPONENTIAL_TAIL: readonly number[] = [
  0.4999999403953552, 0.16666525602340698, 0.041669078171253204, 0.008368799462914467, 0.0013734474778175354,
];

/** `c` in `s = a / (c + a)`, which maps a >= 0 to [0, 1). */
export const NORMAL_TAIL_OFFSET = 3.765625;
/** From here on `a * Phi(-a)` is below half the smallest float32 number. */
export const NORMAL_TAIL_END = 14.5;
/**
 * `p` in `a * Phi(-a) = exp(-a^2 / 2) * s * p(1 / 2 - s)`, 0 <= a <= {@link NORMAL_TAIL_END}, where Phi is the distribution function
 * of the normal distribution and `s` is {@link NORMAL_TAIL_OFFSET}'s, with the smallest largest relative error: 1.8e-8.
 */
export const NORMAL_TAIL: readonly number[] = [
  0.7506300806999207, 1.1790010929107666, 1.4206881523132324, 1.2298270463943481, 0.6216515898704529,
  -0.024004168808460236, -0.2682687044143677, -0.07432422786951065, 0.11539161205291748,
];
