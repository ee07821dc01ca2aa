/** An incremental parser of `text/event-stream` (HTML Standard, section "Server-sent events"). */

export interface SseFrame {
  event: string;
  data: string;
  id: string | null;
}

export class SseParser {
  private buffer = "";
  private data: string[] = [];
  private event = "";
  private id: string | null = null;
  private readonly decoder = new TextDecoder();

  /** Takes the next bytes of the body; returns the frames that they completed. */
  push(bytes: Uint8Array): SseFrame[] {
    this.buffer += this.decoder.decode(bytes, { stream: true });
    const frames: SseFrame[] = [];
    let start = 0;
    for (let end = this.lineEnd(start); end !== -1; end = this.lineEnd(start)) {
      const line = this.buffer.slice(start, end);
      start = end + (this.buffer.startsWith("\r\n", end) ? 2 : 1);
      const frame = this.take(line);
      if (frame) frames.push(frame);
    }
    this.buffer = this.buffer.slice(start);
    return frames;
  }

  private lineEnd(start: number): number {
    for (let i = start; i < this.buffer.length; i++) {
      const code = this.buffer.charCodeAt(i);
      if (code === 10) return i;
      // A lone CR at the very end may be the first half of CRLF: wait for the next bytes.
      if (code === 13) return i + 1 < this.buffer.length ? i : -1;
    }
    return -1;
  }

  private take(line: string): SseFrame | null {
    if (line === "") return this.dispatch();
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    let value = colon === -1 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
    return null;
  }

  private dispatch(): SseFrame | null {
    // A block with an id alone moves the place in the stream: it is passed on, with empty data.
    const isFrame = this.data.length > 0 || this.id !== null;
    const frame = isFrame ? { event: this.event || "message", data: this.data.join("\n"), id: this.id } : null;
    this.data = [];
    this.event = "";
    this.id = null;
    return frame;
  }
}
