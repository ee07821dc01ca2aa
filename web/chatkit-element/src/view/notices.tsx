import type { Notice } from "../state/thread-state";
import { TEXT_BY_CODE } from "../text/failure-text";
import { IconButton } from "./button";
import { useView } from "./context";
import { Icon } from "./icon";
import { Markdown } from "./markdown";
import { memo } from "./memo";
import { sendContent } from "./send";

const ICON_BY_LEVEL = { info: "info", warning: "lucide:triangle-alert", danger: "lucide:circle-x" } as const;

export const Notices = memo(({ notices, isTurnActive }: { notices: readonly Notice[]; isTurnActive: boolean }) => {
  const { chat, options, locale } = useView();
  const { text } = locale;
  return (
    <>
      {notices.map((notice) => (
        <div key={notice.key} class={`notice ${notice.level}`} part={`notice notice-${notice.level}`} role={notice.level === "info" ? "status" : "alert"}>
          <Icon name={ICON_BY_LEVEL[notice.level] ?? "info"} />
          <div class="notice-text">
            {notice.title && <strong dir="auto">{notice.title}</strong>}
            <NoticeText notice={notice} />
          </div>
          {notice.canRetry && !isTurnActive && (
            <button type="button" class="text-button" onClick={() => void chat.retry(null)}>
              {text("tryAgain")}
            </button>
          )}
          {notice.canContinue && !isTurnActive && (
            <button type="button" class="text-button" onClick={() => void sendContent(chat, options, [{ type: "input_text", text: text("continue") }])}>
              {text("continue")}
            </button>
          )}
          <IconButton icon="close" label={text("dismiss")} onClick={() => chat.dismissNotice(notice.key)} />
        </div>
      ))}
    </>
  );
});

function NoticeText({ notice }: { notice: Notice }) {
  const { locale } = useView();
  const code = notice.code ?? "";
  const known = TEXT_BY_CODE[code];
  if (known) return <p>{locale.text(known)}</p>;
  if (notice.message) return <Markdown text={notice.message} />;
  return (
    <p>
      {locale.text("errorGeneric")} <small class="error-code">{code}</small>
    </p>
  );
}
