import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatMarkdown } from './markdown.ts';
import { type Report, reportJsonSchema, reportSchema } from './schema.ts';

/** Writes the report in its three forms, with the schema, into the staging folder. @throws when the report breaks its own schema. */
export async function writeReport(folder: string, report: Report): Promise<void> {
  const checked = reportSchema.parse(report);
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(checked, null, 2)}\n`);
  await writeFile(join(folder, 'report.schema.json'), `${JSON.stringify(reportJsonSchema(), null, 2)}\n`);
  await writeFile(join(folder, 'report.md'), formatMarkdown(checked));
  // The page draws: its plots take a document and a library that load longer than most commands run.
  const { formatHtml } = await import('./html.ts');
  await writeFile(join(folder, 'index.html'), formatHtml(checked));
}

const PUBLISHED = ['models', 'report.schema.json', 'report.md', 'report.json', 'index.html'];

/**
 * Moves finished files from the staging folder (same file system) to the output; the page goes last. When one cannot be moved,
 * the earlier report is put back as it was.
 *
 * @throws the file system's own error.
 */
export async function publishReport(stagingFolder: string, outputFolder: string): Promise<void> {
  const undo: (() => Promise<void>)[] = [];
  try {
    for (const name of PUBLISHED) {
      const [from, to] = [join(stagingFolder, name), join(outputFolder, name)];
      // A folder cannot be renamed over one that has files: move the old one aside first, so that it is never half there.
      const aside = join(stagingFolder, `${name}.old`);
      if (await renameIfThere(to, aside)) undo.push(() => rename(aside, to));
      await rename(from, to);
      undo.push(() => rename(to, from));
    }
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
