/** Debian's Chromium through playwright, also inside a network namespace. */

import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { ANSWER_MS, type Browser, IN_PAGE_SCRIPT, type Tab } from "./browser.ts";
import { makeTempDir } from "./temp-dir.ts";
import { trustAuthority } from "./test-authority.ts";
import { within } from "./within.ts";

const EXECUTABLE = "/usr/bin/chromium";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-proxy-server",
  "--use-fake-device-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
  "--disable-renderer-backgrounding",
];

/** A page of one local address could not call another one. */
const DISABLED_FEATURES = ["LocalNetworkAccessChecks", "LocalNetworkAccessChecksWebRTC"];
/** A page that may use the camera sees local addresses, as every page does without mDNS names. */
const CAMERA_ALLOWED = "--use-fake-ui-for-media-stream";
const MDNS_NAMES = "WebRtcHideLocalIpsWithMdns";

export interface ChromiumOptions {
  /** Set before the browser: `["ip", "netns", "exec", NAME]`. */
  readonly prefix?: readonly string[];
  /** An http origin that may use the camera all the same: `http://192.0.2.2:8080`. */
  readonly secureOrigin?: string;
  /** A certificate authority to trust, PEM. */
  readonly caFile?: string;
  /** Names in place of local addresses, as users have it, and no camera. Default: addresses. */
  readonly mdnsNames?: boolean;
}

export async function launchChromium(options: ChromiumOptions = {}): Promise<Browser> {
  const home = makeTempDir("chromium");
  const secure = options.secureOrigin;
  if (options.caFile !== undefined) await trustAuthority(join(home.path, ".pki/nssdb"), options.caFile);
  const disabled = [...DISABLED_FEATURES, ...(options.mdnsNames ? [] : [MDNS_NAMES])];
  const args = [...FLAGS, `--disable-features=${disabled.join()}`];
  if (!options.mdnsNames) args.push(CAMERA_ALLOWED);
  if (secure !== undefined) args.push(`--unsafely-treat-insecure-origin-as-secure=${secure}`);
  const browser = await chromium.launch({
    executablePath: writeWrapper(home.path, options.prefix ?? []),
    headless: true,
    args,
    env: { ...process.env, HOME: home.path, XDG_CONFIG_HOME: home.path, XDG_CACHE_HOME: home.path },
  });
  return {
    name: "chromium",
    newTab: async () => {
      // A context of its own: the two people of a call share no storage.
      const context = await browser.newContext();
      await context.addInitScript(IN_PAGE_SCRIPT);
      return wrapPage(await context.newPage());
    },
    close: async () => {
      await browser.close();
      home.remove();
    },
  };
}

/** playwright speaks with the browser over inherited pipes, so a script that ends in `exec` is as good as the browser. */
function writeWrapper(folder: string, prefix: readonly string[]): string {
  const file = join(folder, "chromium.sh");
  const words = [...prefix, EXECUTABLE].map((word) => `'${word}'`).join(" ");
  writeFileSync(file, `#!/bin/sh\nexec ${words} "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

function wrapPage(page: Page): Tab {
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  return {
    errors,
    open: async (url) => {
      await page.goto(url, { waitUntil: "load" });
    },
    evaluate: <T>(expression: string) => within(ANSWER_MS, expression, page.evaluate<T>(expression)),
    close: () => page.context().close(),
  };
}
