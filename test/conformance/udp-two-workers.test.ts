import { describeRules } from "./describe-rules.ts";
import { twoWorkersKind } from "./udp-target.ts";

describeRules(twoWorkersKind);
