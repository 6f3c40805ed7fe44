/** Draws a digit on the page and tells what it reads: node demo.mjs ADDRESS FOLDER */

import { join } from "node:path";
import { best, drawWithMouse, launch, open, until, withPage, ZERO } from "./tools.mjs";

const [address, folder] = process.argv.slice(2);
const browser = await launch();
try {
  await withPage(browser, {}, async (page) => {
    await open(page, address);
    await drawWithMouse(page, ZERO);
    const found = await until(
      () => best(page),
      (shown) => shown?.label === "0",
      "the drawn 0",
    );
    await page.mouse.up();
    const picture = join(folder, "page.png");
    await page.screenshot({ path: picture });
    console.log(`a 0 drawn on the page is read as ${found.label} (${found.percent} %): ${picture}`);
  });
} finally {
  await browser.close();
}
