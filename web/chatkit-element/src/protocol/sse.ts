/** Server-sent events (HTML Standard, section 9.2), parsed by eventsource-parser. */

import { createParser } from "eventsource-parser";

export interface SseFrame {
  /** `message` where the server gave no name. */
  event: string;
  /** Empty for a block that has only an id, which says how far the stream is. */
  data: string;
  id: string | null;
}

export interface FrameHandlers {
  onFrame: (frame: SseFrame) => void;
  /** `onFrame` raised this: the frame is skipped, and the reading goes on. */
  onBadFrame: (error: unknown, frame: SseFrame) => void;
  onRetry?: (milliseconds: number) => void;
  /** Called for every chunk, heartbeat comments included. */
  onBytes?: () => void;
}

/** Reads a body to its end, or until it is aborted. Raises what the connection raises. */
export async function readFrames(
  body: ReadableStream<Uint8Array>,
  handlers: FrameHandlers,
  signal?: AbortSignal,
): Promise<void> {
  const reader = body.getReader();
  const parse = frameParser(handlers);
  signal?.addEventListener("abort", () => void reader.cancel().catch(() => {}));
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      handlers.onBytes?.();
      parse(chunk.value);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Returns a function that takes the next bytes and passes on the frames that they completed. */
export function frameParser({ onFrame, onBadFrame, onRetry }: FrameHandlers): (bytes: Uint8Array) => void {
  const decoder = new TextDecoder();
  let idAlone: string | null = null;
  const pass = (frame: SseFrame) => {
    idAlone = null;
    try {
      onFrame(frame);
    } catch (error) {
      onBadFrame(error, frame);
    }
  };
  const passIdAlone = () => {
    if (idAlone !== null) pass({ event: "message", data: "", id: idAlone });
  };
  const parser = createParser({
    // The parser reports a block's id first, then its event, unless the block has an id only.
    onId: (id) => {
      passIdAlone();
      idAlone = id;
    },
    onEvent: ({ event = "message", data, id = null }) => {
      if (id === null) passIdAlone();
      pass({ event, data, id });
    },
    onRetry,
  });
  return (bytes) => {
    parser.feed(decoder.decode(bytes, { stream: true }));
    passIdAlone();
  };
}
