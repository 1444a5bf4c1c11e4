import { describeRules } from "./describe-rules.ts";
import { tlsKind } from "./stream-targets.ts";

describeRules(tlsKind);
