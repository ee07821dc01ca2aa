/** The whole element: header, history, messages or start screen, composer. */

import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { AppState, ConversationState } from "../state/app-state";
import { pendingQuestion } from "../state/pending";
import { parseDeeplink } from "../markdown/links";
import { failureText } from "../text/failure-text";
import { useFileDrop } from "./attach-button";
import { Composer, type ComposerHandle } from "./composer";
import { useView } from "./context";
import { Header } from "./header";
import { HistoryPanel } from "./history-panel";
import { Icon } from "./icon";
import { Markdown } from "./markdown";
import { memo } from "./memo";
import { Notices } from "./notices";
import { rulesOf } from "./send";
import { ShortcutList, usePageKeys } from "./shortcuts";
import { StartScreen } from "./start-screen";
import { StructuredForm } from "./structured-form";
import { ThreadView } from "./thread-view";

export function App({ state, composer }: { state: AppState; composer: { current: ComposerHandle | null } }) {
  const view = useView();
  const { chat, options, locale, emit, isReadOnly } = view;
  const { conversation, history } = state;
  const historyButton = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  useLayoutEffect(() => {
    // Closing the panel gives the focus back to what opened it.
    if (wasOpen.current && !history.isOpen) historyButton.current?.focus();
    wasOpen.current = history.isOpen;
  }, [history.isOpen]);
  const [isListOpen, setListOpen] = useState(false);
  const openList = useCallback(() => setListOpen(true), []);
  usePageKeys(conversation.turn !== null && conversation.thread.allowCancel, openList);
  const onClick = (event: MouseEvent) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const deeplink = link ? parseDeeplink(link.href) : null;
    if (!deeplink) return;
    event.preventDefault();
    emit("chatkit.deeplink", deeplink);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    if (history.isOpen) chat.history.close();
    else if (state.composer.editedId !== null) chat.cancelEdit();
    else if (state.composer.quote !== null) chat.setComposer({ quote: null });
    else return;
    event.preventDefault(); // the Escape that closes the panel must not stop an answer
  };
  const isWriting = !isReadOnly && !conversation.isGone && conversation.thread.status.type === "active" && pendingQuestion(conversation.thread.items) === null;
  const drop = useFileDrop(isWriting ? rulesOf(view, state.composer.modelId) : null);
  return (
    <section
      {...drop.events}
      class={`chat ${conversation.turn ? "turn-active" : ""}`}
      part="chat"
      lang={locale.tag}
      dir={locale.direction}
      aria-label={options.title}
      onClick={onClick}
      onKeyDown={onKeyDown}
    >
      <Header
        title={conversation.thread.title}
        isHistoryOpen={history.isOpen}
        isStartScreen={isStartScreen(conversation)}
        historyButton={historyButton}
        onShortcuts={openList}
      />
      <div class="body">
        <div class="main" inert={history.isOpen}>
          <Main state={state} />
          {isReadOnly ? <Disclaimer /> : <Footer state={state} composer={composer} />}
        </div>
        {history.isOpen && <HistoryPanel history={history} threadId={conversation.thread.id} />}
      </div>
      {drop.isOver && <p class="drop-here" role="status"><Icon name="lucide:paperclip" /> {locale.text("dropFiles")}</p>}
      {isListOpen && <ShortcutList onClose={() => setListOpen(false)} />}
    </section>
  );
}

function isStartScreen({ thread, unsent, turn }: ConversationState): boolean {
  return thread.id === null && thread.items.length === 0 && unsent.length === 0 && turn === null;
}

function Main({ state }: { state: AppState }) {
  const { chat, locale } = useView();
  const { conversation } = state;
  if (conversation.isGone) return <Gone />;
  if (conversation.isLoading) return <p class="note center fill" role="status">{locale.text("loading")}</p>;
  if (conversation.loadError !== null)
    return (
      <div class="note center fill" role="alert">
        <p>{locale.text("loadFailed")}</p>
        <p class="error-code">{failureText(locale, conversation.loadError)}</p>
        <button type="button" class="primary" onClick={() => chat.retryLoad().catch(() => {})}>
          {locale.text("tryAgain")}
        </button>
      </div>
    );
  if (isStartScreen(conversation)) return state.isStarting ? <div class="fill" /> : <StartScreen />;
  return <ThreadView key={conversation.key} conversation={conversation} isOnline={state.isOnline} />;
}

/** Shown in place of the composer when the thread was deleted: all that can be done is to begin another one. */
function Gone() {
  const { chat, locale, focusComposer } = useView();
  // The composer is there once the new thread is drawn.
  const startAnew = () => void chat.startAnew().then(() => requestAnimationFrame(focusComposer));
  return (
    <div class="note center fill" role="alert">
      <p>{locale.text("threadGone")}</p>
      <button type="button" class="primary" onClick={startAnew}>
        {locale.text("newChat")}
      </button>
    </div>
  );
}

function Footer({ state, composer }: { state: AppState; composer: { current: ComposerHandle | null } }) {
  const { locale } = useView();
  const { conversation } = state;
  const { thread, turn } = conversation;
  const question = pendingQuestion(thread.items);
  return (
    <footer class="footer" part="footer">
      {!state.isOnline && <p class="banner" role="status">{locale.text("offline")}</p>}
      {state.isOnline && conversation.isReconnecting && <p class="banner" role="status">{locale.text("reconnecting")}</p>}
      <Notices notices={thread.notices} isTurnActive={turn !== null} />
      {question ? (
        <StructuredForm key={question.id} item={question} isTurnActive={turn !== null} />
      ) : conversation.isGone ? null : (
        <Composer composer={state.composer} turn={turn} allowCancel={thread.allowCancel} status={thread.status} handle={composer} />
      )}
      <Disclaimer />
    </footer>
  );
}

const Disclaimer = memo(() => {
  const { options } = useView();
  if (!options.disclaimer) return null;
  return (
    <div class={`disclaimer ${options.disclaimer.isHighContrast ? "high-contrast" : ""}`} part="disclaimer">
      <Markdown text={options.disclaimer.text} />
    </div>
  );
});
