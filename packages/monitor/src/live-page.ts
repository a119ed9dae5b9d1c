import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/**
 * The live page as one HTML document: styles, scripts and the chart library inlined, so that it works without any other request.
 *
 * @param nonce goes on every style and script, for the content security policy.
 */
export function renderLivePage(nonce: string): string {
  const require = createRequire(import.meta.url);
  const parts: Record<string, string> = {
    NONCE: nonce,
    STYLES: `${readText(require.resolve('uplot/dist/uPlot.min.css'))}\n${pageFile('live-page.css')}`,
    CHART_LIBRARY: readText(require.resolve('uplot/dist/uPlot.iife.min.js')),
    SCRIPT: pageFile('live-page.js'),
  };
  // Function replacements: the chart library contains `$&`, which a replacement string would interpret.
  return pageFile('live-page.html').replace(
    /%(NONCE)%|\/\* ([A-Z_]+) \*\//g,
    (_, attribute, text) => parts[attribute ?? text] ?? '',
  );
}

/** Files of the page lie beside `src` and `dist`. */
function pageFile(name: string): string {
  return readText(new URL(`../page/${name}`, import.meta.url));
}

function readText(path: string | URL): string {
  return readFileSync(path, 'utf8');
}
