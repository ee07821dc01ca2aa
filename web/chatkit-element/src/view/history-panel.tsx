import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { HistoryState, ThreadSummary } from "../state/app-state";
import { failureText } from "../text/failure-text";
import { IconButton } from "./button";
import { useView } from "./context";
import { memo } from "./memo";

const SEARCH_DELAY_MS = 250;

export const HistoryPanel = memo(({ history, threadId }: { history: HistoryState; threadId: string | null }) => {
  const { chat, locale, canSearch } = useView();
  const { text } = locale;
  const panel = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const target = panel.current?.querySelector<HTMLElement>("input, button");
    target?.focus();
  }, []);
  useLayoutEffect(() => {
    // If the row that had the focus is gone, the panel takes it: else Escape and Tab would go to the page.
    const root = panel.current?.getRootNode() as ShadowRoot | undefined;
    if (!root?.activeElement && document.activeElement === document.body) panel.current?.querySelector("button")?.focus();
  }, [history.threads]);
  const isEmpty = !history.isLoading && !history.error && history.threads.length === 0;
  return (
    <section class="history" part="history" role="dialog" aria-label={text("history")} ref={panel}>
      <div class="history-header">
        <h2>{text("history")}</h2>
        <IconButton icon="close" label={text("closeHistory")} onClick={() => chat.history.close()} />
      </div>
      {canSearch && <Search />}
      <ul class="history-list" aria-busy={history.isLoading}>
        {history.threads.map((thread) => (
          <Row key={thread.id} thread={thread} isCurrent={thread.id === threadId} />
        ))}
      </ul>
      {isEmpty && <p class="note center">{text(history.query ? "noMatches" : "noConversations")}</p>}
      {history.isLoading && <p class="note center" role="status">{text("loading")}</p>}
      {history.error && (
        <p class="note center" role="alert">
          {failureText(locale, history.error)}{" "}
          <button type="button" class="text-button" onClick={() => void chat.history.load()}>
            {text("tryAgain")}
          </button>
        </p>
      )}
      {history.hasMore && !history.isLoading && (
        <button type="button" class="text-button center" onClick={() => void chat.history.loadMore()}>
          {text("loadMore")}
        </button>
      )}
    </section>
  );
});

function Search() {
  const { chat, locale } = useView();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const search = (query: string) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => void chat.history.search(query), SEARCH_DELAY_MS);
  };
  const label = locale.text("searchConversations");
  return <input type="search" class="search" aria-label={label} placeholder={label} dir="auto" onInput={(event) => search(event.currentTarget.value)} />;
}

type Mode = "view" | "rename" | "delete";

const Row = memo(({ thread, isCurrent }: { thread: ThreadSummary; isCurrent: boolean }) => {
  const { chat, options, locale } = useView();
  const { text } = locale;
  const [mode, setMode] = useState<Mode>("view");
  const button = useRef<HTMLButtonElement>(null);
  const before = useRef<Mode>("view");
  useLayoutEffect(() => {
    if (before.current !== mode && mode === "view") button.current?.focus();
    before.current = mode;
  }, [mode]);
  const title = thread.title || text("untitled");
  if (mode === "rename") return <Rename id={thread.id} title={thread.title ?? ""} onDone={() => setMode("view")} />;
  if (mode === "delete") return <ConfirmDelete id={thread.id} onDone={() => setMode("view")} />;
  const open = () => {
    chat.history.close();
    chat.selectThread(thread.id).catch(() => {}); // shown in the thread, and reported
  };
  return (
    <li class={isCurrent ? "current" : ""}>
      <button type="button" class="thread-button" ref={button} aria-current={isCurrent ? "true" : undefined} onClick={open}>
        <span class="thread-title" dir="auto">{title}</span>
        {thread.metadata?.is_waiting === true ? (
          <span class="waits">{text("waitsForYou")}</span>
        ) : (
          <time dateTime={thread.created_at}>{locale.dateTime(thread.created_at)}</time>
        )}
      </button>
      {options.history.canRename && (
        <IconButton icon="write" label={text("renameConversation", { title })} onClick={() => setMode("rename")} />
      )}
      {options.history.canDelete && (
        <IconButton icon="lucide:trash-2" label={text("deleteConversation", { title })} onClick={() => setMode("delete")} />
      )}
    </li>
  );
});

function Rename({ id, title, onDone }: { id: string; title: string; onDone: () => void }) {
  const { chat, locale } = useView();
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.select(), []);
  const save = (event: Event) => {
    event.preventDefault();
    const wanted = field.current?.value.trim();
    if (wanted && wanted !== title) void chat.renameThread(id, wanted);
    onDone();
  };
  return (
    <li>
      <form class="row-form" onSubmit={save} onKeyDown={(event) => escape(event, onDone)}>
        <input ref={field} value={title} maxLength={200} aria-label={locale.text("rename")} dir="auto" />
        <button type="submit" class="text-button">{locale.text("save")}</button>
        <button type="button" class="text-button" onClick={onDone}>{locale.text("cancel")}</button>
      </form>
    </li>
  );
}

function ConfirmDelete({ id, onDone }: { id: string; onDone: () => void }) {
  const { chat, locale } = useView();
  const cancel = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => cancel.current?.focus(), []);
  const remove = () => {
    void chat.deleteThread(id);
    onDone();
  };
  return (
    <li>
      <div class="row-form" role="alertdialog" aria-label={locale.text("confirmDelete")} onKeyDown={(event) => escape(event, onDone)}>
        <span>{locale.text("confirmDelete")}</span>
        <button type="button" class="text-button danger" onClick={remove}>{locale.text("delete")}</button>
        <button type="button" class="text-button" ref={cancel} onClick={onDone}>{locale.text("cancel")}</button>
      </div>
    </li>
  );
}

/** Escape leaves the row and not, at the same time, the panel around it. */
function escape(event: KeyboardEvent, leave: () => void): void {
  if (event.key !== "Escape") return;
  event.stopPropagation();
  leave();
}
