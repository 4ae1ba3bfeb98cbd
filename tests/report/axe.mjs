// Every page given, at three widths, light and dark, all parts unfolded, against axe-core, in the
// Chromium of this machine. Ends with 1 when a rule is violated, a page is wider than its window, or
// nothing was looked at.
// Called by `./dev axe`: node axe.mjs FOLDER-OF-NODE-MODULES PAGE…
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [modules, ...pages] = process.argv.slice(2);
const require = createRequire(pathToFileURL(modules + '/'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
let bad = pages.length > 0 ? 0 : 1;
for (const page of pages) {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [375, 768, 1280]) {
      // The page's own policy forbids every script but its own; axe is one more.
      const context = await browser.newContext(
        { viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
      const tab = await context.newPage();
      await tab.goto(pathToFileURL(page).href);
      await tab.evaluate(axe);
      for (const part of await tab.$$('details')) await part.evaluate((e) => { e.open = true; });
      const { violations, passes } = await tab.evaluate(() => axe.run());
      const wide = await tab.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      console.log(`${page} ${colorScheme} ${width}: ${passes.length} rules kept, ` +
        `${violations.length} violated, ${wide} px too wide`);
      for (const { impact, id, help, nodes } of violations) {
        console.log(`  ${impact} ${id}: ${help}`);
        for (const node of nodes.slice(0, 3)) console.log(`    ${node.html.slice(0, 160)}`);
      }
      // A page on which no rule was tried has not kept any.
      bad += violations.length + (wide > 0 ? 1 : 0) + (passes.length > 0 ? 0 : 1);
      await context.close();
    }
  }
}
await browser.close();
process.exit(bad ? 1 : 0);
