/**
 * The call page:  lobby ── join ─► call (waiting, connecting, connected, reconnecting) ── leave ─► ended ─► lobby
 *
 * `data-state` on <main> says where it stands. `window.turnpike.call` is the running call, for the browser's console.
 */

import { type Call, type CallEvents, joinRoom, type Resumption, TurnpikeError } from "../src/sdk/client.ts";
import { CallScreen } from "./call-screen.ts";
import { Chat } from "./chat.ts";
import { Controls } from "./controls.ts";
import { Devices } from "./devices.ts";
import { box, button, input, setData } from "./elements.ts";
import { type KeptSeat, keepAgain, keepSeat, takeKeptSeat } from "./kept-seat.ts";
import { type JoinWish, Lobby } from "./lobby.ts";
import { linkToRoom } from "./room-name.ts";
import { canShare, copyText, flash, shareLink } from "./share.ts";
import { Stage } from "./stage.ts";
import { describeEnding, describeError, describeLength } from "./words.ts";

declare global {
  interface Window {
    turnpike: { call: Call | undefined };
  }
}

interface Running {
  readonly call: Call;
  readonly wish: JoinWish;
  readonly screen: CallScreen;
}

const page = box("page");
const devices = new Devices();
const stage = new Stage();
const controls = new Controls(devices, notify);
const chat = new Chat((text) => running?.screen.sendChat(text) ?? false);
const lobby = new Lobby(devices, (wish) => void join(wish));
let running: Running | undefined;
let lastWish: JoinWish | undefined;
/** The seat that is being taken back after a reload. */
let returning: KeptSeat | undefined;

/** One notice at a time, until it is dismissed or replaced. */
function notify(text: string | undefined): void {
  box("notice-text").textContent = text ?? "";
  box("notice").hidden = text === undefined;
}

/** Resolves when the call is on the screen, or the lobby says why not. */
async function join(wish: JoinWish, resume?: Resumption): Promise<void> {
  lastWish = wish;
  notify(undefined);
  lobby.setBusy(true);
  const problem = wish.useMedia ? await devices.startBoth() : undefined;
  try {
    const call = await joinRoom(wish.room, {
      stream: devices.stream,
      iceTransportPolicy: wish.relayOnly ? "relay" : "all",
      ...(wish.name === undefined ? {} : { name: wish.name }),
      ...(resume === undefined ? {} : { resume }),
    });
    start(call, wish);
    if (problem !== undefined) notify(`${problem} You can still chat.`);
  } catch (error) {
    lobby.setBusy(false);
    // A seat that is gone after a reload needs no excuse: the lobby is there.
    const isLateReload = error instanceof TurnpikeError && error.code === "resume-failed";
    if (!isLateReload) lobby.showError(describeError(error));
  }
}

function start(call: Call, wish: JoinWish): void {
  window.turnpike.call = call;
  history.replaceState(null, "", linkToRoom(wish.room));
  document.title = `${wish.room} · Turnpike`;
  box("room-title").textContent = wish.room;
  input("link").value = linkToRoom(wish.room);
  const isPair = (call.limits?.roomSize ?? 2) === 2;
  box("waiting-title").textContent = isPair ? "Waiting for the other person" : "Waiting for the others";
  setData(page, "call", "");
  lobby.hide();
  box("ended").hidden = true;
  box("call").hidden = false;
  const screen = new CallScreen(call, { devices, stage, chat, controls, notify });
  running = { call, wish, screen };
  call.on("closed", (event) => end(event));
  button("hangup").focus({ preventScroll: true });
}

function end(event: CallEvents["closed"]): void {
  const sinceMs = running?.screen.connectedSinceMs;
  running = undefined;
  window.turnpike.call = undefined;
  controls.detach();
  stage.clear();
  devices.stop();
  notify(undefined);
  setData(page, "call", undefined);
  page.dataset.state = "ended";
  const { title, reason } = describeEnding(event);
  box("ended-title").textContent = title;
  box("ended-reason").textContent = reason;
  box("ended-length").textContent =
    sinceMs === undefined ? "" : `You were connected for ${describeLength(performance.now() - sinceMs)}.`;
  box("call").hidden = true;
  box("ended").hidden = false;
  box("ended-title").focus({ preventScroll: true });
}

function backToLobby(): void {
  box("ended").hidden = true;
  page.dataset.state = "lobby";
  document.title = "Turnpike";
  lobby.show(lastWish?.room);
}

async function copyLink(control: HTMLButtonElement): Promise<void> {
  const field = input("link");
  const isCopied = await copyText(field.value, field);
  flash(control, isCopied ? "Copied" : "Press Ctrl+C");
}

function main(): void {
  // Until here the page says that it is loading, and after a while that parts of it are missing.
  page.dataset.state = "lobby";
  box("load-problem").hidden = true;
  lobby.setBusy(false);
  window.turnpike = { call: undefined };
  button("notice-close").addEventListener("click", () => notify(undefined));
  button("copy-link").addEventListener("click", () => void copyLink(button("copy-link")));
  button("waiting-copy").addEventListener("click", () => void copyLink(button("waiting-copy")));
  button("share").hidden = !canShare();
  button("share").addEventListener("click", () => void shareLink(input("link").value));
  button("back").addEventListener("click", backToLobby);
  button("rejoin").addEventListener("click", () => {
    backToLobby();
    if (lastWish !== undefined) void join({ ...lastWish, relayOnly: lobby.relayOnly });
  });
  window.addEventListener("pagehide", () => {
    if (running !== undefined) keepSeat(running.wish, running.call);
    else if (returning !== undefined) keepAgain(returning);
  });
  // Out of the browser's cache the page goes on as it was: a duplicate of this tab has nothing to take.
  window.addEventListener("pageshow", ({ persisted }) => {
    if (persisted) takeKeptSeat();
  });
  const kept = takeKeptSeat();
  if (kept !== undefined) {
    lobby.show(kept.wish.room);
    returning = kept;
    void join(kept.wish, kept.resume).finally(() => {
      returning = undefined;
    });
  }
}

main();
