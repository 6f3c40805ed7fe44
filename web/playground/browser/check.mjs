/**
 * Drives the page in Chromium: node check.mjs '{"address", "secured", "mounted", "key", "folder"}' [names...]
 * Prints a line for each check and ends with 1 if one failed.
 */

import { launch } from "./tools.mjs";
import * as predict from "./predict.mjs";
import * as text from "./text.mjs";

const checks = { ...predict, ...text };
const [given, ...names] = process.argv.slice(2);
const unknown = names.filter((name) => !(name in checks));
if (unknown.length > 0) throw new Error(`no such check: ${unknown.join(", ")}`);

let failed = 0;
const browser = await launch();
try {
  for (const [name, check] of Object.entries(checks)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const start = Date.now();
    try {
      await check({ browser, ...JSON.parse(given) });
      console.log(`${name}: ok, ${((Date.now() - start) / 1000).toFixed(1)} s`);
    } catch (error) {
      failed += 1;
      console.log(`${name}: FAILED\n${error.stack}`);
    }
  }
} finally {
  await browser.close();
}
process.exitCode = failed > 0 ? 1 : 0;
