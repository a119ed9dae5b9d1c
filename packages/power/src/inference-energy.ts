import { type EnergyFigure, InvalidArgumentError, type Precision } from '@qedge/core';

/**
 * Picojoules per multiply-accumulate: Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure
 * 1.1.9, 45 nm at 0.9 V. float32: multiply 3.7 + add 0.9; 8-bit integers: multiply 0.2 + 32-bit add 0.1. `float16` is stored in
 * 16 bits but calculated in float32, `int4` is unpacked to 8 bits first, so their arithmetic costs the same as their wider kin.
 */
export const PICOJOULES_PER_MAC: Readonly<Record<Precision, number>> = {
  float32: 4.6,
  float16: 4.6,
  int8: 0.3,
  int4: 0.3,
};

/** Picojoules per byte from DRAM: the same source gives 1.3..2.6 nJ per 64-bit access; this is the middle of the range. */
export const PICOJOULES_PER_DRAM_BYTE = 1950 / 8;

/**
 * The energy of the arithmetic and the memory traffic of one inference, from published energies per operation. It compares
 * precisions and models; it is no bill: instruction handling, caches and idle power are left out, and newer processors need
 * less per operation. The error band is therefore ±100 %.
 *
 * @param macs multiply-accumulate operations.
 * @param bytes bytes that come from DRAM: weights once per inference, unless they stay in a cache.
 * @throws InvalidArgumentError when a count is negative or not finite.
 */
export function estimateInferenceEnergy(precision: Precision, macs: number, bytes: number): EnergyFigure {
  for (const [name, count] of Object.entries({ macs, bytes })) {
    if (!(count >= 0 && Number.isFinite(count))) {
      throw new InvalidArgumentError(`A number of ${name} is out of range`, {
        expected: 'a finite number >= 0',
        actual: count,
      });
    }
  }
  const perMac = PICOJOULES_PER_MAC[precision];
  return {
    joules: (macs * perMac + bytes * PICOJOULES_PER_DRAM_BYTE) * 1e-12,
    provenance: 'modelled',
    relativeError: 1,
    method: `${perMac} pJ per multiply-accumulate, ${PICOJOULES_PER_DRAM_BYTE} pJ per DRAM byte (Horowitz 2014, 45 nm)`,
  };
}
