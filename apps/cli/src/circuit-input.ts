import { Circuit, type CircuitData, parseOpenQasm } from '@qedge/quantum';
import { readJsonFile, readTextFile } from './data-input.ts';

/**
 * Reads a circuit: OpenQASM 2 or 3, or the JSON that a circuit writes (`.json`).
 *
 * @throws FileNotFoundError; FileFormatError or InvalidArgumentError saying what is wrong, with line and column for OpenQASM.
 */
export async function readCircuit(path: string): Promise<Circuit> {
  if (path.endsWith('.json')) return Circuit.fromJSON(await readJsonFile<CircuitData>(path));
  return parseOpenQasm(await readTextFile(path));
}
