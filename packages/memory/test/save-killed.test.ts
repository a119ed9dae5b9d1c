import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Random } from '@qedge/core';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeModel } from '../src/index.ts';
import { openModelFile } from '../src/node.ts';
import { ChildProject } from './child-project.ts';
import { constantsGraph, elementOf, madeTensors } from './graph-content.ts';

const folder = mkdtempSync(join(tmpdir(), 'qedge-killed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const constants = { a: 200_000, b: 100_000 };

describe('a process that is killed while it writes a model file', () => {
  it('leaves the old file or the new one', async () => {
    const project = await ChildProject.create(folder);
    const path = join(folder, 'model.qez');
    const content = { graph: constantsGraph(constants), tensors: madeTensors(constants) };
    writeFileSync(path, encodeModel({ ...content, metadata: { generation: 0 } }));
    const program = `
      const constants = ${JSON.stringify(constants)};
      const content = { graph: memory.constantsGraph(constants), tensors: memory.madeTensors(constants) };
      const bytes = new Uint8Array(500000).fill(7);
      const sections = [{ key: 'panel', byteLength: bytes.length, read: () => [bytes.subarray(0, 250000), bytes.subarray(250000)] }];
      const { metadata } = memory.openModelFile('model.qez');
      for (let generation = metadata.generation + 1; ; generation++) {
        await memory.saveModelFile('model.qez', { ...content, sections, metadata: { generation } });
        if (generation === metadata.generation + 1) console.log('writing');
      }`;
    const random = new Random(1);
    let generation = 0;
    for (let round = 0; round < 8; round++) {
      const child = project.start(program);
      await once(child.stdout!, 'data');
      await setTimeout(random.integer(60));
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      using model = openModelFile(path);
      const found = model.metadata.generation as number;
      expect(found).toBeGreaterThan(generation);
      generation = found;
      model.verifySection('panel');
      for (const [index, name] of Object.keys(constants).entries()) {
        const { data } = model.load(name);
        expect(data.findIndex((value, i) => value !== elementOf(index, i))).toBe(-1);
      }
    }
  }, 60_000);
});
