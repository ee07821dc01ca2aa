/** An entity in a message: its name; where the page has something to say of it, a card; where it can be opened, a button. */

import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Entity } from "../protocol/types";
import { useView } from "./context";
import { Icon } from "./icon";
import { HostProvider, type WidgetHost } from "./widgets/host";
import { Node } from "./widgets/node";

/** Long enough that a card does not come while the pointer only passes. */
const HOVER_MS = 300;

/** Between the card and the edge of the window. */
const EDGE_PX = 8;

/** A card that comes and goes with the pointer cannot be worked with: it has no buttons. */
const NO_ACTIONS: WidgetHost = { prefix: "preview", allowedImageDomains: [], labelled: new Set(), mayFocus: () => false, perform: null };

interface Props {
  entity: Entity;
  class: string;
  label: string;
  icon?: string | null | undefined;
}

export function EntityView({ entity, class: className, label, icon }: Props) {
  const { options } = useView();
  const { onEntityClick, onEntityPreview } = options;
  const card = useHoverCard(entity, entity.interactive ? onEntityPreview : undefined);
  const words = (
    <>
      {icon && <Icon name={icon} />}
      <span dir="auto">{label}</span>
    </>
  );
  if (!entity.interactive || (!onEntityClick && !onEntityPreview)) return <span class={className}>{words}</span>;
  return (
    <span class="entity" {...card.events}>
      <button type="button" class={className} aria-describedby={card.isOpen ? card.id : undefined} onClick={() => onEntityClick?.(entity)}>
        {words}
      </button>
      {card.isOpen && card.preview !== null && <Card id={card.id} preview={card.preview} />}
    </span>
  );
}

/** A popover, because the thread would cut it off: above what it is about where there is room, else below. */
function Card({ id, preview }: { id: string; preview: unknown }) {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const card = element.current;
    const about = card?.parentElement?.getBoundingClientRect();
    if (!card || !about) return;
    if ("showPopover" in card) card.showPopover();
    const { width, height } = card.getBoundingClientRect();
    card.style.left = `${Math.max(EDGE_PX, Math.min(about.left, innerWidth - width - EDGE_PX))}px`;
    card.style.top = `${about.top > height + EDGE_PX ? about.top - height : about.bottom}px`;
  }, []);
  return (
    <div class="entity-card" part="entity-card" id={id} role="tooltip" popover="manual" ref={element}>
      <HostProvider value={NO_ACTIONS}>
        <div class="w-root">
          <Node value={preview} depth={0} />
        </div>
      </HostProvider>
    </div>
  );
}

/** The page's preview, asked for once, when the entity is pointed at or has the focus for a moment. Escape closes it. */
function useHoverCard(entity: Entity, ask: ((entity: Entity) => Promise<unknown>) | undefined) {
  const { chat } = useView();
  const [isOpen, setOpen] = useState(false);
  const [preview, setPreview] = useState<unknown>(null);
  const asked = useRef(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const id = useId();
  const close = () => {
    clearTimeout(timer.current);
    setOpen(false);
  };
  useEffect(() => close, []);
  const open = async () => {
    setOpen(true);
    if (asked.current || !ask) return;
    asked.current = true;
    try {
      setPreview(await ask(entity));
    } catch (error) {
      asked.current = false;
      chat.reportError(error as Error);
    }
  };
  const wait = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => void open(), HOVER_MS);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !isOpen) return;
    event.stopPropagation();
    event.preventDefault();
    close();
  };
  const events = ask ? { onPointerEnter: wait, onPointerLeave: close, onFocusCapture: wait, onBlurCapture: close, onKeyDown } : {};
  return { id, isOpen, preview, events };
}
