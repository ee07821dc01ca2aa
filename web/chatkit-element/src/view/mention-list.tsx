/**
 * What the page offers below the composer: entities behind an `@`, commands behind a `/` at the beginning. Found by the
 * page, chosen with the arrow keys or the pointer.
 */

import type { Command } from "@openai/chatkit";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Entity } from "../protocol/types";
import { commandQuery, mentionQuery } from "../state/mentions";
import { useView } from "./context";
import { Icon } from "./icon";

const SEARCH_DELAY_MS = 120;
const SHOWN_MAX = 20;
const NOTHING: readonly Choice[] = [];

export interface Choice {
  id: string;
  title: string;
  note: string | undefined;
  icon: string;
  choose: () => void;
}

/** Where something was typed that is looked for. */
interface Place {
  start: number;
  end: number;
}

export interface Mentions {
  isOffered: boolean;
  /** The list is one of commands. */
  isOfCommands: boolean;
  found: readonly Choice[];
  active: number;
  /** The text or the caret changed. */
  onEdit: (field: HTMLTextAreaElement) => void;
  /** Returns whether the key was for the list. */
  onKeyDown: (event: KeyboardEvent) => boolean;
  close: () => void;
}

/** `insert` puts an entity, or nothing, in the place of what was typed. */
export function useMentions(insert: (entity: Entity | null, place: Place) => void): Mentions {
  const { chat, options } = useView();
  const [found, setFound] = useState(NOTHING);
  const [active, setActive] = useState(0);
  const [isOfCommands, setIsOfCommands] = useState(false);
  /** The search that is under way or shown; what an older one brings is not wanted any more. */
  const place = useRef<Place | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const close = () => {
    clearTimeout(timer.current);
    place.current = null;
    setFound(NOTHING);
  };
  const show = (choices: readonly Choice[]) => {
    setFound(choices.slice(0, SHOWN_MAX));
    setActive(0);
  };
  /** What the page's function gives, unless something else is wanted by then; its error is the page's to see. */
  const ask = async <T,>(asked: Place, answer: Promise<T>, use: (given: T) => void) => {
    try {
      const given = await answer;
      if (place.current === asked) use(given);
    } catch (error) {
      chat.reportError(error as Error);
    }
  };
  const entityChoice = (entity: Entity, asked: Place): Choice => ({
    id: entity.id,
    title: entity.title,
    note: entity.group,
    icon: entity.icon ?? "cube",
    choose: () => {
      insert(entity, asked);
      close();
    },
  });
  const commandChoice = (command: Command, asked: Place): Choice => ({
    id: command.id,
    title: command.label,
    note: command.description ?? command.group,
    icon: command.icon ?? "bolt",
    choose: () => void run(command, asked),
  });
  /** What was typed of it goes at once; the page says what comes in its place, or offers more. */
  const run = async (command: Command, asked: Place) => {
    const emptied = { start: asked.start, end: asked.start };
    insert(null, asked);
    close();
    place.current = emptied;
    await ask(emptied, options.selectCommand?.(command) ?? Promise.resolve(null), (selection) => {
      if (selection?.type === "menu") return show(selection.commands.map((one) => commandChoice(one, emptied)));
      if (selection?.type === "entity") insert(selection.entity, emptied);
      close();
    });
  };
  const search = (query: string, asked: Place, isCommand: boolean) => {
    if (isCommand) return ask(asked, options.searchCommands?.(query) ?? Promise.resolve([]), (commands) => show(commands.map((one) => commandChoice(one, asked))));
    return ask(asked, options.searchEntities?.(query) ?? Promise.resolve([]), (entities) => show(entities.map((one) => entityChoice(one, asked))));
  };
  const onEdit = (field: HTMLTextAreaElement) => {
    const end = field.selectionStart;
    if (end !== field.selectionEnd) return close();
    const command = options.searchCommands ? commandQuery(field.value, end) : null;
    const at = command ?? (options.searchEntities ? mentionQuery(field.value, end) : null);
    if (!at) return close();
    const asked = { start: at.start, end };
    place.current = asked;
    setIsOfCommands(command !== null);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => void search(at.query, asked, command !== null), SEARCH_DELAY_MS);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const chosen = found[active];
    // A search that is still under way is given up as well: its list would come after the Escape.
    if (event.key === "Escape" && !chosen) close();
    if (!chosen || event.isComposing) return false;
    if (event.key === "ArrowDown") setActive((active + 1) % found.length);
    else if (event.key === "ArrowUp") setActive((active + found.length - 1) % found.length);
    else if (event.key === "Enter" || event.key === "Tab") chosen.choose();
    else if (event.key === "Escape") close();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  const isOffered = options.searchEntities !== undefined || options.searchCommands !== undefined;
  return { isOffered, isOfCommands, found, active, onEdit, onKeyDown, close };
}

export const MENTION_LIST_ID = "mentions";
export const mentionId = (index: number) => `${MENTION_LIST_ID}-${index}`;

export function MentionList({ mentions: { isOfCommands, found, active } }: { mentions: Mentions }) {
  const { text } = useView().locale;
  if (found.length === 0) return null;
  return (
    <ul class="menu-list mentions" id={MENTION_LIST_ID} role="listbox" aria-label={text(isOfCommands ? "commands" : "mention")} part="menu">
      {found.map(({ id, title, note, icon, choose }, index) => (
        <li
          key={id}
          id={mentionId(index)}
          role="option"
          aria-selected={index === active}
          class={index === active ? "active" : ""}
          // The pointer must not take the focus from the composer.
          onPointerDown={(event) => event.preventDefault()}
          onClick={choose}
        >
          <Icon name={icon} />
          <span class="menu-text">
            <span dir="auto">{title}</span>
            {note && <small dir="auto">{note}</small>}
          </span>
        </li>
      ))}
    </ul>
  );
}
