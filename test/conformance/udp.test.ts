import { describeRules } from "./describe-rules.ts";
import { udpKind } from "./udp-target.ts";

describeRules(udpKind);
