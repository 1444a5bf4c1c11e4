import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { findPackageRoot, loadStaticFiles } from "../../../src/net/static-files.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A package's folder with these files; the content of each is its path. */
function packageWith(...paths: string[]): string {
  const root = mkdtempSync(join(tmpdir(), "turnpike-package-"));
  folders.push(root);
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), path);
  }
  return root;
}

describe("the package's folder", () => {
  test("is found from the source and from its compiled twin", () => {
    const root = packageWith("package.json", "src/net/a.ts", "dist/src/net/a.js");
    expect(findPackageRoot(pathToFileURL(join(root, "src/net/a.ts")).href)).toBe(root);
    expect(findPackageRoot(pathToFileURL(join(root, "dist/src/net/a.js")).href)).toBe(root);
  });
});

describe("the files that are served", () => {
  test("are the page, its assets and the SDK, and nothing else of the package", async () => {
    const root = packageWith(
      "package.json",
      "web/index.html",
      "web/style.css",
      "web/icon.svg",
      "web/call.ts",
      "web/tsconfig.json",
      "dist/web/call.js",
      "dist/web/call.d.ts",
      "dist/src/sdk/client.js",
      "dist/src/sdk/client.d.ts",
      "dist/src/server.js",
      "dist/src/sdk/deep/secret.js",
    );
    symlinkSync(join(root, "package.json"), join(root, "web/link.svg"));
    const { files, built } = await loadStaticFiles(root);
    expect([...files.keys()].sort()).toEqual([
      "/",
      "/client.js",
      "/src/sdk/client.js",
      "/web/call.js",
      "/web/icon.svg",
      "/web/style.css",
    ]);
    expect(built).toBe(true);
    expect(String(files.get("/")?.body)).toBe("web/index.html");
    expect(files.get("/")?.contentType).toBe("text/html; charset=utf-8");
    expect(String(files.get("/client.js")?.body)).toBe('export * from "./src/sdk/client.js";\n');
    const shared = [...files].filter(([, file]) => file.sharedAcrossOrigins).map(([path]) => path);
    expect(shared.sort()).toEqual(["/client.js", "/src/sdk/client.js"]);
  });

  test("have an ETag that changes with their content", async () => {
    const [first, second] = [packageWith("web/index.html"), packageWith("web/index.html")];
    const etagOf = async (root: string) => (await loadStaticFiles(root)).files.get("/")?.etag;
    const etag = await etagOf(first);
    expect(etag).toMatch(/^"[\w-]{27}"$/);
    expect(await etagOf(second)).toBe(etag);
    writeFileSync(join(first, "web/index.html"), "changed");
    expect(await etagOf(first)).not.toBe(etag);
  });

  test("are few in a checkout that was not built", async () => {
    const { files, built } = await loadStaticFiles(packageWith("package.json", "web/index.html"));
    expect([...files.keys()]).toEqual(["/"]);
    expect(built).toBe(false);
  });
});
