/** What `npm test` holds against the batched UDP engine with two workers, with one of them, and its relay sockets with TLS clients. */

import { describeRules } from "../conformance/describe-rules.ts";
import { batchedTlsKind } from "../conformance/stream-targets.ts";
import { batchKind } from "../conformance/udp-target.ts";

describeRules(batchKind);
describeRules(batchedTlsKind);
