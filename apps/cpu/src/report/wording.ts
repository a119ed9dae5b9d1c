interface Energy {
  readonly joules: number;
  readonly provenance: string;
  readonly relativeError: number;
}

/** An energy with its unit chosen for reading, its error band and its provenance. */
export function energyText(figure: Energy): string {
  return `${energyAmount(figure)} (${figure.provenance})`;
}

/** An energy with its unit chosen for reading and its error band. */
export function energyAmount(figure: Energy): string {
  const scales: [number, string][] = [
    [1, 'J'],
    [1e-3, 'mJ'],
    [1e-6, 'µJ'],
    [1e-9, 'nJ'],
  ];
  const [scale, unit] = scales.find(([size]) => Math.abs(figure.joules) >= size) ?? scales.at(-1)!;
  return `${(figure.joules / scale).toPrecision(3)} ${unit} ±${Math.round(figure.relativeError * 100)} %`;
}

/** `0.9765` -> `97.65 %`. */
export function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)} %`;
}

/** `0.031` -> `+3.1 %`. */
export function signedPercent(fraction: number): string {
  return `${fraction >= 0 ? '+' : '−'}${Math.abs(fraction * 100).toFixed(1)} %`;
}

/** Bytes as kB (1000 bytes). */
export function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
