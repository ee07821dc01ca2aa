import type { Ref } from "preact";
import { TEXT_BY_HEADER_ICON } from "../text/header-icons";
import { IconButton } from "./button";
import { useView } from "./context";
import { memo } from "./memo";

interface HeaderProps {
  title: string | null;
  isHistoryOpen: boolean;
  isStartScreen: boolean;
  historyButton: Ref<HTMLButtonElement>;
}

export const Header = memo(({ title, isHistoryOpen, isStartScreen, historyButton }: HeaderProps) => {
  const { session, options, locale } = useView();
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
      {!isStartScreen && <IconButton icon="compose" label={text("newChat")} onClick={() => void session.selectThread(null)} />}
      {options.history.isEnabled && (
        <IconButton
          icon="history"
          label={text("history")}
          hasPopup="dialog"
          isExpanded={isHistoryOpen}
          buttonRef={historyButton}
          onClick={() => (isHistoryOpen ? session.history.close() : void session.history.open())}
        />
      )}
      {rightAction && <IconButton icon={rightAction.icon} label={text(TEXT_BY_HEADER_ICON[rightAction.icon] ?? "open")} onClick={() => rightAction.onClick()} />}
    </header>
  );
});
