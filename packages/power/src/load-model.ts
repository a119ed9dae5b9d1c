import { InvalidArgumentError, type PowerFigure } from '@qedge/core';

/** Watts that a meter showed at one processor load. */
export interface CalibrationPoint {
  /** Share of all cores in use, 0..1. */
  readonly utilizationFraction: number;
  readonly watts: number;
}

/** Processor power as a function of load. Plain data. */
export interface LoadModel {
  readonly provenance: 'modelled' | 'calibrated';
  /** In ascending order of load; two points make the power law, three or more a piecewise linear curve. */
  readonly points: readonly CalibrationPoint[];
  /** Half-width of the error band as a fraction of the value. */
  readonly relativeError: number;
  /** One sentence: the formula and where its constants come from. */
  readonly method: string;
}

/** Power grows with load to this exponent: it fitted measured processors better than linear or cubic (README, "Error bands"). */
export const LOAD_EXPONENT = 0.7;

/** Watts per logical processor that {@link assumedLoadModel} takes when nothing is known about the machine. */
export const ASSUMED_WATTS_PER_LOGICAL_CPU = { idle: 0.8, full: 4.5 } as const;

// Measured on four machines against RAPL; README, "Error bands".
const ASSUMED_ERROR = 0.7;
const TWO_POINT_ERROR = 0.25;
const MANY_POINT_ERROR = 0.15;

/**
 * A load model for a machine of which only the processor count is known: idle and full power in proportion to it.
 * Good for comparing runs on one machine; its watts may be off by 70 % and more (a phone uses less, a workstation more).
 *
 * @param logicalCpus at least 1.
 * @throws InvalidArgumentError when `logicalCpus` is not a positive integer.
 */
export function assumedLoadModel(logicalCpus: number): LoadModel {
  if (!Number.isInteger(logicalCpus) || logicalCpus < 1) {
    throw new InvalidArgumentError('A number of processors is out of range', {
      expected: 'an integer >= 1',
      actual: logicalCpus,
    });
  }
  const idle = ASSUMED_WATTS_PER_LOGICAL_CPU.idle * logicalCpus;
  const full = ASSUMED_WATTS_PER_LOGICAL_CPU.full * logicalCpus;
  return {
    provenance: 'modelled',
    points: [
      { utilizationFraction: 0, watts: idle },
      { utilizationFraction: 1, watts: full },
    ],
    relativeError: ASSUMED_ERROR,
    method: `load model ${idle.toFixed(1)} W + ${(full - idle).toFixed(1)} W * u^${LOAD_EXPONENT}, watts assumed for ${logicalCpus} logical processors`,
  };
}

/**
 * A load model fitted to a meter: with two points `idle + (full - idle) * u^0.7`, with more a piecewise linear curve through
 * them. Outside the points the curve is held flat.
 *
 * @param points two or more, in any order, with different loads. Watts may fall as load grows: power-limited processors do that.
 * @throws InvalidArgumentError for points that break these rules.
 */
export function calibratedLoadModel(points: readonly CalibrationPoint[]): LoadModel {
  const sorted = [...points].sort((a, b) => a.utilizationFraction - b.utilizationFraction);
  checkPoints(sorted);
  const two = sorted.length === 2;
  const list = sorted
    .map(({ utilizationFraction, watts }) => `${watts} W at ${(100 * utilizationFraction).toFixed(0)} %`)
    .join(', ');
  return {
    provenance: 'calibrated',
    points: sorted,
    relativeError: two ? TWO_POINT_ERROR : MANY_POINT_ERROR,
    method: `load model ${two ? `with exponent ${LOAD_EXPONENT}` : 'piecewise linear'} through ${list} of load`,
  };
}

function checkPoints(sorted: readonly CalibrationPoint[]): void {
  if (sorted.length < 2) {
    throw new InvalidArgumentError('A calibration needs idle and full load', {
      expected: 'two or more points',
      actual: sorted.length,
    });
  }
  sorted.forEach((point, i) => {
    const { utilizationFraction: load, watts } = point;
    const before = sorted[i - 1];
    if (!(load >= 0 && load <= 1) || !(watts > 0 && Number.isFinite(watts))) {
      throw new InvalidArgumentError('A calibration point is out of range', {
        expected: 'a load in 0..1 and finite watts > 0',
        actual: point,
      });
    }
    if (before?.utilizationFraction === load) {
      throw new InvalidArgumentError('Two calibration points share a load', {
        expected: 'different loads',
        actual: [before, point],
      });
    }
  });
}

/**
 * The power that a model gives for a load.
 *
 * @param utilizationFraction share of all cores in use; values outside 0..1 (counter jitter) are clamped.
 * @throws InvalidArgumentError for NaN.
 */
export function powerAtLoad(model: LoadModel, utilizationFraction: number): PowerFigure {
  if (Number.isNaN(utilizationFraction)) {
    throw new InvalidArgumentError('A load must be known', { expected: 'a number in 0..1', actual: 'NaN' });
  }
  const { provenance, relativeError, method } = model;
  return { watts: wattsAt(model.points, utilizationFraction), provenance, relativeError, method };
}

function wattsAt(points: readonly CalibrationPoint[], load: number): number {
  const first = points[0]!;
  const last = points[points.length - 1]!;
  if (load <= first.utilizationFraction) return first.watts;
  if (load >= last.utilizationFraction) return last.watts;
  const upper = points.findIndex((point) => point.utilizationFraction >= load);
  const [a, b] = [points[upper - 1]!, points[upper]!];
  const share = (load - a.utilizationFraction) / (b.utilizationFraction - a.utilizationFraction);
  return a.watts + (b.watts - a.watts) * (points.length === 2 ? share ** LOAD_EXPONENT : share);
}
