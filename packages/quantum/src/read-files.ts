import { readFile } from 'node:fs/promises';
import { FileNotFoundError } from '@qedge/core';
import { type MolecularIntegrals, parseFcidump } from './chemistry/fcidump.ts';
import type { Circuit } from './circuit/circuit.ts';
import { type OpenQasmOptions, parseOpenQasm } from './openqasm/parse-openqasm.ts';

/** Reads an FCIDUMP file. @throws FileNotFoundError, or FileFormatError with the line; see `parseFcidump`. */
export async function readFcidump(path: string | URL): Promise<MolecularIntegrals> {
  return parseFcidump(await readText(path));
}

/** Reads an OpenQASM program, version 2 or 3. @throws FileNotFoundError, or FileFormatError with its place; see `parseOpenQasm`. */
export async function readOpenQasm(path: string | URL, options: OpenQasmOptions = {}): Promise<Circuit> {
  return parseOpenQasm(await readText(path), options);
}

async function readText(path: string | URL): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    throw new FileNotFoundError('There is no such file', { actual: String(path), cause: error });
  }
}
