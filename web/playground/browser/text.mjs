/** Checks of the pages of text models, and of signing in. */

import assert from "node:assert/strict";
import { checkAccessibility, until, withPage } from "./tools.mjs";

/** Letters of an answer of the tests' server; writing them takes it most of a minute. */
const WHOLE = 1500;

async function openText(page, address) {
  await page.goto(`${address}#/text/talker`);
  await page.getByRole("heading", { name: "talker" }).waitFor();
}

export async function chat({ browser, address }) {
  await withPage(browser, {}, async (page) => {
    await openText(page, address);
    const box = page.getByLabel("Your message");
    const answer = () => page.locator(".assistant p").last().innerText();
    await box.fill("good morning");
    await page.keyboard.press("Enter");
    // It appears as it is written: parts of it are seen before all of it.
    const part = await until(
      async () => ((await page.locator(".assistant").count()) > 0 ? answer() : ""),
      (text) => text.length > 0,
      "the first words",
    );
    await until(answer, (text) => text.startsWith("You said: good morning"), "the answer");
    assert.ok(part.length < WHOLE, `all came at once: ${part}`);
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText("Stopped.").waitFor();
    const stopped = await answer();
    assert.ok(stopped.length < WHOLE, "it went on to the end");
    await page.getByRole("button", { name: "Send" }).waitFor();

    await page.getByText("Settings", { exact: true }).click();
    await page.getByLabel("Most tokens").fill("12");
    await page.getByLabel("System prompt").fill("Be kind.");
    await box.fill("and now");
    const [request] = await Promise.all([
      page.waitForRequest("**/v1/chat/completions"),
      page.keyboard.press("Enter"),
    ]);
    const sent = request.postDataJSON();
    assert.deepEqual(
      sent.messages.map(({ role, content }) => [role, content]),
      [
        ["system", "Be kind."],
        ["user", "good morning"],
        ["assistant", stopped],
        ["user", "and now"],
      ],
    );
    assert.equal(sent.max_tokens, 12);
    await page.getByText("The limit of tokens was reached.").waitFor();
    assert.equal(await answer(), "You said: an");
    assert.match(await page.locator(".timing").innerText(), /tokens\/s/);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await checkAccessibility(page, `the chat, ${colorScheme}`);
    }
    await page.getByRole("button", { name: "New chat" }).click();
    assert.equal(await page.locator(".message").count(), 0);

    await page.route("**/v1/chat/completions", (route) => route.abort());
    await box.fill("hello");
    await page.keyboard.press("Enter");
    await page.getByText("The server cannot be reached.").waitFor();
    await page.unroute("**/v1/chat/completions");
    await page.getByRole("button", { name: "Try again" }).click();
    await until(answer, (text) => text === "You said: he", "the answer to another try");
  });
}

export async function completion({ browser, address }) {
  await withPage(browser, { viewport: { width: 320, height: 640 } }, async (page) => {
    await openText(page, address);
    await page.getByText("Completion", { exact: true }).click();
    await page.getByLabel("Text to continue").fill("once");
    await page.getByLabel("Most tokens").fill("14");
    await page.getByRole("button", { name: "Continue" }).click();
    const written = () => page.locator(".text-output").innerText();
    await until(
      async () => ((await page.locator(".text-output").count()) > 0 ? written() : ""),
      (text) => text === "onceYou said: once",
      "the continuation",
    );
    await checkAccessibility(page, "the completion");
    const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
    assert.ok(width <= 320, `the page is ${width} pixels wide`);

    await page.getByText("Embedding", { exact: true }).click();
    await page.getByLabel("One text").fill("same");
    await page.getByLabel("Another text").fill("same");
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByText("1.000").waitFor();
  });
}

export async function signIn({ browser, secured, key }) {
  await withPage(browser, {}, async (page) => {
    await page.goto(secured);
    const field = page.locator("input[type=password]");
    await checkAccessibility(page, "signing in");
    await field.fill("not the key at all");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await field.fill(key);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "upper" }).waitFor();
    assert.match(await page.getByRole("tabpanel").innerText(), /authorization: Bearer/);
    await page.getByRole("textbox").fill("quiet");
    await page.getByRole("button", { name: "Predict" }).click();
    await page.getByText("QUIET", { exact: true }).waitFor();

    // A session that has ended meanwhile is told of at the next call.
    await page.context().clearCookies();
    await page.getByRole("button", { name: "Predict" }).click();
    await page.getByRole("heading", { name: "You are signed out" }).waitFor();
    await checkAccessibility(page, "having been signed out");
    await page.getByRole("link", { name: "Sign in" }).click();
    await field.fill(key);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "upper" }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "You are signed out" }).waitFor();
    await page.reload();
    await field.waitFor();
  });
}
