import { readdirSync, readFileSync } from 'node:fs';
import { loadKoffi } from '@qedge/core/node';
import { afterEach, describe, expect, it } from 'vitest';
import type { ThreadTeam } from '../src/index.ts';
import { createNodeTeam } from '../src/node.ts';

/** Null for a thread that has ended since it was listed, as those of an earlier test may. */
function readStatus(task: string): string | null {
  try {
    return readFileSync(`/proc/self/task/${task}/status`, 'utf8');
  } catch {
    return null;
  }
}

/** The processors that each thread of this process may use, by the thread's number; null where the system does not say. */
function readAllowedProcessors(): Map<string, readonly number[]> | null {
  if (process.platform !== 'linux') return null;
  const allowed = new Map<string, readonly number[]>();
  for (const task of readdirSync('/proc/self/task')) {
    const status = readStatus(task);
    if (status === null) continue;
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1];
    if (list === undefined) return null;
    allowed.set(task, list.split(',').flatMap(expandRange));
  }
  return allowed;
}

function expandRange(range: string): number[] {
  const [first, last = first] = range.split('-').map(Number) as [number, number?];
  return Array.from({ length: last! - first + 1 }, (_, i) => first + i);
}

const processors = readAllowedProcessors()?.get(String(process.pid)) ?? [];
const missing = !loadKoffi().available
  ? 'koffi does not load'
  : processors.length < 2
    ? 'fewer than two processors are known here'
    : null;
if (missing) console.warn(`SKIPPED: where threads of a team run. ${missing}`);

describe.skipIf(missing !== null)('threads of a team', () => {
  let team: ThreadTeam | null = null;
  afterEach(() => team?.dispose());

  it('keep off one processor, the one of the thread that waits for them; every other thread stays free', async () => {
    team = await createNodeTeam(2);
    expect(team.reason).toBeNull();
    const allowed = [...readAllowedProcessors()!.values()];
    const restricted = allowed.filter(({ length }) => length < processors.length);
    expect(restricted).toHaveLength(1);
    expect(restricted[0]).toHaveLength(processors.length - 1);
    expect(processors).toEqual(expect.arrayContaining([...restricted[0]!]));
  });

  it('may run anywhere where there are more of them than processors', async () => {
    const before = readAllowedProcessors()!;
    team = await createNodeTeam(processors.length + 1);
    expect(team.size).toBe(processors.length + 1);
    const added = [...readAllowedProcessors()!].filter(([task]) => !before.has(task));
    expect(added.length).toBeGreaterThanOrEqual(processors.length);
    for (const [, allowed] of added) expect(allowed).toEqual(processors);
  });
});
