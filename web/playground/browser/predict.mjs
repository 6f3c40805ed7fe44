/** Checks of pages of models that predict. */

import assert from "node:assert/strict";
import { join } from "node:path";
import {
  best,
  checkAccessibility,
  drawWithMouse,
  launch,
  onCanvas,
  open,
  until,
  withPage,
  ZERO,
} from "./tools.mjs";

const isZero = (found) => found?.label === "0" && found.percent > 60;

export async function drawing({ browser, address }) {
  await withPage(browser, {}, async (page) => {
    await open(page, address, "digits");
    await drawWithMouse(page, ZERO);
    // Recognised while the button is still down.
    await until(() => best(page), isZero, "the digit while drawing");
    await page.mouse.up();
    assert.equal(await page.locator(".bar").count(), 10);
    const shown = await page.locator(".timing").innerText();
    for (const name of ["total", "queue", "model", "batch"]) assert.match(shown, RegExp(name));
    await page.getByRole("button", { name: "Clear" }).click();
    await page.getByText("Nothing yet.").waitFor();

    // Without "Live" the button asks.
    await page.getByLabel("Live").uncheck();
    await drawWithMouse(page, ZERO);
    await page.mouse.up();
    assert.equal(await best(page), null);
    await page.getByRole("button", { name: "Predict" }).click();
    await until(() => best(page), isZero, "the digit after asking");
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText("Nothing yet.").waitFor();
  });
}

export async function keyboard({ browser, address }) {
  await withPage(browser, {}, async (page) => {
    await open(page, address);
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "Skip to the model");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    // Of radio buttons one takes part; the canvas comes after "Live".
    for (let step = 0; step < 10 && (await focused(page)) !== "Drawing"; step++) {
      await page.keyboard.press("Tab");
    }
    assert.equal(await focused(page), "Drawing");
    const press = async (key, times) => {
      for (let time = 0; time < times; time++) await page.keyboard.press(key);
    };
    // A one: a line from the top to the bottom.
    await press("ArrowUp", 9);
    await page.keyboard.press("Space");
    await press("ArrowDown", 18);
    await page.keyboard.press("Space");
    await until(
      () => best(page),
      (found) => found?.label === "1",
      "the digit drawn by keyboard",
    );
    await page.keyboard.press("Control+z");
    await page.getByText("Nothing yet.").waitFor();
    await page.keyboard.press("Shift+Tab");
    assert.equal(await focused(page), "Live");

    // Tabs of the code move with arrow keys.
    await page.getByRole("tab", { name: "curl" }).focus();
    await page.keyboard.press("ArrowRight");
    assert.equal(await focused(page), "Python");
    assert.match(await page.getByRole("tabpanel").innerText(), /import httpx/);
  });
}

function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const label = element?.getAttribute("aria-label") ?? element?.labels?.[0]?.innerText;
    return label ?? element?.innerText;
  });
}

export async function uploads({ browser, address, folder }) {
  await withPage(browser, {}, async (page) => {
    await open(page, address, "digits");
    await page.getByText("Upload", { exact: true }).click();
    await page.locator("input[type=file]").setInputFiles(join(folder, "three.png"));
    await until(
      () => best(page),
      (found) => found?.label === "3",
      "the uploaded digit",
    );
    // A file that is no picture is refused at once.
    await page.locator("input[type=file]").setInputFiles(join(folder, "text.png"));
    await page.getByText("This is no picture that the browser can read.").waitFor();

    await open(page, address, "invert");
    await page.evaluate(async () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [40, 30];
      const blob = await new Promise((done) => canvas.toBlob(done));
      const data = new DataTransfer();
      data.items.add(new File([blob], "pasted.png", { type: "image/png" }));
      document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
    });
    await until(
      () => pixel(page),
      ([, , width]) => width === 40,
      "the pasted picture",
    );
    await dropFile(page, join(folder, "red.png"));
    // Red, inverted.
    const [color, , width] = await until(
      () => pixel(page),
      ([, , across]) => across === 30,
      "the dropped picture",
    );
    assert.deepEqual([color, width], ["5,255,255", 30]);

    await open(page, address, "sizes");
    await page.locator("input[type=file]").setInputFiles(join(folder, "large.bin"));
    await page.getByRole("button", { name: "Predict" }).click();
    await page.getByText("The file has 2.0 kB; at most 1.0 kB are allowed.").waitFor();
    await page.locator("input[type=file]").setInputFiles(join(folder, "small.bin"));
    await page.getByRole("button", { name: "Predict" }).click();
    await page.getByText("500 bytes", { exact: true }).last().waitFor();
  });
}

/** The first pixel of the answer and its picture's size. */
function pixel(page) {
  return page.evaluate(async () => {
    const image = document.querySelector(".picture");
    if (!image) return [null, 0, 0];
    await image.decode();
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const color = [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)].join();
    return [color, image.naturalHeight, image.naturalWidth];
  });
}

async function dropFile(page, path) {
  const { readFileSync } = await import("node:fs");
  const bytes = [...readFileSync(path)];
  await page.locator(".drop").evaluate((zone, content) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(content)], "dropped.png", { type: "image/png" }));
    const options = { dataTransfer: data, bubbles: true, cancelable: true };
    zone.dispatchEvent(new DragEvent("dragover", options));
    zone.dispatchEvent(new DragEvent("drop", options));
  }, bytes);
}

export async function camera({ address }) {
  const fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
  const browser = await launch(...fake);
  try {
    await withPage(browser, {}, async (page) => {
      await open(page, address, "invert");
      await page.getByText("Camera", { exact: true }).click();
      await page.getByRole("button", { name: "Start the camera" }).click();
      // Live: answers come by themselves, one after another.
      const source = () => page.evaluate(() => document.querySelector(".picture")?.src ?? "");
      const first = await until(source, Boolean, "an answer to the camera");
      await until(source, (next) => next !== first, "another answer");
      await page.getByLabel("Live").uncheck();
      await page.getByRole("button", { name: "Take a picture" }).click();
      await page.getByRole("button", { name: "Stop" }).click();
      await page.getByRole("button", { name: "Start the camera" }).waitFor();
    });
  } finally {
    await browser.close();
  }
  const strict = await launch("--deny-permission-prompts", fake[0]);
  try {
    await withPage(strict, {}, async (page) => {
      await open(page, address, "invert");
      await page.getByText("Camera", { exact: true }).click();
      await page.getByRole("button", { name: "Start the camera" }).click();
      await page.getByText("The browser does not allow this page to use the camera.").waitFor();
    });
  } finally {
    await strict.close();
  }
}

export async function forms({ browser, address }) {
  await withPage(browser, {}, async (page) => {
    await open(page, address, "prices");
    const predict = () => page.getByRole("button", { name: "Predict" }).click();
    await page.getByRole("button", { name: "Use the example" }).click();
    await page.getByText("211500").waitFor();

    // Wrong values are marked before anything is sent.
    await page.getByLabel("Rooms", { exact: true }).fill("99");
    await predict();
    await page.getByText("At most 20 is allowed.").waitFor();
    assert.equal(
      await page.getByLabel("Rooms", { exact: true }).getAttribute("aria-invalid"),
      "true",
    );
    await page.getByLabel("Rooms", { exact: true }).fill("2");
    // What only the model knows is marked where the server says.
    await page.getByLabel("City").fill("Atlantis");
    await predict();
    await page.locator(".notice").getByText("Something in the input is not right.").waitFor();
    assert.equal(await page.getByLabel("City").getAttribute("aria-invalid"), "true");
    await page.getByLabel("City").fill("Ulm");
    await page.getByRole("button", { name: "Add an entry" }).click();
    await page.getByRole("spinbutton", { name: "Years 1" }).fill("1950");
    await predict();
    await page.getByText("2 rooms").waitFor();
    assert.match(await page.getByRole("tabpanel").innerText(), /"years":\[1950\]/);

    // The same value as text.
    await page.getByLabel("Edit as JSON").check();
    const text = page.getByRole("textbox", { name: "Data" });
    await text.fill((await text.inputValue()).replace('"rooms": 2', '"rooms": 7'));
    await predict();
    await page.getByText("7 rooms").waitFor();
    await text.fill("{");
    await page.getByText("This is no JSON yet").waitFor();

    await open(page, address, "double");
    await page.getByRole("button", { name: "Random numbers" }).click();
    await page.getByText("Shape (2, 3)", { exact: true }).first().waitFor();
    await predict();
    await page.locator("table").waitFor();
    await page.getByRole("textbox", { name: "Numbers" }).fill("[[1, 2, 3], [4, 5]]");
    await predict();
    await page.getByText("row 1 has shape (2,), row 0 has (3,)").first().waitFor();
    await page.getByRole("textbox", { name: "Numbers" }).fill("[[1, 2, 3], [4, 5, 4.5]]");
    await predict();
    await until(
      () => page.locator("td").allInnerTexts(),
      (cells) => cells.join() === "2,4,6,8,10,9",
      "the doubled numbers",
    );

    await open(page, address, "join");
    await page.getByRole("textbox", { name: "second" }).fill("world");
    await predict();
    await page.getByText("Write something.").waitFor();
    // The field at fault has the focus.
    await page.keyboard.type("hello");
    assert.equal(await page.getByRole("textbox", { name: "first" }).inputValue(), "hello");
    await predict();
    await page.getByText("hello world", { exact: true }).waitFor();

    await open(page, address, "echo");
    await page.getByRole("textbox").fill("one two three");
    await page.keyboard.press("Control+Enter");
    await page.getByText("one two three").last().waitFor();
    await until(
      () => page.locator(".text-output").innerText(),
      (said) => said === "one two three",
      "the stream",
    );
    await page.getByRole("textbox").fill("one fail");
    await predict();
    await page.locator(".notice").getByText("The model failed.").waitFor();
    assert.equal(await page.locator(".text-output").innerText(), "one");
  });
}

export async function failures({ browser, address }) {
  await withPage(browser, {}, async (page) => {
    await page.clock.install();
    await open(page, address, "echo");
    await page.getByRole("textbox").fill("again");
    const predict = () => page.getByRole("button", { name: "Predict" }).click();
    const error = (type, message) => ({
      error: { message, type, param: null, code: null, request_id: "r1" },
    });
    await page.route("**/predict", (route) =>
      route.fulfill({
        status: 503,
        headers: { "retry-after": "90" },
        json: error("unavailable", "the queue is full"),
      }),
    );
    await predict();
    await page.getByText("The server is busy. The queue is full.").waitFor();
    const retry = page.getByRole("button", { name: /Try again in \d+ s/ });
    assert.equal(await retry.isDisabled(), true);
    await checkAccessibility(page, "an error");
    await page.unroute("**/predict");
    await page.clock.fastForward(100_000);
    await page.getByRole("button", { name: "Try again", exact: true }).click();
    await page.locator(".text-output").getByText("again").waitFor();
    assert.equal(await page.locator(".notice").count(), 0);

    await page.route("**/predict", (route) => route.abort());
    await predict();
    await page.getByText("The server cannot be reached.").waitFor();
    await page.unroute("**/predict");
    await page.route("**/predict", (route) =>
      route.fulfill({ status: 502, contentType: "text/html", body: "<h1>Bad gateway</h1>" }),
    );
    await predict();
    await page.getByText("The server answered with error 502.").waitFor();

    await page.route("**/openapi.json", (route) => route.abort());
    await page.reload();
    await page.locator(".notice").waitFor();
    await page.unroute("**/openapi.json");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("heading", { name: "echo" }).waitFor();
  });
}

export async function phone({ browser, address, folder }) {
  const options = { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true };
  await withPage(browser, options, async (page) => {
    for (const model of ["digits", "invert", "prices", "double", "echo"]) {
      await open(page, address, model);
      if (model === "prices") await page.getByRole("button", { name: "Use the example" }).click();
      if (model === "invert") {
        await page.locator("input[type=file]").setInputFiles(join(folder, "red.png"));
        await page.locator(".picture").waitFor();
      }
      const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
      assert.ok(width <= 320, `${model} is ${width} pixels wide`);
    }
    await open(page, address, "digits");
    const at = await onCanvas(page);
    const finger = await page.context().newCDPSession(page);
    const touch = (type, point) =>
      finger.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: point ? [{ x: at(point)[0], y: at(point)[1] }] : [],
      });
    const top = () => page.evaluate(() => document.scrollingElement.scrollTop);
    const before = await top();
    await touch("touchStart", ZERO[0]);
    for (const point of ZERO.slice(1)) await touch("touchMove", point);
    await touch("touchEnd");
    assert.equal(await top(), before, "the page scrolled while drawing");
    await until(() => best(page), isZero, "the digit drawn with a finger");
    await checkAccessibility(page, "a phone");
  });
}

export async function colours({ browser, address }) {
  for (const colorScheme of ["light", "dark"]) {
    await withPage(browser, { colorScheme }, async (page) => {
      for (const model of ["digits", "invert", "prices", "double", "echo", "join", "sizes"]) {
        await open(page, address, model);
        const example = page.getByRole("button", { name: "Use the example" });
        if ((await example.count()) > 0) {
          await example.click();
          await page.locator(".timing").waitFor();
        } else if (model === "digits") {
          await drawWithMouse(page, ZERO);
          await page.mouse.up();
          await page.locator(".best").waitFor();
        } else {
          await page.getByRole("button", { name: "Predict" }).click();
        }
        await checkAccessibility(page, `${model}, ${colorScheme}`);
      }
    });
  }
  await withPage(browser, { colorScheme: "light", reducedMotion: "reduce" }, async (page) => {
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await open(page, address);
    const light = await back();
    await page.getByLabel("Colours").selectOption("Dark");
    const dark = await back();
    assert.notEqual(dark, light);
    await page.reload();
    await page.getByRole("heading", { level: 1 }).waitFor();
    assert.equal(await back(), dark, "the choice is kept");
    await page.getByLabel("Colours").selectOption("Auto");
    assert.equal(await back(), light);
    await drawWithMouse(page, ZERO);
    await page.mouse.up();
    await page.locator(".best").waitFor();
    const moving = await page
      .locator(".bar-track span")
      .first()
      .evaluate((bar) => getComputedStyle(bar).transitionDuration);
    assert.equal(moving, "0s", "bars move although less motion was asked for");
  });
}

/** The application in another one, below a path. */
export async function mounted({ browser, mounted: address }) {
  await withPage(browser, {}, async (page) => {
    await open(page, address, "upper");
    await page.getByRole("textbox").fill("inside");
    await page.getByRole("button", { name: "Predict" }).click();
    await page.getByText("INSIDE", { exact: true }).waitFor();
    assert.ok((await page.getByRole("tabpanel").innerText()).includes(`${address}predict`));
  });
}
