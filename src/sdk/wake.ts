/** The moments at which a connection that seemed good may be dead, and one that was impossible may be made. */

/** A page that was hidden for less has missed nothing. */
const HIDDEN_MS = 5000;
const TICK_MS = 5000;
/** A timer that is late by so much has slept with the machine. */
const LATE_MS = 10_000;

type Stop = () => void;

/**
 * Calls back when the network is there again or is another one, when the page is shown again after a while, and when the machine has slept.
 * Does nothing where there is no page. Returns the way to stop.
 */
export function listenForWake(callback: () => void): Stop {
  if (typeof globalThis.addEventListener !== "function") return () => undefined;
  const stops = [
    listen(globalThis, "online", callback),
    listen(globalThis, "pageshow", (event) => {
      if ((event as PageTransitionEvent).persisted) callback();
    }),
    listenForNetwork(callback),
    ...(typeof document === "undefined" ? [] : [listenForVisibility(callback), listenForSleep(callback)]),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/**
 * Chromium's only: tells of a phone that goes from Wi-Fi to its own network. The event comes as well, and often, when nothing but the
 * estimate of the speed is another one.
 */
function listenForNetwork(callback: () => void): Stop {
  const network: unknown = Reflect.get(globalThis.navigator ?? {}, "connection");
  if (!(network instanceof EventTarget)) return () => undefined;
  const typeNow = (): unknown => Reflect.get(network, "type");
  let type = typeNow();
  return listen(network, "change", () => {
    if (type === typeNow()) return;
    type = typeNow();
    callback();
  });
}

function listenForVisibility(callback: () => void): Stop {
  let hiddenSinceMs = Number.POSITIVE_INFINITY;
  return listen(document, "visibilitychange", () => {
    const isHidden = document.visibilityState === "hidden";
    if (!isHidden && Date.now() - hiddenSinceMs >= HIDDEN_MS) callback();
    hiddenSinceMs = isHidden ? Date.now() : Number.POSITIVE_INFINITY;
  });
}

/** Of hidden pages browsers slow the timers down: they are woken by being shown. */
function listenForSleep(callback: () => void): Stop {
  let lastMs = Date.now();
  const timer = setInterval(() => {
    const isLate = Date.now() - lastMs > TICK_MS + LATE_MS;
    lastMs = Date.now();
    if (isLate && document.visibilityState === "visible") callback();
  }, TICK_MS);
  return () => clearInterval(timer);
}

function listen(target: EventTarget, name: string, listener: (event: Event) => void): Stop {
  target.addEventListener(name, listener);
  return () => target.removeEventListener(name, listener);
}
