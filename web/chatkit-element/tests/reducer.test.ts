import { describe, expect, test } from "vitest";
import type { AssistantMessageItem, Task, ThreadEvent, ThreadItem, WorkflowItem } from "../src/protocol/types";
import { completeToolCall, dropUnfinished, endTurn, prependOlder, reduceThread, truncateAfter, truncateBefore } from "../src/state/thread-reducer";
import { EMPTY_THREAD, type ThreadState } from "../src/state/thread-state";
import recorded from "./recorded.json";

interface Recording {
  turns: { request: string; item_id: string | null; events: ThreadEvent[] }[];
  stored: { thread: { id: string; title?: string; status: { type: string } }; items: ThreadItem[] };
}

const recordings = recorded as unknown as Record<string, Recording>;
const base = { thread_id: "t", created_at: "2026-01-01T00:00:00" };

const fold = (events: readonly ThreadEvent[], start: ThreadState = EMPTY_THREAD) =>
  events.reduce((state, event) => reduceThread(state, event), start);

const textOf = (item: ThreadItem | undefined) =>
  item?.type === "assistant_message" ? item.content.map((part) => part.text).join("") : null;

describe("what a stock ChatKitServer sends becomes what it stores", () => {
  test.each(Object.keys(recordings))("%s", (name) => {
    const { turns, stored } = recordings[name] as Recording;
    let state = EMPTY_THREAD;
    for (const { request, item_id: itemId, events } of turns) {
      if (request === "threads.retry_after_item") state = truncateAfter(state, itemId as string);
      if (request === "threads.add_client_tool_output")
        state = completeToolCall(state, state.items.at(-1)?.id as string, { time: "noon" });
      state = endTurn(fold(events, state));
    }
    expect(state.items).toEqual(stored.items);
    expect({ id: state.id, title: state.title ?? undefined, status: state.status }).toMatchObject({
      id: stored.thread.id,
      title: stored.thread.title,
      status: stored.thread.status,
    });
    expect(state.openItems.size).toBe(0);
  });

  test.each(Object.keys(recordings))("%s: the deltas alone make the text, before the finished item says it", (name) => {
    let state = EMPTY_THREAD;
    for (const event of (recordings[name] as Recording).turns.flatMap((turn) => turn.events)) {
      if (event.type === "thread.item.done" && event.item.type === "assistant_message")
        expect(textOf(state.items.find((item) => item.id === event.item.id))).toBe(textOf(event.item));
      state = reduceThread(state, event);
    }
  });

  test("tasks that were started at once are shown once each, at every moment", () => {
    let state = EMPTY_THREAD;
    const counts = new Set<number>();
    for (const event of recordings["agent with parallel tools"]?.turns[0]?.events ?? []) {
      state = reduceThread(state, event);
      const workflow = state.items.find((item) => item.type === "workflow") as WorkflowItem | undefined;
      if (workflow) counts.add(workflow.workflow.tasks.length);
    }
    expect([...counts]).toEqual([3]);
  });
});

const added = (item: ThreadItem): ThreadEvent => ({ type: "thread.item.added", item });
const done = (item: ThreadItem): ThreadEvent => ({ type: "thread.item.done", item });
const answer = (id: string, text = ""): AssistantMessageItem => ({
  ...base,
  id,
  type: "assistant_message",
  content: text ? [{ type: "output_text", text, annotations: [] }] : [],
});
const question = (id: string): ThreadItem => ({
  ...base,
  id,
  type: "user_message",
  content: [{ type: "input_text", text: id }],
  inference_options: {},
});
const delta = (item_id: string, text: string, content_index = 0): ThreadEvent => ({
  type: "thread.item.updated",
  item_id,
  update: { type: "assistant_message.content_part.text_delta", content_index, delta: text },
});
const workflow = (tasks: Task[]): WorkflowItem => ({ ...base, id: "w", type: "workflow", workflow: { type: "custom", tasks } });
const loading: Task = { type: "custom", title: "same", status_indicator: "loading" };
const taskAdded = (task_index: number, task: Task): ThreadEvent => ({
  type: "thread.item.updated",
  item_id: "w",
  update: { type: "workflow.task.added", task_index, task },
});
const tasksOf = (state: ThreadState) => (state.items[0] as WorkflowItem).workflow.tasks;

describe("items", () => {
  test("a part that was never announced is filled in", () => {
    const state = fold([added(answer("a")), delta("a", "x", 1)]);
    expect((state.items[0] as AssistantMessageItem).content.map((part) => part.text)).toEqual(["", "x"]);
  });

  test("annotations are inserted where they belong", () => {
    const source = (title: string) => ({ type: "annotation" as const, source: { type: "url" as const, title, url: title } });
    const annotate = (annotation_index: number, title: string): ThreadEvent => ({
      type: "thread.item.updated",
      item_id: "a",
      update: { type: "assistant_message.content_part.annotation_added", content_index: 0, annotation_index, annotation: source(title) },
    });
    const state = fold([added(answer("a", "x")), annotate(0, "one"), annotate(1, "three"), annotate(1, "two")]);
    expect((state.items[0] as AssistantMessageItem).content[0]?.annotations?.map((entry) => entry.source.title)).toEqual(["one", "two", "three"]);
  });

  test("an update of an item that is not there changes nothing", () => {
    expect(fold([delta("nowhere", "x")])).toBe(EMPTY_THREAD);
  });

  test("other items keep their identity", () => {
    const before = fold([done(question("q")), added(answer("a"))]);
    const after = fold([delta("a", "x")], before);
    expect(after.items[0]).toBe(before.items[0]);
    expect(before.items[1]).toEqual(answer("a"));
  });

  test("an item is removed and replaced", () => {
    const state = fold([done(question("q")), done(answer("a", "x")), { type: "thread.item.replaced", item: answer("a", "y") }]);
    expect(state.items.map(textOf)).toEqual([null, "y"]);
    expect(fold([{ type: "thread.item.removed", item_id: "q" }], state).items).toHaveLength(1);
  });

  test("added again, as a new attempt does it, starts over", () => {
    expect(textOf(fold([added(answer("a")), delta("a", "old"), added(answer("a")), delta("a", "new")]).items[0])).toBe("new");
  });

  test("what a dead attempt had not finished is dropped", () => {
    const state = fold([done(question("q")), done(answer("kept", "x")), added(answer("half")), delta("half", "y")]);
    expect(dropUnfinished(state).items.map((item) => item.id)).toEqual(["q", "kept"]);
  });

  test("what a dead attempt had shown stays until the new one has overtaken it", () => {
    let state = dropUnfinished(fold([done(question("q")), added(answer("old")), delta("old", "one two")]));
    expect(state.superseded.map(textOf)).toEqual(["one two"]);
    state = fold([added(answer("new")), delta("new", "one"), { type: "thread.item.removed", item_id: "old" }], state);
    expect(state.superseded.map(textOf)).toEqual(["one two"]);
    // A second attempt that dies before has shown less: the longer text stays.
    state = dropUnfinished(state);
    expect(state.superseded.map(textOf)).toEqual(["one two"]);
    state = fold([added(answer("newer")), delta("newer", "one two three")], state);
    expect(state.superseded).toEqual([]);
  });

  test("what a dead attempt had shown and the next one goes on with takes its place again, and grows", () => {
    const dead = dropUnfinished(fold([done(question("q")), added(answer("a")), delta("a", "one ")]));
    expect(dead.items.map((item) => item.id)).toEqual(["q"]);
    const state = fold([{ type: "thread.item.replaced", item: answer("a", "one ") }, delta("a", "two")], dead);
    expect(state.items.map(textOf)).toEqual([null, "one two"]);
    expect(state.superseded).toEqual([]);
    expect(dropUnfinished(state).superseded.map(textOf)).toEqual(["one two"]); // it is being written still
  });

  test("a shorter answer than the dead attempt's, and a stop, end it too", () => {
    const dead = dropUnfinished(fold([added(answer("old")), delta("old", "one two")]));
    expect(fold([added(answer("new")), done(answer("new", "one"))], dead).superseded).toEqual([]);
    expect(endTurn(dead).superseded).toEqual([]);
  });

  test("an edit takes the message away and all behind it", () => {
    const state = fold([done(question("q")), done(answer("a", "x")), done(question("r"))]);
    expect(truncateBefore(state, "r").items.map((item) => item.id)).toEqual(["q", "a"]);
    expect(truncateBefore(state, "nowhere")).toBe(state);
  });

  test("a widget's text streams into its component", () => {
    const widget: ThreadItem = { ...base, id: "w", type: "widget", widget: { type: "Card", children: [{ type: "Text", id: "t", value: "a" }] } };
    const update = { type: "widget.streaming_text.value_delta" as const, component_id: "t", delta: "b", done: true };
    const state = fold([added(widget), { type: "thread.item.updated", item_id: "w", update }]);
    expect(state.items[0]).toMatchObject({ widget: { children: [{ value: "ab", streaming: false }] } });
  });

  test("unknown events, items and updates change nothing they do not name", () => {
    const strange = { type: "thread.item.updated", item_id: "a", update: { type: "hologram.rotated" } } as unknown as ThreadEvent;
    const before = fold([done(answer("a", "x"))]);
    expect(fold([strange, { type: "thread.sparkled" } as unknown as ThreadEvent], before)).toBe(before);
  });
});

describe("workflows", () => {
  test("two equal tasks, announced with the same index, are two", () => {
    expect(tasksOf(fold([added(workflow([loading])), taskAdded(0, loading)]))).toHaveLength(2);
  });

  test("a task that the item already holds is not added again", () => {
    const other: Task = { ...loading, title: "other" };
    expect(tasksOf(fold([added(workflow([loading, other])), taskAdded(1, other)]))).toHaveLength(2);
    expect(tasksOf(fold([added(workflow([loading, other])), taskAdded(1, other), taskAdded(2, loading)]))).toHaveLength(3);
  });
});

describe("the thread", () => {
  test("progress passes when something is shown, and when the turn ends", () => {
    const state = fold([{ type: "progress_update", text: "Reading" }]);
    expect(state.progress?.text).toBe("Reading");
    expect(fold([done(question("q"))], state).progress?.text).toBe("Reading");
    expect(fold([added(answer("a"))], state).progress).toBeNull();
    expect(endTurn(state).progress).toBeNull();
  });

  test("metadata changes and the items stay", () => {
    const thread = { id: "t", title: "New", created_at: "x", status: { type: "locked" as const, reason: "why" }, items: { data: [], has_more: false } };
    const state = fold([done(question("q")), { type: "thread.updated", thread }]);
    expect(state).toMatchObject({ title: "New", status: { type: "locked", reason: "why" } });
    expect(state.items).toHaveLength(1);
  });

  test("a server may forbid Stop", () => {
    expect(fold([{ type: "stream_options", stream_options: { allow_cancel: false } }]).allowCancel).toBe(false);
  });

  test("errors and notices are kept apart and have keys", () => {
    const state = fold([
      { type: "notice", level: "info", message: "m", title: "t" },
      { type: "error", code: "stream.error", allow_retry: true },
      { type: "error", message: "own words" },
    ]);
    expect(state.notices).toEqual([
      { key: 1, level: "info", title: "t", message: "m", code: null, canRetry: false },
      { key: 2, level: "danger", title: null, message: "", code: "stream.error", canRetry: true, isOfTurn: true },
      { key: 3, level: "danger", title: null, message: "own words", code: null, canRetry: false, isOfTurn: true },
    ]);
  });

  test("older items go in front, each once", () => {
    const state = fold([done(question("c"))]);
    const more = prependOlder(state, [question("a"), question("b"), question("c")], "a", true);
    expect(more.items.map((item) => item.id)).toEqual(["a", "b", "c"]);
    expect(more).toMatchObject({ olderCursor: "a", hasOlder: true, olderCount: 2 });
  });
});
