import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatHtml } from './html.ts';
import { formatMarkdown } from './markdown.ts';
import { type Report, reportJsonSchema, reportSchema } from './schema.ts';

/** Writes the report in its three forms, with the schema, into the staging folder. @throws when the report breaks its own schema. */
export async function writeReport(folder: string, report: Report): Promise<void> {
  const checked = reportSchema.parse(report);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(checked, null, 2)}\n`);
  await writeFile(join(folder, 'report.schema.json'), `${JSON.stringify(reportJsonSchema(), null, 2)}\n`);
  await writeFile(join(folder, 'report.md'), formatMarkdown(checked));
  await writeFile(join(folder, 'index.html'), formatHtml(checked));
}

const PUBLISHED = ['models', 'report.schema.json', 'report.md', 'report.json', 'index.html'];

/** Moves finished files from the staging folder (same file system) to the output; the page goes last. */
export async function publishReport(stagingFolder: string, outputFolder: string): Promise<void> {
  for (const name of PUBLISHED) {
    const [from, to] = [join(stagingFolder, name), join(outputFolder, name)];
    // A folder cannot be renamed over one that has files: move the old one aside first, so that it is never half there.
    const aside = join(stagingFolder, `${name}.old`);
    await rename(to, aside).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rename(from, to);
  }
  await rm(stagingFolder, { recursive: true, force: true });
}
