/** What can be mentioned, below an `@` in the composer: found by the page, chosen with the arrow keys or the pointer. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Entity } from "../protocol/types";
import { mentionQuery } from "../state/mentions";
import { useView } from "./context";
import { Icon } from "./icon";

const SEARCH_DELAY_MS = 120;
const SHOWN_MAX = 20;
const NOBODY: readonly Entity[] = [];

export interface Mentions {
  found: readonly Entity[];
  active: number;
  /** The text or the caret changed. */
  onEdit: (field: HTMLTextAreaElement) => void;
  /** Returns whether the key was for the list. */
  onKeyDown: (event: KeyboardEvent) => boolean;
  choose: (entity: Entity) => void;
  close: () => void;
}

/** `insert` puts an entity in the place of the `@` at `start` and what was typed up to `end`. */
export function useMentions(insert: (entity: Entity, start: number, end: number) => void): Mentions {
  const { chat, options } = useView();
  const [found, setFound] = useState(NOBODY);
  const [active, setActive] = useState(0);
  /** The search that is under way or shown; what an older one brings is not wanted any more. */
  const place = useRef<{ start: number; end: number } | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const close = () => {
    clearTimeout(timer.current);
    place.current = null;
    setFound(NOBODY);
  };
  const search = async (query: string, asked: { start: number; end: number }) => {
    try {
      const entities = (await options.searchEntities?.(query)) ?? [];
      if (place.current !== asked) return;
      setFound(entities.slice(0, SHOWN_MAX));
      setActive(0);
    } catch (error) {
      chat.reportError(error as Error);
    }
  };
  const onEdit = (field: HTMLTextAreaElement) => {
    const end = field.selectionStart;
    const at = options.searchEntities && end === field.selectionEnd ? mentionQuery(field.value, end) : null;
    if (!at) return close();
    const asked = { start: at.start, end };
    place.current = asked;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => void search(at.query, asked), SEARCH_DELAY_MS);
  };
  const choose = (entity: Entity) => {
    if (place.current) insert(entity, place.current.start, place.current.end);
    close();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const chosen = found[active];
    // A search that is still under way is given up as well: its list would come after the Escape.
    if (event.key === "Escape" && !chosen) close();
    if (!chosen || event.isComposing) return false;
    if (event.key === "ArrowDown") setActive((active + 1) % found.length);
    else if (event.key === "ArrowUp") setActive((active + found.length - 1) % found.length);
    else if (event.key === "Enter" || event.key === "Tab") choose(chosen);
    else if (event.key === "Escape") close();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  return { found, active, onEdit, onKeyDown, choose, close };
}

export const MENTION_LIST_ID = "mentions";
export const mentionId = (index: number) => `${MENTION_LIST_ID}-${index}`;

export function MentionList({ mentions: { found, active, choose } }: { mentions: Mentions }) {
  const { text } = useView().locale;
  if (found.length === 0) return null;
  return (
    <ul class="menu-list mentions" id={MENTION_LIST_ID} role="listbox" aria-label={text("mention")} part="menu">
      {found.map((entity, index) => (
        <li
          key={entity.id}
          id={mentionId(index)}
          role="option"
          aria-selected={index === active}
          class={index === active ? "active" : ""}
          // The pointer must not take the focus from the composer.
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => choose(entity)}
        >
          <Icon name={entity.icon ?? "cube"} />
          <span class="menu-text">
            <span dir="auto">{entity.title}</span>
            {entity.group && <small dir="auto">{entity.group}</small>}
          </span>
        </li>
      ))}
    </ul>
  );
}
