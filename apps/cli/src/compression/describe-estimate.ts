import type { CompressionEstimate } from '@qedge/compression/compress';

/** One line: what the stages take, and all of it; null where nothing is trained. */
export function describeEstimate({ stages, steps, seconds }: CompressionEstimate): string | null {
  if (steps === 0) return null;
  const trained = stages.filter(({ stage }) => stage !== 'validation');
  const parts = trained.map(
    (each) => `${each.stage} ${each.runs > 1 ? `${each.runs} x ` : ''}${each.steps} steps`,
  );
  const isSearch = trained.some(({ runs }) => runs > 1);
  return `${isSearch ? 'Takes at most' : 'Takes'} about ${describeSeconds(seconds)} from the start: ${parts.join(', ')}`;
}

/** Both, one after the other. */
export function addEstimates(first: CompressionEstimate, second: CompressionEstimate): CompressionEstimate {
  return {
    stages: [...first.stages, ...second.stages],
    steps: first.steps + second.steps,
    seconds: first.seconds + second.seconds,
  };
}

function describeSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
