/** What of the package `stun` is used here; it has no types of its own. */

import { createRequire } from "node:module";

export interface StunPackage {
  decode(bytes: Buffer): StunPackageMessage;
  encode(message: StunPackageMessage): Buffer;
  createMessage(type: number): StunPackageMessage;
  validateMessageIntegrity(message: StunPackageMessage, password: string): boolean;
  readonly constants: { readonly STUN_BINDING_REQUEST: number; readonly STUN_ATTR_ERROR_CODE: number };
}

export interface StunPackageMessage {
  getAttribute(type: number): { readonly code: number } | undefined;
  addSoftware(name: string): void;
  addMessageIntegrity(password: string): void;
}

export function requireStun(): StunPackage {
  return createRequire(import.meta.url)("stun") as StunPackage;
}
