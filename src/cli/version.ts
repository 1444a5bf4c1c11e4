import { existsSync, readFileSync } from "node:fs";

/** The package's version. This file stands in `src/cli` of a checkout and in `dist/src/cli` of the package. */
export function packageVersion(): string {
  for (const above of ["../../", "../../../"]) {
    const manifest = new URL(`${above}package.json`, import.meta.url);
    if (existsSync(manifest)) return String(JSON.parse(readFileSync(manifest, "utf8")).version);
  }
  throw new Error("package.json is missing");
}
