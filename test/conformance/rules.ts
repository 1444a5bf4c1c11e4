/** Every rule, in the order of the RFCs. */

import { ADDRESS_FAMILY_RULES } from "./rules/address-family.ts";
import { ALLOCATE_RULES } from "./rules/allocate.ts";
import { AUTHENTICATION_RULES } from "./rules/authentication.ts";
import { BINDING_RULES } from "./rules/binding.ts";
import { CHANNEL_RULES } from "./rules/channel.ts";
import { CLOSED_RELAY_RULES } from "./rules/closed-relay.ts";
import { DATA_RULES } from "./rules/data.ts";
import { DENY_LIST_RULES } from "./rules/deny-list.ts";
import { DUAL_ALLOCATION_RULES } from "./rules/dual-allocation.ts";
import { DUAL_REFRESH_RULES } from "./rules/dual-refresh.ts";
import { HOSTILE_RULES } from "./rules/hostile.ts";
import { LENIENCY_RULES } from "./rules/leniency.ts";
import { LIMIT_RULES } from "./rules/limits.ts";
import { MOBILITY_RULES } from "./rules/mobility.ts";
import { OWN_ADDRESS_RULES } from "./rules/own-address.ts";
import { PASSWORD_ALGORITHM_RULES } from "./rules/password-algorithms.ts";
import { PERMISSION_RULES } from "./rules/permission.ts";
import { REFRESH_RULES } from "./rules/refresh.ts";
import { RESERVATION_RULES } from "./rules/reservation.ts";
import { STREAM_RULES } from "./rules/stream.ts";
import { TCP_ALLOCATION_RULES } from "./rules/tcp-allocation.ts";
import { TCP_CONNECTION_RULES } from "./rules/tcp-connection.ts";
import type { Rule } from "./target.ts";

export const RULES: readonly Rule[] = [
  ...BINDING_RULES,
  ...AUTHENTICATION_RULES,
  ...PASSWORD_ALGORITHM_RULES,
  ...ALLOCATE_RULES,
  ...ADDRESS_FAMILY_RULES,
  ...DUAL_ALLOCATION_RULES,
  ...RESERVATION_RULES,
  ...REFRESH_RULES,
  ...DUAL_REFRESH_RULES,
  ...PERMISSION_RULES,
  ...CHANNEL_RULES,
  ...DATA_RULES,
  ...STREAM_RULES,
  ...OWN_ADDRESS_RULES,
  ...DENY_LIST_RULES,
  ...CLOSED_RELAY_RULES,
  ...TCP_ALLOCATION_RULES,
  ...TCP_CONNECTION_RULES,
  ...LIMIT_RULES,
  ...MOBILITY_RULES,
  ...LENIENCY_RULES,
  ...HOSTILE_RULES,
];
