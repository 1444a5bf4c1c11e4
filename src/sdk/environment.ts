/**
 * What the SDK asks of the browser, in one object, so that tests and other runtimes can hand in their own. Nothing of it
 * is touched when the module is loaded.
 */

import { TurnpikeError } from "./errors.ts";
import { listenForWake } from "./wake.ts";

/** The part of a WebSocket that the SDK uses. */
export interface SocketLike {
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  onerror: (() => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type TimerId = ReturnType<typeof setTimeout>;

export interface Environment {
  createSocket(url: string): SocketLike;
  createPeerConnection(configuration: RTCConfiguration): RTCPeerConnection;
  setTimeout(callback: () => void, delayMs: number): TimerId;
  clearTimeout(timer: TimerId | undefined): void;
  /** Milliseconds that only rise. */
  now(): number;
  /** 0 up to 1. */
  random(): number;
  /** Calls back when the network is there again or is another one, and when page or machine wake up; returns the way to stop. */
  onWake(callback: () => void): () => void;
}

/** The browser's own, with what the caller replaces. Throws `unsupported` when something is missing. */
export function resolveEnvironment(replaced: Partial<Environment> = {}): Environment {
  const environment = { ...browserEnvironment(), ...replaced };
  requireGlobal("WebSocket", replaced.createSocket);
  requireGlobal("RTCPeerConnection", replaced.createPeerConnection);
  return environment;
}

function requireGlobal(name: "WebSocket" | "RTCPeerConnection", replacement: unknown): void {
  if (replacement !== undefined || Reflect.has(globalThis, name)) return;
  throw new TurnpikeError("unsupported", `there is no ${name} here`);
}

function browserEnvironment(): Environment {
  return {
    createSocket: (url) => new WebSocket(url) as SocketLike,
    createPeerConnection: (configuration) => new RTCPeerConnection(configuration),
    setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
    clearTimeout: (timer) => clearTimeout(timer),
    now: () => performance.now(),
    random: () => Math.random(),
    onWake: listenForWake,
  };
}
