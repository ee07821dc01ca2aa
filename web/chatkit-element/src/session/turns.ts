/** Which answer is being written: when turns begin and end, and which run gives them their name. */

import type { ClientToolCallItem, RunFrame, ThreadItem } from "../protocol/types";
import type { Turn } from "../state/app-state";
import { dropUnfinished, endTurn, offerToContinue } from "../state/thread-reducer";
import { runClientTool } from "./client-tools";
import type { Conversation } from "./conversation";

export class Turns {
  /** Runs that answer requests of ours. */
  readonly ownRuns = new Set<string>();
  private readonly endedRuns = new Set<string>();
  private hadError = false;
  private count = 0;

  constructor(private readonly conversation: Conversation) {}

  private get current(): Turn | null {
    return this.conversation.state.turn;
  }

  /** Returns the turn's key. */
  begin(origin: Turn["origin"], runId: string | null): number {
    const { conversation } = this;
    const key = ++this.count;
    if (conversation.isClosed) return key; // nobody sees it, and nobody would hear of its end
    this.hadError = false;
    conversation.update({ turn: { key, origin, runId, isStopping: false } });
    conversation.updateThread((thread) => ({ ...thread, allowCancel: true, notices: [] }));
    conversation.host.emit("chatkit.response.start");
    return key;
  }

  /** The server named the run that answers our request. */
  setRun(runId: string, key: number): void {
    if (this.current?.key !== key) return;
    if (this.endedRuns.has(runId)) this.end();
    else this.conversation.update({ turn: { ...this.current, runId } });
  }

  /** With a key, only that turn: whoever wrote it may hear late that it is over, when the next one has begun. */
  end(key?: number): void {
    const { conversation, current } = this;
    if (!current || (key !== undefined && key !== current.key)) return;
    conversation.update({ turn: null });
    conversation.updateThread(endTurn);
    conversation.host.emit("chatkit.response.end");
    const last = conversation.state.thread.items.at(-1);
    if (current.origin === "own" && !current.isStopping && isPendingToolCall(last)) void runClientTool(conversation, last);
    else void conversation.outbox.flush();
  }

  /** The answer said itself what went wrong. */
  onError(): void {
    this.hadError = true;
  }

  onRun(frame: RunFrame | null): void {
    if (!frame) return;
    const { run_id: runId } = frame;
    if (frame.type === "run.started") this.onRunStarted(runId);
    else if (frame.type === "run.restarted") this.conversation.updateThread(dropUnfinished);
    else if (frame.type === "run.completed" || frame.type === "run.failed" || frame.type === "run.cancelled") {
      if (frame.type === "run.failed") this.onRunFailed(runId, frame.code ?? "run_failed");
      this.onRunEnded(runId);
    }
  }

  private onRunFailed(runId: string, code: string): void {
    const isOver = this.current === null; // the answer's own stream may have ended before this frame came
    if (!isOver && (this.endedRuns.has(runId) || !this.isCurrent(runId))) return;
    if (!isOver && !this.hadError) this.conversation.notify({ level: "danger", message: "", code, canRetry: true });
    if (code === "model_answer_cut_off") this.conversation.updateThread(offerToContinue);
  }

  private onRunStarted(runId: string): void {
    if (this.endedRuns.has(runId)) return;
    if (this.current && this.current.runId !== null && this.current.runId !== runId) this.end();
    if (!this.current) this.begin(this.ownRuns.has(runId) ? "own" : "remote", runId);
    else this.setRun(runId, this.current.key);
  }

  onRunEnded(runId: string): void {
    // Two streams tell of an end: the later word must not end the next turn, whose run has no name yet.
    const isNews = !this.endedRuns.has(runId);
    this.endedRuns.add(runId);
    if (isNews && this.isCurrent(runId)) this.end();
  }

  private isCurrent(runId: string): boolean {
    return this.current !== null && (this.current.runId === null || this.current.runId === runId);
  }
}

export function isPendingToolCall(item: ThreadItem | undefined): item is ClientToolCallItem {
  return item?.type === "client_tool_call" && item.status === "pending";
}
