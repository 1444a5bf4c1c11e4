/** Reads the imports of a TypeScript source and holds them against what its folder may import. */

export interface Import {
  readonly specifier: string;
  /** Erased by the compiler: `import type`, `export type … from`. Inline `{ type A }` still loads the module. */
  readonly typeOnly: boolean;
}

/** What one folder of src may import. A folder stands for every file in it; "turn/ports" for one file. */
export interface FolderRule {
  readonly folders: readonly string[];
  readonly typesOf: readonly string[];
  readonly packages: readonly string[];
  /** node: built-ins; "*" for all of them. */
  readonly builtins: readonly string[];
  /** Further built-ins of single files. */
  readonly builtinsOf?: Readonly<Record<string, readonly string[]>>;
  /** May not appear in the code. */
  readonly banned?: readonly RegExp[];
}

export type Rules = ReadonlyMap<string, FolderRule>;

const STATIC = /^[ \t]*(import|export)\b([^;'"`]*?)\bfrom\s*(["'])([^"'\n]+)\3/gm;
const SIDE_EFFECT = /^[ \t]*import\s*(["'])([^"'\n]+)\1/gm;
const DYNAMIC = /\bimport\s*\(\s*(?:(["'`])([^"'`\n]+)\1|[^)]*)/g;

/** Every import and re-export of a source, static and dynamic. A computed one has the specifier "(computed)". */
export function readImports(source: string): Import[] {
  const code = stripComments(source);
  const imports: Import[] = [];
  for (const [, , clause = "", , specifier = ""] of code.matchAll(STATIC)) {
    imports.push({ specifier, typeOnly: /^\s+type\s+[{*A-Za-z_$]/.test(clause) });
  }
  for (const [, , specifier = ""] of code.matchAll(SIDE_EFFECT)) imports.push({ specifier, typeOnly: false });
  for (const [, , specifier = "(computed)"] of code.matchAll(DYNAMIC)) {
    imports.push({ specifier, typeOnly: false });
  }
  return imports;
}

/** Takes comments out; what stands in strings, templates and regular expressions stays. */
export function stripComments(source: string): string {
  const token =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|(?<=[(,=:[!&|?{};+>\n]\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\//g;
  return source.replace(token, (text) => (text.startsWith("/*") || text.startsWith("//") ? " " : text));
}

/** The violations of one file, each in a sentence. `path` is relative to src: "turn/handlers/allocate.ts". */
export function checkFile(path: string, source: string, rules: Rules): string[] {
  const folder = path.split("/")[0] ?? "";
  const rule = rules.get(folder);
  if (rule === undefined) return [`${path}: no rule for the folder "${folder}"`];
  const violations: string[] = [];
  for (const found of readImports(source)) {
    if (!isAllowed(path, found, rule, folder)) {
      violations.push(`${path}: ${found.typeOnly ? "import type" : "import"} "${found.specifier}"`);
    }
  }
  const code = stripComments(source);
  for (const banned of rule.banned ?? []) {
    const match = banned.exec(code);
    if (match !== null) violations.push(`${path}: ${match[0]}`);
  }
  return violations;
}

function isAllowed(path: string, { specifier, typeOnly }: Import, rule: FolderRule, folder: string): boolean {
  if (specifier.startsWith("node:")) {
    const builtin = specifier.slice("node:".length);
    const own = rule.builtinsOf?.[path] ?? [];
    return rule.builtins.includes("*") || rule.builtins.includes(builtin) || own.includes(builtin);
  }
  if (!specifier.startsWith(".")) return rule.packages.includes(specifier);
  const target = resolveInSrc(path, specifier);
  if (target === undefined) return false;
  if (target.startsWith(`${folder}/`)) return true;
  const covers = (entry: string) => target.startsWith(`${entry}/`) || target === entry;
  return rule.folders.some(covers) || (typeOnly && rule.typesOf.some(covers));
}

/** "turn/a.ts" and "../stun/b.ts" give "stun/b"; undefined for a path out of src. */
function resolveInSrc(path: string, specifier: string): string | undefined {
  const parts = path.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/").replace(/\.ts$/, "");
}
