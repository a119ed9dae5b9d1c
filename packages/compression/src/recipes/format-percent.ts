/** A fraction for people, to a hundredth of a percent: `12.5 %`. */
export function formatPercent(fraction: number): string {
  return `${Number((100 * fraction).toFixed(2))} %`;
}
