/**
 * Lets each numbered event through once, although two streams carry it: the answer to our own request and the
 * conversation's stream. Only the conversation's stream is complete and in order, so only it moves the floor, below
 * which every event counts as seen.
 */
export class SequenceGate {
  private floor = -1;
  private readonly seen = new Set<number>();

  /** @param id the frame's `id:`; a frame without a number always passes. */
  passesFromAnswer(id: string | null): boolean {
    const sequence = toSequence(id);
    if (sequence === null) return true;
    if (sequence <= this.floor || this.seen.has(sequence)) return false;
    this.seen.add(sequence);
    return true;
  }

  passesFromConversation(id: string | null): boolean {
    const sequence = toSequence(id);
    if (sequence === null) return true;
    if (sequence <= this.floor) return false;
    this.floor = sequence;
    const isNew = !this.seen.delete(sequence);
    return isNew;
  }

  /** Starts again from what a load has read. @param id where the load ends; null: nothing is known. */
  restart(id: string | null): void {
    this.floor = toSequence(id) ?? -1;
    this.seen.clear();
  }

  /** Where the conversation's stream continues; null if nothing was seen on it. */
  get position(): string | null {
    return this.floor >= 0 ? String(this.floor) : null;
  }
}

function toSequence(id: string | null): number | null {
  // The relay gives this number to an end that it read from the store: it is not a sequence of the stream.
  const sequence = id !== null && /^\d{1,16}$/.test(id) ? Number(id) : Number.MAX_SAFE_INTEGER;
  return sequence < Number.MAX_SAFE_INTEGER ? sequence : null;
}
