/** Cuts a body of server-sent events into whole frames, kept as they came. */

/** `id` is null for a frame without one (a comment, a heartbeat). */
export type SseFrame = Readonly<{ bytes: Uint8Array; id: string | null }>;

const FRAME_END = /\r\n\r\n|\n\n|\r\r/;
const ID_LINE = /(?:^|[\r\n])id: ?([^\r\n]*)/;

export class SseFrames {
  private readonly decoder = new TextDecoder();
  private readonly encoder = new TextEncoder();
  private rest = "";

  /** The frames that `chunk` completes. A frame that is cut off by the end of the body is never given. */
  push(chunk: Uint8Array): SseFrame[] {
    this.rest += this.decoder.decode(chunk, { stream: true });
    const frames: SseFrame[] = [];
    for (let end = FRAME_END.exec(this.rest); end !== null; end = FRAME_END.exec(this.rest)) {
      const text = this.rest.slice(0, end.index + end[0].length);
      this.rest = this.rest.slice(text.length);
      frames.push({ bytes: this.encoder.encode(text), id: ID_LINE.exec(text)?.[1] ?? null });
    }
    return frames;
  }
}
