import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ChatKitClient } from "../src/protocol/client";
import type { ClientToolCallItem, ThreadItem, UserMessageItem, WidgetItem } from "../src/protocol/types";
import { Conversation, type ConversationHost } from "../src/chat/conversation";
import { TabStorage } from "../src/chat/storage";

const THREAD = "thr_1";
const base = { thread_id: THREAD, created_at: "2026-01-01T00:00:00" };
const said = (id: string, text: string): UserMessageItem => ({ ...base, id, type: "user_message", content: [{ type: "input_text", text }] });
const call: ClientToolCallItem = { ...base, id: "tc_1", type: "client_tool_call", status: "pending", call_id: "c", name: "get_time", arguments: {} };
const json = (body: unknown) => new Response(JSON.stringify(body));
const never = () => new Promise<Response>(() => {});

/** What the server answers, by operation; `stream` is the conversation's event stream. */
type Answers = Record<string, (body: { params: Record<string, unknown> }, signal?: AbortSignal) => Promise<Response> | Response>;

let emitted: string[];
let asked: string[];
const runTool = vi.fn();
const onAction = vi.fn();
const opened: Conversation[] = [];

function conversationWith(answers: Answers): Conversation {
  const client = new ChatKitClient({
    url: "/chatkit",
    fetch: async (_url, init) => {
      const body = init?.body ? JSON.parse(String(init.body)) : { type: "stream" };
      asked.push(body.type);
      return (await answers[body.type]?.(body, init?.signal ?? undefined)) ?? never();
    },
  });
  const host: ConversationHost = {
    client,
    settings: { resumeUrl: "/stream/{thread_id}", stopUrl: null, searchUrl: null, conversationUrl: null, onBusy: "enqueue", assistant: null, apiUrl: null, ownsPage: false, pageKeys: [], fillsPrompts: false, attachmentUrl: null, modelFiles: {}, readsAloud: false, isReadOnly: false },
    storage: new TabStorage("/chatkit"),
    canRunClientTools: true,
    isOnline: () => true,
    emit: (name) => emitted.push(name),
    reportError: (error) => emitted.push(`error: ${error.message}`),
    onChange: () => {},
    onThreadCreated: () => {},
    runClientTool: runTool,
    onWidgetAction: () => onAction,
  };
  const conversation = new Conversation(host, THREAD);
  opened.push(conversation);
  return conversation;
}

const thread = (items: ThreadItem[]) => json({ id: THREAD, created_at: base.created_at, items: { data: items, has_more: false } });
const page = (...data: ThreadItem[]) => json({ data, has_more: false });
const message = (text: string) => ({ input: { content: [{ type: "input_text" as const, text }], attachments: [], inference_options: {} }, attachments: [] });

beforeEach(() => {
  emitted = [];
  asked = [];
  sessionStorage.clear();
  runTool.mockReset().mockResolvedValue({ time: "noon" });
  onAction.mockReset();
});
afterEach(() => {
  for (const conversation of opened.splice(0)) conversation.close();
});

describe("a frame that cannot be handled", () => {
  const BROKEN = 'id: 12\ndata: {"type":"thread.item.done"}\n\n';
  const added = (id: number, item: ThreadItem) => `id: ${id}\ndata: ${JSON.stringify({ type: "thread.item.done", item })}\n\n`;

  test("of the conversation's stream is reported and passed over, and the thread is loaded anew", async () => {
    let loads = 0;
    let streams = 0;
    const conversation = conversationWith({
      "threads.get_by_id": () => {
        loads += 1;
        return new Response(thread([said("m_1", "one")]).body, { headers: { "Natter-Resume-From": "11" } });
      },
      stream: () => {
        streams += 1;
        // Whoever asks for what follows 11 gets the frame again.
        return new Response(new ReadableStream({
          start: (body) => body.enqueue(new TextEncoder().encode(`${BROKEN}${streams > 1 ? added(13, said("m_2", "two")) : ""}`)),
        }));
      },
    });
    await conversation.load();
    await vi.waitFor(() => expect(conversation.state.thread.items.map((item) => item.id)).toEqual(["m_1", "m_2"]));
    expect(emitted.filter((name) => name.startsWith("error: "))).toHaveLength(1);
    expect(loads).toBe(2);
    expect(conversation["stream"].isOpen).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([loads, streams]).toEqual([2, 2]);
  });

  test("of an answer is reported and passed over, and the thread is loaded anew when the answer is over", async () => {
    const conversation = conversationWith({
      "threads.add_user_message": () => new Response(`${BROKEN}${added(13, said("m_3", "two"))}`),
      "threads.get_by_id": () => thread([said("m_1", "one"), said("m_2", "missing"), said("m_3", "two")]),
    });
    Object.assign(conversation.host, { settings: { ...conversation.host.settings, resumeUrl: null } });
    await conversation.unsent.add(message("two"));
    await vi.waitFor(() => expect(conversation.state.thread.items.map((item) => item.id)).toEqual(["m_1", "m_2", "m_3"]));
    expect(conversation.state.turn).toBeNull();
    expect(conversation.state.thread.notices).toEqual([]);
    expect(emitted.filter((name) => name.startsWith("error: "))).toHaveLength(1);
    expect(asked.filter((type) => type === "threads.get_by_id")).toHaveLength(1);
  });
});

describe("turns", () => {
  test("a late word of an earlier run's end does not end the next turn", () => {
    const conversation = conversationWith({});
    const turns = conversation["currentTurn"];
    expect(conversation.state.turn).toBeNull();
    turns.nameOwn("run_1", turns.begin("own", null));
    turns.onRunEnded("run_1"); // the answer to our request is over
    turns.begin("own", null); // the next one has no name yet
    turns.onRun({ type: "run.completed", run_id: "run_1" }); // and now the conversation's stream says it, too
    expect(conversation.state.turn).toMatchObject({ runId: null });
    turns.onRun({ type: "run.started", run_id: "run_2" });
    turns.onRun({ type: "run.completed", run_id: "run_2" });
    expect(conversation.state.turn).toBeNull();
    expect(emitted.filter((name) => name === "chatkit.response.end")).toHaveLength(2);
  });

  test.each([
    ["model_answer_cut_off", true, "while the answer is read"],
    ["model_answer_cut_off", true, "after the answer was read"],
    ["model_timeout", undefined, "while the answer is read"],
  ])("a run that failed with %s can be continued: %s, told %s", (code, canContinue, when) => {
    const conversation = conversationWith({});
    const turns = conversation["currentTurn"];
    turns.nameOwn("run_1", turns.begin("own", null));
    conversation.notify({ level: "danger", message: "Cut off.", code: null, canRetry: false });
    turns.onError();
    if (when.startsWith("after")) turns.end();
    turns.onRun({ type: "run.failed", run_id: "run_1", code });
    expect(conversation.state.thread.notices).toMatchObject([{ message: "Cut off." }]);
    expect(conversation.state.thread.notices[0]?.canContinue).toBe(canContinue);
    turns.begin("own", null);
    turns.onRun({ type: "run.failed", run_id: "run_1", code });
    expect(conversation.state.thread.notices.some((notice) => notice.canContinue)).toBe(false);
  });

  test("a run that is known to be over does not begin again, and ends the turn that gets its name", () => {
    const conversation = conversationWith({});
    conversation["currentTurn"].onRunEnded("run_1");
    conversation["currentTurn"].onRun({ type: "run.started", run_id: "run_1" });
    expect(conversation.state.turn).toBeNull();
    conversation["currentTurn"].nameOwn("run_1", conversation["currentTurn"].begin("own", null));
    expect(conversation.state.turn).toBeNull();
  });
});

test("a conversation that was left says nothing any more", () => {
  const conversation = conversationWith({});
  conversation.close();
  conversation["currentTurn"].begin("own", null);
  conversation["currentTurn"].end();
  expect(emitted).toEqual([]);
});

test("an id alone in an answer leaves its number to the conversation's stream", () => {
  const conversation = conversationWith({});
  conversation["stream"]["gate"].restart("10");
  conversation["stream"].onAnswerFrame({ event: "message", data: "", id: "11" });
  expect(conversation["stream"]["gate"].passesFromConversation("11")).toBe(true);
  conversation["stream"].onAnswerFrame({ event: "message", data: '{"type":"stream_options","stream_options":{"allow_cancel":true}}', id: "12" });
  expect(conversation["stream"]["gate"].passesFromConversation("12")).toBe(false);
});

describe("a message on its way", () => {
  test("does not stand there twice when a load shows it first", async () => {
    const conversation = conversationWith({
      "threads.add_user_message": never,
      "threads.get_by_id": () => thread([said("m_1", "hello"), said("m_2", "again")]),
    });
    void conversation.unsent.add(message("again"));
    await vi.waitFor(() => expect(conversation.state.unsent).toMatchObject([{ status: "sending" }]));
    await conversation.reload();
    expect(conversation.state.unsent).toEqual([]);
    expect(conversation.state.thread.items.map((item) => item.id)).toEqual(["m_1", "m_2"]);
  });

  test("an equal message from before does not count as it", async () => {
    const conversation = conversationWith({
      "threads.add_user_message": never,
      "threads.get_by_id": () => thread([said("m_1", "again")]),
    });
    await conversation.reload();
    void conversation.unsent.add(message("again"));
    await conversation.reload();
    expect(conversation.state.unsent).toMatchObject([{ status: "sending" }]);
  });

  test("is not given up because the conversation's stream opens meanwhile", async () => {
    let signal: AbortSignal | undefined;
    const conversation = conversationWith({
      "threads.add_user_message": (_body, given) => {
        signal = given;
        return never();
      },
      stream: () => new Response(new ReadableStream()),
    });
    void conversation.unsent.add(message("hello"));
    await vi.waitFor(() => expect(signal).toBeDefined());
    conversation.openStream();
    await vi.waitFor(() => expect(conversation["stream"].isOpen).toBe(true));
    expect(signal?.aborted).toBe(false);
    conversation["answers"].abort();
    expect(signal?.aborted).toBe(true);
  });

  test("is tried again with its key while the server is away, as one turn", async () => {
    const keys = new Set<unknown>();
    let tries = 0;
    const conversation = conversationWith({
      "threads.add_user_message": () => (++tries < 3 ? new Response(null, { status: 503, headers: { "Retry-After": "0.01" } }) : new Response("")),
    });
    vi.spyOn(conversation.host.client, "stream").mockImplementation(async (request, headers, signal) => {
      keys.add(headers["Idempotency-Key"]);
      return ChatKitClient.prototype.stream.call(conversation.host.client, request, headers, signal);
    });
    await conversation.unsent.add(message("hello"));
    expect(tries).toBe(3);
    expect(keys.size).toBe(1);
    expect(emitted.filter((name) => name === "chatkit.response.start")).toHaveLength(1);
  });
});

test("the end of an answer that was stopped does not end the next one", async () => {
  const conversation = conversationWith({
    "threads.add_user_message": (_body, signal) =>
      new Response(
        new ReadableStream({
          start: (body) => signal?.addEventListener("abort", () => body.error(Object.assign(new Error("stopped"), { name: "AbortError" }))),
        }),
      ),
  });
  Object.assign(conversation.host, { settings: { ...conversation.host.settings, resumeUrl: null } });
  await conversation.unsent.add(message("one"));
  void conversation.unsent.add(message("two"));
  void conversation.stop();
  await vi.waitFor(() => expect(asked).toHaveLength(2));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(conversation.state.turn).not.toBeNull();
  expect(emitted.filter((name) => name.startsWith("chatkit.response"))).toEqual([
    "chatkit.response.start",
    "chatkit.response.end",
    "chatkit.response.start",
  ]);
});

describe("nothing is lost", () => {
  test("a retry that the server refuses leaves the answer where it was", async () => {
    const conversation = conversationWith({
      "threads.get_by_id": () => thread([said("m_1", "one"), said("m_2", "two")]),
      "threads.retry_after_item": () => new Response(null, { status: 409 }),
    });
    await conversation.reload();
    await conversation.requests.retryAfter("m_1");
    expect(conversation.state.thread.items).toHaveLength(2);
    expect(conversation.state.thread.notices).toHaveLength(1);
    expect(conversation.state.turn).toBeNull();
  });

  test("a message from before a refresh is offered unless it is the last one in the thread", async () => {
    const left = (key: string, text: string) => ({ ...message(text), key, status: "sending" as const, error: null, createdAtMs: 0 });
    const conversation = conversationWith({ "threads.get_by_id": () => thread([said("m_1", "yes"), said("m_2", "no")]) });
    conversation.host.storage.writeUnsent(THREAD, [left("k_1", "yes"), left("k_2", "no")]);
    await conversation.load();
    expect(conversation.state.unsent).toMatchObject([{ key: "k_1", status: "restored" }]);
  });

  test("a client secret that cannot be had is a failed message, which can be sent again", async () => {
    const conversation = conversationWith({ "threads.add_user_message": () => new Response("") });
    let isSignedIn = false;
    const getClientSecret = async () => {
      if (!isSignedIn) throw new Error("signed out");
      return "secret";
    };
    const client = new ChatKitClient({ url: "/chatkit", fetch: async () => new Response(""), getClientSecret });
    Object.assign(conversation.host, { client, settings: { ...conversation.host.settings, resumeUrl: null } });
    await conversation.unsent.add(message("hello"));
    expect(conversation.state.unsent).toMatchObject([{ status: "failed", error: { code: "client_secret" } }]);
    isSignedIn = true;
    await conversation.unsent.resend(conversation.state.unsent[0]?.key as string);
    expect(conversation.state.unsent).toMatchObject([{ status: "accepted" }]);
  });
});

describe("a thread that was deleted elsewhere", () => {
  const missing = () => new Response(null, { status: 404 });

  test("is known as gone when a message for it is refused, and the message is kept", async () => {
    const conversation = conversationWith({ "threads.add_user_message": missing, "threads.get_by_id": missing });
    await conversation.unsent.add(message("hello"));
    await vi.waitFor(() => expect(conversation.state.isGone).toBe(true));
    expect(conversation.unsent.undelivered).toMatchObject([{ status: "failed", input: message("hello").input }]);
    await conversation.unsent.resend(conversation.state.unsent[0]?.key as string);
    expect(asked.filter((type) => type === "threads.add_user_message")).toHaveLength(1);
  });

  test("is not gone because something in it is missing", async () => {
    const conversation = conversationWith({
      "threads.retry_after_item": missing,
      "threads.get_by_id": () => thread([said("m_1", "one")]),
    });
    await conversation.requests.retryAfter("m_1");
    await vi.waitFor(() => expect(asked).toContain("threads.get_by_id"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(conversation.state.isGone).toBe(false);
  });

  test("is known as gone when its stream ends", async () => {
    const conversation = conversationWith({ stream: missing, "threads.get_by_id": missing });
    conversation.openStream();
    await vi.waitFor(() => expect(conversation.state.isGone).toBe(true));
  });
});

test("a message that was refused for want of a session is not sent again by itself", async () => {
  const conversation = conversationWith({ "threads.add_user_message": () => new Response(null, { status: 401 }) });
  await conversation.unsent.add(message("hello"));
  expect(asked).toEqual(["threads.add_user_message"]);
  expect(conversation.host.storage.readUnsent(THREAD)).toMatchObject([{ status: "failed" }]);
});

test("new conversations keep what is unsent apart", () => {
  const storage = new TabStorage("/chatkit");
  const left = (key: string) => ({ ...message(key), key, status: "sending" as const, error: null, createdAtMs: 0 });
  storage.writeUnsentOfNew([left("a_1")], (key) => key.startsWith("a"));
  storage.writeUnsentOfNew([left("b_1")], (key) => key.startsWith("b"));
  expect(storage.readUnsent(null).map(({ key }) => key)).toEqual(["a_1", "b_1"]);
  storage.writeUnsentOfNew([], (key) => key.startsWith("a"));
  expect(storage.readUnsent(null).map(({ key }) => key)).toEqual(["b_1"]);
});

describe("a client tool that a loaded thread waits for", () => {
  const outputs: unknown[] = [];
  const server = (isPending: () => boolean, accept = () => new Response("")): Answers => ({
    "threads.get_by_id": () => thread([said("m_1", "what time is it"), call]),
    "items.list": () => page(isPending() ? call : { ...call, status: "completed" }),
    "threads.add_client_tool_output": ({ params }) => {
      outputs.push(params["result"]);
      return accept();
    },
  });
  beforeEach(() => outputs.splice(0));

  test("is run, and its output sent", async () => {
    const conversation = conversationWith(server(() => true));
    await conversation.load();
    await vi.waitFor(() => expect(outputs).toEqual([{ time: "noon" }]));
    expect(runTool).toHaveBeenCalledExactlyOnceWith(call);
    expect(conversation.state.thread.items.at(-1)).toMatchObject({ status: "completed", output: { time: "noon" } });
  });

  test("is run at the end of the run that was going on when the thread was loaded", async () => {
    const answers = server(() => true);
    const loaded = answers["threads.get_by_id"] as () => Response;
    const running = { "Natter-Active-Run": "run_9", "Natter-Resume-From": "5" };
    const conversation = conversationWith({ ...answers, "threads.get_by_id": () => new Response(loaded().body, { headers: running }) });
    await conversation.load();
    expect(conversation.state.turn).toMatchObject({ runId: "run_9" });
    expect(runTool).not.toHaveBeenCalled();
    conversation["currentTurn"].onRunEnded("run_9");
    await vi.waitFor(() => expect(outputs).toEqual([{ time: "noon" }]));
    expect(runTool).toHaveBeenCalledTimes(1);
  });

  test("is left alone when it was answered meanwhile, and in a page without client tools", async () => {
    const answered = conversationWith(server(() => false));
    await answered.load();
    const deaf = conversationWith(server(() => true));
    Object.assign(deaf.host, { canRunClientTools: false });
    await deaf.load();
    await vi.waitFor(() => expect(asked).toContain("items.list"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(runTool).not.toHaveBeenCalled();
    expect(outputs).toEqual([]);
  });

  test("is not run again for an output that could not be delivered", async () => {
    const refused = conversationWith(server(() => true, () => new Response(null, { status: 409 })));
    await refused.load();
    await vi.waitFor(() => expect(refused.state.thread.notices).toHaveLength(1));
    const reloaded = conversationWith(server(() => true));
    await reloaded.load();
    await vi.waitFor(() => expect(outputs).toEqual([{ time: "noon" }, { time: "noon" }]));
    expect(runTool).toHaveBeenCalledTimes(1);
    await vi.waitFor(() => expect(reloaded.host.storage.readToolOutput(call.id)).toBeNull());
  });
});

describe("an action of a widget", () => {
  const widget: WidgetItem = { ...base, id: "w_1", type: "widget", widget: { type: "Card", children: [] } };
  const opening: Answers = { "threads.get_by_id": () => thread([widget]) };

  test("that is not streamed shows the item it was answered with", async () => {
    const updated = { ...widget, widget: { type: "Card", children: [{ type: "Text", value: "done" }] } };
    const sent: unknown[] = [];
    const conversation = conversationWith({
      ...opening,
      "threads.sync_custom_action": ({ params }) => (sent.push(params), json({ updated_item: updated })),
    });
    await conversation.load();
    await conversation.performAction({ type: "choose", payload: { colour: "blue" }, streaming: false }, widget);
    expect(conversation.state.thread.items).toEqual([updated]);
    expect(sent).toEqual([{ thread_id: THREAD, item_id: "w_1", action: { type: "choose", payload: { colour: "blue" } } }]);
  });

  test("that is streamed is done when its answer is", async () => {
    const conversation = conversationWith({ ...opening, "threads.custom_action": (_, signal) => new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(new DOMException("", "AbortError")))) });
    await conversation.load();
    const done = conversation.performAction({ type: "choose" }, widget);
    await vi.waitFor(() => expect(conversation.state.turn).not.toBeNull());
    expect(await Promise.race([done.then(() => "done"), Promise.resolve("waits")])).toBe("waits");
    await conversation.stop();
    await done;
  });

  test("that the page wants goes to the page alone", async () => {
    const conversation = conversationWith(opening);
    await conversation.load();
    await conversation.performAction({ type: "open", handler: "client" }, widget);
    expect(onAction).toHaveBeenCalledWith({ type: "open" }, widget);
    expect(asked.filter((type) => type.includes("action"))).toEqual([]);
  });

  test("that is refused says so, and is over", async () => {
    const refusal = () => new Response(JSON.stringify({ code: "item_gone", detail: "gone" }), { status: 404 });
    const conversation = conversationWith({ ...opening, "threads.custom_action": refusal, "threads.sync_custom_action": refusal });
    await conversation.load();
    await conversation.performAction({ type: "choose" }, widget);
    await conversation.performAction({ type: "choose", streaming: false }, widget);
    expect(conversation.state.thread.notices.map(({ code }) => code)).toEqual(["item_gone", "item_gone"]);
  });
});
