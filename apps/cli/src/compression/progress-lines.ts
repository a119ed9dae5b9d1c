import { type Clock, type Progress, type ProgressListener, systemClock } from '@qedge/core';
import { type CommandContext, progressText } from '../command.ts';

/** Lines of one stage are so far apart at least. */
const PAUSE_MS = 5000;

/**
 * Progress as lines, for stderr that no line can be rewritten on, such as a log: one when a stage begins, then one every few seconds.
 * @param write gets a line without its end.
 */
export function progressLines(write: (line: string) => void, clock: Clock = systemClock): ProgressListener {
  let phase: string | null = null;
  let writtenMs = 0;
  return (progress: Progress) => {
    const nowMs = clock.nowMs();
    if (progress.phase === phase && nowMs - writtenMs < PAUSE_MS) return;
    phase = progress.phase;
    writtenMs = nowMs;
    write(progressText(progress));
  };
}

/** The same context, whose progress is written line by line where stderr is no terminal; not beside JSON. */
export function withProgressLines(context: CommandContext): CommandContext {
  if (context.json || process.stderr.isTTY) return context;
  const { signal, json } = context;
  const note = (line: string) => context.note(line);
  return { signal, json, note, onProgress: progressLines(note) };
}
