/** A million hostile packets each through the decoder, the framer and the relay. `FUZZ_PACKETS` says another number. */

import { describeMemoryFuzz } from "../support/memory-fuzz.ts";

describeMemoryFuzz(1_000_000);
