// Look at pages in headless Chromium, and print as JSON what a person would notice.
// usage: node look.mjs FOLDER FILE...   (FOLDER: where the screenshots go; FILE: pages of HTML)
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

// The package holds the browser itself, so nothing is downloaded beside it.
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WAYS = {
  light: { width: 1280, scheme: "light", media: "screen" },
  dark: { width: 1280, scheme: "dark", media: "screen" },
  narrow: { width: 390, scheme: "light", media: "screen" },
  print: { width: 794, scheme: "dark", media: "print" },
};

// Runs in the page.
function noticed() {
  const shown = (element) => element.getClientRects().length > 0;
  const overlapping = [];
  for (const axis of document.querySelectorAll(".x, .y, .levels")) {
    const boxes = [...axis.children].filter(shown).map((text) => [text.textContent, text.getBoundingClientRect()]);
    for (const [place, [text, box]] of boxes.entries()) {
      for (const [other, next] of boxes.slice(place + 1)) {
        const apart = box.right <= next.left || next.right <= box.left || box.bottom <= next.top || next.bottom <= box.top;
        if (!apart) overlapping.push(`${text} | ${other}`);
      }
    }
  }
  const pictures = [...document.querySelectorAll("svg[role=img]")].filter(shown);
  return {
    text: document.body.innerText,
    title: document.title,
    wide: document.documentElement.scrollWidth,
    beyond: [...document.body.querySelectorAll("*")]
      .filter((element) => element.getBoundingClientRect().right > innerWidth + 1 && !element.closest(".scroll, .bands"))
      .map((element) => element.outerHTML.slice(0, 120)),
    background: getComputedStyle(document.body).backgroundColor,
    pictures: pictures.length,
    flat: pictures.filter((picture) => !picture.getBoundingClientRect().height).map((picture) => picture.ariaLabel),
    hidden: [...document.querySelectorAll("details.more article")].filter((card) => !card.checkVisibility({ contentVisibilityAuto: true })).length,
    overlapping,
  };
}

const [folder, ...files] = process.argv.slice(2);
const browser = await puppeteer.launch({
  args: ["--no-sandbox", "--font-render-hinting=none"],
  executablePath: await chromium.executablePath(),
  headless: "shell",
});
const found = {};
try {
  for (const file of files) {
    const name = basename(file, ".html");
    for (const [way, { width, scheme, media }] of Object.entries(WAYS)) {
      const page = await browser.newPage();
      const complaints = [];
      const requests = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("request", (request) => requests.push(request.url()));
      await page.setViewport({ width, height: 900 });
      // Both in one call, because each call takes back what the one before said.
      const features = [{ name: "prefers-color-scheme", value: scheme }];
      await (await page.createCDPSession()).send("Emulation.setEmulatedMedia", { media, features });
      await page.goto(pathToFileURL(resolve(file)).href);
      const seen = await page.evaluate(noticed);
      if (media === "print") {
        await page.pdf({ path: join(folder, `${name}.pdf`), format: "A4", printBackground: true });
      } else {
        await page.screenshot({ path: join(folder, `${name}-${way}.png`), fullPage: true });
      }
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const barriers = violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)} (${nodes.length})`);
      found[`${name} ${way}`] = { ...seen, complaints, requests: requests.slice(1), barriers, width };
      await page.close();
    }
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(found));
