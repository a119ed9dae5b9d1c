import { FileFormatError, type OperatorGraph, UnsupportedError } from '@qedge/core';
import type { ModelMetadata } from '@qedge/memory';
import { openModelFile, saveModelFile } from '@qedge/memory/node';
import { readAmplitudes, writeAmplitudes } from './amplitudes/amplitude-access.ts';
import { plainFrame } from './amplitudes/stored-state.ts';
import type { QuantumState } from './quantum-state.ts';
import type { Simulator } from './simulator.ts';
import { StateVector } from './state-vector.ts';

/** Amplitudes in a section of the file: 2^20 of them are 16 MiB. */
const SECTION_QUBITS = 20;
const CONTENT = 'qedge-state-vector';

/**
 * Writes a pure state to a file, atomically and piece by piece: readers see the old file or all of the new one. Amplitudes are stored in
 * double precision in the order of basis states, so that any simulator can read them back; every piece has a checksum.
 *
 * @returns the size of the file in bytes.
 * @throws UnsupportedError for a state without amplitudes or of more than 31 qubits; FileNotFoundError when the folder does not exist,
 *   FileAccessError when the file cannot be written there.
 */
export async function saveState(path: string, state: QuantumState): Promise<number> {
  if (!(state instanceof StateVector) || state.qubitCount > 31) {
    throw new UnsupportedError('The state cannot be written to a file', {
      expected: 'a state vector of at most 31 qubits',
      actual: `${state.qubitCount} qubits`,
    });
  }
  const { qubitCount, clbits } = state;
  const pieceQubits = Math.min(SECTION_QUBITS, qubitCount);
  const piece = new Float64Array(2 * 2 ** pieceQubits);
  const sections = Array.from({ length: 2 ** (qubitCount - pieceQubits) }, (_, index) => ({
    key: sectionKey(index),
    byteLength: piece.byteLength,
    *read() {
      readAmplitudes(state.stored, state.frame, index * 2 ** pieceQubits, piece);
      yield new Uint8Array(piece.buffer);
    },
  }));
  const metadata: ModelMetadata = { content: CONTENT, version: 1, qubitCount, clbits: Array.from(clbits) };
  return await saveModelFile(path, { graph: EMPTY_GRAPH, tensors: [], sections, metadata });
}

/**
 * Reads a state that {@link saveState} wrote into the memory of a simulator. The caller disposes it. Every piece is compared with its
 * checksum.
 *
 * @throws FileNotFoundError; FileFormatError for anything but a whole file of a state; CapabilityUnavailableError when the state does
 *   not fit into memory.
 */
export function loadState(path: string, simulator: Simulator): QuantumState {
  using file = openModelFile(path);
  const { qubitCount, clbits } = checkMetadata(path, file.metadata);
  const pieceQubits = Math.min(SECTION_QUBITS, qubitCount);
  const state = simulator.prepare(qubitCount, { kind: 'basis', basis: 0 });
  if (!(state instanceof StateVector)) {
    throw new UnsupportedError('The simulator does not keep state vectors', { actual: simulator.engine });
  }
  try {
    const frame = plainFrame(qubitCount, state.stored.qubitCount);
    for (let index = 0; index < 2 ** (qubitCount - pieceQubits); index++) {
      file.borrowSection(sectionKey(index), (bytes) => {
        const piece = new Float64Array(2 * 2 ** pieceQubits);
        if (bytes.byteLength !== piece.byteLength) throw notAState(path, `${bytes.byteLength} bytes`);
        new Uint8Array(piece.buffer).set(bytes);
        writeAmplitudes(state.stored, frame, index * 2 ** pieceQubits, piece);
      });
    }
    return state.withClbits(Uint8Array.from(clbits));
  } catch (error) {
    state.dispose();
    throw error;
  }
}

const sectionKey = (index: number) => `amplitudes/${index}`;

/** The file format is that of models; a state has no graph. */
const EMPTY_GRAPH: OperatorGraph = {
  format: 'qedge-operator-graph',
  version: 1,
  name: 'state vector',
  inputs: [],
  outputs: [],
  constants: [],
  values: {},
  nodes: [],
};

function checkMetadata(
  path: string,
  { content, version, qubitCount, clbits }: ModelMetadata,
): { readonly qubitCount: number; readonly clbits: readonly number[] } {
  const isCount = Number.isInteger(qubitCount) && Number(qubitCount) >= 0 && Number(qubitCount) <= 31;
  if (content !== CONTENT || version !== 1 || !isCount || !Array.isArray(clbits)) {
    throw notAState(path, JSON.stringify({ content, version, qubitCount }).slice(0, 200));
  }
  return { qubitCount: Number(qubitCount), clbits: clbits.map((bit) => (bit === 1 ? 1 : 0)) };
}

function notAState(path: string, actual: string): FileFormatError {
  return new FileFormatError(`${path} does not hold a quantum state`, {
    expected: `content "${CONTENT}", version 1`,
    actual,
  });
}
