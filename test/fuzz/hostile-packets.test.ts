/** As many as a short run takes; `npm run test:e2e` sends a million. */

import { describeMemoryFuzz } from "../support/memory-fuzz.ts";

describeMemoryFuzz(50_000);
