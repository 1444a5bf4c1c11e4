/** The admin port: metrics, health, rooms and the drain, for machines of the operator. */

import type { RoomControl } from "../signaling/ports.ts";
import { type DrainStatus, handleDrain } from "./admin-drain.ts";
import { handleRooms } from "./admin-rooms.ts";
import type { RequestHandler } from "./http-routes.ts";
import { admit, pathOf, sendHealth, sendText } from "./http-routes.ts";

export interface AdminOptions {
  readonly isReady: () => boolean;
  /** The metrics page in the Prometheus text format. */
  readonly renderMetrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly rooms: RoomControl;
  /** `url`: of the server to send everybody to. Idempotent. */
  readonly drain: (url: string | undefined) => DrainStatus;
  readonly failed: (error: unknown) => void;
}

export function createAdminHandler(options: AdminOptions): RequestHandler {
  const { isReady, renderMetrics, rooms, drain, failed } = options;
  return function handleAdminRequest(request, response) {
    if (handleRooms(request, response, rooms) || handleDrain(request, response, drain)) return;
    if (!admit(request, response)) return;
    const path = pathOf(request);
    if (path === "/metrics") {
      renderMetrics().then(
        ({ contentType, text }) => sendText(response, 200, text, { "content-type": contentType }),
        (error: unknown) => {
          failed(error);
          sendText(response, 500, "Metrics failed.\n");
        },
      );
    } else if (!sendHealth(response, path, isReady)) {
      sendText(response, 404, "Not found.\n");
    }
  };
}
