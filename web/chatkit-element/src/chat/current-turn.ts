/** The turn whose answer is being written: when it begins and ends, and which run it is. */

import type { RunFrame } from "../protocol/types";
import type { Turn } from "../state/app-state";

/** What the conversation is told about its turns. */
export interface TurnListener {
  onTurn(turn: Turn | null): void;
  onTurnBegun(): void;
  onTurnEnded(turn: Turn): void;
  /** @param isExplained an error event of the answer has said why already. */
  onRunFailed(code: string, isExplained: boolean): void;
  /** A run failed, or was cancelled. */
  onRunBroken(): void;
  /** Another attempt at the run answers from the start. */
  onRunRestarted(): void;
}

export class CurrentTurn {
  private current: Turn | null = null;
  private readonly ownRuns = new Set<string>();
  private readonly endedRuns = new Set<string>();
  private hadError = false;
  private count = 0;

  constructor(private readonly listener: TurnListener) {}

  private set(turn: Turn | null): void {
    this.current = turn;
    this.listener.onTurn(turn);
  }

  /** Begins the turn of a request of this tab. Returns its key, or null if another turn is being written first. */
  beginOwn(): number | null {
    return this.current === null ? this.begin("own", null) : null;
  }

  /** Returns the turn's key. */
  begin(origin: Turn["origin"], runId: string | null): number {
    const key = ++this.count;
    this.hadError = false;
    this.set({ key, origin, runId, isStopping: false });
    this.listener.onTurnBegun();
    return key;
  }

  /** The server said which run answers a request of this tab. @param key that request's turn; null: it has none yet. */
  nameOwn(runId: string, key: number | null): void {
    this.ownRuns.add(runId);
    if (key !== null) this.name(runId, key);
  }

  isOwn(runId: string): boolean {
    return this.ownRuns.has(runId);
  }

  private name(runId: string, key: number): void {
    if (this.current?.key !== key) return;
    if (this.endedRuns.has(runId)) this.end();
    else this.set({ ...this.current, runId });
  }

  /** Stop was pressed, or refused by the server. */
  setStopping(key: number, isStopping: boolean): void {
    if (this.current?.key === key) this.set({ ...this.current, isStopping });
  }

  /** @param key ends only that turn: the news of its end may come when the next one has begun. */
  end(key?: number): void {
    const turn = this.current;
    if (!turn || (key !== undefined && key !== turn.key)) return;
    this.set(null);
    this.listener.onTurnEnded(turn);
  }

  /** An error event of the answer said what went wrong. */
  onError(): void {
    this.hadError = true;
  }

  onRun({ type, run_id: runId, code }: RunFrame): void {
    if (type === "run.started") this.onRunStarted(runId);
    else if (type === "run.restarted") this.listener.onRunRestarted();
    else if (type === "run.waiting") this.onRunWaiting(runId);
    else if (type === "run.resumed") this.onRunStarted(runId);
    else if (type === "run.completed" || type === "run.failed" || type === "run.cancelled") {
      if (type === "run.failed") this.onRunFailed(runId, code ?? "run_failed");
      this.onRunEnded(runId);
      if (type !== "run.completed") this.listener.onRunBroken();
    }
  }

  private onRunFailed(runId: string, code: string): void {
    const isOver = this.current === null; // the answer's own response may have ended before this frame came
    if (!isOver && (this.endedRuns.has(runId) || !this.isCurrent(runId))) return;
    this.listener.onRunFailed(code, isOver || this.hadError);
  }

  private onRunStarted(runId: string): void {
    if (this.endedRuns.has(runId)) return;
    if (this.current && this.current.runId !== null && this.current.runId !== runId) this.end();
    if (!this.current) this.begin(this.ownRuns.has(runId) ? "own" : "remote", runId);
    else this.name(runId, this.current.key);
  }

  /** The run waits for the person: the turn is over for now, and begins again when the run goes on. */
  onRunWaiting(runId: string): void {
    if (this.current?.runId === runId) this.end();
  }

  onRunEnded(runId: string): void {
    // Two streams report the end of a run: the later report must not end the next turn, whose run is not known yet.
    const isNews = !this.endedRuns.has(runId);
    this.endedRuns.add(runId);
    if (isNews && this.isCurrent(runId)) this.end();
  }

  private isCurrent(runId: string): boolean {
    return this.current !== null && (this.current.runId === null || this.current.runId === runId);
  }
}
