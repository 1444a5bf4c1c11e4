import { describeRules } from "./describe-rules.ts";
import { batchKind } from "./udp-target.ts";

describeRules(batchKind);
