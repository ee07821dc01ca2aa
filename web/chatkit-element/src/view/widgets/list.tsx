import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { definedStyle, flexWord } from "../../widgets/box-style";
import { useLocale } from "../context";
import { Icon } from "../icon";
import { Status } from "./card";
import { useAction, useHost, type NodeProps } from "./host";

/** How many items `limit: "auto"` shows. */
const AUTO_LIMIT = 5;

export function ListView({ properties: { limit, status, theme }, children }: NodeProps<"ListView">) {
  const { text } = useLocale();
  const [isWhole, setWhole] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  const shownCount = limit === undefined || isWhole ? children.length : limit === "auto" ? AUTO_LIMIT : limit;
  const hiddenCount = Math.max(0, children.length - shownCount);
  const from = useRef(shownCount);
  // The button that showed the others is gone: the first of them has the focus instead.
  useLayoutEffect(() => {
    if (isWhole) (list.current?.children[from.current] as HTMLElement | undefined)?.focus();
  }, [isWhole]);
  const showAll = () => {
    from.current = shownCount;
    setWhole(true);
  };
  return (
    <section class={`w-card w-list md ${theme ? `scheme-${theme}` : ""}`}>
      <Status status={status} />
      <ul ref={list}>
        {children.slice(0, shownCount).map((child, index) => (
          <li key={child.key} tabIndex={isWhole && index === from.current ? -1 : undefined}>{child}</li>
        ))}
      </ul>
      {hiddenCount > 0 && (
        <button type="button" class="w-more" onClick={showAll}>
          <Icon name="lucide:chevron-down" />
          {text("showMore", { n: hiddenCount })}
        </button>
      )}
    </section>
  );
}

let itemCount = 0;

/** An item that can be clicked is covered by its button, which lies below the buttons and fields that are in the item. */
export function ListViewItem({ properties: { onClickAction, gap, align }, children }: NodeProps<"ListViewItem">) {
  const { prefix } = useHost();
  const action = useAction(onClickAction, "self");
  const id = useRef(`${prefix}-item-${++itemCount}`);
  return (
    <div class={`w-item ${action ? "clickable" : ""}`} aria-busy={action?.isBusy || undefined}>
      {action && (
        <button type="button" class="w-cover" aria-labelledby={id.current} aria-disabled={action.isBusy || undefined} onClick={(event) => action.perform(event.currentTarget)} />
      )}
      <div class="w-box row w-item-content" id={id.current} style={definedStyle({ gap, alignItems: flexWord(align) })}>{children}</div>
      {action?.isBusy && <Icon name="lucide:loader-circle" class="spin" />}
    </div>
  );
}
