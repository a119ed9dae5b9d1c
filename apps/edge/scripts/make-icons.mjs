// Draws the PNG icons from icons/icon.svg with a Chromium (QEDGE_CHROMIUM or /usr/bin/chromium): `node scripts/make-icons.mjs`.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const icons = new URL('../public/icons/', import.meta.url);
const svg = readFileSync(new URL('icon.svg', icons), 'utf8');
// A maskable icon is cut to any shape: the colour runs to the edges and the drawing stays within the middle 80 %.
const maskable = svg
  .replace(' rx="14"', '')
  .replace('<path', '<g transform="translate(6.4 6.4) scale(.8)"><path')
  .replace('</svg>', '</g></svg>');

const browser = await chromium.launch({
  executablePath: process.env.QEDGE_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
try {
  for (const [name, size, source] of [
    ['icon-192.png', 192, svg],
    ['icon-512.png', 512, svg],
    ['icon-maskable-512.png', 512, maskable],
  ]) {
    const page = await browser.newPage({ viewport: { width: size, height: size } });
    await page.setContent(
      `<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${source}`,
    );
    await page.screenshot({ path: fileURLToPath(new URL(name, icons)), omitBackground: true });
    await page.close();
  }
} finally {
  await browser.close();
}
