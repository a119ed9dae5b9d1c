import { readFile } from 'node:fs/promises';
import { FileNotFoundError } from '@qedge/core';
import { type MolecularIntegrals, parseFcidump } from './chemistry/fcidump.ts';
import type { Circuit } from './circuit/circuit.ts';
import { parseOpenQasm2 } from './openqasm/parse-openqasm.ts';

/** Reads an FCIDUMP file. @throws FileNotFoundError, or FileFormatError with the line; see `parseFcidump`. */
export async function readFcidump(path: string | URL): Promise<MolecularIntegrals> {
  return parseFcidump(await readText(path));
}

/** Reads an OpenQASM 2 program. @throws FileNotFoundError, or FileFormatError with its place; see `parseOpenQasm2`. */
export async function readOpenQasm2(path: string | URL): Promise<Circuit> {
  return parseOpenQasm2(await readText(path));
}

async function readText(path: string | URL): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    throw new FileNotFoundError('There is no such file', { actual: String(path), cause: error });
  }
}
