/** Debian's Firefox ESR through WebDriver BiDi (playwright's own protocol needs a patched Firefox). */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BidiConnection } from "./bidi.ts";
import { type Browser, IN_PAGE_SCRIPT, type Tab } from "./browser.ts";
import { TestProcess } from "./child-process.ts";
import { connectInside } from "./inside-connection.ts";
import { makeTempDir } from "./temp-dir.ts";
import { trustAuthority } from "./test-authority.ts";

const PREFERENCES: Readonly<Record<string, string | number | boolean>> = {
  // Fake camera and microphone, without a question.
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.autoplay.default": 0,
  // No word to anybody outside of the test.
  "services.settings.server": "data:,#none",
  "app.normandy.enabled": false,
  "app.update.auto": false,
  "browser.region.network.url": "",
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.newtabpage.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.page": 0,
  "browser.startup.homepage_override.mstone": "ignore",
  "captivedetect.canonicalURL": "",
  "datareporting.policy.dataSubmissionEnabled": false,
  "dom.push.connection.enabled": false,
  "extensions.systemAddon.update.enabled": false,
  "extensions.update.enabled": false,
  "media.gmp-manager.url": "data:,",
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "network.proxy.type": 0,
  "toolkit.telemetry.enabled": false,
  "toolkit.telemetry.server": "data:,",
};

export interface FirefoxOptions {
  /** Set before the browser: `["ip", "netns", "exec", NAME]`. */
  readonly prefix?: readonly string[];
  /** An http origin that may use the camera all the same: `http://192.0.2.2:8080`. */
  readonly secureOrigin?: string;
  /** A certificate authority to trust, PEM. */
  readonly caFile?: string;
  /** Names in place of local addresses, as users have it. Default: addresses. */
  readonly mdnsNames?: boolean;
}

export async function launchFirefox(options: FirefoxOptions = {}): Promise<Browser> {
  const profile = makeTempDir("firefox");
  if (options.caFile !== undefined) await trustAuthority(profile.path, options.caFile);
  const secureHost = options.secureOrigin === undefined ? "" : new URL(options.secureOrigin).hostname;
  const preferences = {
    ...PREFERENCES,
    "dom.securecontext.allowlist": secureHost,
    "media.peerconnection.ice.obfuscate_host_addresses": options.mdnsNames ?? false,
  };
  const lines = Object.entries(preferences).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  );
  writeFileSync(join(profile.path, "user.js"), lines.join(""));
  const prefix = options.prefix ?? [];
  const child = TestProcess.start(
    [
      ...prefix,
      "firefox-esr",
      "--headless",
      "--no-remote",
      "--profile",
      profile.path,
      "--remote-debugging-port",
      "0",
    ],
    { env: { ...process.env, HOME: profile.path, MOZ_CRASHREPORTER_DISABLE: "1" } },
  );
  const close = async () => {
    await child.stop();
    profile.remove();
  };
  try {
    return await connect(child, prefix, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function connect(
  child: TestProcess,
  prefix: readonly string[],
  close: () => Promise<void>,
): Promise<Browser> {
  const [, address = ""] = await child.printed(/WebDriver BiDi listening on (\S+)/);
  const errors = new Map<string, string[]>();
  const port = Number(new URL(address).port);
  const connection = prefix.length === 0 ? undefined : () => connectInside(prefix, port);
  const bidi = await BidiConnection.open(
    `${address}/session`,
    (_method, params) => {
      const entry = params as { level?: string; text?: string; source?: { context?: string } };
      if (entry.level === "error") errors.get(entry.source?.context ?? "")?.push(entry.text ?? "");
    },
    connection,
  );
  await bidi.send("session.new", { capabilities: {} });
  await bidi.send("session.subscribe", { events: ["log.entryAdded"] });
  await bidi.send("script.addPreloadScript", { functionDeclaration: `() => { ${IN_PAGE_SCRIPT} }` });
  return {
    name: "firefox",
    newTab: async () => {
      const { context } = await bidi.send<{ context: string }>("browsingContext.create", { type: "tab" });
      const seen: string[] = [];
      errors.set(context, seen);
      return wrapContext(bidi, context, seen);
    },
    close: async () => {
      bidi.close();
      await close();
    },
  };
}

interface Evaluated {
  readonly type: "success" | "exception";
  readonly result?: { readonly value?: string };
  readonly exceptionDetails?: { readonly text: string };
}

function wrapContext(bidi: BidiConnection, context: string, errors: readonly string[]): Tab {
  return {
    errors,
    open: async (url) => {
      await bidi.send("browsingContext.navigate", { context, url, wait: "complete" });
    },
    evaluate: async <T>(expression: string) => {
      const answer = await bidi.send<Evaluated>("script.evaluate", {
        // BiDi has its own serialization of values; a string of JSON passes through it unchanged.
        expression: `(async () => JSON.stringify(await (${expression})) ?? "null")()`,
        target: { context },
        awaitPromise: true,
      });
      if (answer.type === "exception") throw new Error(answer.exceptionDetails?.text);
      return JSON.parse(answer.result?.value ?? "null") as T;
    },
    close: async () => {
      await bidi.send("browsingContext.close", { context });
    },
  };
}
