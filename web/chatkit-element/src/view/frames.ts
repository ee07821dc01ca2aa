/** Draws at most once per frame, however often the state changes. */

/** A hidden page gets no frames, but must not fall behind for ever. */
const HIDDEN_PAGE_DELAY_MS = 250;

export class FrameScheduler {
  private isRequested = false;
  private waiting: (() => void)[] = [];

  constructor(private readonly draw: () => void) {}

  request(): void {
    if (this.isRequested) return;
    this.isRequested = true;
    let isDone = false;
    const run = () => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      this.isRequested = false;
      this.draw();
      for (const resolve of this.waiting.splice(0)) resolve();
    };
    const timer = setTimeout(run, HIDDEN_PAGE_DELAY_MS);
    requestAnimationFrame(run);
  }

  /** Resolves when what is known now has been drawn. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.request();
    });
  }
}
