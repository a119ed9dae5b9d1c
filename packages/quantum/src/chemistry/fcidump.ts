import { FileFormatError } from '@qedge/core';

/** A molecule's Hamiltonian in a basis of spatial orbitals, in Hartree. Orbitals count from 0. */
export interface MolecularIntegrals {
  readonly orbitals: number;
  readonly electrons: number;
  /** Twice the spin projection: alpha minus beta electrons. */
  readonly twiceSpinZ: number;
  /** Nuclear repulsion plus the energy of frozen orbitals. */
  readonly coreEnergyHartree: number;
  /** `h_pq`, `[orbitals, orbitals]` row-major, symmetric. */
  readonly oneElectron: Float64Array;
  /** `(pq|rs)` in chemists' notation, `[orbitals, orbitals, orbitals, orbitals]` row-major, with its eightfold symmetry. */
  readonly twoElectron: Float64Array;
}

/**
 * Reads an FCIDUMP file (Knowles and Handy, Comput. Phys. Commun. 54 (1989) 75) with real, spin-restricted orbitals.
 *
 * A later line replaces an earlier one for the same integral (some programs write symmetric integrals twice). Orbital-energy
 * lines `i 0 0 0` are skipped. Fortran exponents (`1.0D-03`) are understood. Integrals that are absent are 0.
 *
 * @throws FileFormatError with `facts.line` (from 1) saying what was expected.
 */
export function parseFcidump(text: string): MolecularIntegrals {
  const lines = text.split(/\r?\n/);
  const header = readHeader(lines);
  const n = header.orbitals;
  const oneElectron = new Float64Array(n * n);
  const twoElectron = new Float64Array(n ** 4);
  let coreEnergyHartree = 0;
  for (let index = header.endLine; index < lines.length; index++) {
    const line = lines[index]!.trim();
    if (line === '') continue;
    const { value, indices } = readIntegral(line, index + 1, n);
    const [i, j, k, l] = indices;
    if (k !== 0) assignTwoElectron(twoElectron, n, [i - 1, j - 1, k - 1, l - 1], value);
    else if (j !== 0) {
      oneElectron[(i - 1) * n + (j - 1)] = value;
      oneElectron[(j - 1) * n + (i - 1)] = value;
    } else if (i === 0) coreEnergyHartree = value;
  }
  const { orbitals, electrons, twiceSpinZ } = header;
  return { orbitals, electrons, twiceSpinZ, coreEnergyHartree, oneElectron, twoElectron };
}

interface Header {
  readonly orbitals: number;
  readonly electrons: number;
  readonly twiceSpinZ: number;
  /** Index of the first line after the header. */
  readonly endLine: number;
}

/** More orbitals than this would need more memory than a program should take without asking: 64^4 doubles are 134 MB. */
const MAX_ORBITALS = 64;

function readHeader(lines: readonly string[]): Header {
  const start = lines.findIndex((line) => line.trim() !== '');
  if (start < 0 || !/^\s*[&$]\s*FCI\b/i.test(lines[start]!)) {
    throw formatError(
      'Not an FCIDUMP file',
      Math.max(start, 0) + 1,
      '&FCI',
      lines[start]?.trim() ?? 'nothing',
    );
  }
  const end = lines.findIndex((line, index) => index >= start && /[&$]END\b|\/\s*$/i.test(line));
  if (end < 0)
    throw formatError('The FCIDUMP header has no end', lines.length, '&END or /', 'the end of file');
  const header = lines.slice(start, end + 1).join(' ');
  const read = (key: string, least: number, fallback?: number): number => {
    const found = new RegExp(`\\b${key}\\s*=\\s*([^,\\s/&$]+)`, 'i').exec(header)?.[1];
    const value = found === undefined ? fallback : Number(found);
    if (value === undefined || !Number.isInteger(value) || value < least) {
      throw formatError(
        `The FCIDUMP header is unusable`,
        start + 1,
        `${key}=<integer >= ${least}>`,
        found ?? 'none',
      );
    }
    return value;
  };
  const orbitals = read('NORB', 1);
  const electrons = read('NELEC', 0);
  const twiceSpinZ = read('MS2', Number.NEGATIVE_INFINITY, 0);
  if (/\bI?UHF\s*=\s*(?:\.?T|1)/i.test(header)) {
    throw formatError(
      'Spin-unrestricted orbitals are not supported',
      start + 1,
      'restricted orbitals',
      'UHF',
    );
  }
  if (orbitals > MAX_ORBITALS) {
    throw formatError('The FCIDUMP file is too large', start + 1, `NORB <= ${MAX_ORBITALS}`, orbitals);
  }
  if (electrons > 2 * orbitals || Math.abs(twiceSpinZ) > electrons || (electrons + twiceSpinZ) % 2 !== 0) {
    const actual = `NELEC=${electrons}, MS2=${twiceSpinZ}, NORB=${orbitals}`;
    throw formatError('The FCIDUMP header contradicts itself', start + 1, 'electrons that fit', actual);
  }
  return { orbitals, electrons, twiceSpinZ, endLine: end + 1 };
}

type FourIndices = readonly [i: number, j: number, k: number, l: number];

function readIntegral(line: string, lineNumber: number, orbitals: number) {
  const fields = line.split(/\s+/);
  const value = Number(fields[0]!.replace(/[dD]/, 'e'));
  const indices = fields.slice(1).map(Number);
  const inRange = (index: number) => Number.isInteger(index) && index >= 0 && index <= orbitals;
  if (fields.length !== 5 || !Number.isFinite(value) || fields[0] === '' || !indices.every(inRange)) {
    throw formatError(
      'An FCIDUMP line is unusable',
      lineNumber,
      `a number and four orbitals in 0..${orbitals}`,
      line,
    );
  }
  const [i, j, k, l] = indices as unknown as FourIndices;
  const zeros = `${+(i === 0)}${+(j === 0)}${+(k === 0)}${+(l === 0)}`;
  if (!['0000', '0011', '0111', '1111'].includes(zeros)) {
    throw formatError(
      'An FCIDUMP line mixes orbitals and zeros',
      lineNumber,
      'i j k l, i j 0 0, i 0 0 0 or 0 0 0 0',
      line,
    );
  }
  return { value, indices: [i, j, k, l] as FourIndices };
}

function assignTwoElectron(
  integrals: Float64Array,
  n: number,
  [p, q, r, s]: FourIndices,
  value: number,
): void {
  const at = (a: number, b: number, c: number, d: number) => ((a * n + b) * n + c) * n + d;
  for (const [a, b, c, d] of [
    [p, q, r, s],
    [r, s, p, q],
  ] as const) {
    integrals[at(a, b, c, d)] = value;
    integrals[at(b, a, c, d)] = value;
    integrals[at(a, b, d, c)] = value;
    integrals[at(b, a, d, c)] = value;
  }
}

function formatError(message: string, line: number, expected: string, actual: unknown): FileFormatError {
  return new FileFormatError(`${message} (line ${line})`, { expected, actual, facts: { line } });
}
