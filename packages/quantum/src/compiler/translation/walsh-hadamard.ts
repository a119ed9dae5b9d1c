/** The Walsh-Hadamard transform of a table `[2^k]`, in place, without a factor. */
export function walshHadamard(table: Float64Array): void {
  for (let bit = 1; bit < table.length; bit *= 2) {
    for (let i = 0; i < table.length; i++) {
      if (i & bit) continue;
      const [a, b] = [table[i]!, table[i | bit]!];
      table[i] = a + b;
      table[i | bit] = a - b;
    }
  }
}
