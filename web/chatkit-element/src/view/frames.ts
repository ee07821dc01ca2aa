/** Draws at most once per frame, however often the state changes. */

/** A hidden page gets no animation frames, so it is drawn after this long instead. */
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

  /** Resolves when the state as it is now has been drawn. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.request();
    });
  }
}
