// The studio's page in a real browser (Debian's Chromium): each tab at each width, in both colours and languages. SHOTS=DIR keeps screenshots.
import assert from "node:assert/strict";
import puppeteer from "puppeteer-core";

const url = process.argv[2], shots = process.env.SHOTS;
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const tabs = ["curves", "samples", "tables", "data", "tokens", "look", "chat", "config"];
for (const [width, height, scheme, language] of [[360, 740, "dark", "zh-CN"], [360, 740, "light", "en-US"], [1280, 800, "light", "zh-CN"], [3840, 2160, "dark", "en-US"]]) {
  const context = await browser.createBrowserContext(), page = await context.newPage(), faults = [];
  let bytes = 0;
  page.on("pageerror", fault => faults.push(String(fault)));
  page.on("console", message => { if (message.type() === "error") faults.push(message.text()); });
  page.on("requestfailed", request => { if (request.failure().errorText !== "net::ERR_ABORTED") faults.push(request.url() + " " + request.failure().errorText); });
  page.on("response", async response => { if (response.request().resourceType() === "document") bytes = (await response.buffer()).length; });
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.evaluateOnNewDocument(l => Object.defineProperty(navigator, "language", { get: () => l }), language);
  await page.goto(url);
  const paint = await page.evaluate(() => new Promise(done => new PerformanceObserver(list => done(list.getEntries()[0].startTime)).observe({ type: "paint", buffered: true })));
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), scheme);
  await page.waitForSelector("#charts svg", { timeout: 60_000 });
  assert.equal(await page.evaluate(() => document.documentElement.lang), language === "zh-CN" ? "zh-CN" : "en");
  await page.focus("#tabs button[tabindex='0']");
  for (const tab of tabs) { // by the keyboard alone
    assert.equal(await page.evaluate(() => document.activeElement.dataset.tab), tab);
    await page.waitForFunction(() => document.querySelector("#view .stack")?.childElementCount > 0, { timeout: 60_000 });
    await new Promise(wait => setTimeout(wait, 700));
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, `${tab} at ${width}: nothing stands beyond the edge`);
    const nameless = await page.evaluate(() => [...document.querySelectorAll("button, select, textarea, input")].filter(e => !(e.textContent.trim() || e.getAttribute("aria-label") || e.closest("label")?.textContent.trim())).map(e => e.outerHTML.slice(0, 120)));
    assert.deepEqual(nameless, [], `${tab}: every control has a name`);
    if (shots) await page.screenshot({ path: `${shots}/studio-${tab}-${width}-${scheme}.png` });
    await page.focus("#tabs button[aria-selected='true']");
    await page.keyboard.press("ArrowRight");
  }
  assert.deepEqual(faults, []);
  console.log(`pass  studio ${width} ${scheme} ${language}: ${(bytes / 1024).toFixed(0)} kB, first paint after ${paint.toFixed(0)} ms`);
  await context.close();
}
await browser.close();
