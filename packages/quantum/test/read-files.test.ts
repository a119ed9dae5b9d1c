import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FileNotFoundError } from '@qedge/core';
import { readFcidump, readOpenQasm } from '@qedge/quantum/node';
import { expect, it } from 'vitest';
import { H2_DIRECTORY } from './shared-data.ts';

it('reads molecules and programs from paths and URLs', async () => {
  const path = join(H2_DIRECTORY, 'H2_0.7414.FCIDUMP');
  expect((await readFcidump(path)).electrons).toBe(2);
  expect(await readFcidump(pathToFileURL(path))).toEqual(await readFcidump(path));
  const directory = await mkdtemp(join(tmpdir(), 'qedge-quantum-'));
  try {
    const program = join(directory, 'bell.qasm');
    await writeFile(program, 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; h q[0]; cx q[0],q[1];');
    expect((await readOpenQasm(program)).gateCounts()).toEqual({ cx: 1, h: 1 });
    await expect(readOpenQasm(join(directory, 'none.qasm'))).rejects.toThrow(FileNotFoundError);
  } finally {
    await rm(directory, { recursive: true });
  }
});
