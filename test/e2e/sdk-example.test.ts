/** The ten lines of docs/sdk.md, saved as a file and opened in two browsers, make a call. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Browser, Tab } from "./support/browser.ts";
import { launchChromium } from "./support/chromium.ts";
import { eventually } from "./support/eventually.ts";
import { launchFirefox } from "./support/firefox.ts";
import { isMissing } from "./support/requirements.ts";
import { makeTempDir } from "./support/temp-dir.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";

const DOC = readFileSync(new URL("../../docs/sdk.md", import.meta.url), "utf8");
const SERVER = "http://localhost:8080";

function example(): string {
  const [, html] = /<!-- sdk-example -->\n```html\n(.*?)```/s.exec(DOC) ?? [];
  if (html === undefined) throw new Error("docs/sdk.md has no example");
  return html;
}

/** Saves the example, for a server on another port. */
function save(url: string): string {
  const folder = makeTempDir("sdk-example");
  onTestFinished(() => folder.remove());
  const file = join(folder.path, "call.html");
  expect(example().split(SERVER)).toHaveLength(3);
  writeFileSync(file, example().replaceAll(SERVER, url));
  return pathToFileURL(file).href;
}

async function seesTheOther(tab: Tab): Promise<void> {
  const width = `document.querySelector("#other").videoWidth`;
  await eventually(
    "the other's picture",
    () => tab.evaluate<number>(width),
    (pixels) => pixels > 0,
  );
}

async function openIn(browser: Browser, url: string): Promise<Tab> {
  onTestFinished(() => browser.close());
  const tab = await browser.newTab();
  await tab.open(url);
  return tab;
}

describe.skipIf(isMissing("chromium", "firefox-esr"))("the example of docs/sdk.md", () => {
  test("shows each the other's camera", async () => {
    const server = await TurnpikeProcess.start();
    onTestFinished(async () => void (await server.stop()));
    const url = save(server.url("localhost").replace(/\/$/, ""));
    const tabs = [await openIn(await launchChromium(), url), await openIn(await launchFirefox(), url)];
    await Promise.all(tabs.map(seesTheOther));
    for (const tab of tabs) expect(tab.errors).toEqual([]);
  });
});
