import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icon";

export interface MenuChoice {
  id: string;
  label: string;
  description?: string | undefined;
  icon?: string | undefined;
  isDisabled?: boolean | undefined;
}

interface MenuProps {
  label: string;
  icon: string;
  /** The button's words; without them it shows its icon only. */
  caption?: string | undefined;
  choices: readonly MenuChoice[];
  selectedId: string | null;
  onSelect: (id: string) => void;
}

/** A button that opens a menu in which one entry can be chosen (WAI-ARIA menu button pattern). */
export function Menu({ label, icon, caption, choices, selectedId, onSelect }: MenuProps) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  // A layout effect: a later one could take the focus after the menu was closed again.
  useLayoutEffect(() => {
    if (isOpen) entries(root.current)[0]?.focus();
  }, [isOpen]);
  useEffect(() => {
    if (!isOpen) return;
    const closeOutside = (event: Event) => {
      if (root.current && !event.composedPath().includes(root.current)) setOpen(false);
    };
    document.addEventListener("pointerdown", closeOutside);
    return () => document.removeEventListener("pointerdown", closeOutside);
  }, [isOpen]);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!isOpen) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (event.key === "Tab") setOpen(false);
    else if (moveFocus(root.current, event.key)) event.preventDefault();
  };
  return (
    <div class="menu" ref={root} onKeyDown={onKeyDown}>
      <button type="button" class="menu-button" ref={button} aria-haspopup="menu" aria-expanded={isOpen} aria-label={caption ? `${label}: ${caption}` : label} title={label} onClick={() => setOpen(!isOpen)}>
        <Icon name={icon} />
        {caption && <span>{caption}</span>}
      </button>
      {isOpen && (
        <div class="menu-list" part="menu" role="menu" aria-label={label}>
          {choices.map((choice) => (
            <button
              key={choice.id}
              type="button"
              role="menuitemradio"
              aria-checked={choice.id === selectedId}
              disabled={choice.isDisabled}
              tabIndex={-1}
              onClick={() => {
                onSelect(choice.id);
                close();
              }}
            >
              {choice.icon && <Icon name={choice.icon} />}
              <span class="menu-text">
                <span>{choice.label}</span>
                {choice.description && <small>{choice.description}</small>}
              </span>
              {choice.id === selectedId && <Icon name="check" />}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function entries(root: HTMLElement | null): HTMLElement[] {
  return [...(root?.querySelectorAll<HTMLElement>('[role="menuitemradio"]:not(:disabled)') ?? [])];
}

function moveFocus(root: HTMLElement | null, key: string): boolean {
  const all = entries(root);
  const focused = (root?.getRootNode() as ShadowRoot | Document | undefined)?.activeElement;
  const index = all.findIndex((entry) => entry === focused);
  const targets: Record<string, number> = {
    ArrowDown: (index + 1) % all.length,
    ArrowUp: (index - 1 + all.length) % all.length,
    Home: 0,
    End: all.length - 1,
  };
  const target = targets[key];
  if (target === undefined) return false;
  all[target]?.focus();
  return true;
}
