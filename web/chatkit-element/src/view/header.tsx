import type { Ref } from "preact";
import { TEXT_BY_HEADER_ICON } from "../text/header-icons";
import { IconButton } from "./button";
import { isTouch } from "./composer";
import { useView } from "./context";
import { memo } from "./memo";

interface HeaderProps {
  title: string | null;
  isHistoryOpen: boolean;
  isStartScreen: boolean;
  historyButton: Ref<HTMLButtonElement>;
  onShortcuts: () => void;
}

export const Header = memo(({ title, isHistoryOpen, isStartScreen, historyButton, onShortcuts }: HeaderProps) => {
  const { chat, options, locale, ownsPage, isReadOnly } = useView();
  const { text } = locale;
  if (!options.header.isEnabled) return null;
  const { leftAction, rightAction } = options;
  const shown = options.header.isTitleShown ? (options.header.title ?? title) : null;
  return (
    <header class="header" part="header">
      {leftAction && <IconButton icon={leftAction.icon} label={text(TEXT_BY_HEADER_ICON[leftAction.icon] ?? "open")} onClick={() => leftAction.onClick()} />}
      {shown ? (
        <h1 class="title" part="title" dir="auto">
          {shown}
        </h1>
      ) : (
        <h1 class="title">
          <span class="visually-hidden">{options.title}</span>
        </h1>
      )}
      {ownsPage && !isTouch() && <IconButton icon="circle-question" label={text("shortcuts")} hasPopup="dialog" onClick={onShortcuts} />}
      {!isStartScreen && !isReadOnly && <IconButton icon="compose" label={text("newChat")} onClick={() => void chat.selectThread(null)} />}
      {options.history.isEnabled && (
        <IconButton
          icon="history"
          label={text("history")}
          hasPopup="dialog"
          isExpanded={isHistoryOpen}
          buttonRef={historyButton}
          onClick={() => (isHistoryOpen ? chat.history.close() : void chat.history.open())}
        />
      )}
      {rightAction && <IconButton icon={rightAction.icon} label={text(TEXT_BY_HEADER_ICON[rightAction.icon] ?? "open")} onClick={() => rightAction.onClick()} />}
    </header>
  );
});
