/** What two call pages say to each other over the data channel: JSON with one of these keys. Any other text is chat, too. */

export type PageMessage =
  | { readonly chat: string }
  /** Whether microphone and camera are on. */
  | { readonly media: { readonly audio: boolean; readonly video: boolean } };

export function readPageMessage(data: string): PageMessage {
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value === "object" && value !== null) {
      if ("chat" in value && typeof value.chat === "string") return { chat: value.chat };
      if ("media" in value && isMedia(value.media)) return { media: value.media };
    }
  } catch {
    // Not JSON: somebody's own client writes plain text.
  }
  return { chat: data };
}

function isMedia(value: unknown): value is { audio: boolean; video: boolean } {
  if (typeof value !== "object" || value === null) return false;
  return (
    "audio" in value &&
    typeof value.audio === "boolean" &&
    "video" in value &&
    typeof value.video === "boolean"
  );
}
