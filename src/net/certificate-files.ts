/** The certificate and key of TLS, read again when they change: a renewal drops no connection and needs no restart. */

import { readFile, stat } from "node:fs/promises";
import { findCertificateProblems } from "./certificate-check.ts";

/** PEM. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
}

const CHECK_INTERVAL_MS = 10_000;

export interface CertificateFilesOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** New files that cannot be read, or do not belong together: what was there before stays in use. */
  readonly failed: (error: unknown) => void;
  readonly clock: () => number;
}

export class CertificateFiles {
  readonly #options: CertificateFilesOptions;
  readonly #users = new Set<(files: TlsFiles) => void>();
  #current: TlsFiles;
  #version: string;
  #checkedAtMs: number;
  #isChecking = false;

  private constructor(options: CertificateFilesOptions, current: TlsFiles, version: string) {
    this.#options = options;
    this.#current = current;
    this.#version = version;
    this.#checkedAtMs = options.clock();
  }

  /** Rejects with an AggregateError: one error for each file that cannot be used, with its path and the system's code. */
  static async open(options: CertificateFilesOptions): Promise<CertificateFiles> {
    const version = await versionOf(options);
    return new CertificateFiles(options, await readFiles(options), version);
  }

  get current(): TlsFiles {
    return this.#current;
  }

  /** Called with every pair that comes after the current one. */
  onChange(use: (files: TlsFiles) => void): void {
    this.#users.add(use);
  }

  /** Looks whether the files are others, every ten seconds at most. Never rejects. */
  async sweep(): Promise<void> {
    const nowMs = this.#options.clock();
    if (this.#isChecking || nowMs - this.#checkedAtMs < CHECK_INTERVAL_MS) return;
    this.#checkedAtMs = nowMs;
    this.#isChecking = true;
    try {
      const version = await versionOf(this.#options);
      if (version === this.#version) return;
      // A pair that fails is told of once; whatever changes next is tried again.
      this.#version = version;
      this.#current = await readFiles(this.#options);
      for (const use of this.#users) use(this.#current);
    } catch (error) {
      this.#options.failed(error);
    } finally {
      this.#isChecking = false;
    }
  }
}

async function readFiles({ certFile, keyFile }: CertificateFilesOptions): Promise<TlsFiles> {
  const files = await Promise.allSettled([readFile(certFile), readFile(keyFile)]);
  const [cert, key] = files.map((file) => (file.status === "fulfilled" ? file.value : asError(file.reason)));
  const problems = findCertificateProblems(cert, key);
  if (problems.length > 0 || !Buffer.isBuffer(cert) || !Buffer.isBuffer(key)) {
    const errors = problems.map((problem) => {
      const path = problem.file === "cert" ? certFile : keyFile;
      return Object.assign(new Error(`${path} ${problem.message}`), { code: problem.code });
    });
    throw new AggregateError(errors, errors.map(({ message }) => message).join("; "));
  }
  return { cert, key };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** Another one after every renewal: links that point elsewhere, files that were replaced or written over. */
async function versionOf({ certFile, keyFile }: CertificateFilesOptions): Promise<string> {
  const stats = await Promise.all(
    [certFile, keyFile].map((file) =>
      stat(file).then(
        ({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`,
        () => "missing",
      ),
    ),
  );
  return stats.join(" ");
}
