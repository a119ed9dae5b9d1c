import type { CompressionReport } from '@qedge/compression';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { drawCompression } from '../src/compression/draw-compression.ts';

const totals = {
  parameters: 100,
  sparsity: 0,
  macs: null,
  nonzeroMacs: null,
  rawBytes: 1_000_000,
  packedBytes: 60_000,
};

function report(accuracies: [number, number] | null, files: CompressionReport['files']): CompressionReport {
  const grade = (correct: number) => ({
    correct,
    count: 1000,
    accuracy: correct / 1000,
    low: correct / 1000 - 0.01,
    high: correct / 1000 + 0.01,
  });
  const comparison = {
    count: 1000,
    difference: 0,
    standardError: 0,
    low: 0,
    high: 0,
    onlyReference: 0,
    onlyCandidate: 0,
    pValue: 1,
    method: 'exact',
  } as const;
  return {
    name: 'digits <1>',
    recipe: null,
    seed: 0,
    seconds: null,
    layers: [],
    original: totals,
    compressed: totals,
    macsProblem: null,
    files,
    accuracy: accuracies && {
      original: grade(accuracies[0]),
      denseControl: grade(accuracies[0] + 5),
      compressed: grade(accuracies[1]),
      againstOriginal: comparison,
      againstDenseControl: comparison,
    },
  };
}

const file = (format: string, bytes: number) => ({
  format,
  bytes,
  gzipBytes: null,
  brotliBytes: null,
  ratio: 1e6 / bytes,
});

describe('drawCompression', () => {
  it('places each model by the logarithm of its bytes and by its accuracy', () => {
    const svg = drawCompression([
      report([960, 955], [file('qez', 10_000)]),
      report([960, 940], [file('qez', 1000)]),
    ]);
    expect(svg).toMatch(/^<svg /);
    const { document } = parseHTML(svg);
    const dots = Array.from(document.querySelectorAll('[aria-label="dot"] circle')).map((circle) => ({
      x: Number(circle.getAttribute('cx')),
      y: Number(circle.getAttribute('cy')),
    }));
    // Original and control are the same in both reports.
    expect(dots).toHaveLength(4);
    const [original, control, tenth, hundredth] = dots;
    expect(control!.x).toBe(original!.x);
    expect(control!.y).toBeLessThan(original!.y);
    expect(tenth!.y).toBeGreaterThan(original!.y);
    // Two decades to the left, and another one.
    expect((original!.x - hundredth!.x) / (original!.x - tenth!.x)).toBeCloseTo(1.5, 2);
    expect(document.querySelectorAll('[aria-label="rule"] line')).toHaveLength(4);
    expect(svg).toContain('digits &lt;1&gt;, qez: 1000 bytes');
  });

  it('draws the packed size where there is no file, and nothing without accuracies', () => {
    expect(drawCompression([report([960, 955], [])])).toContain('packed: 60000 bytes');
    const { document } = parseHTML(drawCompression([report(null, [file('qez', 9)])]));
    expect(document.querySelectorAll('circle')).toHaveLength(0);
  });
});
