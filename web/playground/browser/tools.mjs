/** What the checks of the page in a browser share. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

/** Milliseconds after which a check fails rather than waits; the machine may be busy. */
export const PATIENCE = 60_000;

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf-8");

export function launch(...args) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb", ...args],
    timeout: PATIENCE,
  });
}

/** Runs `check` on a page of its own and fails on what the browser complained about meanwhile. */
export async function withPage(browser, options, check) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // Refused requests are part of some checks; the browser logs each.
    const refused = message.text().startsWith("Failed to load resource");
    if (["error", "warning"].includes(message.type()) && !refused) complaints.push(message.text());
  });
  try {
    await check(page);
    assert.deepEqual(complaints, [], "the browser complained");
  } catch (error) {
    const folder = process.env.SHOTS;
    if (folder) await page.screenshot({ path: `${folder}/failed.png` }).catch(() => undefined);
    throw error;
  } finally {
    await context.close();
  }
}

/** Waits until `read` gives what `wanted` accepts; tells what it gave last otherwise. */
export async function until(read, wanted, what) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await read();
    if (wanted(value)) return value;
    if (Date.now() > end) throw new Error(`${what}: still ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function checkAccessibility(page, where) {
  // Colours of things that are still fading would be measured.
  await page.waitForFunction(() =>
    document.getAnimations().every((each) => each.playState !== "running"),
  );
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    globalThis.axe.run({ resultTypes: ["violations"] }).then(({ violations }) =>
      violations.map(({ id, help, nodes }) => ({
        id,
        help,
        nodes: nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`),
      })),
    ),
  );
  assert.deepEqual(found, [], `accessibility of ${where}`);
}

export async function open(page, address, model) {
  await page.goto(model ? `${address}#/models/${model}/1` : address);
  await page.getByRole("heading", { level: 1, ...(model ? { name: model } : {}) }).waitFor();
}

/** The likeliest label and its probability, as shown. */
export async function best(page) {
  const place = page.locator(".best");
  if ((await place.count()) === 0) return null;
  const [label, score] = (await place.innerText()).split(/\s+/);
  return { label, percent: Number.parseFloat(score) };
}

/** Points of a zero, in units of the canvas. */
export const ZERO = Array.from({ length: 41 }, (_, index) => {
  const angle = (index / 40) * 2 * Math.PI;
  return [0.5 + 0.24 * Math.sin(angle), 0.5 - 0.36 * Math.cos(angle)];
});

export async function onCanvas(page) {
  const canvas = page.locator("canvas");
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  return ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
}

export async function drawWithMouse(page, points) {
  const at = await onCanvas(page);
  await page.mouse.move(...at(points[0]));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point));
}
