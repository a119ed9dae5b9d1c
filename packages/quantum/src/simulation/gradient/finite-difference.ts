/**
 * The gradient of any function by central differences, `(f(x + h) - f(x - h)) / 2h`: wrong by about `h^2` plus rounding of
 * `1e-16 / h`. For checking exact gradients, not for optimising.
 */
export function finiteDifferenceGradient(
  evaluate: (parameters: Float64Array) => number,
  parameters: ArrayLike<number>,
  step = 1e-5,
): Float64Array {
  return Float64Array.from({ length: parameters.length }, (_, index) => {
    const at = (offset: number) => {
      const moved = Float64Array.from(parameters);
      moved[index] = moved[index]! + offset;
      return evaluate(moved);
    };
    return (at(step) - at(-step)) / (2 * step);
  });
}
