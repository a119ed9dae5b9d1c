/** @file One-qubit matrices `[2, 2, 2]`: row-major, real and imaginary parts interleaved. */

/** `a b`: the gate `b`, then the gate `a`. */
export function multiply2(
  a: Float64Array,
  b: Float64Array,
  product: Float64Array = new Float64Array(8),
): Float64Array {
  const [br0, bi0, br1, bi1] = [b[0]!, b[1]!, b[2]!, b[3]!];
  const [br2, bi2, br3, bi3] = [b[4]!, b[5]!, b[6]!, b[7]!];
  for (let row = 0; row < 8; row += 4) {
    const [xr, xi, yr, yi] = [a[row]!, a[row + 1]!, a[row + 2]!, a[row + 3]!];
    product[row] = xr * br0 - xi * bi0 + yr * br2 - yi * bi2;
    product[row + 1] = xr * bi0 + xi * br0 + yr * bi2 + yi * br2;
    product[row + 2] = xr * br1 - xi * bi1 + yr * br3 - yi * bi3;
    product[row + 3] = xr * bi1 + xi * br1 + yr * bi3 + yi * br3;
  }
  return product;
}
