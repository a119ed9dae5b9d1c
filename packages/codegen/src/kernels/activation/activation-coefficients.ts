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
export const NORMAL_TAIL_OFFSET = 3.7578125;
/** The `s` around which {@link NORMAL_TAIL} is expanded: between the middle and the end where results are large. */
export const NORMAL_TAIL_CENTRE = 0.375;
/** From here on `a * Phi(-a)` is below half the smallest float32 number. */
export const NORMAL_TAIL_END = 14.5;
/**
 * `p` in `a * Phi(-a) = exp(-a^2 / 2) * s * p(centre - s)`, 0 <= a <= {@link NORMAL_TAIL_END}, where Phi is the distribution function
 * of the normal distribution, with the smallest largest relative error: 2.5e-8.
 */
export const NORMAL_TAIL: readonly number[] = [
  0.9223344326019287, 1.5936663150787354, 1.9297386407852173, 1.5106332302093506, 0.5256768465042114,
  -0.2423333376646042, -0.27857232093811035, 0.04474561661481857, 0.11454920470714569,
];
