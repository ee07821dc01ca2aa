/** Brings one message into view, as soon as it is drawn. */

/** Groups of older messages are drawn when the page is idle. */
const DRAWN_MS_MAX = 8_000;
const MARKED_MS = 2_500;
/** For this long, older messages that are drawn above it may still move it. */
const SETTLED_MS = 350;

/** Returns whether the message was found. */
export async function showItem(root: HTMLElement, itemId: string, nextFrame: () => Promise<unknown>): Promise<boolean> {
  const find = () => root.querySelector(`[data-item="${CSS.escape(itemId)}"]`);
  const giveUpAtMs = Date.now() + DRAWN_MS_MAX;
  while (find() === null) {
    if (Date.now() > giveUpAtMs) return false;
    await Promise.race([nextFrame(), new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  const show = () => find()?.scrollIntoView({ block: "center" });
  show();
  find()?.classList.add("revealed");
  setTimeout(show, SETTLED_MS);
  setTimeout(() => find()?.classList.remove("revealed"), MARKED_MS);
  return true;
}
