/** Two connections to Redis, which come back by themselves: one for commands, one that listens. */

import { Redis, type RedisOptions } from "ioredis";

export interface RedisEvents {
  /** Commands can be sent, and what is sent to this node arrives. */
  ready(): void;
  /** One of the two is gone. */
  lost(): void;
  message(text: string): void;
  /** Why there is no connection, without any secret. */
  failed(error: Error): void;
}

export interface RedisSettings {
  /** redis:// or rediss://, perhaps with a password. */
  readonly url: string;
  /** What is published there comes to this node. */
  readonly channel: string;
  /** A connection that leaves a command unanswered for so long is dead. */
  readonly silentMs: number;
  /** One that listens is dead when it has not heard so many echoes. */
  readonly maxUnheardEchoes: number;
  readonly maxReconnectMs: number;
}

/** A join is answered within two seconds: so much of them for Redis, and the rest for another node (passages.ts). */
const COMMAND_TIMEOUT_MS = 700;
const CONNECT_TIMEOUT_MS = 2000;
const FIRST_RECONNECT_MS = 50;
/** Until a connection that was ended in order is cut. */
const DISCONNECT_TIMEOUT_MS = 250;
const ECHO = "";

export class RedisConnections {
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  readonly #events: RedisEvents;
  readonly #channel: string;
  readonly #maxUnheardEchoes: number;
  #unheardEchoes = 0;
  #isSubscribed = false;
  #isReady = false;
  #isClosed = false;

  constructor(settings: RedisSettings, events: RedisEvents) {
    const { url, channel } = settings;
    this.#events = events;
    this.#channel = channel;
    this.#maxUnheardEchoes = settings.maxUnheardEchoes;
    const options = optionsFor(settings);
    this.#commands = new Redis(url, { ...options, connectionName: "turnpike" });
    this.#subscriber = new Redis(url, { ...options, connectionName: "turnpike-listener" });
    this.#watch(this.#commands);
    this.#watch(this.#subscriber);
    this.#subscriber.on("ready", () => this.#subscribe());
    this.#subscriber.on("message", (_channel: string, text: string) => this.#heard(text));
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Rejects at once while there is no connection, and when no answer comes in time. */
  async run(script: string, args: readonly string[]): Promise<unknown> {
    if (!this.#isReady) throw new Error("there is no connection to Redis");
    return this.#commands.eval(script, 0, ...args);
  }

  /** What cannot be sent now is lost. */
  publish(channel: string, text: string): void {
    if (this.#isReady) this.#commands.publish(channel, text).catch(() => undefined);
  }

  /** Says something to itself, from time to time: a socket that is dead on the other side only shows it by hearing nothing. */
  echo(): void {
    if (!this.#isReady) return;
    this.publish(this.#channel, ECHO);
    this.#unheardEchoes++;
    if (this.#unheardEchoes <= this.#maxUnheardEchoes) return;
    this.#unheardEchoes = 0;
    this.#subscriber.disconnect(true);
  }

  /** Resolves when both are closed. */
  async close(): Promise<void> {
    this.#isReady = false;
    this.#isClosed = true;
    await Promise.all([this.#commands, this.#subscriber].map(disconnect));
  }

  #heard(text: string): void {
    this.#unheardEchoes = 0;
    if (text !== ECHO) this.#events.message(text);
  }

  #watch(connection: Redis): void {
    connection.on("ready", () => this.#look());
    connection.on("close", () => this.#look());
    connection.on("error", (error: Error) => {
      if (!this.#isClosed) this.#events.failed(withoutSecrets(error));
    });
  }

  #subscribe(): void {
    this.#subscriber.subscribe(this.#channel).then(
      () => {
        this.#isSubscribed = true;
        this.#look();
      },
      () => this.#subscriber.disconnect(true),
    );
  }

  #look(): void {
    if (this.#subscriber.status !== "ready") this.#isSubscribed = false;
    const isReady = this.#isSubscribed && this.#commands.status === "ready";
    if (isReady === this.#isReady || this.#isClosed) return;
    this.#isReady = isReady;
    if (isReady) this.#events.ready();
    else this.#events.lost();
  }
}

/** Nothing waits in ioredis: what was meant for a Redis that is gone must not be done by the one that comes. */
function optionsFor({ silentMs, maxReconnectMs }: RedisSettings): Omit<RedisOptions, "replyMapping"> {
  return {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    socketTimeout: silentMs,
    retryStrategy: (times) => Math.min(FIRST_RECONNECT_MS * 2 ** Math.min(times - 1, 10), maxReconnectMs),
  };
}

async function disconnect(connection: Redis): Promise<void> {
  if (connection.status === "end") return;
  const ended = new Promise<void>((resolve) => {
    // Between two attempts nothing ends, but ioredis waits for it as long.
    const timer = setTimeout(resolve, DISCONNECT_TIMEOUT_MS + 1);
    connection.once("end", () => {
      clearTimeout(timer);
      resolve();
    });
  });
  connection.disconnect();
  await ended;
}

/** What ioredis throws carries the command, and with it the password. */
function withoutSecrets({ name, message, code }: NodeJS.ErrnoException): Error {
  // An error about several addresses has no message of its own.
  return new Error(`${name}: ${message === "" ? (code ?? "no connection") : message}`);
}
