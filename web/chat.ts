/** The chat beside a call. */

import { box, button, byId, createElement, input, setData } from "./elements.ts";

/** More would only make the page slow; nobody scrolls back that far. */
const MAX_MESSAGES = 1000;

export class Chat {
  readonly #page = box("page");
  readonly #log = box("chat-log");
  readonly #input = input("chat-input");
  readonly #toggle = button("chat-toggle");
  readonly #unread = box("unread");
  #unreadCount = 0;

  /** `send` tells whether the words went anywhere. */
  constructor(send: (text: string) => boolean) {
    this.#toggle.addEventListener("click", () => this.setOpen(!this.isOpen));
    byId("chat-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#input.value.trim();
      if (text === "" || !send(text)) return;
      this.#input.value = "";
      this.add("me", text);
    });
    this.#page.addEventListener("keydown", ({ key }) => {
      if (key === "Escape" && this.isOpen && !wideScreen()) this.setOpen(false);
    });
  }

  get isOpen(): boolean {
    return this.#page.dataset.chat === "open";
  }

  setOpen(open: boolean): void {
    this.#page.dataset.chat = open ? "open" : "closed";
    this.#toggle.setAttribute("aria-expanded", String(open));
    if (!open) return;
    this.#setUnread(0);
    this.#log.scrollTop = this.#log.scrollHeight;
    if (!wideScreen()) this.#input.focus();
  }

  /** For a new call. */
  reset(): void {
    this.#log.replaceChildren();
    this.#setUnread(0);
    this.setOpen(wideScreen());
    this.setReachable(false);
  }

  /** Whether there is anybody to write to. */
  setReachable(reachable: boolean): void {
    this.#input.disabled = !reachable;
    this.#input.placeholder = reachable ? "Write something" : "Nobody there yet";
    button("chat-send").disabled = !reachable;
  }

  /** `name`: shown above the words, in rooms with more than two. */
  add(from: "me" | "peer", text: string, name?: string): void {
    const atEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 40;
    const item = createElement("li", "");
    item.dataset.from = from;
    setData(item, "name", name);
    item.textContent = text;
    this.#log.append(item);
    if (this.#log.childElementCount > MAX_MESSAGES) this.#log.firstElementChild?.remove();
    if (atEnd || from === "me") this.#log.scrollTop = this.#log.scrollHeight;
    if (from === "peer" && !this.isOpen) this.#setUnread(this.#unreadCount + 1);
  }

  #setUnread(count: number): void {
    this.#unreadCount = count;
    this.#unread.hidden = count === 0;
    this.#unread.textContent = count > 99 ? "99+" : String(count);
    this.#toggle.setAttribute("aria-label", count === 0 ? "Chat" : `Chat, ${count} unread`);
  }
}

function wideScreen(): boolean {
  return matchMedia("(min-width: 961px)").matches;
}
