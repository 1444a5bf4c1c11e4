/** Walks through everything that a page loads. */

/**
 * Fetches the page, and then every file that its html names and every module that these import. Returns the path of
 * each with its status and content type. Throws when one of them is on another site.
 */
export async function crawl(page: string): Promise<Map<string, { status: number; type: string }>> {
  const seen = new Map<string, { status: number; type: string }>();
  const waiting = [page];
  for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) {
    const { origin, pathname } = new URL(url);
    if (origin !== new URL(page).origin) throw new Error(`${url} is on another site`);
    if (seen.has(pathname)) continue;
    const response = await fetch(url);
    const type = response.headers.get("content-type") ?? "";
    seen.set(pathname, { status: response.status, type });
    const base = response.url;
    waiting.push(
      ...references(await response.text(), type).map((reference) => new URL(reference, base).href),
    );
  }
  return seen;
}

function references(text: string, type: string): string[] {
  if (type.includes("html")) return captures(text, /<(?:link|script|img)\b[^>]*?\b(?:href|src)="([^"#]+)"/g);
  if (type.includes("css"))
    return captures(text, /url\("?([^")]+)"?\)/g).filter((url) => !url.startsWith("data:"));
  if (type.includes("javascript")) return captures(text, /(?<!")\b(?:from|import)\s*\(?\s*"([^"]+)"/g);
  return [];
}

function captures(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, captured = ""]) => captured);
}
