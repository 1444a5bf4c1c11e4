/** From an authenticated request to the handler of its method. */

import { unknownAttributesAttribute } from "../stun/attributes.ts";
import { findAttribute } from "../stun/message.ts";
import { ATTRIBUTE, METHOD } from "../stun/registry.ts";
import type { Allocation } from "./allocation.ts";
import { type Answer, type AuthenticatedRequest, failure } from "./answer.ts";
import { endFlows } from "./flows.ts";
import { handleAllocate } from "./handlers/allocate.ts";
import { handleChannelBind } from "./handlers/channel-bind.ts";
import { handleConnect } from "./handlers/connect.ts";
import { handleConnectionBind } from "./handlers/connection-bind.ts";
import { handleCreatePermission } from "./handlers/create-permission.ts";
import { handleMobileRefresh } from "./handlers/mobile-refresh.ts";
import { handleRefresh } from "./handlers/refresh.ts";
import type { RelayState } from "./relay-state.ts";
import { unknownAttributes } from "./unknown-attributes.ts";

/** What may be asked of an allocation, and is answered at once. */
const HANDLERS = new Map<number, typeof handleRefresh>([
  [METHOD.refresh, handleRefresh],
  [METHOD.createPermission, handleCreatePermission],
  [METHOD.channelBind, handleChannelBind],
]);

/** Those of RFC 6062 only where TCP allocations are on. */
export function isSupported({ tcp }: RelayState, method: number): boolean {
  const isOfTcp = method === METHOD.connect || method === METHOD.connectionBind;
  return isOfTcp ? tcp !== undefined : method === METHOD.allocate || HANDLERS.has(method);
}

/** Calls `answer` once, now or later, or never where an Allocate waits for its first answer already. */
export function dispatch(
  state: RelayState,
  request: AuthenticatedRequest,
  allocation: Allocation | undefined,
  answer: (answer: Answer) => void,
): void {
  const { method } = request.message;
  const { tcp } = state;
  // RFC 8489 section 6.3.1: unknown comprehension-required attributes are named in a 420.
  const unknown = unknownAttributes(request.message);
  if (unknown.length > 0) return answer(failure(420, unknownAttributesAttribute(unknown)));

  if (method === METHOD.allocate) return handleAllocate(state, request, answer);
  if (tcp && method === METHOD.connectionBind) return handleConnectionBind(tcp, request, answer);
  const ticket = findAttribute(request.message, ATTRIBUTE.mobilityTicket);
  if (ticket !== undefined && method === METHOD.refresh)
    return answer(handleMobileRefresh(state, request, ticket));
  // RFC 8656 section 5: every other request needs an allocation, else 437, and carries the username that made it, else 441.
  if (allocation === undefined) return answer(failure(437));
  if (allocation.username !== request.username) return answer(failure(441));
  if (tcp && method === METHOD.connect) return handleConnect(state, tcp, request, allocation, answer);
  const handle = HANDLERS.get(method);
  if (handle === undefined) return;
  endFlows(allocation);
  answer(handle(state, request, allocation));
}
