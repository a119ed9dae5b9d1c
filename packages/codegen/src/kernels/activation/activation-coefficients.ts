/**
 * Coefficients of the approximations behind exponential and activations, constant term first. They are what
 * `test/minimax.ts` computes; `test/activation-coefficients.test.ts` computes them anew and compares.
 */

/**
 * `p` in `exp(r) = 1 + r + r^2 * p(r)`, -0.4 <= r <= 0.35, with the smallest largest error relative to `exp(r) - 1`: 2.2e-8.
 */
export const EXPONENTIAL_TAIL: readonly number[] = [
  0.49999988079071045, 0.16666515171527863, 0.04167124629020691, 0.008369925431907177, 0.0013588530709967017,
];

/** `k` in `t = 1 / (1 + k * a)`, which maps a >= 0 to (0, 1]. */
export const NORMAL_TAIL_SLOPE = 0.265625;
/** Beyond it `a * Phi(-a)` is below half the smallest float32 number. */
export const NORMAL_TAIL_END = 14.5;
/**
 * `p` in `Phi(-a) = exp(-a^2 / 2) * t * p(t - 1 / 2)`, 0 <= a <= {@link NORMAL_TAIL_END}, where Phi is the distribution function
 * of the normal distribution and `t` is {@link NORMAL_TAIL_SLOPE}'s, with the smallest largest relative error: 1.4e-8.
 */
export const NORMAL_TAIL: readonly number[] = [
  0.19938088953495026, 0.31313133239746094, 0.3772311806678772, 0.3263968229293823, 0.16478459537029266,
  -0.006601959932595491, -0.07124131172895432, -0.019614621996879578, 0.03064553067088127,
];
