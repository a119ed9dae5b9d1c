import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** A runnable example in a document. */
export interface Example {
  /** Relative to the repository, e.g. `docs/guide/memory.md`. */
  readonly file: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
  readonly code: string;
}

/** A link whose target does not exist. */
export interface BrokenLink {
  readonly file: string;
  readonly line: number;
  readonly target: string;
}

const FOLDERS_WITHOUT_DOCUMENTS = new Set(['node_modules', 'dist', 'api', 'report', '.examples']);

/** Every Markdown file that belongs to the documentation, relative to `root`: the root's, each workspace's README, all of docs/. */
export function documentFiles(root: string): string[] {
  const inFolder = (folder: string): string[] =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder), { withFileTypes: true })
          .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
          .map((entry) => join(folder, entry.name))
      : [];
  const subfolders = (folder: string): string[] =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder), { withFileTypes: true })
          .filter((entry) => entry.isDirectory() && !FOLDERS_WITHOUT_DOCUMENTS.has(entry.name))
          .map((entry) => join(folder, entry.name))
      : [];
  const deep = (folder: string): string[] => [
    ...inFolder(folder),
    ...subfolders(folder).flatMap((child) => deep(child)),
  ];
  const workspaces = ['packages', 'apps', 'tooling'].flatMap(subfolders).flatMap(inFolder);
  return [...inFolder('.'), ...workspaces, ...deep('docs')].filter((file) => !file.endsWith('CHANGELOG.md'));
}

/** The fences marked `js` in a Markdown text. */
export function extractExamples(file: string, text: string): Example[] {
  return [...text.matchAll(/^```js[ \t]*\r?\n([\s\S]*?)^```/gm)].map((match) => ({
    file,
    line: lineAt(text, match.index),
    code: match[1]!,
  }));
}

/** Relative links (and anchors into Markdown files) of a document that lead nowhere. */
export function findBrokenLinks(root: string, file: string): BrokenLink[] {
  const text = blankCode(readFileSync(join(root, file), 'utf8'));
  const links = [
    ...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g),
    ...text.matchAll(/^ {0,3}\[[^\]]+\]:\s+<?([^\s>]+)>?/gm),
  ];
  return links
    .filter(([, target]) => !/^[a-z][a-z0-9+.-]*:/i.test(target!))
    .filter(([, target]) => !resolves(root, file, target!))
    .map((link) => ({ file, line: lineAt(text, link.index), target: link[1]! }));
}

function resolves(root: string, file: string, target: string): boolean {
  const [path = '', anchor] = decodeURI(target).split('#');
  const absolute = path === '' ? join(root, file) : resolve(root, dirname(file), path);
  // A link that leaves the repository breaks for everyone who has only the repository.
  if (relative(root, absolute).startsWith('..') || !existsSync(absolute)) return false;
  if (anchor === undefined || !absolute.endsWith('.md')) return true;
  return headingAnchors(readFileSync(absolute, 'utf8')).has(anchor);
}

/** The anchors that GitHub gives to the headings of a text. */
function headingAnchors(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of blankCode(text, { inline: false }).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const base = heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-');
    let anchor = base;
    for (let copy = 1; anchors.has(anchor); copy++) anchor = `${base}-${copy}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Replaces code by spaces, so that positions stay and brackets in code are not taken for links. */
function blankCode(text: string, { inline = true } = {}): string {
  const blank = (code: string) => code.replaceAll(/[^\n]/g, ' ');
  const withoutFences = text.replaceAll(/^ *```[\s\S]*?^ *```/gm, blank);
  return inline ? withoutFences.replaceAll(/`[^`\n]+`/g, blank) : withoutFences;
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
