import { describeRules } from "./describe-rules.ts";
import { tcpKind } from "./stream-targets.ts";

describeRules(tcpKind);
