/**
 * Where a power or energy figure comes from.
 *
 * - `measured`: a hardware counter or meter was read;
 * - `calibrated`: a model whose constants were fitted on this machine against a meter;
 * - `modelled`: a model with published or assumed constants. Good for comparing, not for billing.
 */
export type Provenance = 'measured' | 'calibrated' | 'modelled';

/** An amount of energy with how far it can be trusted. */
export interface EnergyFigure {
  readonly joules: number;
  readonly provenance: Provenance;
  /** Half-width of the error band as a fraction of the value: 0.3 means ±30 %. */
  readonly relativeError: number;
  /** One sentence: the counter, or the model and its constants. */
  readonly method: string;
}

/** A rate of energy use with how far it can be trusted. */
export interface PowerFigure {
  readonly watts: number;
  readonly provenance: Provenance;
  /** Half-width of the error band as a fraction of the value. */
  readonly relativeError: number;
  readonly method: string;
}

const TRUST: readonly Provenance[] = ['measured', 'calibrated', 'modelled'];

/** The energy used when power `figure` lasts for `durationMs`. Keeps provenance and error band. */
export function energyOver(figure: PowerFigure, durationMs: number): EnergyFigure {
  const { watts, ...rest } = figure;
  return { joules: (watts * durationMs) / 1000, ...rest };
}

/** The sum of energies: the weakest provenance, the error bands added as if fully correlated (the safe assumption). */
export function sumEnergy(figures: readonly EnergyFigure[]): EnergyFigure {
  let joules = 0;
  let band = 0;
  let weakest = 0;
  const methods = new Set<string>();
  for (const figure of figures) {
    joules += figure.joules;
    band += Math.abs(figure.joules) * figure.relativeError;
    weakest = Math.max(weakest, TRUST.indexOf(figure.provenance));
    methods.add(figure.method);
  }
  return {
    joules,
    provenance: TRUST[weakest]!,
    relativeError: joules === 0 ? 0 : band / Math.abs(joules),
    method: [...methods].join('; ') || 'no energy was used',
  };
}
