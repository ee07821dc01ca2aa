/** A widget of the thread: its components, and what becomes of their actions. */

import { Component, type ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { WidgetItem } from "../../protocol/types";
import { type ActionConfig, type FieldValue, withFields } from "../../widgets/actions";
import { childrenOf, fallbackText, labelledFields, readNode } from "../../widgets/schema";
import type { Chat } from "../../chat/chat";
import { useView, type View } from "../context";
import { CopyButton } from "../copy-button";
import { HostProvider, type WidgetHost } from "./host";
import { Node } from "./node";

interface Props {
  item: WidgetItem;
  isStreaming: boolean;
  allowedImageDomains: readonly string[];
  /** What is shown if the widget cannot be drawn. */
  fallback: ComponentChildren;
}

export function WidgetView({ item, isStreaming, allowedImageDomains, fallback }: Props) {
  const view = useView();
  const { text } = view.locale;
  const [locks, setLocks] = useState(0);
  const root = useRef<HTMLDivElement>(null);
  const isLocked = locks > 0;
  const keepFocus = useKeptFocus(root, isLocked);
  // The item as it is when somebody clicks, and the view with the page's newest functions.
  const now = useRef({ item, view });
  now.current = { item, view };
  const labels = labelledFields(item.widget).join("\n");
  const host = useMemo<WidgetHost>(
    () => ({
      prefix: `w-${item.id}`,
      allowedImageDomains,
      labelled: new Set(labels.split("\n")),
      mayFocus: () => mayTakeFocus(now.current.view.chat),
      perform: async (action, fields, locksWidget) => {
        if (locksWidget) keepFocus();
        if (locksWidget) setLocks((count) => count + 1);
        await perform(now.current.view, now.current.item, action, fields);
        if (locksWidget) setLocks((count) => count - 1);
      },
    }),
    [item.id, allowedImageDomains, labels],
  );
  return (
    <article class="message w-message" part="message widget" data-item={item.id} aria-busy={isStreaming || isLocked || undefined}>
      <div class={`w-root ${isLocked ? "locked" : ""}`} ref={root} inert={isLocked}>
        <Guard key={item.id} fallback={fallback} widget={item.widget}>
          <HostProvider value={host}>
            {isAnything(item.widget) ? <Node value={item.widget} depth={0} /> : fallback}
          </HostProvider>
        </Guard>
      </div>
      {item.copy_text && !isStreaming && (
        <div class="actions" part="actions">
          <CopyButton label={text("copyMessage")} text={() => item.copy_text ?? ""} />
        </div>
      )}
    </article>
  );
}

/** Whether there is something to draw: a component that is known, or at least something in it. */
const isAnything = (widget: unknown) => readNode(widget) !== null || childrenOf(widget).length > 0 || fallbackText(widget) !== null;

/** Performs an action with the values of its form. */
async function perform({ chat }: View, item: WidgetItem, action: ActionConfig, fields: ReadonlyMap<string, FieldValue>): Promise<void> {
  const { payload, collisions } = withFields(action.payload, fields);
  for (const name of collisions)
    chat.reportError(new Error(`The payload of the widget's action "${action.type}" has no room for the field "${name}".`));
  await chat.performAction({ type: action.type, payload, handler: action.handler, streaming: action.streaming }, item);
}

/** While its turn is under way a widget may take the focus from a composer in which nothing is written. */
function mayTakeFocus(chat: Chat): boolean {
  const { conversation, composer } = chat.store.state;
  return conversation.turn !== null && composer.text === "";
}

/**
 * A locked widget is inert, which takes the focus from what was clicked: it gets it back, unless that went elsewhere.
 * Returns what is to be called before the widget is locked.
 */
function useKeptFocus(root: { current: HTMLElement | null }, isLocked: boolean): () => void {
  const focused = useRef<HTMLElement | null>(null);
  const active = () => (root.current?.getRootNode() as ShadowRoot | undefined)?.activeElement ?? null;
  useLayoutEffect(() => {
    if (isLocked) return;
    if (focused.current?.isConnected && active() === null) focused.current.focus();
    focused.current = null;
  }, [isLocked]);
  return () => {
    const now = active();
    if (now && root.current?.contains(now)) focused.current = now as HTMLElement;
  };
}

/** A widget that cannot be drawn does not take the thread with it. Another version of it is tried again. */
class Guard extends Component<{ children: ComponentChildren; fallback: ComponentChildren; widget: unknown }, { broken: unknown }> {
  override state = { broken: undefined as unknown };

  override componentDidCatch(error: unknown): void {
    console.error("<openai-chatkit> could not draw a widget.", error);
    this.setState({ broken: this.props.widget });
  }

  override render() {
    return this.state.broken === this.props.widget ? this.props.fallback : this.props.children;
  }
}
