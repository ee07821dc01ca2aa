/** Stops the server so that nobody's request is reset: SIGTERM, then notice, then no new connections, then the end. */
import { subscribe } from "node:diagnostics_channel";
import type { Server, ServerResponse } from "node:http";
import { Server as NetServer } from "node:net";

import { stopTracing } from "./tracing";

/** How long everything is still served, in answers that end their connections: busy clients leave by themselves. */
const NOTICE_MILLISECONDS = 500;
/** How long requests on connections that were opened in the last moment are waited for. */
const ON_ITS_WAY_MILLISECONDS = 200;
/** The edge answers within 3 s. What takes longer than this is cut off, before a container would be killed. */
const FINISH_MILLISECONDS_MAX = 8_000;
const POLL_MILLISECONDS = 20;
const QUIET_TURNS_AWAITED_MAX = 1_000;

const shared = globalThis as typeof globalThis & { natterIsStopping?: boolean };

/** Whether this process was told to stop; /readyz says so. Next bundles this module more than once, hence global. */
export function isStopping(): boolean {
  return shared.natterIsStopping === true;
}

/**
 * Next's own handler closes the listener at once, then waits for as long as any client keeps its connection (in a
 * container: until it is killed). NEXT_MANUAL_SIG_HANDLE=1, which every start of ours sets, turns that one off.
 */
export function stopOnSignal(): void {
  const connections = new Connections();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => void connections.close().then(stopTracing).then(() => process.exit(0)));
  }
}

/** The answers that are being given, and the server that gives them: known from its first request on. */
export class Connections {
  private server: Server | undefined;
  private acceptedCount = 0;
  private readonly open = new Set<ServerResponse>();

  constructor() {
    subscribe("http.server.request.start", (message) => {
      const { response, server } = message as { response: ServerResponse; server: Server };
      if (this.server !== server) this.watch(server);
      this.open.add(response);
      response.once("close", () => this.open.delete(response));
      if (isStopping()) endsItsConnection(response);
    });
  }

  private watch(server: Server): void {
    this.server = server;
    server.on("connection", () => this.acceptedCount++);
  }

  /** Resolves when every answer that was begun is given, or was cut off. */
  async close(): Promise<void> {
    shared.natterIsStopping = true;
    this.open.forEach(endsItsConnection);
    if (this.server === undefined) return;
    await this.whileConnected(NOTICE_MILLISECONDS);
    await this.untilNobodyConnects();
    // Not the HTTP server's own `close`: it would also end connections on which a request is just arriving.
    const closed = new Promise((resolve) => NetServer.prototype.close.call(this.server, resolve));
    this.endStreams();
    await this.whileConnected(ON_ITS_WAY_MILLISECONDS);
    const givesUpAt = Date.now() + FINISH_MILLISECONDS_MAX;
    while (this.open.size > 0 && Date.now() < givesUpAt) await sleep(POLL_MILLISECONDS);
    this.server.closeAllConnections();
    await closed;
  }

  /** Who waits to be accepted when the listener is closed is reset. Each turn of the loop accepts all who wait. */
  private async untilNobodyConnects(): Promise<void> {
    for (let turn = 0; turn < QUIET_TURNS_AWAITED_MAX; turn++) {
      const before = this.acceptedCount;
      await new Promise(setImmediate);
      if (this.acceptedCount === before) return;
    }
  }

  /** Event streams end only with their clients. Those come back, elsewhere, with the id of the last event they have. */
  private endStreams(): void {
    for (const response of this.open) {
      const isStream = String(response.getHeader("content-type")).startsWith("text/event-stream");
      if (isStream) response.socket?.destroySoon();
    }
  }

  private async whileConnected(milliseconds: number): Promise<void> {
    const endsAt = Date.now() + milliseconds;
    while (Date.now() < endsAt && (await this.count()) > 0) await sleep(POLL_MILLISECONDS);
  }

  private count(): Promise<number> {
    return new Promise((resolve) => this.server?.getConnections((_error, count) => resolve(count)));
  }
}

function endsItsConnection(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader("connection", "close");
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
