import { formatTable } from '@qedge/bench';
import { assertWritableFile, writeFileAtomic } from '@qedge/core/node';
import type { Command } from 'commander';
import { attachHandler, type CommandResult, defineCommand, integerOption } from '../command.ts';
import { measureRoofline, type Roofline } from '../kernel-benchmark/measure-roofline.ts';

interface RooflineOptions {
  readonly svg?: string;
  readonly durationMs: number;
}

/** `qedge bench roofline`: the limits of one core, measured, as numbers and as a picture. */
export function benchRooflineCommand(): Command {
  const command = defineCommand(
    'roofline',
    'measure how fast one core computes and reads, and draw products under these limits',
    'Measures multiply-adds on registers for every way of execution, and reads from each cache and from memory; then matrix products from one row to 512. A product that touches its roof cannot be made faster on this machine.',
  )
    .option('--svg <file>', 'write the picture here')
    .option('--duration-ms <n>', 'time per figure', integerOption(5, 60_000), 200);
  return attachHandler<[RooflineOptions]>(command, async (context, options): Promise<CommandResult> => {
    if (options.svg) await assertWritableFile(options.svg);
    const roofline = await measureRoofline({ ...context, durationMs: options.durationMs });
    if (options.svg) {
      // Loading what draws takes longer than most commands run.
      const { drawRoofline } = await import('../kernel-benchmark/draw-roofline.ts');
      await writeFileAtomic(options.svg, drawRoofline(roofline));
    }
    return { json: roofline, text: describe(roofline, options.svg) };
  });
}

function describe({ cpu, isa, levels, peaks, points }: Roofline, svg: string | undefined): string {
  const limits = formatTable([
    ...peaks.map((peak) => ({
      limit: `${peak.isa} multiply-adds`,
      value: `${peak.gigaOperations.toFixed(1)} Gop/s`,
    })),
    ...levels.map((level) => ({
      limit: `reads from ${level.name}`,
      value: `${level.gigabytesPerSecond.toFixed(1)} GB/s`,
    })),
  ]);
  const products = formatTable(
    points.map((point) => ({
      product: point.name,
      'operations per byte': point.intensity.toFixed(2),
      'Gop/s': point.gigaOperations.toFixed(1),
    })),
  );
  return [
    `One core of ${cpu}`,
    limits,
    `Products on ${isa}`,
    products,
    ...(svg ? [`Picture: ${svg}`] : []),
  ].join('\n\n');
}
