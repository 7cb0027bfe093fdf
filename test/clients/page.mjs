// The chat page in a real browser (Debian's Chromium): narrow and wide, light and dark, English and Chinese. SHOTS=DIR keeps screenshots.
import assert from "node:assert/strict";
import puppeteer from "puppeteer-core";

const url = process.argv[2], shots = process.env.SHOTS;
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const done = () => !document.querySelector(".live") && !!document.querySelector(".rate");
for (const [width, height, scheme, language] of [[360, 740, "light", "zh-CN"], [360, 740, "dark", "en-US"], [1280, 800, "dark", "en-US"], [1280, 800, "light", "zh-CN"]]) {
  const context = await browser.createBrowserContext(), page = await context.newPage(), faults = [];
  page.on("pageerror", fault => faults.push(String(fault)));
  page.on("console", message => { if (message.type() === "error") faults.push(message.text()); });
  page.on("dialog", dialog => { faults.push("dialog: " + dialog.message()); dialog.dismiss(); });
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.evaluateOnNewDocument(l => Object.defineProperty(navigator, "language", { get: () => l }), language);
  await page.goto(url);
  await page.waitForSelector("#model option");
  await page.keyboard.down("Control"); await page.keyboard.press("Comma"); await page.keyboard.up("Control");
  await page.type("#max_tokens", "24"); await page.type("#temperature", "0"); await page.type("#system", "Be brief.");
  if (shots) await page.screenshot({ path: `${shots}/settings-${width}-${scheme}.png` });
  await page.keyboard.press("Escape");
  await page.type("#text", "Write three words in **bold** and `code`."); await page.keyboard.press("Enter");
  await page.waitForFunction(done, { timeout: 120_000 });
  const first = await page.$eval(".msg.assistant .box", e => e.textContent);
  assert.ok(first.length > 0);
  assert.match(await page.$eval(".rate", e => e.textContent), /\d/);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, "nothing stands beyond the edge");
  assert.equal(await page.evaluate(() => document.querySelectorAll("#messages script, #messages [href^='javascript'], #messages img").length), 0);
  assert.equal(await page.evaluate(() => [...document.querySelectorAll("button, select, textarea, input")].filter(e => !(e.textContent.trim() || e.getAttribute("aria-label") || e.closest("label"))).length), 0, "every control has a name");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), scheme);
  assert.equal(await page.$eval("#send", e => e.textContent), language === "zh-CN" ? "发送" : "Send");
  if (shots) await page.screenshot({ path: `${shots}/talk-${width}-${scheme}.png` });
  // Regenerated at temperature 0 it is the same; edited it goes on from there; a new talk and the old one are kept.
  await page.evaluate(() => document.querySelector(".msg.assistant .acts button:last-of-type").click());
  await page.waitForFunction(done, { timeout: 120_000 });
  assert.equal(await page.$eval(".msg.assistant .box", e => e.textContent), first);
  await page.evaluate(() => document.querySelector(".msg.user .acts button:last-of-type").click());
  await page.waitForSelector(".edit textarea"); await page.type(".edit textarea", " Again."); await page.keyboard.press("Enter");
  await page.waitForFunction(done, { timeout: 120_000 });
  await page.keyboard.down("Control"); await page.keyboard.down("Shift"); await page.keyboard.press("KeyO"); await page.keyboard.up("Shift"); await page.keyboard.up("Control");
  await page.type("#text", "Tell a very long story."); await page.keyboard.press("Enter");
  await page.waitForSelector(".msg.assistant .box");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector(".live"), { timeout: 20_000 });
  await page.reload(); await page.waitForSelector(".msg.user");
  assert.equal(await page.evaluate(() => document.querySelectorAll("#list .row").length), 2);
  assert.deepEqual(faults, []);
  console.log(`pass  page ${width} ${scheme} ${language}`);
  await context.close();
}
await browser.close();
